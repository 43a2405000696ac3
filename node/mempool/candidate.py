"""A transaction that wants to come in, and on which terms (Core: MemPoolAccept in src/validation.cpp)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from node.coin import Coin
    from node.mempool.entry import MempoolEntry
    from primitives.fee_rate import FeeRate
    from primitives.transaction import Transaction


class Terms(NamedTuple):
    """What may be done for a transaction or package."""

    time: int
    """When it came, in seconds since 1970."""
    bypass_limits: bool = False
    """Do not ask what it pays: it was in a block."""
    test: bool = False
    """Only say what would happen."""
    may_replace: bool = True
    may_evict_sibling: bool = True
    """Whether a transaction of version 3 may drive out the other child of its parent."""
    in_package: bool = False
    """Others follow, so the mempool is trimmed later."""
    package_feerates: bool = False
    """What the package pays counts, not what each transaction does."""
    max_feerate: FeeRate | None = None
    """The user does not want to pay more; what does is refused before its scripts are checked."""
    max_fee: int | None = None
    """The same, in satoshis, and looked at when nothing else is wrong."""


class Candidate:
    """One transaction and what was found out about it so far."""

    __slots__ = ("base_fee", "coins", "conflicts", "entry", "evicts_sibling", "fee", "parents", "tx", "vsize")

    def __init__(self, tx: Transaction) -> None:
        """Know nothing else yet."""
        self.tx = tx
        self.coins: Sequence[Coin] = ()
        """What it spends, in the order of its inputs."""
        self.conflicts: dict[bytes, MempoolEntry] = {}
        """What it would replace itself, without descendants, by txid."""
        self.evicts_sibling = False
        """Whether `conflicts` has a sibling that spends other outputs."""
        self.parents: Sequence[MempoolEntry] = ()
        """Those in the mempool."""
        self.entry: MempoolEntry | None = None
        self.base_fee = 0
        self.fee = 0
        """With the operator's delta."""
        self.vsize = 0
