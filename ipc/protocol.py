"""The seam to the transport: what `Ipc` asks of whatever carries calls over a socket.

`CapnpProtocol` in ipc.binding is the one there is (Core: src/ipc/protocol.h).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, TypeVar

from interfaces.interface import Interface

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

T = TypeVar("T", bound=Interface)


class Protocol(ABC):
    """Carries calls. Every socket given belongs to the protocol from then on."""

    @abstractmethod
    def connect(self, sock: socket.socket, interface: type[T], on_close: Callable[[], None]) -> T:
        """Return the peer's first object; `on_close` runs once, when the connection has ended. Raises IpcError."""

    @abstractmethod
    def serve(self, sock: socket.socket, on_close: Callable[[], None]) -> None:
        """Serve our first object to a parent process until it goes."""

    @abstractmethod
    def listen(self, sock: socket.socket, max_connections: int, allow: Callable[[socket.socket], bool]) -> None:
        """Serve whoever connects to a listening socket and is allowed."""

    @abstractmethod
    def disconnect_incoming(self, patience: float = 0.0) -> None:
        """Drop connections that others made to us, but not the parent's, and wait until their objects are closed.

        Before that wait up to `patience` seconds until the calls that run now are answered.
        """

    @abstractmethod
    def add_cleanup(self, proxy: Interface, cleanup: Callable[[], None]) -> None:
        """Run a function once after an object of a peer's is closed or lost."""

    @property
    @abstractmethod
    def connections(self) -> int:
        """How many connections are open."""

    @property
    @abstractmethod
    def calls(self) -> int:
        """How many calls were received so far."""

    @abstractmethod
    def close(self) -> None:
        """End everything, threads included. Idempotent."""
