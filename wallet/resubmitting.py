"""Transactions that wait, offered to the node's mempool again (Core: CWallet::ResubmitWalletTransactions)."""

from __future__ import annotations

import logging
import threading
from random import SystemRandom
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from interfaces.chain import Chain
    from wallet.context import WalletContext
    from wallet.transaction import WalletTx
    from wallet.wallet import Wallet

log: Final = logging.getLogger("wallet")

_AGE: Final = 5 * 60
"""Seconds that a transaction is older than the last block, so that this one could have had it."""
_LOOK_SECONDS: Final = 60
_EARLIEST, _LATEST = 12 * 60 * 60, 36 * 60 * 60
"""Seconds until transactions are sent again. A random time between does not tell others whose they are."""


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
        with wallet.spending:  # Who gives it up waits, and then knows that it is not sent any more.
            taken += _offer(wallet, chain, wtx, relay=relay)
    if taken:
        wallet.log("ResubmitWalletTransactions: resubmit %u unconfirmed transactions", taken)
    return taken


def next_resend(now: int) -> int:
    """Return a random time at which to send again, seconds since 1970."""
    return now + SystemRandom().randint(_EARLIEST, _LATEST)


def _offer(wallet: Wallet, chain: Chain, wtx: WalletTx, *, relay: bool) -> bool:
    """Offer a transaction, unless it was given up, confirmed or removed meanwhile; whether the node took it."""
    with wallet.lock:
        if wtx.txid not in wallet.history or not wtx.is_unconfirmed:
            return False
        removals = wtx.removals
    wallet.log("Submitting wtx %s to mempool %s", wtx.txid[::-1].hex(), "and for broadcast" if relay else "")
    if chain.broadcast_transaction(wtx.tx.serialize(), wallet.settings.max_fee, relay):
        return False
    wallet.tracker.set_in_mempool(wtx.txid, removals)
    return True


class Resender:
    """Owns a thread that once or twice a day sends what waits in each wallet of a context, until `close`."""

    def __init__(self, context: WalletContext) -> None:
        """Start."""
        self._context = context
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="wallet-resender", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._stopping.wait(_LOOK_SECONDS):
            try:
                self.look()
            except Exception as error:  # noqa: BLE001 - the node is gone, or the wallet; there is a next time
                log.debug("Sending again: %s", error)

    def bring_forward(self, seconds: int) -> None:
        """Look at once if within so many seconds there would be a look."""
        if seconds >= _LOOK_SECONDS:
            self.look()

    def look(self) -> None:
        """Send what is due, if the node can send."""
        context = self._context
        now = context.now()
        due = [wallet for wallet in context.wallets() if wallet.next_resend <= now]
        if not due or context.chain is None or not context.chain.is_ready_to_broadcast():
            return
        for wallet in due:
            wallet.wait_until_synced()
            resubmit(wallet, relay=True, all_of_them=False)
            wallet.next_resend = next_resend(now)

    def close(self) -> None:
        """End the thread. Idempotent."""
        self._stopping.set()
        self._thread.join()
