"""Wakes threads that wait for something to change, one after another.

Whoever changes something wakes one thread, which wakes the next, so the cost of a change
does not grow with the number that wait, and they do not all want to run at once.
"""

from __future__ import annotations

import threading
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from interfaces.cancellation import Cancellation


class _Ticket:
    """One thread's place in the queue."""

    __slots__ = ("gate", "seen", "woken")

    def __init__(self, seen: int) -> None:
        self.seen = seen
        self.gate = threading.Lock()
        self.gate.acquire()
        self.woken = False

    def wake(self) -> None:
        if not self.woken:
            self.woken = True
            self.gate.release()


class ChangeSignal:
    """Counts changes and lets threads wait for the next. Thread-safe."""

    def __init__(self) -> None:
        """Start with no change."""
        self.count = 0
        """The number of changes so far: read it before looking at what may change."""
        self.changed_at = 0.0
        """When the last change came, by time.monotonic()."""
        self.closed = False
        self._lock = threading.Lock()
        self._waiting: dict[_Ticket, None] = {}
        self._passing = False
        """Whether a woken thread will wake the next."""

    @property
    def waiting(self) -> int:
        """How many threads wait."""
        return len(self._waiting)

    def changed(self) -> None:
        """Count a change and wake who waits."""
        with self._lock:
            self.count += 1
            self.changed_at = time.monotonic()
            if not self._passing:
                self._wake_next()

    def close(self) -> None:
        """End all waits, now and later. Idempotent."""
        with self._lock:
            self.closed = True
            for ticket in self._waiting:
                ticket.wake()

    def wait(self, seen: int, seconds: float, cancellations: Sequence[Cancellation] = ()) -> None:
        """Wait until `count` is not `seen`, time is up, a cancellation comes or the signal is closed."""
        with self._lock:
            if self.count != seen or self.closed:
                return
            # So the queue is in the order of `seen`.
            ticket = _Ticket(seen)
            self._waiting[ticket] = None

        def wake() -> None:
            with self._lock:
                ticket.wake()

        try:
            with ExitStack() as stack:
                for cancellation in cancellations:
                    stack.enter_context(cancellation.wakes(wake))
                ticket.gate.acquire(timeout=max(0.0, min(seconds, threading.TIMEOUT_MAX)))
        finally:
            with self._lock:
                if self._waiting.pop(ticket, ticket) is not None:
                    # It was this thread's turn, so the next one's comes from here.
                    self._wake_next()

    def _wake_next(self) -> None:
        ticket = next(iter(self._waiting), None)
        self._passing = ticket is not None and ticket.seen != self.count
        if ticket is not None and self._passing:
            del self._waiting[ticket]
            ticket.wake()
