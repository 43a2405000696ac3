"""What the indexes of transactions and spenders share: the places in blocks where something is.

Key: `x`, salted bytes of the hash of what is looked for, the number of the block, the offset in it; no value. `b`
and `n` turn hashes of blocks into numbers and back, in the order they were indexed. Who looks something up compares
what stands there, so the few things whose salted bytes are the same do no harm. Blocks that left the chain stay.
"""

from __future__ import annotations

import os
from abc import abstractmethod
from typing import TYPE_CHECKING, Final, NamedTuple

from siphash24 import siphash24

from node.block_scanner import BlockScanError, ScannedTransaction, scan_transaction
from node.indexes.index import Index

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from node.indexes.blocks import IndexedBlock
    from node.indexes.chain import Chain, Entry
    from node.store import Store

_PLACE: Final = b"x"
_NUMBER_OF: Final = b"b"
_BLOCK: Final = b"n"
_NEXT: Final = b"N"
_SALT: Final = b"S"


class Candidate(NamedTuple):
    """A transaction that may be what is looked for, and its bytes."""

    entry: Entry
    in_chain: bool
    transaction: ScannedTransaction
    data: bytes


class PlaceIndex(Index):
    """An index of places. `prefix_size` is how many bytes of a hash it keeps."""

    needs_undo = False
    allows_pruning = False
    prefix_size: int

    def __init__(self, store: Store) -> None:
        """Keep everything in `store`. Raises StoreError."""
        super().__init__(store)
        salt = store.get(_SALT)
        if salt is None:
            salt = os.urandom(16)
            store.write({_SALT: salt}, sync=True)
        self._salt = salt
        self._next = int.from_bytes(store.get(_NEXT) or b"", "big")

    def load(self, best: Entry | None) -> None:
        """Need nothing more."""

    @abstractmethod
    def _contents(self, transactions: list[ScannedTransaction]) -> Iterable[tuple[bytes, int]]:
        """Give what is to be found and the offset of the transaction it leads to."""

    def append(self, block: IndexedBlock) -> None:
        """Say where things are in the block, unless that is known since before. Raises StoreError."""
        block_hash = block.entry.hash
        if not block.entry.height or self.store.get(_NUMBER_OF + block_hash) is not None:
            return
        number = self._next.to_bytes(4, "big")
        salt, size = self._salt, self.prefix_size
        keys = [
            _PLACE + siphash24(content, key=salt).digest()[:size] + number + offset.to_bytes(4, "big")
            for content, offset in self._contents(block.transactions())
        ]
        keys.sort()
        puts = dict.fromkeys(keys, b"")
        puts[_NUMBER_OF + block_hash] = number
        puts[_BLOCK + number] = block_hash
        puts[_NEXT] = (self._next + 1).to_bytes(4, "big")
        self.store.write(puts)
        self._next += 1

    def remove(self, block: IndexedBlock) -> None:
        """Keep it: it can still be found."""

    def holds(self, entry: Entry) -> bool:
        """Whether the block was looked at. Raises StoreError."""
        return self.store.get(_NUMBER_OF + entry.hash) is not None

    def candidates(self, content: bytes, chain: Chain) -> Iterator[Candidate]:
        """Give where something may be: in the best chain first, then in blocks indexed last. Raises StoreError."""
        prefix = _PLACE + siphash24(content, key=self._salt).digest()[: self.prefix_size]
        places = []
        for key, _ in self.store.items(prefix):
            number, offset = key[len(prefix) : -4], int.from_bytes(key[-4:], "big")
            block_hash = self.store.get(_BLOCK + number)
            entry = None if block_hash is None else chain.entry(block_hash)
            if entry is not None:
                places.append((chain.contains(entry), number, offset, entry))
        for in_chain, _, offset, entry in sorted(places, key=lambda place: place[:3], reverse=True):
            block = chain.read_block(entry)
            try:
                found = scan_transaction(block, offset)
            except BlockScanError:
                continue
            yield Candidate(entry, in_chain, found, block[found.start : found.end])
