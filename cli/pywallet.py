"""`pywallet`: wallets in a process of their own, beside a node or alone."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING, Final

from cli.common_options import CHAIN, HELP, IPC_CLIENT, IPC_SERVER, LOGGING, PLACE, SPAWNED
from cli.errors import StartError
from cli.options import Program
from cli.program_init import ProgramInit
from cli.running import (
    ANSWER_SECONDS,
    Shutdown,
    configure_ipc,
    handle_signals,
    reach_node,
    run,
    serve_parent,
)
from cli.wallet_options import DEPRECATED_RPC, WALLET
from cli.wallet_tool import names_command, run_tool
from interfaces.wallet import WalletFailedError
from ipc import Ipc, IpcError

if TYPE_CHECKING:
    from cli.arguments import Arguments
    from cli.startup import Place
    from common.log import Log
    from interfaces.rpc import Rpc
    from interfaces.wallet import ChainSource, WalletLoader
    from wallet.served import LocalWalletLoader

log: Final = logging.getLogger()
_PARENTS_LOG: Final = "debug.log"
"""A node and the wallet that it started write one log, as Bitcoin Core's node does."""

PROGRAM: Final = Program(
    "pywallet",
    "Bitcoin wallets that follow the chain of a node, or work without one.",
    (*HELP, *PLACE, *CHAIN, *LOGGING, *IPC_SERVER, *IPC_CLIENT, *SPAWNED, *WALLET, DEPRECATED_RPC),
    usage="[options]\n   or: pywallet [options] info|create|dump|createfromdump\n\n"
    "The commands work on one wallet, without a node; see python -m cli.wallet_tool -help.",
    log_file_name="wallet.log",
)


class WalletInit(ProgramInit):
    """What a wallet offers."""

    def __init__(self) -> None:
        """Start without a log."""
        super().__init__()
        self.log_file: Log | None = None
        self._configured: tuple[Arguments, Place] | None = None
        self.loader: LocalWalletLoader | None = None

    def configure(self, arguments: list[str]) -> None:
        """Start logging where the parent works. The parent's sockets are its own."""
        from cli.arguments import from_list
        from cli.startup import prepare, start_log

        own = from_list(PROGRAM, [option for option in arguments if not option.startswith("-ipc")])
        place = prepare(own)
        if not own.is_set("debuglogfile"):
            own.force("debuglogfile", _PARENTS_LOG)
        own.force("shrinkdebugfile", "0")
        self.ipc.data_dir = place.network_dir
        self.log_file = start_log(own, place, console=False)
        self._configured = (own, place)

    def make_rpc(self) -> Rpc | None:
        """Answer the methods of wallets, and those that need only the chain's name, once the wallets are loaded."""
        return None if self.loader is None else self.loader.make_rpc()

    def make_wallet_loader(self, node: ChainSource) -> WalletLoader | None:
        """Make what has the wallets."""
        from cli.wallet_program import make_loader

        if self._configured is None or self.loader is not None:
            raise RuntimeError("The wallets are there already, or not configured yet")
        self.loader = make_loader(*self._configured, node)
        return self.loader

    def stop(self) -> None:
        """End what goes on, then the log."""
        if self.loader is not None:
            self.loader.close()
        self.ipc.close()
        if self.log_file is not None:
            self.log_file.close()


def main() -> None:
    """Run the program."""
    sys.exit(run(PROGRAM.name, lambda: _main(sys.argv)))


def _main(argv: list[str]) -> int:
    init = WalletInit()
    ipc = Ipc(PROGRAM.name, argv[0], init)
    init.ipc = ipc
    if serve_parent(ipc, argv, init.stop):
        return 0
    if names_command(argv):
        ipc.close()
        return run_tool(argv)
    from cli.arguments import parse
    from cli.startup import prepare, print_help_or_version, start_log
    from cli.wallet_settings import reread_wallet_names

    arguments = parse(PROGRAM, argv[1:])
    if print_help_or_version(arguments):
        return 0
    with ipc:
        place = prepare(arguments)
        reread_wallet_names(arguments, place)
        init.log_file = start_log(arguments, place, console=False)
        ipc.data_dir = place.network_dir
        try:
            return _work(ipc, init, arguments, place)
        finally:
            ipc.close()
            init.stop()


def _wait(shutdown: Shutdown, ipc: Ipc, loader: LocalWalletLoader) -> int:
    """Wait for the wish to end, and until who is waiting has an answer; return the status."""
    status = shutdown.wait()
    loader.interrupt()
    ipc.disconnect_incoming(ANSWER_SECONDS)
    return status


def _work(ipc: Ipc, init: WalletInit, arguments: Arguments, place: Place) -> int:
    """Have wallets and a node, or wallets alone, until the user or the node ends it."""
    from cli.wallet_connection import WalletConnection
    from cli.wallet_program import make_loader

    shutdown = Shutdown()
    if init.log_file is not None:
        handle_signals(shutdown, init.log_file.reopen)
    ours = ("-ipcbind", "-ipcconnect", "-debuglogfile", "-printtoconsole", "-wallet", "-nowallet")
    passed_on = [option for option in arguments.to_list() if not option.startswith(ours)]
    node, spawned = reach_node(ipc, arguments, [*passed_on, "-disablewallet=1"])
    connection = None
    try:
        loader = init.loader = make_loader(
            arguments, place, shutdown=shutdown.request, shutdown_requested=lambda: shutdown.requested
        )
        try:
            for warning in loader.load_wallets():
                sys.stderr.write(f"Warning: {warning}\n")
        except WalletFailedError as error:
            raise StartError(str(error)) from error
        if node is None:
            log.info("Working without a node")
        else:
            address = arguments.get("ipcconnect", "auto") or "auto"
            connection = WalletConnection(ipc, init.siblings, loader, address, shutdown)
            owned, node = node, None
            connection.follow(owned, spawned=spawned)
        configure_ipc(ipc, arguments, place)
        return _wait(shutdown, ipc, loader)
    except IpcError as error:
        raise StartError(str(error)) from error
    finally:
        if connection is not None:
            connection.close()
        if node is not None:
            node.close()
