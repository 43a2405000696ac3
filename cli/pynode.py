"""`pynode`: the node. Serves its chain to others, and starts a wallet of its own."""

from __future__ import annotations

import logging
import sys
import threading
from typing import TYPE_CHECKING, Final

from cli.common_options import CHAIN, HELP, IPC_SERVER, LOGGING, PLACE, SPAWNED
from cli.errors import StartError
from cli.node_options import NODE
from cli.options import Program
from cli.program_init import ProgramInit
from cli.running import Shutdown, configure_ipc, handle_signals, run, serve_parent
from ipc import Ipc, IpcError
from node.services import NodeServices

if TYPE_CHECKING:
    from cli.arguments import Arguments
    from common.lock_file import DirectoryLock
    from common.log import Log
    from interfaces.events import Events
    from interfaces.init import PynodeInit
    from interfaces.mining import Mining
    from interfaces.rpc import Rpc
    from node.chainstate import Chainstate
    from node.rpc.server import RpcServer

log: Final = logging.getLogger()

PROGRAM: Final = Program(
    "pynode",
    "A Bitcoin node that validates blocks and serves its chain to wallets, desktop programs and miners.",
    (*HELP, *PLACE, *CHAIN, *LOGGING, *IPC_SERVER, *SPAWNED, *NODE),
)


class Node:
    """Everything that runs in a node, from `start` to `stop`."""

    def __init__(self, ipc: Ipc, init: NodeInit, shutdown: Shutdown) -> None:
        """Prepare; nothing runs yet."""
        self.shutdown = shutdown
        self._ipc = ipc
        self._init = init
        self.services = NodeServices(lambda: self.rpc, shutdown.request, lambda: shutdown.requested)
        self._rpc: RpcServer | None = None
        self._rpc_made = threading.Event()
        self._chainstate: Chainstate | None = None
        self._lock: DirectoryLock | None = None
        self._wallet: PynodeInit | None = None
        self.log_file: Log | None = None

    @property
    def rpc(self) -> RpcServer:
        """What answers JSON-RPC. Raises RuntimeError if the node will not start."""
        self._rpc_made.wait()
        if self._rpc is None:
            raise RuntimeError("The node is shutting down.")
        return self._rpc

    def start(self, arguments: Arguments, *, console: bool) -> None:
        """Lock the directory, listen, load the chain, start the wallet. Raises StartError."""
        from cli.startup import prepare, start_log
        from common.errors import LockError
        from common.lock_file import DirectoryLock
        from node.chainstate import Chainstate, ChainstateError
        from node.context import NodeContext
        from node.rpc.server import RpcServer
        from node.rpc.table import full_table

        place = prepare(arguments, keep_settings=True)
        try:
            self._lock = DirectoryLock(place.network_dir)
        except LockError as error:
            raise StartError(str(error)) from error
        self.log_file = start_log(arguments, place, console=console)
        rpc = self._rpc = RpcServer(full_table())
        self._rpc_made.set()
        configure_ipc(self._ipc, arguments, place)
        rpc.set_warmup("Loading block index…")
        try:
            self._chainstate = Chainstate(place.network_dir, place.chain)
        except ChainstateError as error:
            raise StartError(str(error)) from error
        context = NodeContext(place.chain, self._chainstate, place.network_dir, self.shutdown.request)
        self.services.loaded(context)
        if not arguments.get_bool("disablewallet"):
            self._start_wallet(arguments)
        rpc.finish_warmup(context)
        log.info("Done loading")

    def _start_wallet(self, arguments: Arguments) -> None:
        from interfaces.init import PynodeInit

        try:
            wallet = self._ipc.spawn_process("pywallet", PynodeInit)
            self._wallet = wallet
            wallet.configure(arguments.to_list())
            process = wallet.make_process()
            self._init.siblings.add(process, spawned=True)
            client = wallet.make_chain_client(self._init.make_events())

            def lost() -> None:
                self._init.siblings.remove(process)
                if client is not None:
                    client.close()
                if not self.shutdown.requested:
                    log.error("The wallet process ended; the node goes on without it")

            self._ipc.add_cleanup(wallet, lost)
        except IpcError as error:
            raise StartError(f"The wallet cannot be started. {error}") from error

    def reopen_log(self) -> None:
        """Open the log anew, if there is one yet."""
        if self.log_file is not None:
            self.log_file.reopen()

    def stop(self) -> None:
        """End everything, in the reverse order. Idempotent."""
        log.info("Shutdown in progress...")
        self.shutdown.request()
        self.services.interrupt()
        self._rpc_made.set()
        if self._rpc is not None:
            self._rpc.interrupt()
        if self._wallet is not None:
            self._wallet.close()
        self._ipc.disconnect_incoming()
        self.services.close()
        if self._chainstate is not None:
            self._chainstate.close()
        self._ipc.close()
        if self._lock is not None:
            self._lock.close()
        log.info("Shutdown done")
        if self.log_file is not None:
            self.log_file.close()


class NodeInit(ProgramInit):
    """What a node offers."""

    node: Node

    def make_mining(self) -> Mining:
        """Make a `Mining` on the node's chain."""
        from node.mining import LocalMining

        services = self.node.services
        return LocalMining(services.node().chainstate, services.events().signal)

    def make_events(self) -> Events:
        """Make an `Events` on the node's chain."""
        from node.events import LocalEvents

        services = self.node.services
        return LocalEvents(services.events(), services.deliveries)

    def make_rpc(self) -> Rpc | None:
        """Make an `Rpc`."""
        from node.rpc.server import RpcOverIpc

        return RpcOverIpc(self.node.rpc)

    def configure(self, arguments: list[str]) -> None:
        """Start the node of a parent."""
        from cli.arguments import from_list

        self.node.start(from_list(PROGRAM, arguments), console=False)


def main() -> None:
    """Run the program."""
    sys.exit(run(PROGRAM.name, lambda: _main(sys.argv)))


def _main(argv: list[str]) -> int:
    init = NodeInit()
    ipc = Ipc(PROGRAM.name, argv[0], init)
    init.ipc = ipc
    node = init.node = Node(ipc, init, Shutdown())
    if serve_parent(ipc, argv, node.stop):
        return 0
    from cli.arguments import parse
    from cli.startup import print_help_or_version

    arguments = parse(PROGRAM, argv[1:])
    if print_help_or_version(arguments):
        return 0
    try:
        handle_signals(node.shutdown, node.reopen_log)
        node.start(arguments, console=True)
        return node.shutdown.wait()
    finally:
        node.stop()
