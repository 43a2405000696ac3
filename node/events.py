"""The Events interface on our chain."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from interfaces import cancellation, deferral
from interfaces.cancellation import Cancellation
from interfaces.events import (
    BlockMissingError,
    EventBatch,
    EventReceiver,
    Events,
    Position,
    UnknownBlockError,
    Wanted,
)
from interfaces.mining import FOREVER
from interfaces.not_served import NotServedError

if TYPE_CHECKING:
    from interfaces.deliveries import Deliveries
    from interfaces.handler import Handler
    from node.event_source import EventSource


class LocalEvents(Events):
    """One client's view. `interrupt` ends this object's waits, those of others go on."""

    def __init__(self, source: EventSource, deliveries: Deliveries) -> None:
        """Answer from `source`; `deliveries` owns the threads that call receivers."""
        self._source = source
        self._deliveries = deliveries
        self._interrupted = Cancellation()

    def find_position(self, locator: list[bytes]) -> Position:
        """Look the first known block up."""
        return self._source.find_position(locator)

    def next(
        self, position: Position, wanted: Wanted, max_events: int = 100, timeout: float = FOREVER
    ) -> EventBatch | None:
        """Wait without polling."""
        self._refuse_transactions(wanted, "Events.next")
        interrupted = self._interrupted
        if wanted.reads_blocks:
            self._source.hold(self, position.block)

        def finished() -> None:
            if interrupted.cancelled and interrupted is self._interrupted:
                self._interrupted = Cancellation()

        # Whole blocks may fill a slow client's socket, so each of those has a thread that can wait for it.
        answer = None if wanted.has_data else deferral.current()
        cancellations = (interrupted, cancellation.current())
        batch = self._source.next(position, wanted, max_events, timeout, cancellations, answer, finished)
        if batch is not deferral.LATER:
            finished()
        return batch

    def interrupt(self) -> None:
        """End this object's waits."""
        self._interrupted.cancel()

    def deliver(self, receiver: EventReceiver, position: Position, wanted: Wanted, max_events: int = 100) -> Handler:
        """Hand out batches on a thread of their own."""
        self._refuse_transactions(wanted, "Events.deliver")
        self._source.check(position, wanted)
        place = [position]

        def step(receiver: EventReceiver, ended: Cancellation) -> bool:
            try:
                batch = self._source.next(place[0], wanted, max_events, FOREVER, (ended,))
            except (UnknownBlockError, BlockMissingError) as error:
                receiver.ended(str(error))
                return False
            if batch is None:
                if not ended.cancelled:
                    receiver.ended("The node is shutting down.")
                return False
            receiver.receive(batch)
            place[0] = batch.position
            return True

        return self._deliveries.start(partial(step, receiver))

    def close(self) -> None:
        """End waits. What `deliver` began ends with its own handler."""
        self.interrupt()
        self._source.release(self)

    def _refuse_transactions(self, wanted: Wanted, method: str) -> None:
        if wanted.transactions and not self._source.has_transactions:
            raise NotServedError(f"{method} of transactions")
