"""How a method that waits long may answer later, so that no thread has to wait with it.

Whoever runs a method on behalf of a caller that waits elsewhere installs a way to answer for
the thread; the method takes it with `current()`, keeps it, and returns `LATER`. Outside such
a call `current()` is None, and the method has to wait itself.
"""

from __future__ import annotations

import threading
from typing import Any, Final, Protocol


class Deferral(Protocol):
    """Answers one call, once, from any thread."""

    def give(self, value: object) -> None:
        """Answer with a result, or with that of a `Shared`. It may leave a little later: see `send`."""

    def fail(self, error: Exception) -> None:
        """Answer with an exception. It may leave a little later: see `send`."""

    def send(self) -> None:
        """Make sure that the answer leaves. Never waits."""


class Shared:
    """A result that many calls get, which nobody changes any more, so that it is written for the first of them only."""

    __slots__ = ("value", "written")

    def __init__(self, value: Any) -> None:
        """Share `value`."""
        self.value: Any = value
        self.written: Any = None
        """What the side that answers keeps here: how it wrote the value."""


LATER: Final[Any] = object()
"""What a method returns after it took its deferral."""


class _Current(threading.local):
    deferral: Deferral | None = None


_current = _Current()


def current() -> Deferral | None:
    """Return the way to answer later the call this thread is running."""
    return _current.deferral


def install(deferral: Deferral | None) -> Deferral | None:
    """Make `deferral` the thread's current one and return the one before."""
    before = _current.deferral
    _current.deferral = deferral
    return before
