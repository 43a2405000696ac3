"""A served wallet's coins and balances."""

from __future__ import annotations

from typing import TYPE_CHECKING

from interfaces.chain import Outpoint
from interfaces.wallet import BalancesAtBlock, WalletBalances
from interfaces.wallet_transactions import AddressCoins, TxOut, WalletCoin, WalletTxOut
from wallet.payment_view import read_control
from wallet.serving.part import WalletPart, told
from wallet.spending.available import available_balance
from wallet.spending.listing import list_coins
from wallet.spending.sizes import InputSizes
from wallet.transaction_view import output_of

if TYPE_CHECKING:
    from interfaces.wallet_spending import CoinControl
    from wallet.spending.coin import Coin
    from wallet.wallet import Wallet


class WalletCoins(WalletPart):
    """Tells of coins, and locks them."""

    def lock_coin(self, output: Outpoint, write_to_db: bool = False) -> bool:
        """Lock it."""
        with told():
            self._wallet.lock_coin((output.txid, output.index), persist=write_to_db)
        return True

    def unlock_coin(self, output: Outpoint) -> bool:
        """Unlock it."""
        with told():
            self._wallet.unlock_coin((output.txid, output.index))
        return True

    def is_locked_coin(self, output: Outpoint) -> bool:
        """Look it up."""
        return (output.txid, output.index) in self._wallet.locked_coins

    def list_locked_coins(self) -> list[Outpoint]:
        """Return them."""
        wallet = self._wallet
        with wallet.lock:
            return [Outpoint(txid, index) for txid, index in sorted(wallet.locked_coins)]

    def list_coins(self) -> list[AddressCoins]:
        """Group them."""
        wallet = self._wallet
        with wallet.lock:
            return [
                AddressCoins(text, [WalletCoin(Outpoint(*coin.outpoint), _output(wallet, coin)) for coin in coins])
                for text, coins in list_coins(wallet).items()
            ]

    def get_coins(self, outputs: list[Outpoint]) -> list[WalletTxOut]:
        """Look them up."""
        wallet = self._wallet
        with wallet.lock:
            return [output_of(wallet, (output.txid, output.index)) for output in outputs]

    def txin_is_mine(self, output: Outpoint) -> bool:
        """Look for what it spends."""
        return (output.txid, output.index) in self._wallet.history.own

    def txout_is_mine(self, output: TxOut) -> bool:
        """Look at whom it pays."""
        return self._wallet.is_mine(output.script_pubkey)

    def get_debit(self, output: Outpoint) -> int:
        """Look for what it spends."""
        own = self._wallet.history.own_output((output.txid, output.index))
        return 0 if own is None else own.value

    def get_credit(self, output: TxOut) -> int:
        """Look at whom it pays."""
        return output.value if self._wallet.is_mine(output.script_pubkey) else 0

    def get_balances(self) -> WalletBalances:
        """Add up."""
        wallet = self._wallet
        with wallet.lock:
            return _balances(wallet)

    def get_balance(self) -> int:
        """Add up."""
        return self.get_balances().balance

    def try_get_balances(self) -> BalancesAtBlock | None:
        """Add up, unless something else goes on."""
        wallet = self._wallet
        if not wallet.lock.acquire(blocking=False):
            return None
        try:
            return BalancesAtBlock(_balances(wallet), wallet.last_block)
        finally:
            wallet.lock.release()

    def get_available_balance(self, coin_control: CoinControl) -> int:
        """Add up."""
        wallet = self._wallet
        with told():
            control = read_control(wallet, coin_control)
            with wallet.lock:
                return available_balance(wallet, InputSizes(wallet, control), control)


def _balances(wallet: Wallet) -> WalletBalances:
    found = wallet.ledger.balances()
    return WalletBalances(found.trusted, found.untrusted_pending, found.immature, found.used, found.nonmempool)


def _output(wallet: Wallet, coin: Coin) -> WalletTxOut:
    value, script = coin.output
    return WalletTxOut(TxOut(value, script), coin.time, coin.depth, wallet.history.is_spent(coin.outpoint))
