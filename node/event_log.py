"""What happened lately to chain and mempool, numbered in one order, for events of transactions.

Unlike those of blocks, they do not follow from a place in the tree, so they are kept for a while, of all clients
together: the newest records, up to a number of them and of bytes. Who stands before the oldest gets a listing of the
mempool instead, and goes on from the number at which it was made.
"""

from __future__ import annotations

import os
import threading
from bisect import bisect_right
from collections import OrderedDict
from typing import TYPE_CHECKING, Final, NamedTuple

from interfaces.events import EventKind
from node.mempool.mempool import RemovalReason

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from node.block_tree import BlockEntry
    from node.chainstate import Chainstate
    from node.mempool.entry import MempoolEntry
    from node.mempool.mempool import Addition, Mempool

_KEPT_EVENTS: Final = 50_000
_KEPT_BYTES: Final = 16_000_000
_KEPT_LISTINGS: Final = 4
_RECORD_BYTES: Final = 200
"""About what a record takes besides the transaction."""


class Waiting(NamedTuple):
    """A transaction of the mempool as it is told, without the mempool's own bonds between entries."""

    txid: bytes
    wtxid: bytes
    data: bytes
    fee: int
    """In satoshis, without the operator's delta."""
    vsize: int
    time: int
    sequence: int
    """The mempool's number when it came, 0 if it came back from a block."""


class Record(NamedTuple):
    """One event, or as many as there are transactions that left for a block."""

    first: int
    """The number of the first event."""
    kind: EventKind
    block: BlockEntry | None
    added: Waiting | None
    removed: Sequence[tuple[bytes, bytes]]
    """Id and witness id of each transaction that left."""
    sequence: int
    """The mempool's sequence number, 0 where it has none."""
    reason: str

    @property
    def size(self) -> int:
        """How many events it is."""
        return len(self.removed) or 1


class Listing(NamedTuple):
    """The mempool as it was at one number."""

    number: int
    tip: BlockEntry
    transactions: Sequence[Waiting]


class Stretch(NamedTuple):
    """Some records, and the number of the newest event and the tip after it when they were taken."""

    records: Sequence[Record]
    last: int
    tip: BlockEntry


class EventLog:
    """Listens from its making to `close`. Thread-safe."""

    def __init__(self, chainstate: Chainstate, mempool: Mempool, changed: Callable[[], None]) -> None:
        """Call `changed`, which must be quick, after each record."""
        self.run = int.from_bytes(os.urandom(7), "little") | 1
        """Tells the numbers of this run of the node from others, never 0."""
        self._mempool = mempool
        self._chainstate = chainstate
        self._changed = changed
        self._lock = threading.Lock()
        self._records: list[Record] = []
        self._dropped = 0
        """How many of the first records do not count any more."""
        self._bytes = 0
        self._last = 0
        self._listings: OrderedDict[int, Listing] = OrderedDict()
        # An import tells of blocks without `processing`, and the mempool's lock is taken by who hears of them.
        with chainstate.processing, chainstate.telling, mempool.lock:
            self._tip = chainstate.tip()
            self._ends = (chainstate.add_listener(self), mempool.add_listener(self))

    @property
    def last(self) -> int:
        """The number of the newest event."""
        return self._last

    def close(self) -> None:
        """Listen no longer. Idempotent."""
        for end in self._ends:
            end()

    # --- what is there -------------------------------------------------------------------------------------------

    def place(self) -> tuple[int, BlockEntry]:
        """Return the number of the newest event and the tip after it."""
        with self._lock:
            return self._last, self._tip

    def after(self, number: int, most: int) -> Stretch | None:
        """Return the records that hold the next `most` events after one, None if some are not kept any more.

        The first record may begin before the event after `number`.
        """
        with self._lock:
            if not self._is_kept(number):
                return None
            start = bisect_right(self._records, number + 1, self._dropped, key=_first) - 1
            records = self._records[start : start + most] if number < self._last else []
            return Stretch(records, self._last, self._tip)

    def listing(self, number: int) -> Listing | None:
        """Return the listing made at a number, None if it is not kept any more or one should not go on from there."""
        with self._lock:
            return self._listings.get(number) if self._is_kept(number) else None

    def newest_listing(self) -> Listing:
        """Return a listing that one can go on from, of now if there is no newer one in use."""
        with self._mempool.lock, self._lock:
            newest = next(reversed(self._listings.values()), None)
            # Not one made at another tip: who stands at this one would be led back there first.
            if (
                newest is not None
                and newest.tip == self._tip
                and self._last - newest.number < _KEPT_EVENTS // 2
                and self._is_kept(newest.number)
            ):
                return newest
            made = Listing(self._last, self._tip, tuple(map(_waiting, self._mempool.entries())))
            self._listings[made.number] = made
            while len(self._listings) > _KEPT_LISTINGS:
                self._listings.popitem(last=False)
            return made

    def _is_kept(self, number: int) -> bool:
        oldest = self._records[self._dropped].first if self._dropped < len(self._records) else self._last + 1
        return oldest - 1 <= number <= self._last

    # --- what happens --------------------------------------------------------------------------------------------

    def _add(
        self,
        kind: EventKind,
        block: BlockEntry | None = None,
        added: Waiting | None = None,
        removed: Sequence[tuple[bytes, bytes]] = (),
        sequence: int = 0,
        reason: str = "",
    ) -> None:
        with self._lock:
            record = Record(self._last + 1, kind, block, added, removed, sequence, reason)
            self._records.append(record)
            self._last += record.size
            self._bytes += _size(record)
            while self._bytes > _KEPT_BYTES or self._last - self._records[self._dropped].first >= _KEPT_EVENTS:
                if self._dropped == len(self._records) - 1:
                    break
                self._bytes -= _size(self._records[self._dropped])
                self._dropped += 1
                while self._listings and not self._is_kept(next(iter(self._listings))):
                    self._listings.popitem(last=False)
            if self._dropped * 2 > len(self._records):
                del self._records[: self._dropped]
                self._dropped = 0
        self._changed()

    def transaction_added(self, entry: MempoolEntry, sequence: int, addition: Addition) -> None:
        """See MempoolListener."""
        del addition
        self._add(EventKind.TRANSACTION_ADDED, added=_waiting(entry), sequence=sequence)

    def transaction_removed(self, entry: MempoolEntry, reason: RemovalReason, sequence: int) -> None:
        """See MempoolListener."""
        removed = ((entry.txid, entry.wtxid),)
        self._add(EventKind.TRANSACTION_REMOVED, removed=removed, sequence=sequence, reason=reason.value)

    def removed_for_block(self, entries: Sequence[MempoolEntry], height: int) -> None:
        """See MempoolListener."""
        del height
        if entries:
            removed = [(entry.txid, entry.wtxid) for entry in entries]
            self._add(EventKind.TRANSACTION_REMOVED, removed=removed, reason=RemovalReason.BLOCK.value)

    def block_connected(self, entry: BlockEntry, block: object) -> None:
        """See ChainListener."""
        del block
        self._tip = entry
        self._add(EventKind.BLOCK_CONNECTED, entry)

    def block_disconnected(self, entry: BlockEntry, block: object) -> None:
        """See ChainListener."""
        del block
        self._tip = entry.previous or entry
        self._add(EventKind.BLOCK_DISCONNECTED, entry)

    def tip_changed(self, entry: BlockEntry, initial_download: bool) -> None:
        """See ChainListener."""
        del initial_download
        self._tip = entry
        self._changed()

    def header_tip(self, entry: BlockEntry) -> None:
        """See ChainListener."""
        del entry
        self._changed()


def _first(record: Record) -> int:
    return record.first


def _size(record: Record) -> int:
    return _RECORD_BYTES * record.size + (len(record.added.data) if record.added is not None else 0)


def _waiting(entry: MempoolEntry) -> Waiting:
    return Waiting(entry.txid, entry.wtxid, entry.data, entry.base_fee, entry.vsize, entry.time, entry.sequence)
