"""`pygui`: the desktop program. Connects to a node or starts one, and shows what goes on."""

from __future__ import annotations

import logging
import signal
import sys
from typing import TYPE_CHECKING, Final

from cli.common_options import CHAIN, HELP, IPC_CLIENT, IPC_SERVER, LOGGING, PLACE, SPAWNED
from cli.errors import StartError
from cli.node_options import NODE
from cli.options import Program
from cli.program_init import ProgramInit
from cli.running import configure_ipc, process_of, reach_node, run, serve_parent, tips_of
from ipc import Ipc, IpcError, UnimplementedError

if TYPE_CHECKING:
    from cli.startup import Place
    from gui.feed import Feed
    from gui.node_watcher import NodeWatcher
    from interfaces.init import PynodeInit
    from interfaces.mining import BlockRef
    from wallet.follower import ChainFollower

log: Final = logging.getLogger()

PROGRAM: Final = Program(
    "pygui",
    "A desktop program that shows a node's chain and the processes at work.",
    (*HELP, *PLACE, *CHAIN, *LOGGING, *IPC_SERVER, *IPC_CLIENT, *SPAWNED, *NODE),
    log_file_name="gui.log",
)


def main() -> None:
    """Run the program."""
    sys.exit(run(PROGRAM.name, lambda: _main(sys.argv)))


def _main(argv: list[str]) -> int:
    init = ProgramInit()
    ipc = Ipc(PROGRAM.name, argv[0], init)
    init.ipc = ipc
    if serve_parent(ipc, argv, lambda: None):
        return 0
    from cli.arguments import parse
    from cli.startup import prepare, print_help_or_version, start_log

    arguments = parse(PROGRAM, argv[1:])
    if print_help_or_version(arguments):
        return 0
    try:
        from PySide6 import QtWidgets  # noqa: F401 - only whether it is there
    except ImportError as error:
        raise StartError(
            f"pygui needs PySide6, an extra of this package: pip install 'pynode[gui]' ({error})"
        ) from error
    with ipc:
        place = prepare(arguments)
        log_file = start_log(arguments, place, console=False)
        try:
            configure_ipc(ipc, arguments, place)
            ours = ("-ipcbind", "-ipcconnect", "-debuglogfile", "-printtoconsole")
            options = [option for option in arguments.to_list() if not option.startswith(ours)]
            node, spawned = reach_node(ipc, arguments, options)
            try:
                return _show(init, node, place, spawned=spawned)
            finally:
                if node is not None:
                    node.close()
        finally:
            ipc.close()
            log_file.close()


def _show(init: ProgramInit, node: PynodeInit | None, place: Place, *, spawned: bool) -> int:
    from PySide6.QtCore import QTimer
    from PySide6.QtWidgets import QApplication

    from gui.feed import Feed
    from gui.node_watcher import NodeWatcher
    from gui.refresher import Refresher
    from gui.wallet_controls import WalletControls
    from gui.wallets import Wallets
    from gui.window import Window

    application = QApplication([PROGRAM.name])
    feed = Feed()
    window = Window(place.chain.name, feed)
    watch = wallets = None
    try:
        if node is not None:
            init.siblings.add(process_of(node), spawned=spawned)
            watch = _watch(init.ipc, node, feed)
            if isinstance(watch, NodeWatcher):
                window.resize(900, 560)
                wallets = Wallets(watch.node.wallet_loader)
                WalletControls(window, window.tabs, wallets)
                feed.lost.connect(wallets.stop)
    except IpcError as error:
        raise StartError(str(error)) from error
    process = init.make_process()
    refresher = Refresher(process, feed.tree.emit) if process is not None else None
    # Python runs its signal handlers only between its own instructions, so let some run.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: application.quit())
    pulse = QTimer()
    pulse.timeout.connect(lambda: None)
    pulse.start(200)
    window.show()
    try:
        return application.exec()
    finally:
        if wallets is not None:
            wallets.close()
        if watch is not None:
            watch.close()
        if refresher is not None:
            refresher.close()


def _watch(ipc: Ipc, node: PynodeInit, feed: Feed) -> NodeWatcher | ChainFollower:
    """Follow our node through its Node interface, Bitcoin Core's through Mining."""
    from gui.node_watcher import NodeWatcher
    from interfaces.node import BlockTip

    try:
        watched = node.make_node()
    except UnimplementedError:
        watched = None
    if watched is not None:
        ipc.add_cleanup(node, lambda: feed.lost.emit("it has stopped"))
        return NodeWatcher(watched, feed)

    from wallet.follower import ChainFollower

    def show(tip: BlockRef) -> None:
        feed.block.emit(BlockTip(tip.height, 0, tip.hash), -1.0)

    return ChainFollower(
        tips_of(node),
        show,
        lambda error: feed.lost.emit(str(error)),
        lambda: feed.lost.emit("it has stopped"),
    )
