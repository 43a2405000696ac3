"""Transactions of blocks that left the chain, to be let in again (Core: src/kernel/disconnected_transactions.h)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from node.mempool.memory import allocated

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from node.block_scanner import ScannedTransaction

MAX_BYTES: Final = 20_000_000
_OVERHEAD: Final = 208 + 64 + 64
"""Of a transaction, its place in a list and in a map."""


class DisconnectedTransactions:
    """Keeps the earliest ones; what came last in the old chain is left out when there are too many."""

    def __init__(self, limit: int = MAX_BYTES) -> None:
        """Keep so many bytes, counted about as Core counts."""
        self._limit = limit
        self._used = 0
        self._kept: dict[bytes, tuple[bytes, int]] = {}  # By txid, the last of the old chain first.

    def add_block(self, data: bytes, transactions: Sequence[ScannedTransaction]) -> list[tuple[bytes, int]]:
        """Take a block's transactions, and later those of its parent.

        Return id and number of outputs of what is left out.
        """
        for transaction in reversed(transactions):
            raw = data[transaction.start : transaction.end]
            usage = _usage(transaction, len(raw))
            self._kept[transaction.txid] = raw, usage
            self._used += usage
        left_out = []
        while self._used > self._limit:
            txid, (raw, usage) = next(iter(self._kept.items()))
            del self._kept[txid]
            self._used -= usage
            left_out.append((txid, raw))
        return [(txid, _count_outputs(raw)) for txid, raw in left_out]

    def remove(self, txids: Iterable[bytes]) -> None:
        """Leave out what is in a block that joined the chain."""
        if self._kept:
            for txid in txids:
                found = self._kept.pop(txid, None)
                if found is not None:
                    self._used -= found[1]

    def take(self) -> Iterator[bytes]:
        """Give all, parents before children, each with its witnesses, and forget them."""
        kept, self._kept, self._used = self._kept, {}, 0
        while kept:
            yield kept.popitem()[1][0]


def _usage(transaction: ScannedTransaction, size: int) -> int:
    inputs, outputs = len(transaction.prevouts), len(transaction.outputs)
    return _OVERHEAD + allocated(112 * inputs) + allocated(48 * outputs) + size


def _count_outputs(raw: bytes) -> int:
    from node.block_scanner import scan_transaction

    return len(scan_transaction(raw, 0).outputs)
