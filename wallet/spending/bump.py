"""Replacing a transaction by one that pays more (Core: src/wallet/feebumper.cpp)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import TYPE_CHECKING, Final

from primitives.encoding import sized
from primitives.errors import ScriptError
from primitives.fee_rate import FeeRate
from primitives.money import format_money
from primitives.script import TxoutType, iterate, solve
from primitives.transaction import WITNESS_SCALE_FACTOR, Transaction, TxIn, TxOut, witness_stack
from wallet.spending.coin_control import Recipient
from wallet.spending.commit import commit
from wallet.spending.create import create_transaction
from wallet.spending.errors import SpendError
from wallet.spending.fees import minimum_rate, required_rate
from wallet.spending.sizes import InputSizes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from primitives.transaction import OutPoint
    from wallet.spending.coin_control import CoinControl
    from wallet.spending.node_view import NodeView, RelayRates
    from wallet.transaction import WalletTx
    from wallet.wallet import Wallet

_WALLET_INCREMENT: Final = FeeRate(5000)
"""By how much more a replacement pays at least, whatever the node asks for, so that other nodes relay it."""
_MAX_SIGNATURE: Final = 72
_MIN_SIGNATURE: Final = 9
_DER: Final = 0x30
_OUTPOINT_AND_SEQUENCE: Final = 32 + 4 + 4
_NEVER_CHANGE: Final = frozenset((TxoutType.MULTISIG, TxoutType.NULL_DATA, TxoutType.NONSTANDARD))
"""Kinds of scripts without an address, which change never goes to again: who has it might not be able to spend it."""


class BumpFailure(Enum):
    """What kind of answer a failure gets."""

    INVALID_ADDRESS_OR_KEY = auto()
    INVALID_PARAMETER = auto()
    WALLET_ERROR = auto()
    MISC_ERROR = auto()


class BumpError(SpendError):
    """A transaction cannot be replaced; the text is Core's."""

    def __init__(self, failure: BumpFailure, text: str) -> None:
        super().__init__(text)
        self.failure: Final = failure


@dataclass(frozen=True, slots=True)
class Replacement:
    """An unsigned transaction, and the fees of the old one and of the new."""

    transaction: Transaction
    old_fee: int
    new_fee: int


def make_replacement(
    wallet: Wallet,
    node: NodeView,
    txid: bytes,
    control: CoinControl,
    *,
    require_own: bool,
    outputs: Sequence[TxOut] = (),
    original_change: int | None = None,
) -> Replacement:
    """Make a transaction that spends what `txid` spends and pays the same, or `outputs`, with more fee.

    With `require_own` all inputs must be the wallet's. `original_change` is the output that is the change, if the
    wallet is not to find that itself. Raises BumpError.
    """
    if outputs and original_change is not None:
        raise BumpError(
            BumpFailure.INVALID_PARAMETER,
            "The options 'outputs' and 'original_change_index' are incompatible. You can only either specify a new "
            "set of outputs, or designate a change output to be recycled.",
        )
    with wallet.lock:
        wtx = wallet.history.get(txid)
    if wtx is None:
        raise BumpError(BumpFailure.INVALID_ADDRESS_OR_KEY, "Invalid or non-wallet transaction id")
    old = wtx.tx
    if original_change is not None and original_change >= len(old.outputs):
        raise BumpError(BumpFailure.INVALID_PARAMETER, "Change position is out of range")
    with wallet.spending:
        control = replace(control, selected=dict(control.selected))
        coins = node.find_coins([each.prevout for each in old.inputs])
        _preset_inputs(wallet, old, coins, control)
        check_replaceable(wallet, node, wtx, require_own=require_own)
        old_fee = sum(coin.value for coin in coins.values()) - sum(output.value for output in old.outputs)
        wanted = tuple(outputs) or old.outputs
        recipients = _recipients(wallet, wanted, original_change, control)
        rates = node.rates()
        if control.fee_rate is None:
            control.fee_rate = _estimated_rate(wallet, node, rates, old, old_fee, control)
        else:
            _check_rate(wallet, node, rates, _with_outputs(old, wanted), coins, old_fee, control)
        for each in old.inputs:
            control.select(each.prevout)
        control.allow_other_inputs = True
        control.min_depth = 1  # A replacement must not spend unconfirmed outputs that the old one did not.
        try:
            made = create_transaction(wallet, node, recipients, control, sign=False)
        except SpendError as error:
            raise BumpError(BumpFailure.WALLET_ERROR, f"Unable to create transaction. {error}") from None
    return Replacement(made.transaction, old_fee, made.fee)


def can_be_replaced(wallet: Wallet, node: NodeView, txid: bytes) -> bool:
    """Whether the wallet could replace a transaction, all of whose inputs are its own."""
    with wallet.lock:
        wtx = wallet.history.get(txid)
    if wtx is None:
        return False
    try:
        check_replaceable(wallet, node, wtx, require_own=True)
    except BumpError:
        return False
    return True


def commit_replacement(wallet: Wallet, node: NodeView, txid: bytes, signed: Transaction) -> None:
    """Store and send what replaces `txid`, if that still may be replaced. Raises BumpError."""
    with wallet.spending:
        with wallet.lock:
            old = wallet.history.get(txid)
        if old is None:
            raise BumpError(BumpFailure.MISC_ERROR, "Invalid or non-wallet transaction id")
        check_replaceable(wallet, node, old, require_own=False)
        commit(wallet, node, signed, replaces=old)
        wallet.tracker.mark_replaced(txid, signed.txid)


def check_replaceable(wallet: Wallet, node: NodeView, wtx: WalletTx, *, require_own: bool) -> None:
    """Raise BumpError unless a transaction still waits, nothing spends from it, and it was not replaced before."""
    history = wallet.history
    with wallet.lock:
        has_child = history.has_spent_output(wtx)
        depth = history.depth(wtx)
        is_own = all(each.prevout in history.own for each in wtx.tx.inputs)
        replaced_by = wtx.replaced_by
    if has_child:
        raise BumpError(BumpFailure.INVALID_PARAMETER, "Transaction has descendants in the wallet")
    if node.has_descendants(wtx.txid):
        raise BumpError(BumpFailure.INVALID_PARAMETER, "Transaction has descendants in the mempool")
    if depth:
        text = "Transaction has been mined, or is conflicted with a mined transaction"
        raise BumpError(BumpFailure.WALLET_ERROR, text)
    if replaced_by is not None:
        raise BumpError(
            BumpFailure.WALLET_ERROR,
            f"Cannot bump transaction {wtx.txid[::-1].hex()} which was already bumped by transaction "
            f"{replaced_by[::-1].hex()}",
        )
    if require_own and not is_own:
        text = "Transaction contains inputs that don't belong to this wallet"
        raise BumpError(BumpFailure.WALLET_ERROR, text)


def _with_outputs(old: Transaction, outputs: tuple[TxOut, ...]) -> Transaction:
    """Return a transaction without signatures and with other outputs."""
    inputs = tuple(TxIn(each.prevout, b"", each.sequence) for each in old.inputs)
    return Transaction(old.version, inputs, outputs, old.lock_time)


def _preset_inputs(wallet: Wallet, old: Transaction, coins: Mapping[OutPoint, TxOut], control: CoinControl) -> None:
    for each in old.inputs:
        outpoint = each.prevout
        coin = coins.get(outpoint)
        if coin is None:
            text = f"{outpoint.txid[::-1].hex()}:{outpoint.index} is already spent"
            raise BumpError(BumpFailure.MISC_ERROR, text)
        preset = control.select(outpoint)
        with wallet.lock:
            is_own = outpoint in wallet.history.own
        if not is_own:
            preset.output = coin
            preset.weight = _largest_weight(each)


def _largest_weight(each: TxIn) -> int:
    """Return what an input of others weighs if all of its ECDSA signatures are as long as they can be."""
    weight = (_OUTPOINT_AND_SEQUENCE + len(sized(each.script_sig))) * WITNESS_SCALE_FACTOR
    weight += len(witness_stack(each.witness))
    for scale, elements in ((WITNESS_SCALE_FACTOR, _pushed(each.script_sig)), (1, each.witness)):
        weight += sum(scale * (_MAX_SIGNATURE - len(element)) for element in elements if _is_ecdsa(element))
    return weight


def _is_ecdsa(element: bytes) -> bool:
    return (
        _MIN_SIGNATURE <= len(element) <= _MAX_SIGNATURE + 1 and element[0] == _DER and element[1] == len(element) - 3
    )


def _pushed(script: bytes) -> Iterator[bytes]:
    try:
        yield from (data for _, data in iterate(script))
    except ScriptError:
        return


def _recipients(
    wallet: Wallet, outputs: Sequence[TxOut], original_change: int | None, control: CoinControl
) -> list[Recipient]:
    """Return who is paid once more, and note in `control` where change goes again."""
    recipients = []
    with wallet.lock:
        for index, (value, script) in enumerate(outputs):
            is_change = wallet.ledger.is_change(script) if original_change is None else index == original_change
            if is_change:
                control.change_script = None if solve(script)[0] in _NEVER_CHANGE else script
            else:
                recipients.append(Recipient(script, value))
    if recipients:
        return recipients
    if control.change_script is None:
        text = "Unable to create transaction. Transaction must have at least one recipient"
        raise BumpError(BumpFailure.INVALID_PARAMETER, text)
    # All went to the wallet itself: that pays the fee, and may need other change.
    total = sum(output.value for output in outputs)
    recipient = Recipient(control.change_script, total, subtract_fee=True)
    control.change_script = None
    return [recipient]


def _check_rate(
    wallet: Wallet,
    node: NodeView,
    rates: RelayRates,
    unsigned: Transaction,
    coins: Mapping[OutPoint, TxOut],
    old_fee: int,
    control: CoinControl,
) -> None:
    """Refuse a rate that the node would, or that pays more than the settings allow (Core: CheckFeeRate)."""
    rate = control.fee_rate
    if rate is None:
        return
    if rate.per_kvb < rates.mempool.per_kvb:
        raise BumpError(
            BumpFailure.WALLET_ERROR,
            f"New fee rate ({format_money(rate.per_kvb)}) is lower than the minimum fee rate "
            f"({format_money(rates.mempool.per_kvb)}) to get into the mempool -- ",
        )
    with wallet.lock:
        spent = [coins[each.prevout] for each in unsigned.inputs]
        size = InputSizes(wallet, control).transaction_size(unsigned, spent)
    vsize = -1 if size is None else size.vsize
    bump_fee = node.combined_bump_fee([each.prevout for each in unsigned.inputs], rate)
    if bump_fee is None:
        raise BumpError(
            BumpFailure.WALLET_ERROR,
            "Failed to calculate bump fees, because unconfirmed UTXOs depend on an enormous cluster of unconfirmed "
            "transactions.",
        )
    new_fee = rate.fee_for(vsize) + bump_fee
    increment = rates.incremental.fee_for(vsize)
    if new_fee < old_fee + increment:
        raise BumpError(
            BumpFailure.INVALID_PARAMETER,
            f"Insufficient total fee {format_money(new_fee)}, must be at least {format_money(old_fee + increment)} "
            f"(oldFee {format_money(old_fee)} + incrementalFee {format_money(increment)})",
        )
    required = required_rate(wallet.settings, rates).fee_for(vsize)
    if new_fee < required:
        raise BumpError(
            BumpFailure.INVALID_PARAMETER,
            f"Insufficient total fee (cannot be less than required fee {format_money(required)})",
        )
    most = wallet.settings.max_fee
    if new_fee > most:
        raise BumpError(
            BumpFailure.WALLET_ERROR,
            f"Specified or calculated fee {format_money(new_fee)} is too high (cannot be higher than -maxtxfee "
            f"{format_money(most)})",
        )


def _estimated_rate(
    wallet: Wallet, node: NodeView, rates: RelayRates, old: Transaction, old_fee: int, control: CoinControl
) -> FeeRate:
    """Return a rate that is enough to replace, and that is not below what the wallet would pay anyway."""
    increment = max(rates.incremental, _WALLET_INCREMENT)
    # One satoshi more, for the old rate is rounded down.
    enough = FeeRate.of(old_fee, old.vsize) + FeeRate(1) + increment
    return max(enough, minimum_rate(wallet.settings, node, rates, control).rate)
