"""Answers all miners that wait from one thread, which sleeps until there is something to look at.

A wait is looked at when it comes, when the tip changes, when it is cancelled, when its time has come, and when the
mempool changes if it wants to know. Those that get the same template stand together, and it is built once for all.
"""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from contextlib import ExitStack
from math import inf
from typing import TYPE_CHECKING, Any, Final

from interfaces.deferral import LATER

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from interfaces.cancellation import Cancellation
    from interfaces.deferral import Deferral

PENDING: Final = object()
"""What a wait says that has to go on."""


class Wait(ABC):
    """One call that waits."""

    def __init__(self, cancellations: Sequence[Cancellation], ended: Callable[[], None]) -> None:
        """End with None when one of these comes, and call `ended` in any case."""
        self.cancellations = cancellations
        self.ended = ended

    @abstractmethod
    def look(self, now: float) -> object:
        """Return the answer, or PENDING. It may raise what the call is to raise."""

    @abstractmethod
    def next_look(self, now: float) -> float:
        """Return by time.monotonic() when to look again though nothing changes."""

    @property
    def wants_mempool(self) -> bool:
        """Whether to look as soon as the mempool changes."""
        return False

    @property
    def group(self) -> int:
        """Those with the same number are answered together, those with a low one first."""
        return 0

    @property
    def cancelled(self) -> bool:
        """Whether nobody waits any more."""
        return any(cancellation.cancelled for cancellation in self.cancellations)


class _Blocked:
    """Answers a call whose thread waits here."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self._value: object = None
        self._error: Exception | None = None

    def give(self, value: object) -> None:
        self._value = value

    def fail(self, error: Exception) -> None:
        self._error = error

    def send(self) -> None:
        self._event.set()

    def wait(self) -> object:
        self._event.wait()
        if self._error is not None:
            raise self._error
        return self._value


class _Queued:
    """A wait, and where its answer goes."""

    __slots__ = ("answer", "answered", "stack", "wait")

    def __init__(self, wait: Wait, answer: Deferral) -> None:
        self.wait = wait
        self.answer = answer
        self.answered = False
        self.stack = ExitStack()


class MinerWaits:
    """The calls that wait, and the thread that answers them."""

    def __init__(self) -> None:
        """Begin with nobody and no thread."""
        self._lock = threading.Lock()
        self._queued: list[_Queued] = []
        self._gate = threading.Event()
        self._thread: threading.Thread | None = None
        self._closed = False
        self._wakes_for_mempool = False

    def __len__(self) -> int:
        """Return how many wait."""
        return len(self._queued)

    def run(self, wait: Wait, deferred: Deferral | None = None) -> Any:
        """Return the answer of a wait. With `deferred` it may come there later: then LATER is returned."""
        value = self._look(wait, time.monotonic())
        if value is not PENDING:
            wait.ended()
            if isinstance(value, Exception):
                raise value
            return value
        answer = deferred or _Blocked()
        queued = _Queued(wait, answer)
        for cancellation in wait.cancellations:
            queued.stack.enter_context(cancellation.wakes(self.wake))
        with self._lock:
            if self._closed:
                queued.stack.close()
                return None
            self._queued.append(queued)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="node-templates", daemon=True)
                self._thread.start()
        self._gate.set()
        return answer.wait() if isinstance(answer, _Blocked) else LATER

    def wake(self) -> None:
        """Have all looked at: the tip, the clock or something else has changed. Never waits."""
        self._gate.set()

    def mempool_changed(self) -> None:
        """Have those looked at who want to know of the mempool. Never waits."""
        if self._wakes_for_mempool:
            self._wakes_for_mempool = False
            self._gate.set()

    def interrupt(self) -> None:
        """End all waits, now and later."""
        with self._lock:
            self._closed = True
        self._gate.set()

    def close(self) -> None:
        """Do so and wait for it. Idempotent."""
        self.interrupt()
        thread = self._thread
        if thread is not None:
            thread.join()

    def _look(self, wait: Wait, now: float) -> object:
        if self._closed or wait.cancelled:
            return None
        try:
            return wait.look(now)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is the answer
            return error

    def _run(self) -> None:
        gate = self._gate
        soonest: float | None = inf
        while soonest is not None:
            gate.wait(min(max(0.0, soonest - time.monotonic()), threading.TIMEOUT_MAX))
            gate.clear()
            soonest = self._look_at_all()

    def _look_at_all(self) -> float | None:
        """Answer who can be answered; return when to look again, None if that is never.

        It keeps nothing of those that were answered while the thread sleeps.
        """
        with self._lock:
            queued = list(self._queued)
        now = time.monotonic()
        self._answer(sorted(queued, key=_group), now)
        with self._lock:
            if self._closed and not self._queued:
                return None
            waits = [one.wait for one in self._queued]
        # In this order no change is missed: who was not woken for it sees it here.
        self._wakes_for_mempool = any(wait.wants_mempool for wait in waits)
        return min((wait.next_look(now) for wait in waits), default=inf)

    def _answer(self, queued: list[_Queued], now: float) -> None:
        ready: list[_Queued] = []
        for index, one in enumerate(queued):
            value = self._look(one.wait, now)
            if value is not PENDING:
                one.wait.ended()
                if isinstance(value, Exception):
                    one.answer.fail(value)
                else:
                    one.answer.give(value)
                one.answered = True
                ready.append(one)
            if index + 1 == len(queued) or queued[index + 1].wait.group != one.wait.group:
                self._send(ready)
                ready = []

    def _send(self, ready: list[_Queued]) -> None:
        """Send the answers of a group at once, so that nobody is served long before the others."""
        with self._lock:
            self._queued = [one for one in self._queued if not one.answered]
        for one in ready:
            one.answer.send()
        for one in ready:
            one.stack.close()


def _group(one: _Queued) -> int:
    return one.wait.group
