"""Transactions that wait, offered to the node's mempool again (Core: CWallet::ResubmitWalletTransactions)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from wallet.wallet import Wallet

_AGE: Final = 5 * 60
"""Seconds that a transaction is older than the last block, so that this one could have had it."""


def resubmit(wallet: Wallet, *, relay: bool = False, all_of_them: bool = True) -> int:
    """Offer the transactions that may still confirm, and with `relay` have them sent; return how many were taken.

    Without `all_of_them` only those that the last block could have had. Not to be called with the wallet's lock.
    """
    chain = wallet.chain
    if chain is None or not wallet.settings.broadcast:
        return 0
    with wallet.lock:
        latest = wallet.best_block_time - _AGE
        waiting = [
            wtx
            for wtx in wallet.history.ordered
            if wtx.is_unconfirmed and not wtx.tx.is_coinbase and (all_of_them or wtx.time_received <= latest)
        ]
    taken = 0
    for wtx in waiting:
        wallet.log("Submitting wtx %s to mempool %s", wtx.txid[::-1].hex(), "and for broadcast" if relay else "")
        if not chain.broadcast_transaction(wtx.tx.serialize(), wallet.settings.max_fee, relay):
            taken += 1
            with wallet.lock:
                if wtx.txid in wallet.history:
                    wallet.tracker.set_in_mempool(wtx.txid)
    if taken:
        wallet.log("ResubmitWalletTransactions: resubmit %u unconfirmed transactions", taken)
    return taken
