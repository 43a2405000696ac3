"""Blocks on their way to the indexes: those just connected are kept a while, others are read from disk."""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING, Final

from node.block_scanner import ScannedTransaction, scan_block
from node.indexes.index import IndexFailedError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from node.coin import Coin
    from node.indexes.chain import Chain, ConnectedBlock, Entry

_KEPT_BYTES: Final = 16 << 20


class IndexedBlock:
    """A block with what indexes want of it, found once and on demand; each raises IndexFailedError if it cannot be."""

    __slots__ = ("_chain", "_data", "_source", "_transactions", "_undo", "entry")

    def __init__(self, chain: Chain, entry: Entry, source: ConnectedBlock | None = None) -> None:
        """Hold a block of `chain`, as listeners got it if they did."""
        self.entry = entry
        self._chain = chain
        self._source = source
        self._data = None if source is None else source.bytes()
        self._transactions: list[ScannedTransaction] | None = None
        self._undo: Sequence[Sequence[Coin]] | None = None

    def data(self) -> bytes:
        """Return its bytes."""
        if self._data is None:
            try:
                self._data = self._chain.read_block(self.entry)
            except Exception as error:
                raise IndexFailedError(f"Failed to read block {self._hash} from disk") from error
        return self._data

    def transactions(self) -> list[ScannedTransaction]:
        """Return its transactions."""
        if self._transactions is None:
            if self._source is None:
                self._transactions = scan_block(self.data())
            else:
                try:
                    self._transactions = self._source.transactions()
                    self._data = self._source.bytes()
                except Exception as error:
                    raise IndexFailedError(f"Failed to read block {self._hash} from disk") from error
        return self._transactions

    def undo(self) -> Sequence[Sequence[Coin]]:
        """Return the coins that each transaction but the first spent."""
        if self._undo is None:
            try:
                self._undo = self._chain.read_undo(self.entry) if self.entry.height else ()
            except Exception as error:
                raise IndexFailedError(f"Failed to read undo block data {self._hash} from disk") from error
        return self._undo

    @property
    def _hash(self) -> str:
        return self.entry.hash[::-1].hex()


class BlockFeed:
    """Listens to the chain, wakes the indexes, and hands them blocks."""

    def __init__(self, chain: Chain) -> None:
        """Begin to listen."""
        self._chain = chain
        self._lock = threading.Lock()
        self._recent: dict[bytes, IndexedBlock] = {}  # By the hash of their parent.
        self._stale: dict[bytes, list[IndexedBlock]] = {}  # Those that left the chain, by the hash of their parent.
        self._order: deque[tuple[bytes, IndexedBlock]] = deque()
        self._size = 0
        self._wakers: tuple[threading.Event, ...] = ()
        self._remove: Callable[[], None] = chain.add_listener(self)

    def add_waker(self, waker: threading.Event) -> None:
        """Set `waker` at every change of the tip."""
        self._wakers = (*self._wakers, waker)

    def block_connected(self, entry: Entry, block: ConnectedBlock) -> None:
        """Keep the block."""
        data = block.bytes()
        parent = data[4:36]
        kept = IndexedBlock(self._chain, entry, block)
        with self._lock:
            self._recent[parent] = kept
            self._order.append((parent, kept))
            self._size += len(data)
            self._forget_stale(parent, entry.hash)
            while self._size > _KEPT_BYTES:
                old_parent, old = self._order.popleft()
                self._size -= len(old.data())
                if self._recent.get(old_parent) is old:
                    del self._recent[old_parent]
                self._forget_stale(old_parent, old.entry.hash)

    def _forget_stale(self, parent: bytes, block_hash: bytes) -> None:
        known = self._stale.get(parent)
        if known is not None:
            left = [block for block in known if block.entry.hash != block_hash]
            if left:
                self._stale[parent] = left
            else:
                del self._stale[parent]

    def block_disconnected(self, entry: Entry, block: ConnectedBlock) -> None:
        """Put the block aside; the indexes see from the tip that it is gone."""
        parent = block.bytes()[4:36]
        with self._lock:
            kept = self._recent.get(parent)
            if kept is not None and kept.entry.hash == entry.hash:
                del self._recent[parent]
                self._stale.setdefault(parent, []).append(kept)

    def tip_changed(self, entry: Entry, initial_download: bool) -> None:
        """Wake the indexes."""
        del entry, initial_download
        for waker in self._wakers:
            if not waker.is_set():
                waker.set()

    def header_tip(self, entry: Entry) -> None:
        """Do nothing."""

    def child_of(self, block_hash: bytes) -> IndexedBlock | None:
        """Return the block lately connected on top of another."""
        return self._recent.get(block_hash)

    def stale_children_of(self, block_hash: bytes) -> list[IndexedBlock]:
        """Return the blocks that were lately on top of another and left the chain."""
        with self._lock:
            return list(self._stale.get(block_hash, ())) if self._stale else []

    def read(self, entry: Entry) -> IndexedBlock:
        """Return a block that is read from disk when it is looked at."""
        return IndexedBlock(self._chain, entry)

    def close(self) -> None:
        """Stop listening. Idempotent."""
        remove, self._remove = self._remove, _nothing
        remove()


def _nothing() -> None:
    pass
