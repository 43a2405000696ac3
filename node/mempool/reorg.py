"""What other blocks in the chain mean for the mempool (Core: MaybeUpdateMempoolForReorg in src/validation.cpp).

All with the chain's processing lock and the mempool's lock held, once the tip is the new one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from node.coin import Coin
from node.mempool.candidate import Terms
from node.mempool.mempool import RemovalReason
from node.mempool.results import ResultKind
from node.policy.consensus import COINBASE_MATURITY, MEMPOOL_HEIGHT, is_final, sequence_locks
from primitives.transaction import Transaction

if TYPE_CHECKING:
    from collections.abc import Iterable

    from node.chainstate import Chainstate
    from node.mempool.acceptance import Acceptance
    from node.mempool.entry import MempoolEntry
    from node.mempool.mempool import Mempool
    from node.mempool.next_block import NextBlock


def let_in_again(acceptance: Acceptance, transactions: Iterable[bytes]) -> None:
    """Let in what was in blocks that left the chain, if it can be; what needs the rest goes."""
    pool = acceptance.pool
    terms = Terms(pool.clock.now(), bypass_limits=True)
    back: list[MempoolEntry] = []
    for data in transactions:
        tx = Transaction.parse(data)
        if tx.is_coinbase or acceptance.accept_one(tx, terms).kind is not ResultKind.VALID:
            drop_with_descendants(pool, tx.txid, len(tx.outputs))
        elif (entry := pool.get(tx.txid)) is not None:
            back.append(entry)
    pool.link_children([entry for entry in back if entry.txid in pool])


def drop_with_descendants(pool: Mempool, txid: bytes, outputs: int) -> None:
    """Drop what spends from a transaction of a block that left the chain, and the transaction if it is here."""
    entry = pool.get(txid)
    if entry is not None:
        pool.remove_with_descendants([entry], RemovalReason.REORG)
    else:
        pool.remove_spenders(txid, outputs, RemovalReason.REORG)


def drop_what_cannot_be_next(pool: Mempool, chainstate: Chainstate, view: NextBlock) -> None:
    """Drop what is not final any more or spends a coinbase that is not mature any more."""
    check = _Check(pool, chainstate, view)
    gone = [entry for entry in pool.entries() if not check.can_be_next(entry)]
    pool.remove_with_descendants(gone, RemovalReason.REORG)


class _Check:
    def __init__(self, pool: Mempool, chainstate: Chainstate, view: NextBlock) -> None:
        self._pool = pool
        self._chainstate = chainstate
        self._view = view
        self._in_chain: dict[bytes, bool] = {}

    def can_be_next(self, entry: MempoolEntry) -> bool:
        """Whether the next block may hold a transaction, as far as what it spends still exists."""
        view = self._view
        if entry.lock_time and not is_final(entry.transaction(), view.next_height, view.median_time_past):
            return False
        locks = entry.lock_points
        if locks.block is not None:
            if not self._is_in_chain(locks.block):
                tx = entry.transaction()
                coins = [self._coin(prevout) for prevout in entry.prevouts]
                known = [coin for coin in coins if coin is not None]
                if len(known) < len(coins):
                    return False
                locks = sequence_locks(tx, known, view.tip)
                entry.lock_points = locks
            if not locks.allow(view.next_height, view.median_time_past):
                return False
        return not entry.spends_coinbase or self._is_mature(entry)

    def _is_in_chain(self, block: bytes) -> bool:
        if block not in self._in_chain:
            found = self._chainstate.entry(block)
            self._in_chain[block] = found is not None and self._chainstate.contains(found)
        return self._in_chain[block]

    def _coin(self, prevout: bytes) -> Coin | None:
        parent = self._pool.get(prevout[:32])
        if parent is None:
            return self._view.coins.get(prevout)
        return Coin(0, b"", MEMPOOL_HEIGHT, is_coinbase=False)  # Only its height is looked at.

    def _is_mature(self, entry: MempoolEntry) -> bool:
        for prevout in entry.prevouts:
            if prevout[:32] in self._pool:
                continue
            coin = self._view.coins.get(prevout)
            if coin is None:
                return False
            if coin.is_coinbase and self._view.next_height - coin.height < COINBASE_MATURITY:
                return False
        return True
