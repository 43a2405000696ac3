"""Everything that runs in a node, from start to stop (Core: src/bitcoind.cpp, AppInitMain in src/init.cpp)."""

from __future__ import annotations

import logging
import sys
import threading
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cli.claims import Claims
from cli.commands import Commands
from cli.errors import RecoverableError, StartError
from cli.running import ANSWER_SECONDS, Shutdown, configure_ipc
from node.services import NodeServices

if TYPE_CHECKING:
    from cli.arguments import Arguments
    from cli.chain_watcher import Alerts
    from cli.node_mempool import NodeMempool
    from cli.pynode import NodeInit
    from cli.rpc_service import RpcService
    from cli.startup import Place
    from cli.wallet_process import WalletProcess
    from common.log import Log
    from ipc import Ipc
    from node.chainstate import Chainstate
    from node.context import NodeContext
    from node.indexes.indexes import Indexes
    from node.prune_lock import PruneLock
    from node.rpc.server import RpcServer

log: Final = logging.getLogger()


class Node:
    """The parts of a node."""

    def __init__(self, ipc: Ipc, init: NodeInit, shutdown: Shutdown) -> None:
        """Prepare; nothing runs yet."""
        self.shutdown = shutdown
        self.services = NodeServices(lambda: self.rpc, shutdown.request, lambda: shutdown.requested)
        self.log_file: Log | None = None
        self._ipc = ipc
        self._init = init
        self._commands = Commands()
        self._arguments: Arguments | None = None
        self._claims = Claims()
        self._doing = ""
        self._rpc: RpcServer | None = None
        self._service: RpcService | None = None
        self._rpc_made = threading.Event()
        self._chainstate: Chainstate | None = None
        self._mempool: NodeMempool | None = None
        self._indexes: Indexes | None = None
        self._prune_lock: PruneLock | None = None
        self._wallet: WalletProcess | None = None

    @property
    def rpc(self) -> RpcServer:
        """What answers JSON-RPC. Raises RuntimeError if the node will not start."""
        self._rpc_made.wait()
        if self._rpc is None:
            raise RuntimeError("The node is shutting down.")
        return self._rpc

    def start(self, arguments: Arguments, *, console: bool) -> None:
        """Start everything. Raises StartError.

        With `console` we run on our own: the log goes to the terminal, and -daemon and -pid count.
        """
        from cli.node_settings import blocks_dir
        from cli.startup import prepare

        place = prepare(arguments, keep_settings=True)
        self._check(arguments, place)
        directories = (place.network_dir, blocks_dir(arguments, place) / "blocks")
        if console:
            self._claims.go_to_background(arguments, directories)
        self._arguments = arguments
        self._claims.lock(directories)
        if console:
            self._claims.write_pid(arguments, place.network_dir)
        self._start_log(arguments, place, console=console)
        self._start_rpc(arguments, place)
        context = self._load_chain(arguments, place)
        if context is None:
            return
        self.services.loaded(context)
        self._start_indexes()
        if self._mempool is not None:
            self._mempool.load()
        if self._wallet is not None:
            self._start_wallet(self._wallet, context)
        self.rpc.finish_warmup(context)
        self._init_message("Done loading")
        self._commands.start(arguments.get("startupnotify"))
        self._claims.tell_parent(good=True)

    # --- in this order -------------------------------------------------------------------------------------------

    def _check(self, arguments: Arguments, place: Place) -> None:
        from cli.checks import check_options
        from cli.interactions import apply_interactions
        from cli.node_settings import blocks_dir
        from cli.peer_settings import network_options

        apply_interactions(arguments)
        for warning in check_options(arguments, place.chain):
            warn(warning)
        network_options(arguments)
        blocks = blocks_dir(arguments, place) / "blocks"
        try:
            blocks.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StartError(f"Cannot write to directory '{blocks}'; check permissions.") from error

    def _start_log(self, arguments: Arguments, place: Place, *, console: bool) -> None:
        from cli.startup import start_log

        self.log_file = start_log(arguments, place, console=console and not self._claims.in_background)
        given = arguments.get("datadir")
        if given and not Path(given).is_absolute():
            log.warning(
                "Relative datadir option '%s' specified, which will be interpreted relative to the current working "
                "directory '%s'. This is fragile, because if bitcoin is started in the future from a different "
                "location, it will be unable to locate the current data files. There could also be data loss if "
                "bitcoin is started while in a temporary directory.",
                given,
                Path.cwd(),
            )

    def _start_rpc(self, arguments: Arguments, place: Place) -> None:
        """Answer from now on, though only with what the node is waiting for."""
        from cli.checks import check_late
        from cli.rpc_service import RpcService, make_rpc_server
        from cli.wallet_forwarding import forwarded

        if arguments.get_bool("disablewallet"):
            log.info("Wallet disabled!")
        else:
            self._wallet = self._prepare_wallet(arguments, place)
            self.services.make_wallet_loader = partial(forwarded, self._wallet.loader)
        rpc = self._rpc = make_rpc_server(arguments, place, self._wallet)
        self._rpc_made.set()
        configure_ipc(self._ipc, arguments, place)
        check_late(arguments, place.chain)
        if arguments.get_bool("server", default=True):
            self._service = RpcService(arguments, place, rpc)

    def _load_chain(self, arguments: Arguments, place: Place) -> NodeContext | None:
        """Load the chain; None if we are to end meanwhile."""
        from cli.chain_watcher import Alerts, ChainWatcher
        from cli.mempool_settings import check_size, mempool_options
        from cli.node_mempool import NodeMempool
        from cli.node_settings import apply_mock_time, mining_policy
        from cli.peer_settings import network_options
        from node.clock import Clock
        from node.context import NodeContext

        clock = Clock()
        apply_mock_time(arguments, clock)
        check_size(mempool_options(arguments, place.chain))
        if place.chain.name == "signet":
            log.info("Signet derived magic (message start): %s", place.chain.magic.hex())
        self._init_message("Loading block index…")
        alerts = Alerts(arguments, self._commands)
        try:
            chainstate = self._open_chain(arguments, place, alerts)
        except RecoverableError as error:
            if "reindex_after_failure_noninteractive_yes" not in arguments.get_list("test"):
                raise
            log.info("%s Reindexing, as -test asks for.", error)
            arguments.force("reindex", "1")
            chainstate = self._open_chain(arguments, place, alerts)
        if chainstate is None:
            return None
        self._chainstate = chainstate
        alerts.look(chainstate.warnings)
        chainstate.add_listener(ChainWatcher(arguments, self._commands))
        indexes = self._indexes = self._open_indexes(arguments, place, chainstate)
        mempool = self._mempool = NodeMempool(arguments, place, chainstate, clock, self._abort)
        return NodeContext(
            place.chain,
            chainstate,
            place.network_dir,
            self.shutdown.request,
            clock,
            network=network_options(arguments),
            indexes=indexes,
            mempool=mempool.pool,
            acceptance=mempool.acceptance,
            fees=mempool.fees,
            prune_lock=self._lock_pruning(chainstate, indexes),
            mining=mining_policy(arguments, place.chain),
            echo_elsewhere=self._echo_elsewhere,
        )

    def _lock_pruning(self, chainstate: Chainstate, indexes: Indexes) -> PruneLock | None:
        from node.prune_lock import PruneLock, first_needed

        if chainstate.options.prune_target:
            self._prune_lock = PruneLock(
                chainstate, lambda: first_needed(indexes.prune_lock(), self.services.first_held())
            )
            if not chainstate.is_loading_blocks:
                self._init_message("Pruning blockstore…")
                chainstate.prune_to_target()
        return self._prune_lock

    def _open_chain(self, arguments: Arguments, place: Place, alerts: Alerts) -> Chainstate | None:
        """Return the chain, None if we are to end meanwhile. Raises StartError."""
        from cli.chain_options import chainstate_options
        from node.chainstate import Chainstate, ChainstateError, DamagedChainError, InterruptedLoadError
        from node.kernel import KernelError

        notices = self.services.notices

        def progress(title: str, percent: int) -> None:
            notices.show_progress(title, percent)
            if self._chainstate is None and title and title != self._doing:
                self._doing = title
                self._init_message(title)

        def warnings_changed() -> None:
            notices.warnings_changed()
            if self._chainstate is not None:
                alerts.look(self._chainstate.warnings)

        options = chainstate_options(
            arguments, place, lambda: self.shutdown.requested, self.shutdown.request, self._abort
        )  # fmt: skip
        options = replace(options, on_progress=progress, on_warnings=warnings_changed)
        try:
            return Chainstate(place.network_dir, place.chain, options)
        except InterruptedLoadError as error:
            log.info("%s", error)
            return None
        except DamagedChainError as error:
            raise RecoverableError(str(error)) from error
        except (ChainstateError, KernelError) as error:
            raise StartError(str(error)) from error

    def _open_indexes(self, arguments: Arguments, place: Place, chainstate: Chainstate) -> Indexes:
        from cli.node_settings import index_options
        from node.indexes.index import IndexFailedError
        from node.indexes.indexes import Indexes, SnapshotChain
        from node.validated_chain import ValidatedChain

        snapshot = SnapshotChain(ValidatedChain(chainstate), chainstate.snapshot_base)
        folder = place.network_dir / "indexes"
        try:
            return Indexes(folder, place.chain.name, chainstate, index_options(arguments), self._abort, snapshot)
        except IndexFailedError as error:
            raise StartError(str(error)) from error

    def _start_indexes(self) -> None:
        from node.indexes.index import IndexFailedError

        if self._indexes is not None:
            try:
                self._indexes.start()
            except IndexFailedError as error:
                head = "A fatal internal error occurred, see debug.log for details"
                raise StartError(f"{error}\nError: {head}: Failed to start indexes, shutting down…") from error

    def _abort(self, text: str) -> None:
        """End with a failure that only the log can explain (Core: AbortNode)."""
        log.error("*** %s", text)
        if not self.shutdown.status:  # What fails because something failed is for the log.
            sys.stderr.write(f"Error: A fatal internal error occurred, see debug.log for details: {text}\n")
            sys.stderr.flush()
        self.shutdown.request(1)

    def _echo_elsewhere(self, text: str) -> str:
        """Send a text to a process of our kind and back (Core: echoipc in src/rpc/node.cpp)."""
        from interfaces.init import PynodeInit

        with self._ipc.spawn_process("pynode", PynodeInit) as init:
            echo = init.make_echo()
            if echo is None:
                raise RuntimeError("The process spawned does not echo")
            with echo:
                return echo.echo(text)

    def _prepare_wallet(self, arguments: Arguments, place: Place) -> WalletProcess:
        """Return the process that will have the wallets. Raises StartError for what it would refuse."""
        from cli.mempool_settings import mempool_options
        from cli.wallet_process import WalletProcess
        from cli.wallet_settings import reread_wallet_names, wallet_directory, wallet_names, wallet_settings

        wallet_settings(arguments, mempool_options(arguments, place.chain).min_relay)
        wallet_directory(arguments, place)
        wallet_names(arguments)
        init = self._init

        def options() -> list[str]:
            reread_wallet_names(arguments, place)
            return arguments.to_list(secrets=False)

        return WalletProcess(self._ipc, init.siblings, options, init)

    def _start_wallet(self, wallet: WalletProcess, context: NodeContext) -> None:
        wallet.set_mock_time(context.clock.mock)
        context.clock.watch(lambda: wallet.set_mock_time(context.clock.mock))
        context.bring_wallets_forward = wallet.bring_forward
        for warning in wallet.start():
            warn(warning)

    def _init_message(self, text: str) -> None:
        """Say what goes on, in the log and to those who ask by RPC."""
        log.info("init message: %s", text)
        self.services.notices.init_message(text)
        if self._rpc is not None:
            self._rpc.set_status(text)

    # --- at any time ---------------------------------------------------------------------------------------------

    def reopen_log(self) -> None:
        """Open the log anew, if there is one yet."""
        if self.log_file is not None:
            self.log_file.reopen()

    def failed(self) -> None:
        """Tell the process that waits until we are in the background, if it still does, that it came to nothing."""
        self._claims.tell_parent(good=False)

    def stop(self) -> None:
        """End everything, in the reverse order. Idempotent."""
        if self._arguments is not None:
            arguments, self._arguments = self._arguments, None
            self._commands.run_all(arguments.get_list("shutdownnotify"))
        log.info("Shutdown in progress...")
        self.shutdown.request()
        if self._service is not None:
            self._service.interrupt()
        if self._wallet is not None:
            self._wallet.unload()
        self.services.interrupt()
        self._rpc_made.set()
        if self._rpc is not None:
            self._rpc.interrupt()
        if self._indexes is not None:
            self._indexes.interrupt()
        if self._chainstate is not None:
            self._chainstate.interrupt()
        if self._service is not None:
            self._service.stop()
        if self._wallet is not None:
            self._wallet.close()
        self._ipc.disconnect_incoming(ANSWER_SECONDS)
        self.services.close()
        if self._mempool is not None:
            self._mempool.stop()
        if self._prune_lock is not None:
            self._prune_lock.close()
        if self._indexes is not None:
            self._indexes.stop()
        if self._chainstate is not None:
            self._chainstate.close()
        self._ipc.close()
        self._claims.close()
        log.info("Shutdown done")
        if self.log_file is not None:
            self.log_file.close()


def warn(text: str) -> None:
    """Tell the user of something odd that does not keep the node from starting."""
    log.warning("%s", text)
    sys.stderr.write(f"Warning: {text}\n")
    sys.stderr.flush()
