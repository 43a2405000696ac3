"""The indexes of transactions by id and by what they spend (Core: txindex, txospenderindex)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from node.indexes.places import PlaceIndex

if TYPE_CHECKING:
    from collections.abc import Iterable

    from node.block_scanner import ScannedTransaction
    from node.indexes.chain import Chain, Entry

FORMAT: Final = b"pynode transactions 1"
SPENDER_FORMAT: Final = b"pynode spenders 1"


class FoundTransaction(NamedTuple):
    """A transaction in a block."""

    entry: Entry
    data: bytes


class TransactionIndex(PlaceIndex):
    """Finds a transaction by its id."""

    name = "txindex"
    thread_name = "txidx"
    prefix_size = 5

    def _contents(self, transactions: list[ScannedTransaction]) -> Iterable[tuple[bytes, int]]:
        return ((transaction.txid, transaction.start) for transaction in transactions)

    def find(self, txid: bytes, chain: Chain) -> FoundTransaction | None:
        """Return a transaction, of the best chain if it is there, else of the block indexed last. Raises StoreError."""
        for candidate in self.candidates(txid, chain):
            if candidate.transaction.txid == txid:
                return FoundTransaction(candidate.entry, candidate.data)
        return None


class SpenderIndex(PlaceIndex):
    """Finds the transaction that spends an output."""

    name = "txospenderindex"
    thread_name = "txospenderidx"
    prefix_size = 8

    def _contents(self, transactions: list[ScannedTransaction]) -> Iterable[tuple[bytes, int]]:
        return ((prevout, transaction.start) for transaction in transactions[1:] for prevout in transaction.prevouts)

    def find(self, outpoint: bytes, chain: Chain) -> FoundTransaction | None:
        """Return the transaction of the best chain that spends an outpoint, 36 bytes. Raises StoreError.

        As in Core, a block that was undone goes on to count until another one is at its height.
        """
        tip = chain.tip()
        for candidate in self.candidates(outpoint, chain):
            counts = candidate.in_chain or candidate.entry.height > tip.height
            if counts and outpoint in candidate.transaction.prevouts:
                return FoundTransaction(candidate.entry, candidate.data)
        return None
