"""Answers all clients that wait for events from one thread, so that hundreds of them cost hardly more than one.

First every answer is made, those of clients at the same place once for all, and then all are sent: nobody is served
long before the others, and who is served does not hinder the next with what it asks then.

While many blocks come at a time, rounds are held apart the more the more clients there are, and each client gets
several blocks in one: the chain goes on nearly as fast as without them.
"""

from __future__ import annotations

import threading
import time
from contextlib import ExitStack
from math import inf
from typing import TYPE_CHECKING, Final

from interfaces.cancellation import Cancellation
from interfaces.deferral import Shared
from interfaces.events import EventBatch

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from interfaces.deferral import Deferral
    from interfaces.events import Position, Wanted
    from node.change_signal import ChangeSignal

    Collect = Callable[[Position, Wanted, int], Shared]

_PAUSE: Final = 0.002
"""Seconds that each answer holds the next round off at least, on average."""
_REST: Final = 10
"""How many times as long as a round took it holds the next one off at least."""
_LONGEST_PAUSE: Final = 1.0
_CREDIT: Final = 0.2
"""Seconds of such pauses that are let off after a quiet time."""
_IN_A_BURST: Final = 5
"""How many times as long the pauses are once that is used up, unless the changes cease."""
_CALM: Final = 0.02
"""Seconds without a change after which they have ceased."""
_NOT_LOOKED: Final = -1


class DeferredWait:
    """One call that waits."""

    __slots__ = ("_cancellations", "_finished", "_wakes", "answer", "deadline", "most", "position", "seen", "wanted")

    def __init__(
        self,
        position: Position,
        wanted: Wanted,
        most: int,
        deadline: float,
        cancellations: Sequence[Cancellation],
        answer: Deferral,
        finished: Callable[[], None],
    ) -> None:
        """`finished` is called just before the answer is given."""
        self.position = position
        self.wanted = wanted
        self.most = most
        self.deadline = deadline
        self.answer = answer
        self.seen = _NOT_LOOKED
        """How many changes there had been when it was looked at last."""
        self._cancellations = cancellations
        self._finished = finished
        self._wakes = ExitStack()

    @property
    def cancelled(self) -> bool:
        """Whether nobody waits any more."""
        return any(cancellation.cancelled for cancellation in self._cancellations)

    def watch(self, wake: Callable[[], None]) -> None:
        """Have `wake` called when it is cancelled, until `close`."""
        for cancellation in self._cancellations:
            self._wakes.enter_context(cancellation.wakes(wake))

    def close(self) -> None:
        """Watch no longer."""
        self._wakes.close()

    def finish(self, value: Shared | Exception | None) -> None:
        """Make the answer: a batch of events, or none."""
        self._finished()
        if isinstance(value, Exception):
            self.answer.fail(value)
        else:
            self.answer.give(value)


class DeferredWaits:
    """The calls that wait, and the thread that answers them. Ends with the signal."""

    def __init__(self, signal: ChangeSignal, collect: Collect) -> None:
        """Look at what `collect` returns at every change that `signal` tells."""
        self._signal = signal
        self._collect = collect
        self._lock = threading.Lock()
        self._waits: list[DeferredWait] = []
        self._soonest = inf
        self._poke = Cancellation()
        self._thread: threading.Thread | None = None
        self._paid_until = 0.0
        """When the pauses of all rounds so far are over."""
        self._burst_until = 0.0
        """When the next round comes though changes still come fast."""

    @property
    def is_busy(self) -> bool:
        """Whether rounds are being held apart, so that who asks now should wait for one too."""
        return self._pause() > 0

    def _pause(self) -> float:
        """Return how many seconds the next round is held off, or how many until that should be asked again."""
        now = time.monotonic()
        pause = self._paid_until - _CREDIT - now
        if pause <= 0 and now < self._burst_until and now - self._signal.changed_at < _CALM:
            pause = min(_CALM, self._burst_until - now)
        return pause

    def charge(self, answers: int, seconds: float) -> None:
        """Hold the next round off for answers that took `seconds` to make."""
        now = time.monotonic()
        pause = max(_PAUSE * answers, _REST * seconds)
        if self._paid_until > now:
            self._burst_until = now + min(_IN_A_BURST * pause, _LONGEST_PAUSE)
        self._paid_until = min(max(self._paid_until, now) + pause, now + _CREDIT + _LONGEST_PAUSE)

    def __len__(self) -> int:
        return len(self._waits)

    def add(self, wait: DeferredWait, seen: int | None) -> bool:
        """Keep a call that found nothing when there had been `seen` changes; False if it has to look again.

        With `seen` None it has not looked.
        """
        wait.seen = _NOT_LOOKED if seen is None else seen
        wait.watch(self.wake)
        with self._lock:
            if (seen is None or self._signal.count == seen) and not self._signal.closed and not wait.cancelled:
                self._waits.append(wait)
                if self._thread is None:
                    self._thread = threading.Thread(target=self._run, name="node-events", daemon=True)
                    self._thread.start()
                sooner = seen is None or wait.deadline < self._soonest
                poke = self._poke
            else:
                wait.close()
                return False
        if sooner:
            poke.cancel()
        return True

    def wake(self) -> None:
        """Have the thread look who is cancelled or has to be answered."""
        with self._lock:
            poke = self._poke
        poke.cancel()

    def close(self) -> None:
        """Wait until all are answered; the signal was closed before. Idempotent."""
        self.wake()
        with self._lock:
            thread = self._thread
        if thread is not None:
            thread.join()

    def _run(self) -> None:
        signal = self._signal
        while True:
            seen, closed = signal.count, signal.closed
            with self._lock:
                poke = self._poke = Cancellation()
                waits, self._waits = self._waits, []
            pause = self._pause()
            kept = self._answer(waits, None if pause > 0 else seen, closed=closed)
            with self._lock:
                self._waits[:0] = kept
                self._soonest = min((wait.deadline for wait in self._waits), default=inf)
                if closed and not self._waits:
                    return
                unseen = any(wait.seen != seen for wait in kept)
            left = self._soonest - time.monotonic()
            if unseen and pause > 0:
                _sleep(min(left, pause), poke)  # What changes meanwhile need not wake anybody.
            else:
                signal.wait(seen, left, (poke,))

    def _answer(self, waits: list[DeferredWait], seen: int | None, *, closed: bool) -> list[DeferredWait]:
        """Answer those that are due and return the others; with `seen` None look for nobody."""
        known: dict[tuple[Position, Wanted, int], Shared | Exception] = {}
        now, worked = time.monotonic(), time.thread_time()
        answered: list[DeferredWait] = []
        kept: list[DeferredWait] = []
        for wait in waits:
            value: Shared | Exception | None = None
            if not closed and not wait.cancelled:
                if seen is not None and wait.seen != seen:
                    value = self._look(wait, known)
                    wait.seen = seen
                else:
                    value = Shared(EventBatch([], wait.position))
                if isinstance(value, Shared) and not value.value.events and wait.deadline > now:
                    wait.position = value.value.position
                    kept.append(wait)
                    continue
            wait.finish(value)
            answered.append(wait)
        for wait in answered:
            wait.answer.send()
        for wait in answered:
            wait.close()
        if known:
            self.charge(len(answered), time.thread_time() - worked)
        return kept

    def _look(
        self, wait: DeferredWait, known: dict[tuple[Position, Wanted, int], Shared | Exception]
    ) -> Shared | Exception:
        key = (wait.position, wait.wanted, wait.most)
        found = known.get(key)
        if found is None:
            try:
                found = self._collect(*key)
            except Exception as error:  # noqa: BLE001 - whatever it is, it is the answer
                found = error
            known[key] = found
        return found


def _sleep(seconds: float, poke: Cancellation) -> None:
    gate = threading.Event()
    with poke.wakes(gate.set):
        gate.wait(max(0.0, min(seconds, threading.TIMEOUT_MAX)))
