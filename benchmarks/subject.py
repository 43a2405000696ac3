"""What is measured: the small interface that every way to call another process implements here.

Knows no library and no measure.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from time import perf_counter
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.server import Server


class UnsupportedError(Exception):
    """The library has no such thing, so the measure does not apply."""


class UnavailableError(Exception):
    """The subject cannot run here; the message says what is missing."""


class Client(ABC):
    """One connection, used only by the thread that opened it."""

    @abstractmethod
    def echo(self, text: str) -> str:
        """Return `text` as the server sent it back."""

    def echo_until(self, text: str, deadline: float) -> list[float]:
        """Echo one call after the other until `deadline` (perf_counter); return seconds of each."""
        times = []
        start = perf_counter()
        while start < deadline:
            self.echo(text)
            end = perf_counter()
            times.append(end - start)
            start = end
        return times

    def echo_burst(self, text: str, count: int) -> None:
        """Send `count` calls without waiting in between, then wait for all replies."""
        raise UnsupportedError(text, count)

    def make_objects(self, count: int) -> None:
        """Make `count` objects in the server that live until the client closes."""
        raise UnsupportedError(count)

    @abstractmethod
    def close(self) -> None:
        """Close the connection."""


class Subject(ABC):
    """A way to call a method in another process."""

    about: ClassVar[str]
    """One line for the footer: what exactly is measured."""

    @abstractmethod
    def start(self, folder: Path) -> Server:
        """Start a server process whose files are in the empty `folder`; return once it listens."""

    @abstractmethod
    def connect(self, server: Server) -> Client:
        """Open a connection that is ready for its first echo."""
