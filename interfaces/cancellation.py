"""How a long-running method learns that nobody waits for its answer any more.

Whoever runs a method on behalf of a caller installs a `Cancellation` for the thread;
the method asks for it with `current()` and either polls `cancelled` or registers a
wake-up. Outside such a call `current()` is a cancellation that never comes.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


_lock = threading.Lock()
"""One for all: it is held for a few instructions."""


class Cancellation:
    """A one-way switch with wake-ups. Thread-safe; `cancel` is idempotent."""

    __slots__ = ("_wakers", "cancelled")

    def __init__(self) -> None:
        """Start not cancelled."""
        self.cancelled = False
        self._wakers: list[Callable[[], None]] | tuple[()] = ()

    def cancel(self) -> None:
        """Switch, and run each registered wake-up once."""
        with _lock:
            self.cancelled = True
            wakers, self._wakers = self._wakers, ()
        for wake in wakers:
            wake()

    @contextmanager
    def wakes(self, wake: Callable[[], None]) -> Iterator[None]:
        """Call `wake` on cancellation while the block runs, at once if it came already."""
        with _lock:
            done = self.cancelled
            if not done:
                self._wakers = [*self._wakers, wake]
        if done:
            wake()
        try:
            yield
        finally:
            with _lock:
                self._wakers = [known for known in self._wakers if known is not wake]


class _Current(threading.local):
    cancellation: Cancellation | None = None


_current = _Current()
_NEVER = Cancellation()


def current() -> Cancellation:
    """Return the cancellation of the call this thread is running."""
    return _current.cancellation or _NEVER


def install(cancellation: Cancellation | None) -> Cancellation | None:
    """Make `cancellation` the thread's current one and return the one before."""
    before = _current.cancellation
    _current.cancellation = cancellation
    return before
