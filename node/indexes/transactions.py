"""The transaction index: the block of any transaction, and where in it.

Key: `x`, five salted bytes of the id's hash, the number of the block, the offset in it; no value. `b` and `n` turn
hashes of blocks into numbers and back, in the order they were indexed. What is found is compared with the id, so the
few ids whose five bytes are the same do no harm. Blocks that left the chain stay, as in Core, behind those in it.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final, NamedTuple

from siphash24 import siphash24

from node.block_scanner import BlockScanError, scan_transaction
from node.indexes.index import Index

if TYPE_CHECKING:
    from node.indexes.blocks import IndexedBlock
    from node.indexes.chain import Chain, Entry
    from node.store import Store

_TRANSACTION: Final = b"x"
_NUMBER_OF: Final = b"b"
_BLOCK: Final = b"n"
_NEXT: Final = b"N"
_SALT: Final = b"S"
_PREFIX_SIZE: Final = 5

FORMAT: Final = b"pynode transactions 1"


class FoundTransaction(NamedTuple):
    """A transaction in a block."""

    entry: Entry
    data: bytes


class TransactionIndex(Index):
    """See above."""

    name = "txindex"
    thread_name = "txidx"
    needs_undo = False
    allows_pruning = False

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

    def append(self, block: IndexedBlock) -> None:
        """Say where the block's transactions are, unless that is known since before. Raises StoreError."""
        block_hash = block.entry.hash
        if not block.entry.height or self.store.get(_NUMBER_OF + block_hash) is not None:
            return
        number = self._next.to_bytes(4, "big")
        salt = self._salt
        puts = {
            b"x" + siphash24(txid, key=salt).digest()[:5] + number + start.to_bytes(4, "big"): b""
            for txid, start, _, _, _ in block.transactions()
        }
        puts = dict.fromkeys(sorted(puts), b"")
        puts[_NUMBER_OF + block_hash] = number
        puts[_BLOCK + number] = block_hash
        puts[_NEXT] = (self._next + 1).to_bytes(4, "big")
        self.store.write(puts)
        self._next += 1

    def remove(self, block: IndexedBlock) -> None:
        """Keep it: it can still be found."""

    def find(self, txid: bytes, chain: Chain) -> FoundTransaction | None:
        """Return a transaction, in the best chain if it is there, else in the block indexed last. Raises StoreError."""
        prefix = _TRANSACTION + siphash24(txid, key=self._salt).digest()[:_PREFIX_SIZE]
        candidates = []
        for key, _ in self.store.items(prefix):
            number, offset = key[len(prefix) : -4], int.from_bytes(key[-4:], "big")
            block_hash = self.store.get(_BLOCK + number)
            entry = None if block_hash is None else chain.entry(block_hash)
            if entry is not None:
                candidates.append((chain.contains(entry), number, offset, entry))
        for _, _, offset, entry in sorted(candidates, key=lambda candidate: candidate[:3], reverse=True):
            block = chain.read_block(entry)
            try:
                found = scan_transaction(block, offset)
            except BlockScanError:
                continue
            if found.txid == txid:
                return FoundTransaction(entry, block[found.start : found.end])
        return None
