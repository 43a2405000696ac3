"""Putting a batch of events together: the way over the tree of blocks, and what the log has of the mempool."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from interfaces.events import BlockMissingError, Event, EventKind, MempoolPosition, Wanted
from interfaces.mining import BlockRef
from node.chainstate import BlockMissingError as NoDataError
from primitives.block_keys import block_keys

if TYPE_CHECKING:
    from collections.abc import Callable

    from node.block_tree import BlockEntry
    from node.chainstate import Chainstate
    from node.event_log import EventLog, Listing, Record, Stretch, Waiting

    Start = Callable[[bytes], BlockEntry | None]

MAX_BATCH_BYTES: Final = 4_000_000
"""Data of blocks and transactions after which a batch ends."""
_CACHED_BYTES: Final = 8_000_000


class BatchBuilder:
    """Collects events in their order until there are enough, and moves on from where the client stood."""

    def __init__(
        self, chainstate: Chainstate, blocks: RecentBlocks, wanted: Wanted, most: int, block: bytes, start: Start
    ) -> None:
        """Begin at `block`, empty for before the first; `start` looks such a place up, raising UnknownBlockError."""
        self.events: list[Event] = []
        self.block = block
        """Where the client stands after the events."""
        self.entry: BlockEntry | None = None
        """The same, once it was looked up."""
        self._chainstate = chainstate
        self._blocks = blocks
        self._wanted = wanted
        self._most = most
        self._start = start
        self._bytes = 0
        self._walks = wanted.connected or wanted.disconnected

    @property
    def is_full(self) -> bool:
        """Whether it has enough."""
        return len(self.events) >= self._most or self._bytes >= MAX_BATCH_BYTES

    def add(self, event: Event) -> None:
        """Add an event that needs nothing more."""
        self.events.append(event)
        self._bytes += len(event.data or b"") + len(event.keys or b"")

    def walk_to(self, tip: BlockEntry) -> bool:
        """Add the blocks on the shortest way to a tip; whether all of them were added. Raises BlockMissingError."""
        if not self._walks or self.block == tip.hash:
            return True
        walk = _Walk(self._start(self.block), tip, self._most)
        while not self.is_full:
            event = walk.step()
            if event is None:
                self.entry = walk.entry
                return True
            if not self._add_block(event):
                return False
            self.block = walk.place
        self.entry = walk.entry
        return self.block == tip.hash

    def _add_block(self, event: Event) -> bool:
        wanted = self._wanted
        connected = event.kind is EventKind.BLOCK_CONNECTED
        if wanted.connected if connected else wanted.disconnected:
            whole = wanted.connected_data if connected else wanted.disconnected_data
            keys = wanted.connected_keys and connected
            if whole or keys:
                try:
                    event = self._with_data(event, whole=whole, keys=keys)
                except BlockMissingError:
                    if not self.events:
                        raise
                    return False  # What came before is told first.
            self.add(event)
        return True

    def _with_data(self, event: Event, *, whole: bool, keys: bool) -> Event:
        entry = None if event.block is None else self._chainstate.entry(event.block.hash)
        if entry is None:
            return event
        blocks = self._blocks
        return replace(event, data=blocks.read(entry) if whole else None, keys=blocks.keys(entry) if keys else None)

    # --- the mempool ---------------------------------------------------------------------------------------------

    def follow(self, log: EventLog, place: MempoolPosition) -> tuple[MempoolPosition, BlockEntry | None]:
        """Add what the log has after a place; return the place then, and the tip if that was all there is."""
        run, number, listed = log.run, place.number, place.listed
        listing: Listing | None = None
        stretch: Stretch | None = None
        if place.run == run:
            listing = log.listing(number) if listed else None
            stretch = None if listed else log.after(number, self._most)
        if listing is None and stretch is None:
            listing = log.newest_listing()
            self.add(Event(EventKind.MEMPOOL_LISTED))
            number, listed = listing.number, 1
        if listing is not None:
            if self.is_full or not self.walk_to(listing.tip):
                return MempoolPosition(run, number, listed), None
            listed = self._list(listing, listed - 1) + 1
            if listed <= len(listing.transactions):
                return MempoolPosition(run, number, listed), None
            stretch = log.after(number, self._most)
            if stretch is None:  # It was too long ago by now.
                return MempoolPosition(), None
        assert stretch is not None  # noqa: S101 - one of both is there
        for record in stretch.records:
            if self.is_full:
                break
            told = self._tell(record, max(0, number + 1 - record.first))
            if told < 0:
                break
            number = record.first + told - 1
        here = MempoolPosition(run, number)
        if number < stretch.last or not self.walk_to(stretch.tip):
            return here, None
        return here, stretch.tip

    def _list(self, listing: Listing, told: int) -> int:
        """Tell of the transactions after the first `told`, and return how many of all were told by now."""
        for transaction in listing.transactions[told : told + self._most]:
            if self.is_full:
                break
            self.add(self._added(transaction, transaction.sequence))
            told += 1
        return told

    def _tell(self, record: Record, skipped: int) -> int:
        """Tell the events of a record after the first `skipped`; return how many of all were told, -1 for none."""
        if record.added is not None:
            self.add(self._added(record.added, record.sequence))
        elif record.block is not None:
            return 1 if self._tell_block(record.kind, record.block) else -1
        else:
            told = skipped
            for txid, wtxid in record.removed[skipped:]:
                if self.is_full:
                    return told
                self.add(
                    Event(
                        EventKind.TRANSACTION_REMOVED,
                        txid=txid,
                        wtxid=wtxid,
                        mempool_sequence=record.sequence,
                        reason=record.reason,
                    )
                )
                told += 1
        return record.size

    def _tell_block(self, kind: EventKind, entry: BlockEntry) -> bool:
        """Tell of a block unless the client knows from before, or stands elsewhere: then it is led there at the end."""
        parent = parent_of(entry)
        before, after = (parent, entry.hash) if kind is EventKind.BLOCK_CONNECTED else (entry.hash, parent)
        if self._walks and self.block == before:
            if not self._add_block(block_event(kind, entry, parent)):
                return False
            self.block = after
        return True

    def _added(self, transaction: Waiting, sequence: int) -> Event:
        return Event(
            EventKind.TRANSACTION_ADDED,
            time=transaction.time,
            data=transaction.data if self._wanted.transaction_data else None,
            txid=transaction.txid,
            mempool_sequence=sequence,
            wtxid=transaction.wtxid,
            fee=transaction.fee,
            vsize=transaction.vsize,
        )


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
                return block_event(EventKind.BLOCK_DISCONNECTED, here, self.place)
            self._leaving = False
        if not self._following:
            self._look_ahead(here.height + 1 if here is not None else 0)
            if not self._following:
                return None
        before = self.place
        self.entry = following = self._following.pop()
        return block_event(EventKind.BLOCK_CONNECTED, following, before)

    def _look_ahead(self, height: int) -> None:
        """Note the next blocks, last first: parents are found at once, descendants are searched from the tip."""
        last = min(self._tip.height, height + self._most - 1)
        if last < height:
            return
        entry: BlockEntry | None = self._tip.ancestor(last)
        while entry is not None and entry.height >= height:
            self._following.append(entry)
            entry = entry.previous


class RecentBlocks:
    """Blocks as read from disk, and their keys, so that many clients that ask for the same cost one reading."""

    def __init__(self, chain: Chainstate) -> None:
        self._chain = chain
        self._lock = threading.Lock()
        self._blocks = _Recent()
        self._keys = _Recent()

    def read(self, entry: BlockEntry) -> bytes:
        """Return a block. Raises BlockMissingError."""
        with self._lock:
            return self._blocks.find(entry, self._read)

    def keys(self, entry: BlockEntry) -> bytes:
        """Return the keys of what a block spends and pays. Raises BlockMissingError."""
        with self._lock:
            return self._keys.find(entry, lambda entry: block_keys(self._blocks.find(entry, self._read)))

    def _read(self, entry: BlockEntry) -> bytes:
        try:
            return self._chain.read_block(entry)
        except NoDataError as error:
            name = shown(entry.hash)
            raise BlockMissingError(f"Block {name} at height {entry.height} is not available: {error}") from error


class _Recent:
    """What was made of blocks, the latest few megabytes."""

    def __init__(self) -> None:
        self._known: OrderedDict[bytes, bytes] = OrderedDict()
        self._bytes = 0

    def find(self, entry: BlockEntry, make: Callable[[BlockEntry], bytes]) -> bytes:
        """Return what is known of a block, or make it."""
        found = self._known.get(entry.hash)
        if found is None:
            found = self._known[entry.hash] = make(entry)
            self._bytes += len(found)
            while self._bytes > _CACHED_BYTES:
                self._bytes -= len(self._known.popitem(last=False)[1])
        return found


def block_event(kind: EventKind, entry: BlockEntry, previous: bytes, *, initial_download: bool = False) -> Event:
    """Return an event about a block whose parent has the hash `previous`."""
    return Event(kind, BlockRef(entry.hash, entry.height), previous, entry.time, initial_download)


def parent_of(entry: BlockEntry) -> bytes:
    """Return the hash of a block's parent, empty for the first block."""
    previous = entry.previous
    return previous.hash if previous is not None else b""


def shown(name: bytes) -> str:
    """Write a hash as people read it."""
    return f"'{name[::-1].hex()}'"
