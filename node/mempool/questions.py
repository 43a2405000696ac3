"""What wallets and others ask of the mempool about one transaction (Core: ChainImpl in src/node/interfaces.cpp)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from interfaces.chain import Replaceability, TransactionAncestry
from node.mempool.entry import MempoolEntry
from node.policy.consensus import LockPoints

if TYPE_CHECKING:
    from node.mempool.mempool import Mempool
    from primitives.transaction import Transaction

_BIP125_SEQUENCE: Final = 0xFFFFFFFD
_TOO_MANY: Final = "too many unconfirmed transactions in cluster"


def signals_replacement(tx: Transaction) -> bool:
    """Whether a transaction itself says that it may be replaced (BIP125)."""
    return any(each.sequence <= _BIP125_SEQUENCE for each in tx.inputs)


def replaceability(pool: Mempool, tx: Transaction) -> Replaceability:
    """Return whether a transaction or one it hangs on says so (Core: IsRBFOptIn)."""
    if signals_replacement(tx):
        return Replaceability.REPLACEABLE
    with pool.lock:
        entry = pool.get(tx.txid)
        if entry is None:
            return Replaceability.UNKNOWN
        signals = any(signals_replacement(each.transaction()) for each in pool.graph.ancestors(entry))
    return Replaceability.REPLACEABLE if signals else Replaceability.FINAL


def has_descendants(pool: Mempool, txid: bytes) -> bool:
    """Whether anything here spends from a transaction that is here."""
    with pool.lock:
        entry = pool.get(txid)
        return entry is not None and len(pool.graph.descendants(entry)) > 1


def ancestry(pool: Mempool, txid: bytes) -> TransactionAncestry:
    """Return what a transaction hangs on, itself counted; all zero if it is not here."""
    with pool.lock:
        entry = pool.get(txid)
        if entry is None:
            return TransactionAncestry()
        ancestors = pool.graph.ancestors(entry)
        return TransactionAncestry(
            len(ancestors),
            len(pool.graph.cluster_of(entry)),
            sum(each.vsize for each in ancestors),
            sum(each.fee for each in ancestors),
        )


def check_chain_limits(pool: Mempool, tx: Transaction) -> str:
    """Return why a transaction would be too much for its cluster, empty if it would not."""
    entry = MempoolEntry(
        tx,
        0,
        time=0,
        height=0,
        sequence=0,
        spends_coinbase=False,
        sigop_cost=0,
        lock_points=LockPoints(-1, -1, None),
        bytes_per_sigop=0,
    )
    with pool.lock:
        parents = {prevout.txid: pool.get(prevout.txid) for prevout, *_ in tx.inputs}
        staging = pool.graph.stage()
        try:
            staging.add(entry, [parent for parent in parents.values() if parent is not None])
            return "" if staging.within_limits() else _TOO_MANY
        finally:
            staging.abandon()
