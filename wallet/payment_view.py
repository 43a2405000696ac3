"""What a user says of a payment, read into the engine's terms, with Core's texts for what is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

from primitives import address
from primitives.descriptor import OutputType
from primitives.errors import AddressError, DecodeError
from primitives.fee_rate import FeeRate
from primitives.transaction import MAX_MONEY, OutPoint, Transaction
from wallet.errors import WalletError
from wallet.spending import coin_control
from wallet.spending.coin_control import FeeMode

if TYPE_CHECKING:
    from collections.abc import Sequence

    from interfaces.wallet_spending import CoinControl, Recipient
    from wallet.wallet import Wallet


def read_address(wallet: Wallet, text: str) -> bytes:
    """Return the script of an address. Raises WalletError."""
    try:
        return address.decode(text, wallet.params)
    except AddressError as error:
        raise WalletError(f"Invalid Bitcoin address: {text}") from error


def read_output_type(text: str) -> OutputType:
    """Return a type of addresses. Raises WalletError."""
    try:
        return OutputType(text)
    except ValueError:
        raise WalletError(f"Unknown address type '{text}'") from None


def read_transaction(data: bytes) -> Transaction:
    """Read a transaction. Raises WalletError."""
    try:
        return Transaction.parse(data)
    except DecodeError as error:
        raise WalletError(f"TX decode failed: {error}") from error


def read_recipients(wallet: Wallet, recipients: Sequence[Recipient]) -> list[coin_control.Recipient]:
    """Return who is paid. Raises WalletError."""
    found = []
    for each in recipients:
        if not 0 <= each.amount <= MAX_MONEY:
            raise WalletError("Amount out of range")
        script = read_address(wallet, each.dest)
        found.append(coin_control.Recipient(script, each.amount, each.subtract_fee_from_amount))
    return found


def read_control(wallet: Wallet, given: CoinControl) -> coin_control.CoinControl:
    """Return what the user decides. Raises WalletError."""
    if given.fee_rate is not None and not 0 <= given.fee_rate <= MAX_MONEY:
        raise WalletError("Amount out of range")
    if given.confirm_target is not None:
        most = wallet.chain_or_fail().estimate_max_blocks()
        if not 1 <= given.confirm_target <= most:
            raise WalletError(f"Invalid conf_target, must be between 1 and {most}")
    partial = given.avoid_partial_spends
    control = coin_control.CoinControl(
        change_script=read_address(wallet, given.dest_change) if given.dest_change else None,
        change_type=read_output_type(given.change_type) if given.change_type else None,
        include_unsafe=given.include_unsafe_inputs,
        allow_other_inputs=given.allow_other_inputs,
        fee_rate=None if given.fee_rate is None else FeeRate(given.fee_rate),
        override_fee_rate=given.override_fee_rate,
        confirm_target=given.confirm_target,
        fee_mode=FeeMode[given.fee_mode.name],
        signal_rbf=given.signal_bip125_rbf,
        avoid_partial_spends=wallet.settings.avoid_partial_spends if partial is None else partial,
        avoid_address_reuse=given.avoid_address_reuse,
        min_depth=given.min_depth,
        max_depth=given.max_depth,
        version=given.version,
        lock_time=given.locktime,
        max_weight=given.max_tx_weight,
    )
    for output in given.selected:
        control.select(OutPoint(output.txid, output.index))
    return control
