"""A transaction in the mempool: its bytes and what was found out about it once (Core: src/kernel/mempool_entry.h)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from node.mempool.graph_node import GraphNode
from node.mempool.memory import transaction_usage
from primitives.transaction import WITNESS_SCALE_FACTOR, Transaction

if TYPE_CHECKING:
    from node.policy.consensus import LockPoints


def within_int64(number: int) -> int:
    """Return what is nearest to a number of those that files and clients can hold."""
    return max(-(2**63), min(2**63 - 1, number))


class MempoolEntry(GraphNode):
    """One transaction. `fee` is what it pays with the operator's delta, `size` its weight adjusted for sigops."""

    __slots__ = (
        "base_fee",
        "data",
        "dust",
        "height",
        "lock_points",
        "prevouts",
        "sequence",
        "sigop_cost",
        "spends_coinbase",
        "time",
        "usage",
        "weight",
        "wtxid",
    )

    def __init__(
        self,
        transaction: Transaction,
        fee: int,
        *,
        time: int,
        height: int,
        sequence: int,
        spends_coinbase: bool,
        sigop_cost: int,
        lock_points: LockPoints,
        bytes_per_sigop: int,
        delta: int = 0,
        dust: tuple[int, ...] = (),
    ) -> None:
        """Keep a transaction that pays `fee` satoshis, came at `time` and while the chain had `height`."""
        weight = transaction.weight
        super().__init__(transaction.txid, within_int64(fee + delta), max(weight, sigop_cost * bytes_per_sigop))
        self.data = transaction.serialize()
        """With its witnesses."""
        self.wtxid = transaction.wtxid
        self.base_fee = fee
        self.weight = weight
        self.sigop_cost = sigop_cost
        self.time = time
        """In seconds since 1970."""
        self.height = height
        """The height of the tip when it came."""
        self.sequence = sequence
        """The mempool's sequence number when it came, 0 if it came back from a block."""
        self.spends_coinbase = spends_coinbase
        self.lock_points = lock_points
        self.prevouts = tuple(
            [prevout.txid + prevout.index.to_bytes(4, "little") for prevout, *_ in transaction.inputs]
        )
        """The outpoints it spends, 36 bytes each."""
        self.dust = dust
        """The outputs that are too small to be worth spending; empty where such are standard."""
        self.usage = transaction_usage(transaction)
        """The memory it counts for, in bytes, as Core counts (see node.mempool.memory)."""

    @property
    def vsize(self) -> int:
        """The virtual size, adjusted for signature operations."""
        return (self.size + WITNESS_SCALE_FACTOR - 1) // WITNESS_SCALE_FACTOR

    @property
    def version(self) -> int:
        """The transaction's version."""
        return int.from_bytes(self.data[:4], "little")

    @property
    def lock_time(self) -> int:
        """The transaction's lock time."""
        return int.from_bytes(self.data[-4:], "little")

    @property
    def delta(self) -> int:
        """What the operator added to the fee."""
        return within_int64(self.fee - self.base_fee)

    def transaction(self) -> Transaction:
        """Parse it."""
        return Transaction.parse(self.data)

    def __repr__(self) -> str:
        return f"<MempoolEntry {self.txid[::-1].hex()}>"
