"""Takes what concerns a wallet of the mempool as it is, at the end of a scan (Core: requestMempoolTransactions)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from interfaces.chain import ChainNotifications
from primitives.transaction import Transaction
from wallet.tracker import RemovalReason

if TYPE_CHECKING:
    from interfaces.chain import BlockInfo, Chain
    from wallet.wallet import Wallet


def scan_mempool(wallet: Wallet, chain: Chain) -> None:
    """Take the transactions of the mempool, parents first. Not to be called with the wallet's lock.

    A transaction may leave the mempool before it is taken, and the wallet have heard of that already. So each one is
    looked for again: what leaves after that is heard of.
    """
    listing = _Listing(wallet)
    chain.request_mempool_transactions(listing)
    for txid in listing.taken:
        if not chain.is_in_mempool(txid):
            wallet.tracker.removed_from_mempool(txid, RemovalReason.OTHER)


class _Listing(ChainNotifications):
    """Hears of each transaction once."""

    def __init__(self, wallet: Wallet) -> None:
        self._wallet = wallet
        self.taken: list[bytes] = []

    def transaction_added_to_mempool(self, tx: bytes) -> None:
        """Take one."""
        wallet, found = self._wallet, Transaction.parse(tx)
        with wallet.lock:
            known = wallet.history.get(found.txid)
            if known is None or not known.is_confirmed:
                wallet.tracker.added_to_mempool(found)
                if found.txid in wallet.history:
                    self.taken.append(found.txid)

    def block_connected(self, block: BlockInfo) -> None:
        """Is not asked for."""

    def block_disconnected(self, block: BlockInfo) -> None:
        """Is not asked for."""

    def updated_block_tip(self) -> None:
        """Is not asked for."""

    def transaction_removed_from_mempool(self, txid: bytes, reason: str) -> None:
        """Is not asked for."""
