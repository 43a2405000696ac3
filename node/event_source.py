"""The stream of events of a chain, computed from the tree of blocks and a place in it.

Nothing is kept for a listener: what comes next follows from where it stands and where the
chain is now. So a branch that the chain took and left while nobody looked is not told of.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from interfaces.deferral import LATER, Shared
from interfaces.events import BlockMissingError, Event, EventBatch, EventKind, Position, UnknownBlockError, Wanted
from interfaces.mining import BlockRef
from node.chainstate import BlockMissingError as NoDataError
from node.change_signal import ChangeSignal
from node.deferred_waits import DeferredWait, DeferredWaits

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from interfaces.cancellation import Cancellation
    from interfaces.deferral import Deferral
    from node.block_tree import BlockEntry
    from node.chainstate import Chainstate

MAX_EVENTS: Final = 1000
MAX_BATCH_BYTES: Final = 4_000_000
"""Data of blocks after which a batch ends."""
_MOVING: Final = 0.1
"""Seconds after a change in which the chain counts as busy."""
_KEPT_PLACES: Final = 256
_KEPT_BATCHES: Final = 16
_CACHED_BYTES: Final = 8_000_000


def _nothing() -> None:
    pass


class EventSource:
    """The events of one chain, for any number of clients. Thread-safe."""

    def __init__(self, chainstate: Chainstate) -> None:
        """Follow `chainstate` until `close`."""
        self._chainstate = chainstate
        self.signal = ChangeSignal()
        self._blocks = _RecentBlocks(chainstate)
        self._places: dict[bytes, BlockEntry] = {}
        self._making = threading.Lock()
        self._batches: dict[tuple[object, ...], Shared] = {}
        self.waits = DeferredWaits(self.signal, self._collect)
        self._remove = chainstate.add_listener(_Listener(self.signal))

    def find_position(self, locator: Sequence[bytes]) -> Position:
        """Return the position at the first block of `locator` that is known. Raises UnknownBlockError."""
        chain = self._chainstate
        if not locator:
            tip = chain.tip().hash
            return Position(tip, tip, chain.best_header().hash)
        for name in locator:
            if chain.entry(name) is not None:
                return Position(name)
        raise UnknownBlockError(f"None of these blocks is known: {', '.join(_shown(name) for name in locator)}")

    def check(self, position: Position, wanted: Wanted) -> None:
        """Raise UnknownBlockError if `next` would."""
        if wanted.connected or wanted.disconnected:
            self._start(position.block)

    def _start(self, place: bytes) -> BlockEntry | None:
        """Return the block where a walk starts, None for before the first. Raises UnknownBlockError."""
        if not place:
            return None
        entry = self._places.get(place) or self._chainstate.entry(place)
        if entry is None:
            raise UnknownBlockError(f"Block {_shown(place)} is unknown")
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
        signal = self.signal
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
            if answer is not None and left > 0 and moving and self.waits.is_busy:
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
                        self.waits.charge(1, time.thread_time() - worked)
                    return batch
                position = batch.position
            if answer is None:
                signal.wait(signal.count if seen is None else seen, left, cancellations)
            elif self.waits.add(DeferredWait(position, wanted, most, deadline, cancellations, answer, finished), seen):
                later: EventBatch = LATER
                return later

    def _collect(self, position: Position, wanted: Wanted, most: int) -> Shared:
        """Return a batch, made once for all who are at one place while the chain stands still."""
        chain = self._chainstate
        if wanted.connected_data or wanted.disconnected_data:
            return Shared(self._make(position, wanted, most))
        with self._making:
            key = (position, wanted, most, chain.tip().hash, chain.best_header().hash)
            found = self._batches.get(key)
            if found is None:
                if len(self._batches) >= _KEPT_BATCHES:
                    self._batches.clear()
                found = self._batches[key] = Shared(self._make(position, wanted, most))
        return found

    def _make(self, position: Position, wanted: Wanted, most: int) -> EventBatch:
        chain = self._chainstate
        events: list[Event] = []
        block, tip, header_tip = position.block, position.tip, position.header_tip
        if wanted.header_tip and (best := chain.best_header()).hash != header_tip:
            events.append(_event(EventKind.HEADER_TIP, best, _parent(best)))
            header_tip = best.hash
        target = chain.tip()
        reached = True
        if wanted.connected or wanted.disconnected:
            walk = _Walk(self._start(block), target, most)
            size = 0
            while reached := len(events) < most and size < MAX_BATCH_BYTES:
                event = walk.step()
                if event is None:
                    break
                connected = event.kind is EventKind.BLOCK_CONNECTED
                if wanted.connected if connected else wanted.disconnected:
                    if wanted.connected_data if connected else wanted.disconnected_data:
                        try:
                            event = self._with_data(event)
                        except BlockMissingError:
                            if not events:
                                raise
                            reached = False  # What came before is told first.
                            break
                        size += len(event.data or b"")
                    events.append(event)
                block = walk.place
            self._remember(walk.entry)
        if wanted.tip and target.hash != tip and reached and len(events) < most:
            events.append(
                _event(EventKind.TIP, target, _parent(target), initial_download=chain.is_initial_block_download())
            )
            tip = target.hash
        return EventBatch(events, Position(block, tip, header_tip))

    def _with_data(self, event: Event) -> Event:
        """Return the event with its block. Raises BlockMissingError."""
        entry = None if event.block is None else self._chainstate.entry(event.block.hash)
        return event if entry is None else replace(event, data=self._blocks.read(entry))

    def close(self) -> None:
        """End all waits. Idempotent."""
        self._remove()
        self.signal.close()
        self.waits.close()


class _Walk:
    """The shortest way from a block to a tip, one block at a time."""

    def __init__(self, start: BlockEntry | None, tip: BlockEntry, most: int) -> None:
        self.entry = start
        """Where it stands, None before the first block."""
        self._tip = tip
        self._leaving = start is not None
        self._following: list[BlockEntry] = []
        self._most = most

    @property
    def place(self) -> bytes:
        """The hash of where it stands, empty before the first block."""
        return self.entry.hash if self.entry is not None else b""

    def step(self) -> Event | None:
        """Move to the next block and return what happened, None at the tip."""
        here, tip = self.entry, self._tip
        if self._leaving and here is not None:
            if here.height > tip.height or tip.ancestor(here.height) != here:
                self.entry = here.previous
                return _event(EventKind.BLOCK_DISCONNECTED, here, self.place)
            self._leaving = False
        if not self._following:
            self._look_ahead(here.height + 1 if here is not None else 0)
            if not self._following:
                return None
        before = self.place
        self.entry = following = self._following.pop()
        return _event(EventKind.BLOCK_CONNECTED, following, before)

    def _look_ahead(self, height: int) -> None:
        """Note the next blocks, last first: parents are found at once, descendants are searched from the tip."""
        last = min(self._tip.height, height + self._most - 1)
        if last < height:
            return
        entry: BlockEntry | None = self._tip.ancestor(last)
        while entry is not None and entry.height >= height:
            self._following.append(entry)
            entry = entry.previous


class _RecentBlocks:
    """Blocks as read from disk, so that many clients that ask for the same cost one reading."""

    def __init__(self, chain: Chainstate) -> None:
        self._chain = chain
        self._lock = threading.Lock()
        self._known: OrderedDict[bytes, bytes] = OrderedDict()
        self._bytes = 0

    def read(self, entry: BlockEntry) -> bytes:
        """Return a block. Raises BlockMissingError."""
        name = entry.hash
        with self._lock:
            data = self._known.get(name)
            if data is None:
                try:
                    data = self._chain.read_block(entry)
                except NoDataError as error:
                    raise BlockMissingError(
                        f"Block {_shown(name)} at height {entry.height} is not available: {error}"
                    ) from error
                self._known[name] = data
                self._bytes += len(data)
                while self._bytes > _CACHED_BYTES:
                    self._bytes -= len(self._known.popitem(last=False)[1])
            return data


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


def _event(kind: EventKind, entry: BlockEntry, previous: bytes, *, initial_download: bool = False) -> Event:
    return Event(kind, BlockRef(entry.hash, entry.height), previous, entry.time, initial_download)


def _parent(entry: BlockEntry) -> bytes:
    """Return the hash of a block's parent, empty for the first block."""
    previous = entry.previous
    return previous.hash if previous is not None else b""


def _shown(name: bytes) -> str:
    """Write a hash as people read it."""
    return f"'{name[::-1].hex()}'"
