"""A served wallet's transactions: what they are, how far they are, and what a user does about those that wait."""

from __future__ import annotations

from typing import TYPE_CHECKING

from interfaces.chain import BlockParts
from interfaces.wallet_spending import BumpTransaction
from interfaces.wallet_transactions import WalletTxUpdate
from wallet.errors import WalletError
from wallet.payment_view import read_control, read_transaction
from wallet.serving.part import WalletPart, told
from wallet.spending.bump import can_be_replaced, commit_replacement, make_replacement
from wallet.spending.node_view import ChainNode
from wallet.spending.signing import sign_replacement
from wallet.transaction_view import describe, details, page, status

if TYPE_CHECKING:
    from interfaces.wallet_spending import CoinControl
    from interfaces.wallet_transactions import WalletTx, WalletTxDetails


class WalletTransactions(WalletPart):
    """Tells of transactions, gives them up, and replaces them."""

    def get_tx(self, txid: bytes) -> bytes | None:
        """Look it up."""
        found = self._wallet.history.get(txid)
        return None if found is None else found.tx.serialize()

    def get_wallet_tx(self, txid: bytes) -> WalletTx | None:
        """Look it up."""
        wallet = self._wallet
        with wallet.lock:
            found = wallet.history.get(txid)
            return None if found is None else describe(wallet, found)

    def get_wallet_txs(self, before: bytes = b"", count: int = 1000) -> list[WalletTx]:
        """Return a page."""
        wallet = self._wallet
        with told(), wallet.lock:
            return page(wallet, before, count)

    def try_get_tx_status(self, txid: bytes) -> WalletTxUpdate | None:
        """Look at it, unless something else goes on."""
        wallet = self._wallet
        if not wallet.lock.acquire(blocking=False):
            return None
        try:
            found = wallet.history.get(txid)
            if found is None:
                return None
            current, height, block = status(wallet, found), wallet.last_block_height, wallet.last_block
        finally:
            wallet.lock.release()
        last = None if wallet.chain is None or not block else wallet.chain.find_block(block, BlockParts())
        return WalletTxUpdate(current, height, -1 if last is None else last.time)

    def get_wallet_tx_details(self, txid: bytes) -> WalletTxDetails | None:
        """Look it up."""
        wallet = self._wallet
        with wallet.lock:
            found = wallet.history.get(txid)
            return None if found is None else details(wallet, found)

    def transaction_can_be_abandoned(self, txid: bytes) -> bool:
        """Ask the tracker."""
        wallet = self._wallet
        with wallet.lock:
            return wallet.tracker.can_be_abandoned(txid)

    def abandon_transaction(self, txid: bytes) -> bool:
        """Give it up, if the wallet knows that the node does not have it."""
        wallet = self._wallet
        wallet.wait_until_synced()
        with told(), wallet.spending, wallet.lock:
            return txid in wallet.history and wallet.abandon(txid)

    def transaction_can_be_bumped(self, txid: bytes) -> bool:
        """Look at it, and at what the node has of it."""
        wallet = self._wallet
        return wallet.chain is not None and can_be_replaced(wallet, ChainNode(wallet.chain), txid)

    def create_bump_transaction(self, txid: bytes, coin_control: CoinControl) -> BumpTransaction:
        """Make it."""
        wallet = self._wallet
        with told():
            node = ChainNode(wallet.chain_or_fail())
            wallet.wait_until_synced()
            control = read_control(wallet, coin_control)
            made = make_replacement(wallet, node, txid, control, require_own=True)
        return BumpTransaction(made.transaction.serialize(), made.old_fee, made.new_fee)

    def sign_bump_transaction(self, tx: bytes) -> bytes | None:
        """Sign it."""
        wallet = self._wallet
        with told():
            signed = sign_replacement(wallet, read_transaction(tx))
        return None if signed is None else signed.serialize()

    def commit_bump_transaction(self, txid: bytes, tx: bytes) -> bytes:
        """Send it, if it is what it says: a replacement."""
        wallet = self._wallet
        with told():
            node = ChainNode(wallet.chain_or_fail())
            wallet.wait_until_synced()
            signed = read_transaction(tx)
            old = wallet.history.get(txid)
            spent = set() if old is None else {each.prevout for each in old.tx.inputs}
            if not spent.issubset(each.prevout for each in signed.inputs):
                raise WalletError("The transaction does not spend all that the one spends which it is to replace")
            commit_replacement(wallet, node, txid, signed)
        return signed.txid
