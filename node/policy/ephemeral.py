"""Dust that lives only as long as its transaction is unconfirmed: free to make, to be spent at once.

Core: src/policy/ephemeral_policy.cpp.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from node.policy.reject import Rejection, TxResult
from node.policy.standard import dust_outputs
from primitives.transaction import OutPoint

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from primitives.fee_rate import FeeRate
    from primitives.transaction import Transaction


def check_dust_fee(dust: Sequence[int], base_fee: int, modified_fee: int) -> Rejection | None:
    """Check that a transaction with `dust` among its outputs pays nothing, so that nobody mines it alone."""
    if dust and (base_fee or modified_fee):
        return Rejection(TxResult.NOT_STANDARD, "dust", "tx with dust output must be 0-fee")
    return None


def check_spends(
    package: Sequence[Transaction], rate: FeeRate, pool_dust: Callable[[bytes], Sequence[int]]
) -> tuple[Rejection, Transaction] | None:
    """Check that each transaction spends all dust of its parents, which are in the package or in the mempool.

    `pool_dust` returns the dust outputs of the transaction in the mempool with that txid, () if there is none.
    """
    made = {tx.txid: dust_outputs(tx, rate) for tx in package} if len(package) > 1 else {}
    for tx in package:
        inputs = tx.inputs
        unspent: set[OutPoint] = set()
        for txid in {each.prevout.txid for each in inputs}:
            for index in made[txid] if txid in made else pool_dust(txid):
                unspent.add(OutPoint(txid, index))
        if unspent and not unspent <= {each.prevout for each in inputs}:
            debug = f"tx {tx.txid[::-1].hex()} (wtxid={tx.wtxid[::-1].hex()}) did not spend parent's ephemeral dust"
            return Rejection(TxResult.MEMPOOL_POLICY, "missing-ephemeral-spends", debug), tx
    return None
