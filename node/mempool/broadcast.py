"""Transactions of our own users, let into the mempool and meant for all peers (Core: src/node/transaction.cpp).

A peer that is told of one takes it out of `Mempool.unbroadcast`.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

from node.mempool.acceptance import MaxFeeExceededError
from node.mempool.results import ResultKind
from node.policy.reject import TxResult

if TYPE_CHECKING:
    from node.chainstate import Chainstate
    from node.mempool.acceptance import Acceptance
    from primitives.transaction import Transaction


class BroadcastFailure(Enum):
    """What went wrong; the values are Core's texts (Core: TransactionErrorString in src/common/messages.cpp)."""

    MISSING_INPUTS = "Inputs missing or spent"
    ALREADY_IN_UTXO_SET = "Transaction outputs already in utxo set"
    MEMPOOL_REJECTED = "Transaction rejected by mempool"
    MEMPOOL_ERROR = "Mempool internal error"
    MAX_FEE_EXCEEDED = "Fee exceeds maximum configured by user (e.g. -maxtxfee, maxfeerate)"
    MAX_BURN_EXCEEDED = "Unspendable output exceeds maximum configured by user (maxburnamount)"
    INVALID_PACKAGE = "Transaction rejected due to invalid package"


class BroadcastError(Exception):
    """A transaction that is not sent."""

    def __init__(self, failure: BroadcastFailure, text: str = "") -> None:
        """Say more than the kind of failure does, if there is more to say."""
        super().__init__(text or failure.value)
        self.failure = failure


def broadcast(
    chainstate: Chainstate, acceptance: Acceptance, tx: Transaction, max_fee: int = 0, *, relay: bool = True
) -> None:
    """Let a transaction into the mempool, unless it is there, and have it sent. Raises BroadcastError, ClosedError.

    It may pay at most `max_fee` satoshis, if that is not 0.
    """
    pool = acceptance.pool
    with chainstate.processing, pool.lock:
        coins, txid = chainstate.coins(), tx.txid
        for index in range(len(tx.outputs)):
            if coins.get(txid + index.to_bytes(4, "little")) is not None:
                raise BroadcastError(BroadcastFailure.ALREADY_IN_UTXO_SET)
        if txid in pool:
            return
        try:
            result = acceptance.accept(tx, max_fee=max_fee or None)
        except MaxFeeExceededError:
            raise BroadcastError(BroadcastFailure.MAX_FEE_EXCEEDED) from None
        if result.kind is ResultKind.VALID:
            if relay:
                pool.add_unbroadcast(txid)
        elif result.rejection is not None:
            missing = result.rejection.kind is TxResult.MISSING_INPUTS
            failure = BroadcastFailure.MISSING_INPUTS if missing else BroadcastFailure.MEMPOOL_REJECTED
            raise BroadcastError(failure, result.rejection.text)
