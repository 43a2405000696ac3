"""`Ipc`: how a process starts, reaches and serves others (Core: src/interfaces/ipc.h, src/ipc/interfaces.cpp)."""

from __future__ import annotations

import errno
import logging
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self, TypeVar, overload

from interfaces.init import Init
from interfaces.interface import Interface
from ipc import addresses, process
from ipc.errors import AddressError, IpcError

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Collection, Sequence
    from types import TracebackType

    from ipc.process import Child
    from ipc.protocol import Protocol

log: Final = logging.getLogger("ipc")

T = TypeVar("T", bound=Interface)
_ABSENT: Final = frozenset({errno.ENOENT, errno.ECONNREFUSED, errno.ENOTDIR})


@dataclass(frozen=True, slots=True)
class Context:
    """What goes through the sockets of this process now."""

    exe_name: str
    connections: int
    calls: int
    children: tuple[tuple[str, int], ...]
    """Name and pid of each process we started that still runs."""


class Ipc:
    """Everything between this process and others. Thread-safe; `close` ends it.

    `exe_name` is the program's name, `argv0` how it was started, beside which siblings
    are found, and `init` what others get when they connect, an object of `init.schema`'s
    interface. Paths of addresses are relative to `data_dir`, a network's data directory.
    """

    def __init__(
        self,
        exe_name: str,
        argv0: str,
        init: Interface,
        *,
        data_dir: Path | None = None,
        allowed_uids: Collection[int] = (),
        max_connections: int = addresses.DEFAULT_MAX_CONNECTIONS,
    ) -> None:
        """`allowed_uids` may connect beside the user we run as and root."""
        self.exe_name = exe_name
        self.data_dir = data_dir or Path.cwd()
        self.allowed_uids = frozenset(allowed_uids)
        self.max_connections = max_connections
        self._argv0 = argv0
        self._init = init
        self._lock = threading.Lock()
        self._made: Protocol | None = None
        self._bound: list[addresses.BoundPath] = []
        self._children: dict[Child, threading.Thread | None] = {}
        self._closed = False

    @property
    def _protocol(self) -> Protocol:
        with self._lock:
            if self._closed:
                raise IpcError("Ipc is closed")
            if self._made is None:
                from ipc.binding.protocol import CapnpProtocol

                self._made = CapnpProtocol(self.exe_name, self._init)
            return self._made

    @overload
    def spawn_process(self, exe_name: str, *, patience: float | None = None) -> Init: ...

    @overload
    def spawn_process(
        self, exe_name: str, interface: type[T], *, patience: float | None = None, ended: threading.Event | None = None
    ) -> T: ...

    def spawn_process(
        self,
        exe_name: str,
        interface: type[Interface] = Init,
        *,
        patience: float | None = None,
        ended: threading.Event | None = None,
    ) -> Interface:
        """Start a sibling and return its first object, whose `close` ends and awaits it.

        It is killed if it has not ended `patience` seconds after its connection did. `ended` is set once it has ended,
        or could not be started. Raises SpawnError if it cannot be started, IpcError if it ends before it answers.
        """
        protocol = self._protocol
        child, sock = process.spawn(exe_name, self._argv0, patience, ended or threading.Event())
        with self._lock:
            self._children[child] = None
        try:
            init = protocol.connect(sock, interface, lambda: self._await(child))
        except BaseException:
            child.wait()
            with self._lock:
                self._children.pop(child, None)
            raise
        protocol.add_cleanup(init, lambda: self._join(child))
        return init

    def _await(self, child: Child) -> None:
        def wait() -> None:
            child.wait()
            with self._lock:
                self._children.pop(child, None)

        thread = threading.Thread(target=wait, name="ipc-wait", daemon=True)
        with self._lock:
            if child not in self._children:
                return
            self._children[child] = thread
            thread.start()

    def _join(self, child: Child) -> None:
        with self._lock:
            thread = self._children.get(child)
        if thread is not None:
            thread.join()

    def start_spawned_process(self, argv: Sequence[str]) -> bool:
        """If we were spawned, serve our parent until it is gone and return True.

        Raises SpawnError for a bad descriptor number.
        """
        sock = process.spawned_socket(argv)
        if sock is None:
            return False
        process.leave_interrupt_to_parent(self.exe_name)
        gone = threading.Event()
        self._protocol.serve(sock, gone.set)
        gone.wait()
        return True

    @overload
    def connect_address(self, address: str, *, dest_exe_name: str = "bitcoin-node") -> Init | None: ...

    @overload
    def connect_address(self, address: str, interface: type[T], *, dest_exe_name: str = "bitcoin-node") -> T | None: ...

    def connect_address(
        self, address: str, interface: type[Interface] = Init, *, dest_exe_name: str = "bitcoin-node"
    ) -> Interface | None:
        """Connect to `unix`, `unix:<path>` or `auto` and return the peer's first object.

        None for "" and "0", and for `auto` where nothing listens. `unix` alone is the
        socket of `dest_exe_name`. Raises AddressError, IpcError.
        """
        if address in {"", "0"}:
            return None
        automatic = address == "auto"
        try:
            path = addresses.socket_path("unix" if automatic else address, self.data_dir, dest_exe_name)
            sock = addresses.connect(path)
        except AddressError:
            if automatic:
                return None
            raise
        except OSError as error:
            if automatic and error.errno in _ABSENT:
                return None
            raise AddressError(error.strerror or str(error)) from error
        return self._protocol.connect(sock, interface, _nothing)

    def listen_address(self, address: str) -> str:
        """Serve whoever connects to `unix` or `unix:<path>`; return the address with the full path.

        Raises AddressError, also for a socket in use.
        """
        protocol = self._protocol
        path = addresses.socket_path(address, self.data_dir, self.exe_name)
        try:
            sock = addresses.bind(path, addresses.mode_for(self.allowed_uids))
        except OSError as error:
            raise AddressError(error.strerror or str(error)) from error
        with self._lock:
            self._bound.append(addresses.BoundPath(path))
        protocol.listen(sock, self.max_connections, self._allows)
        return f"unix:{path}"

    def _allows(self, sock: socket.socket) -> bool:
        return addresses.is_allowed(sock, self.allowed_uids)

    def disconnect_incoming(self, patience: float = 0.0) -> None:
        """Drop the connections others made to us, but not our parent's.

        Calls that run by then have up to `patience` seconds to be answered; the others are cancelled.
        """
        with self._lock:
            protocol = self._made
        if protocol is not None:
            protocol.disconnect_incoming(patience)

    def add_cleanup(self, proxy: Interface, cleanup: Callable[[], None]) -> None:
        """Run `cleanup` once when an object of a peer's is closed, or lost with its connection."""
        self._protocol.add_cleanup(proxy, cleanup)

    @property
    def context(self) -> Context:
        """Return what goes on now."""
        with self._lock:
            protocol = self._made
            children = tuple((child.name, child.pid) for child in self._children)
        if protocol is None:
            return Context(self.exe_name, 0, 0, children)
        return Context(self.exe_name, protocol.connections, protocol.calls, children)

    def close(self) -> None:
        """End connections, listeners and threads, wait for children, remove sockets. Idempotent."""
        with self._lock:
            self._closed = True
            protocol, self._made = self._made, None
            bound, self._bound = self._bound, []
        for path in bound:
            path.remove()
        if protocol is not None:
            protocol.close()
        while True:
            with self._lock:
                threads = [thread for thread in self._children.values() if thread is not None]
            if not threads:
                return
            for thread in threads:
                thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _nothing() -> None:
    pass
