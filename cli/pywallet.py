"""`pywallet`: the wallet. For now it follows the tip of a node it connects to, starts, or is started by."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING, Final

from cli.common_options import CHAIN, HELP, IPC_CLIENT, IPC_SERVER, LOGGING, PLACE, SPAWNED
from cli.errors import StartError
from cli.options import Program
from cli.program_init import ProgramInit
from cli.running import (
    FAILURE,
    Shutdown,
    configure_ipc,
    handle_signals,
    process_of,
    reach_node,
    run,
    serve_parent,
    tips_of,
)
from ipc import Ipc, IpcError

if TYPE_CHECKING:
    from cli.arguments import Arguments
    from common.log import Log
    from interfaces.chain_client import ChainClient
    from interfaces.events import Events
    from interfaces.mining import BlockRef

log: Final = logging.getLogger()

PROGRAM: Final = Program(
    "pywallet",
    "A Bitcoin wallet that follows the chain of a node.",
    (*HELP, *PLACE, *CHAIN, *LOGGING, *IPC_SERVER, *IPC_CLIENT, *SPAWNED),
    log_file_name="wallet.log",
)


class WalletInit(ProgramInit):
    """What a wallet offers."""

    def __init__(self) -> None:
        """Start without a log."""
        super().__init__()
        self.log_file: Log | None = None

    def configure(self, arguments: list[str]) -> None:
        """Start logging where the parent works. The parent's sockets are its own."""
        from cli.arguments import from_list
        from cli.startup import prepare, start_log

        own = from_list(PROGRAM, [option for option in arguments if not option.startswith("-ipc")])
        place = prepare(own)
        self.ipc.data_dir = place.network_dir
        self.log_file = start_log(own, place, console=False)

    def make_chain_client(self, events: Events) -> ChainClient | None:
        """Follow the chain behind `events`."""
        from wallet.follower import ChainFollower
        from wallet.tips import EventTips

        return ChainFollower(EventTips(events), _log_tip, _ignore)

    def stop(self) -> None:
        """End what goes on, then the log."""
        self.ipc.close()
        if self.log_file is not None:
            self.log_file.close()


def _log_tip(tip: BlockRef) -> None:
    log.info("Following tip %s height=%d", tip.hash[::-1].hex(), tip.height)


def _ignore(error: Exception) -> None:
    del error


def main() -> None:
    """Run the program."""
    sys.exit(run(PROGRAM.name, lambda: _main(sys.argv)))


def _main(argv: list[str]) -> int:
    init = WalletInit()
    ipc = Ipc(PROGRAM.name, argv[0], init)
    init.ipc = ipc
    if serve_parent(ipc, argv, init.stop):
        return 0
    from cli.arguments import parse
    from cli.startup import prepare, print_help_or_version, start_log

    arguments = parse(PROGRAM, argv[1:])
    if print_help_or_version(arguments):
        return 0
    with ipc:
        place = prepare(arguments)
        init.log_file = start_log(arguments, place, console=False)
        try:
            configure_ipc(ipc, arguments, place)
            return _follow(ipc, init, arguments, init.log_file)
        finally:
            ipc.close()
            init.stop()


def _follow(ipc: Ipc, init: WalletInit, arguments: Arguments, log_file: Log) -> int:
    """Print the tip as it moves until the user or the node ends it."""
    from wallet.follower import ChainFollower

    shutdown = Shutdown()
    handle_signals(shutdown, log_file.reopen)
    ours = ("-ipcbind", "-ipcconnect", "-debuglogfile", "-printtoconsole")
    passed_on = [option for option in arguments.to_list() if not option.startswith(ours)]
    node, spawned = reach_node(ipc, arguments, [*passed_on, "-disablewallet=1"])
    if node is None:
        log.info("Working without a node")
        return shutdown.wait()
    follower = None
    try:
        init.siblings.add(process_of(node), spawned=spawned)

        def lost(error: Exception) -> None:
            sys.stderr.write(f"Error: Lost the connection to the node: {error}\n")
            shutdown.request(FAILURE)

        follower = ChainFollower(tips_of(node), _print_tip, lost, shutdown.request)
        return shutdown.wait()
    except IpcError as error:
        raise StartError(str(error)) from error
    finally:
        if follower is not None:
            follower.close()
        node.close()


def _print_tip(tip: BlockRef) -> None:
    sys.stdout.write(f"tip {tip.hash[::-1].hex()} height {tip.height}\n")
    sys.stdout.flush()
    _log_tip(tip)
