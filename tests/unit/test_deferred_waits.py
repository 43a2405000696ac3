"""One thread answers all that wait, each once, and rests while changes come fast."""

import threading
import time
from collections.abc import Iterator
from math import inf

import pytest
from conftest import wait_until

from interfaces.cancellation import Cancellation
from interfaces.deferral import Shared
from interfaces.events import Event, EventBatch, EventKind, Position, UnknownBlockError, Wanted
from node.change_signal import ChangeSignal
from node.deferred_waits import DeferredWait, DeferredWaits

BATCH = EventBatch([Event(EventKind.TIP)], Position(tip=b"new"))


class Answer:
    """Counts what is answered."""

    def __init__(self) -> None:
        self.given: list[object] = []
        self.sent = 0

    def give(self, value: object) -> None:
        self.given.append(value.value if isinstance(value, Shared) else value)

    def fail(self, error: Exception) -> None:
        self.given.append(error)

    def send(self) -> None:
        self.sent += 1


class Board:
    """Waits on events that a test makes."""

    def __init__(self) -> None:
        self.signal = ChangeSignal()
        self.looks = 0
        self.found: EventBatch | Exception = EventBatch()
        self.waits = DeferredWaits(self.signal, self._collect)
        self.finished = 0

    def _collect(self, position: Position, wanted: Wanted, most: int) -> Shared:
        del position, wanted, most
        self.looks += 1
        if isinstance(self.found, Exception):
            raise self.found
        return Shared(self.found)

    def _finish(self) -> None:
        self.finished += 1

    def wait(self, seconds: float = inf, *cancellations: Cancellation) -> Answer:
        answer = Answer()
        deadline = time.monotonic() + seconds
        wait = DeferredWait(Position(), Wanted(), 10, deadline, cancellations, answer, self._finish)
        assert self.waits.add(wait, self.signal.count)
        return answer


@pytest.fixture
def board(no_leaks: None) -> Iterator[Board]:  # noqa: ARG001 - checked around everything else
    board = Board()
    yield board
    board.signal.close()
    board.waits.close()


def test_all_are_answered_at_a_change_with_one_look(board: Board) -> None:
    answers = [board.wait() for _ in range(20)]
    board.signal.changed()  # Nothing for them.
    wait_until(lambda: board.looks == 1, "it looked")
    assert not any(answer.given for answer in answers)
    board.found = BATCH
    board.signal.changed()
    wait_until(lambda: all(answer.sent for answer in answers), "all were answered")
    assert all(answer.given == [BATCH] for answer in answers)
    assert board.looks == 2
    assert board.finished == 20
    assert len(board.waits) == 0


def test_time_cancellation_and_errors(board: Board) -> None:
    gone = Cancellation()
    short, cancelled, stays = board.wait(0.02), board.wait(inf, gone), board.wait()
    wait_until(lambda: short.sent == 1, "time was up")
    assert short.given == [EventBatch([], Position())]
    gone.cancel()
    wait_until(lambda: cancelled.sent == 1, "the cancelled one was answered")
    assert cancelled.given == [None]
    board.found = UnknownBlockError("unknown")
    board.signal.changed()
    wait_until(lambda: stays.sent == 1, "the error was answered")
    assert stays.given == [board.found]


def test_who_looked_too_early_has_to_look_again(board: Board) -> None:
    seen = board.signal.count
    board.signal.changed()
    wait = DeferredWait(Position(), Wanted(), 10, inf, (), Answer(), lambda: None)
    assert not board.waits.add(wait, seen)
    gone = Cancellation()
    gone.cancel()
    wait = DeferredWait(Position(), Wanted(), 10, inf, (gone,), Answer(), lambda: None)
    assert not board.waits.add(wait, board.signal.count)


def test_rounds_are_held_apart_while_changes_come_fast(board: Board) -> None:
    board.found = BATCH
    changes = 0
    end = time.monotonic() + 1.0
    while time.monotonic() < end:
        if len(board.waits) == 0:
            for _ in range(100):
                board.wait()
        board.signal.changed()
        changes += 1
        time.sleep(0.002)
    # A round of 100 answers holds the next off for 0.2 s; the first is let off, and then it is a second.
    assert changes > 100
    assert 2 <= board.looks <= 4
    looks, ended = board.looks, time.monotonic()
    wait_until(lambda: board.looks > looks and len(board.waits) == 0, "all are told once the changes cease")
    assert time.monotonic() - ended < 0.5


def test_the_end_answers_all(board: Board) -> None:
    answers = [board.wait() for _ in range(5)]
    board.signal.close()
    board.waits.close()
    assert all(answer.given == [None] for answer in answers)
    wait = DeferredWait(Position(), Wanted(), 10, inf, (), Answer(), lambda: None)
    assert not board.waits.add(wait, board.signal.count)
    assert not any(thread.name == "node-events" for thread in threading.enumerate())
