"""The stream of events of a chain, computed from the tree of blocks and a place in it.

Nothing is kept for a listener: what comes next follows from where it stands and where the
chain is now. So a branch that the chain took and left while nobody looked is not told of.
Only what happens to the mempool is kept for a while (node.event_log), for all together.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Final

from interfaces.deferral import LATER, Shared
from interfaces.events import EventBatch, EventKind, MempoolPosition, Position, UnknownBlockError, Wanted
from node.change_signal import ChangeSignal
from node.deferred_waits import DeferredWait, DeferredWaits
from node.event_batch import BatchBuilder, RecentBlocks, block_event, parent_of, shown
from node.event_log import EventLog

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from interfaces.cancellation import Cancellation
    from interfaces.deferral import Deferral
    from node.block_tree import BlockEntry
    from node.chainstate import Chainstate
    from node.mempool.mempool import Mempool

MAX_EVENTS: Final = 1000
_MOVING: Final = 0.1
"""Seconds after a change in which the chain counts as busy."""
_KEPT_PLACES: Final = 256
_MOST_HELD: Final = 10_000
"""Blocks below the tip that are kept for clients that read them; who is further behind finds them pruned."""
_KEPT_BATCHES: Final = 16
_LINGER: Final = 0.005
"""Seconds that a thread which was woken for transactions waits for more of them."""


def _nothing() -> None:
    pass


class EventSource:
    """The events of one chain, for any number of clients. Thread-safe."""

    def __init__(self, chainstate: Chainstate, mempool: Mempool | None = None) -> None:
        """Follow `chainstate` and `mempool` until `close`."""
        self._chainstate = chainstate
        self.signal = ChangeSignal()
        """Tells of tips and headers."""
        self._blocks = RecentBlocks(chainstate)
        self._places: dict[bytes, BlockEntry] = {}
        self._held: dict[object, bytes] = {}
        self._making = threading.Lock()
        self._batches: dict[tuple[object, ...], Shared] = {}
        self.waits = DeferredWaits(self.signal, self._collect)
        self._remove = chainstate.add_listener(_Listener(self.signal))
        # Who does not want transactions is not woken for them.
        self._all = ChangeSignal()
        self._all_waits = DeferredWaits(self._all, self._collect)
        self._log = None if mempool is None else EventLog(chainstate, mempool, self._all.changed)

    @property
    def waiting(self) -> int:
        """How many calls wait."""
        return self.signal.waiting + self._all.waiting + len(self.waits) + len(self._all_waits)

    @property
    def has_transactions(self) -> bool:
        """Whether there is a mempool."""
        return self._log is not None

    def find_position(self, locator: Sequence[bytes]) -> Position:
        """Return the position at the first block of `locator` that is known. Raises UnknownBlockError."""
        chain = self._chainstate
        if not locator:
            if self._log is None:
                tip, mempool = chain.tip(), MempoolPosition()
            else:
                number, tip = self._log.place()
                mempool = MempoolPosition(self._log.run, number)
            return Position(tip.hash, tip.hash, chain.best_header().hash, mempool)
        for name in locator:
            if chain.entry(name) is not None:
                return Position(name)
        raise UnknownBlockError(f"None of these blocks is known: {', '.join(shown(name) for name in locator)}")

    def check(self, position: Position, wanted: Wanted) -> None:
        """Raise UnknownBlockError if `next` would."""
        if wanted.connected or wanted.disconnected:
            self._start(position.block)

    def hold(self, client: object, place: bytes) -> None:
        """Note that a client reads blocks from a place on, until `release`."""
        self._held[client] = place

    def release(self, client: object) -> None:
        """Forget where a client stands."""
        self._held.pop(client, None)

    def first_held(self) -> int | None:
        """Return the height of the first block that a client still reads, as long as it is not too far behind."""
        heights = []
        for place in list(self._held.values()):
            entry = self._chainstate.entry(place) if place else None
            heights.append(0 if entry is None else entry.height + 1)
        return max(min(heights), self._chainstate.tip().height - _MOST_HELD) if heights else None

    def _start(self, place: bytes) -> BlockEntry | None:
        """Return the block where a walk starts, None for before the first. Raises UnknownBlockError."""
        if not place:
            return None
        entry = self._places.get(place) or self._chainstate.entry(place)
        if entry is None:
            raise UnknownBlockError(f"Block {shown(place)} is unknown")
        return entry

    def _remember(self, entry: BlockEntry | None) -> None:
        """Keep where walks ended: most go on there, and then need not wait for a kernel that connects a block."""
        if entry is not None:
            if len(self._places) >= _KEPT_PLACES:
                self._places = {}
            self._places[entry.hash] = entry

    def next(
        self,
        position: Position,
        wanted: Wanted,
        max_events: int,
        timeout: float,
        cancellations: Sequence[Cancellation] = (),
        answer: Deferral | None = None,
        finished: Callable[[], None] = _nothing,
    ) -> EventBatch | None:
        """Do as `Events.next`, waiting until a cancellation comes.

        With `answer` it does not wait but answers there, returns LATER, and calls `finished` before.
        """
        signal, waits = (self._all, self._all_waits) if wanted.transactions else (self.signal, self.waits)
        deadline = time.monotonic() + max(0.0, timeout) / 1000  # In this order NaN is 0.
        most = min(max_events, MAX_EVENTS)
        if most < 1:
            raise ValueError(f"max_events must be at least 1, not {max_events}")
        while True:
            seen: int | None = signal.count
            if signal.closed or any(cancellation.cancelled for cancellation in cancellations):
                return None
            left = deadline - time.monotonic()
            moving = time.monotonic() - signal.changed_at < _MOVING
            if answer is not None and left > 0 and moving and waits.is_busy:
                seen = None
            else:
                worked = time.thread_time()
                found = self._collect(position, wanted, most)
                batch: EventBatch = found.value
                if batch.events or left <= 0:
                    if answer is not None:
                        finished()
                        answer.give(found)
                        answer.send()
                        batch = LATER
                    if moving:
                        waits.charge(1, time.thread_time() - worked)
                    return batch
                position = batch.position
            if answer is None:
                signal.wait(signal.count if seen is None else seen, left, cancellations)
                if wanted.transactions and not signal.closed:
                    time.sleep(_LINGER)  # They come many at a time.
            elif waits.add(DeferredWait(position, wanted, most, deadline, cancellations, answer, finished), seen):
                later: EventBatch = LATER
                return later

    def _collect(self, position: Position, wanted: Wanted, most: int) -> Shared:
        """Return a batch, made once for all who are at one place while the chain stands still."""
        chain = self._chainstate
        if wanted.has_data:
            return Shared(self._make(position, wanted, most))
        with self._making:
            last = self._log.last if wanted.transactions and self._log is not None else 0
            key = (position, wanted, most, chain.tip().hash, chain.best_header().hash, last)
            found = self._batches.get(key)
            if found is None:
                if len(self._batches) >= _KEPT_BATCHES:
                    self._batches.clear()
                found = self._batches[key] = Shared(self._make(position, wanted, most))
        return found

    def _make(self, position: Position, wanted: Wanted, most: int) -> EventBatch:
        chain = self._chainstate
        batch = BatchBuilder(chain, self._blocks, wanted, most, position.block, self._start)
        tip, header_tip, mempool = position.tip, position.header_tip, position.mempool
        if wanted.header_tip and (best := chain.best_header()).hash != header_tip:
            batch.add(block_event(EventKind.HEADER_TIP, best, parent_of(best)))
            header_tip = best.hash
        target: BlockEntry | None
        if wanted.transactions and self._log is not None:
            mempool, target = batch.follow(self._log, mempool)
        else:
            target = chain.tip()
            if not batch.walk_to(target):
                target = None
        self._remember(batch.entry)
        if wanted.tip and target is not None and target.hash != tip and not batch.is_full:
            initial = chain.is_initial_block_download()
            batch.add(block_event(EventKind.TIP, target, parent_of(target), initial_download=initial))
            tip = target.hash
        return EventBatch(batch.events, Position(batch.block, tip, header_tip, mempool))

    def close(self) -> None:
        """End all waits. Idempotent."""
        self._remove()
        if self._log is not None:
            self._log.close()
        for signal, waits in ((self.signal, self.waits), (self._all, self._all_waits)):
            signal.close()
            waits.close()


class _Listener:
    """Hears of each change on the thread that makes it, and only passes on that there was one."""

    def __init__(self, signal: ChangeSignal) -> None:
        self._signal = signal

    def block_connected(self, entry: BlockEntry, block: object) -> None:
        """Wait for the tip that follows."""

    def block_disconnected(self, entry: BlockEntry, block: object) -> None:
        """Wait for the tip that follows."""

    def tip_changed(self, entry: BlockEntry, initial_download: bool) -> None:
        """Tell."""
        del entry, initial_download
        self._signal.changed()

    def header_tip(self, entry: BlockEntry) -> None:
        """Tell."""
        del entry
        self._signal.changed()
