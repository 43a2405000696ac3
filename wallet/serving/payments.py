"""What a served wallet makes: payments, signatures in PSBTs, and the fees of both."""

from __future__ import annotations

from typing import TYPE_CHECKING

from interfaces.wallet import WalletFailedError
from interfaces.wallet_spending import CreatedTransaction, FilledPsbt, MinimumFee
from primitives.errors import PsbtError
from primitives.psbt_reading import parse_psbt
from primitives.psbt_writing import serialize_psbt
from wallet.errors import WalletError
from wallet.payment_view import read_control, read_recipients, read_transaction
from wallet.serving.part import WalletPart, told
from wallet.spending.commit import commit
from wallet.spending.create import create_transaction
from wallet.spending.fees import minimum_rate, required_rate
from wallet.spending.node_view import ChainNode
from wallet.spending.signing import PsbtFillError, fill_psbt

if TYPE_CHECKING:
    from interfaces.wallet_spending import CoinControl, Recipient
    from primitives.transaction import Transaction
    from wallet.wallet import Wallet


def _require_unspent(wallet: Wallet, made: Transaction) -> None:
    """Raise WalletError if another transaction of the wallet's spends the same."""
    for each in made.inputs:
        for other in wallet.history.spenders(each.prevout):
            if other.is_spending and other.txid != made.txid:
                spent, by = each.prevout, other.txid[::-1].hex()
                raise WalletError(f"{spent.txid[::-1].hex()}:{spent.index} was spent meanwhile, by transaction {by}")


class WalletPayments(WalletPart):
    """Makes transactions."""

    def create_transaction(
        self, recipients: list[Recipient], coin_control: CoinControl, sign: bool = True, change_pos: int | None = None
    ) -> CreatedTransaction:
        """Make one of what the wallet has by now."""
        wallet = self._wallet
        with told():
            node = ChainNode(wallet.chain_or_fail())
            wallet.wait_until_synced()
            control = read_control(wallet, coin_control)
            paid = read_recipients(wallet, recipients)
            made = create_transaction(wallet, node, paid, control, sign=sign, change_position=change_pos)
        tx, rate = made.transaction, made.rate
        return CreatedTransaction(
            tx.txid, tx.serialize(), made.fee, made.change_position, rate.rate.per_kvb, rate.reason
        )

    def commit_transaction(self, tx: bytes, messages: list[str]) -> None:
        """Take it and send it, unless what it spends was spent since it was made."""
        wallet = self._wallet
        with told():
            node, made = ChainNode(wallet.chain_or_fail()), read_transaction(tx)
            with wallet.spending:
                with wallet.lock:
                    _require_unspent(wallet, made)
                commit(wallet, node, made, messages=messages)

    def fill_psbt(
        self,
        psbt: bytes,
        sign: bool = True,
        finalize: bool = True,
        bip32_derivs: bool = True,
        sighash: int | None = None,
    ) -> FilledPsbt:
        """Fill it."""
        wallet = self._wallet
        try:
            found = parse_psbt(psbt)
        except PsbtError as error:
            raise WalletFailedError(f"TX decode failed {error}") from error
        try:
            complete = fill_psbt(
                wallet, found, hash_type=sighash, sign=sign, derivations=bip32_derivs, finalize=finalize
            )
        except PsbtFillError as error:
            raise WalletFailedError(str(error)) from error
        return FilledPsbt(serialize_psbt(found), complete)

    def get_required_fee(self, tx_bytes: int) -> int:
        """Ask settings and node."""
        wallet = self._wallet
        with told():
            rates = ChainNode(wallet.chain_or_fail()).rates()
        return required_rate(wallet.settings, rates).fee_for(tx_bytes)

    def get_minimum_fee(self, tx_bytes: int, coin_control: CoinControl) -> MinimumFee:
        """Ask settings and node."""
        wallet = self._wallet
        with told():
            node = ChainNode(wallet.chain_or_fail())
            chosen = minimum_rate(wallet.settings, node, node.rates(), read_control(wallet, coin_control))
        return MinimumFee(chosen.rate.fee_for(tx_bytes), chosen.reason)

    def get_confirm_target(self) -> int:
        """Look at the settings."""
        return self._wallet.settings.confirm_target

    def get_default_max_tx_fee(self) -> int:
        """Look at the settings."""
        return self._wallet.settings.max_fee
