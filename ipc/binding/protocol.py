"""The Cap'n Proto transport: connections, listeners and their end."""

from __future__ import annotations

import errno
import logging
import threading
import time
from typing import TYPE_CHECKING, Final, TypeVar

from interfaces.interface import Interface
from ipc.binding.binding import binding_of, interface_of
from ipc.binding.threaded import SyncProxy, ThreadedSession
from ipc.capnp.connection import Connection
from ipc.capnp.loop import READ, EventLoop
from ipc.errors import DisconnectedError, IpcError
from ipc.protocol import Protocol

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

log: Final = logging.getLogger("ipc")
T = TypeVar("T", bound=Interface)
_RETRY_SECONDS: Final = 0.2
_LOOK_SECONDS: Final = 0.002


class CapnpProtocol(Protocol):
    """All connections of a process, on one event loop."""

    def __init__(self, exe_name: str, init: Interface) -> None:
        """Serve `init`; its schema is matched now. Raises BindingError."""
        self._init = init
        self._interface = interface_of(init)
        binding_of(self._interface)
        self._lock = threading.Lock()
        self.loop = EventLoop(exe_name)
        self._sessions: dict[Connection, ThreadedSession] = {}
        self._parents: set[Connection] = set()
        self._listeners: list[Listener] = []
        self._on_close: dict[Connection, Callable[[], None]] = {}
        self._calls = 0
        self._closed = False

    def connect(self, sock: socket.socket, interface: type[T], on_close: Callable[[], None]) -> T:
        """Return the peer's first object."""
        session = self._open(sock, incoming=False, on_close=on_close)
        session.start(None, None)
        try:
            return session.root(interface)
        except BaseException:
            session.connection.close()
            raise

    def serve(self, sock: socket.socket, on_close: Callable[[], None]) -> None:
        """Serve a parent."""
        session = self._open(sock, incoming=True, on_close=on_close)
        self._parents.add(session.connection)
        session.start(self._init, self._interface)

    def accept(self, sock: socket.socket, listener: Listener) -> None:
        """Serve one that connected. On the loop thread."""
        log.info("ipc: {%s} IPC server: socket connected.", self.loop.thread_name)

        def closed() -> None:
            log.info("ipc: {%s} IPC server: socket disconnected.", self.loop.thread_name)
            listener.left()

        session = self._open(sock, incoming=True, on_close=closed)
        session.start(self._init, self._interface)

    def _open(self, sock: socket.socket, *, incoming: bool, on_close: Callable[[], None]) -> ThreadedSession:
        sock.setblocking(True)
        connection = Connection(self.loop, sock, incoming=incoming, on_close=self._ended)
        session = ThreadedSession(connection)
        with self._lock:
            if self._closed:
                sock.close()
                raise IpcError("Ipc is closed")
            self._sessions[connection] = session
            self._on_close[connection] = on_close
        return session

    def _ended(self, connection: Connection, error: Exception | None) -> None:
        with self._lock:
            session = self._sessions.pop(connection, None)
            on_close = self._on_close.pop(connection, None)
            self._parents.discard(connection)
            self._calls += connection.rpc.calls
        if not connection.incoming and isinstance(error, DisconnectedError):
            log.warning("ipc: IPC client: unexpected network disconnect.")
        if session is not None:
            session.ended()
        if on_close is not None:
            on_close()

    def listen(self, sock: socket.socket, max_connections: int, allow: Callable[[socket.socket], bool]) -> None:
        """Serve whoever connects."""
        listener = Listener(self, sock, max_connections, allow)
        with self._lock:
            self._listeners.append(listener)
        self.loop.post(listener.start)

    def disconnect_incoming(self, patience: float = 0.0) -> None:
        """Drop what others opened."""
        with self._lock:
            dropped = [c for c in self._sessions if c.incoming and c not in self._parents]
        end = time.monotonic() + patience
        running = [(connection, connection.rpc.unanswered()) for connection in dropped] if patience else []
        for connection, calls in running:
            while connection.owes(calls) and time.monotonic() < end:
                time.sleep(_LOOK_SECONDS)
        for connection in dropped:
            connection.close()
        if not self.loop.inside:
            self.loop.drain_cleanups()

    def add_cleanup(self, proxy: Interface, cleanup: Callable[[], None]) -> None:
        """Run a function after a proxy's end."""
        if not isinstance(proxy, SyncProxy):
            raise IpcError(f"{type(proxy).__name__} is no object of another process")
        proxy.add_cleanup(cleanup)

    @property
    def connections(self) -> int:
        """How many are open."""
        return len(self._sessions)

    @property
    def calls(self) -> int:
        """How many calls were received."""
        with self._lock:
            return self._calls + sum(connection.rpc.calls for connection in self._sessions)

    def close(self) -> None:
        """End everything."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            listeners = list(self._listeners)
            connections = list(self._sessions)
        for listener in listeners:
            listener.close()
        for connection in connections:
            connection.close()
        self.loop.drain_cleanups()
        self.loop.close()


class Listener:
    """A listening socket."""

    def __init__(
        self, protocol: CapnpProtocol, sock: socket.socket, max_connections: int, allow: Callable[[socket.socket], bool]
    ) -> None:
        """Accept at most `max_connections` at a time; more wait in the kernel's queue."""
        self._protocol = protocol
        self._sock = sock
        self._fd = sock.fileno()
        self._max = max_connections
        self._allow = allow
        self._open = 0
        self._closed = False
        self._full_logged = False
        sock.setblocking(False)

    def start(self) -> None:
        """Begin to accept. On the loop thread."""
        if not self._closed:
            self._protocol.loop.watch(self._fd, READ, self)

    def ready(self, events: int) -> None:
        """Accept who waits. On the loop thread."""
        del events
        loop = self._protocol.loop
        while not self._closed:
            if self._open >= self._max:
                loop.modify(self._fd, 0)
                if not self._full_logged:
                    self._full_logged = True
                    log.warning("ipc: %d connections are open, more have to wait", self._open)
                return
            try:
                sock, _ = self._sock.accept()
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno == errno.ECONNABORTED:
                    continue
                self._rest(error)
                return
            if not self._allow(sock):
                sock.close()
                continue
            self._open += 1
            self._protocol.accept(sock, self)

    def _rest(self, error: OSError) -> None:
        """Stop accepting for a moment, as for lack of descriptors: at once it would fail again, over and over."""
        if self._closed:
            return
        loop = self._protocol.loop
        loop.modify(self._fd, 0)
        if not self._full_logged:
            self._full_logged = True
            log.warning("ipc: cannot accept connections for now: %s", error.strerror)
        timer = threading.Timer(_RETRY_SECONDS, lambda: loop.post(self._resume))
        timer.daemon = True
        timer.start()

    def _resume(self) -> None:
        if not self._closed:
            self._protocol.loop.modify(self._fd, READ)

    def left(self) -> None:
        """One of the connections has ended. On any thread."""

        def resume() -> None:
            self._open -= 1
            self._full_logged = False
            self._resume()

        self._protocol.loop.post(resume)

    def close(self) -> None:
        """Stop listening. Idempotent."""
        if not self._closed:
            self._closed = True
            self._protocol.loop.forget(self._fd)
            self._sock.close()
