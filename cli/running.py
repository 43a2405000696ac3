"""What every program's `main` does around its own work: spawned starts, errors, signals."""

from __future__ import annotations

import logging
import os
import signal
import sys
from queue import SimpleQueue
from typing import TYPE_CHECKING, Final

from cli.errors import StartError
from common.log import hold_log
from ipc.errors import AddressError, IpcError, SpawnError, UnimplementedError

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    from cli.arguments import Arguments
    from cli.startup import Place
    from interfaces.init import PynodeInit
    from interfaces.process import Process
    from ipc import Ipc
    from wallet.tips import Tips

log: Final = logging.getLogger()
FAILURE: Final = 1
ANSWER_SECONDS: Final = 5.0
"""How long calls that run may take to be answered, when the program ends."""
_PRIVATE: Final = 0o077
"""What we make is for its owner alone."""


class Shutdown:
    """The wish to end, from a signal, another process or the program itself."""

    def __init__(self) -> None:
        """Start without it."""
        self._wanted = False
        # Unlike an Event it may be used by a signal handler of the very thread that waits.
        self._news: SimpleQueue[None] = SimpleQueue()
        self.status = 0

    def request(self, status: int = 0) -> None:
        """Ask the program to end with a status; the first one that is not 0 counts. Safe in signal handlers."""
        self.status = self.status or status
        self._wanted = True
        self._news.put(None)

    def wait(self) -> int:
        """Wait for the wish and return the status."""
        while not self._wanted:
            self._news.get()
        return self.status

    @property
    def requested(self) -> bool:
        """Whether it was asked for."""
        return self._wanted


def handle_signals(shutdown: Shutdown, reopen_log: Callable[[], None]) -> None:
    """End on SIGINT and SIGTERM, open the log anew on SIGHUP."""

    def stop(number: int, frame: FrameType | None) -> None:
        del number, frame
        shutdown.request()

    def reopen(number: int, frame: FrameType | None) -> None:
        del number, frame
        reopen_log()

    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGHUP, reopen)


def run(program: str, body: Callable[[], int]) -> int:
    """Run a program and return its exit status; what its user can mend is one line on standard error."""
    hold_log()
    if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    os.umask(_PRIVATE)
    try:
        return body()
    except StartError as error:
        sys.stderr.write(f"{error.caption}{error}\n")
        return FAILURE
    except SpawnError as error:
        sys.stderr.write(f"{program}: {error}\n")
        return FAILURE
    except KeyboardInterrupt:
        return 128 + signal.SIGINT


def serve_parent(ipc: Ipc, argv: list[str], stop: Callable[[], None]) -> bool:
    """If another program started us, serve it until it is gone, stop, and return True."""

    def terminate(number: int, frame: FrameType | None) -> None:
        del number, frame
        raise SystemExit(0)

    if len(argv) == 3 and argv[1] == "-ipcfd":
        signal.signal(signal.SIGTERM, terminate)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        if not ipc.start_spawned_process(argv):
            return False
    except SystemExit:
        pass
    except SpawnError:
        ipc.close()
        raise
    stop()
    ipc.close()
    return True


def configure_ipc(ipc: Ipc, arguments: Arguments, place: Place) -> None:
    """Take the options for sockets into account and listen. Raises StartError with Core's texts."""
    ipc.data_dir = place.network_dir
    _raise_descriptor_limit()
    ipc.max_connections = max(1, arguments.get_int("ipcmaxconnections", ipc.max_connections))
    uids = set()
    for text in arguments.get_list("ipcallowuid"):
        if not (text.isascii() and text.isdigit()):
            raise StartError(f"Invalid user id in -ipcallowuid: '{text}'")
        uids.add(int(text))
    ipc.allowed_uids = frozenset(uids)
    for address in arguments.get_list("ipcbind"):
        try:
            full = ipc.listen_address(address or "unix")
        except AddressError as error:
            raise StartError(f"Unable to bind to IPC address '{address}'. {error}") from error
        log.info("Listening for IPC requests on address %s", full)


def _raise_descriptor_limit() -> None:
    """Allow as many descriptors as the system lets us (Core: RaiseFileDescriptorLimit)."""
    import resource

    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def not_running(arguments: Arguments) -> str:
    """Say how to start the node that was not found."""
    from cli.startup import choose_chain

    return (
        "\n\nProbably bitcoin-node is not running or not listening on a unix socket. Can be started with:\n\n"
        f"    bitcoin-node -chain={choose_chain(arguments).name} -ipcbind=unix\n"
        f"    pynode -chain={choose_chain(arguments).name} -ipcbind=unix"
    )


def reach_node(ipc: Ipc, arguments: Arguments, node_arguments: list[str]) -> tuple[PynodeInit | None, bool]:
    """Connect to the node that -ipcconnect names, or for `auto` start one where none serves.

    Returns its first object, None if -ipcconnect is off, and whether it was started. Raises StartError.
    """
    from interfaces.init import PynodeInit

    address = arguments.get("ipcconnect", "auto") or "auto"
    try:
        init = ipc.connect_address(address, PynodeInit)
        if init is not None or address != "auto":
            return init, False
        init = ipc.spawn_process("pynode", PynodeInit)
        try:
            init.configure(node_arguments)
        except IpcError:
            init.close()
            raise
    except IpcError as error:
        hint = ""
        if isinstance(error, AddressError) and not str(error).startswith(("Unrecognized", "Unix address")):
            hint = not_running(arguments)
        raise StartError(f"{error}{hint}") from error
    return init, True


def process_of(node: PynodeInit) -> Process | None:
    """Return the `Process` of a node; None for Bitcoin Core's, which has no such interface."""
    try:
        return node.make_process()
    except UnimplementedError:
        return None


def tips_of(node: PynodeInit) -> Tips:
    """Return the tips of a node's chain: of ours by its events, of Bitcoin Core's by Mining. Raises StartError."""
    from wallet.tips import EventTips, MiningTips

    try:
        events = node.make_events()
    except UnimplementedError:
        events = None
    if events is not None:
        return EventTips(events)
    mining = node.make_mining()
    if mining is None:
        raise StartError("The node offers no Mining interface")
    return MiningTips(mining)
