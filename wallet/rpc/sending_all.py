"""The RPC method that sends all a wallet has (Core: sendall in src/wallet/rpc/spend.cpp)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from primitives import address
from primitives.dust import dust_threshold
from primitives.fee_rate import ZERO
from primitives.transaction import OutPoint, Transaction, TxIn, TxOut
from rpc import json
from rpc.construct_transaction import construct_transaction
from rpc.errors import RPC_INVALID_PARAMETER, RPC_WALLET_ERROR, RPC_WALLET_INSUFFICIENT_FUNDS, RpcError
from rpc.help import example_cli
from rpc.method import Arg, Kind, method
from wallet.rpc.finishing import SENT_RESULT, finish
from wallet.rpc.sending import VERSION_ARG, lock_time_of
from wallet.rpc.spending_options import (
    DEPTH_ARGS,
    MODE_ARG,
    RATE_ARG,
    TARGET_ARG,
    also_positional,
    fee_args,
    flag,
    input_args,
    move_into_options,
    new_control,
    node_of,
    options_of,
    read_depths,
    refuse_outdated,
    set_fee,
)
from wallet.spending.available import CoinFilter, find_coins, price
from wallet.spending.choosing import TRUC_CHILD_MAX_WEIGHT, TRUC_MAX_WEIGHT, TRUC_VERSION
from wallet.spending.create import NON_FINAL_SEQUENCE, RBF_SEQUENCE, check_versions
from wallet.spending.errors import SpendError
from wallet.spending.fees import MAX_FEE_EXCEEDED, effective_rate, minimum_rate
from wallet.spending.parameters import MAX_STANDARD_WEIGHT
from wallet.spending.sizes import InputSizes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from primitives.fee_rate import FeeRate
    from rpc.json import Json
    from wallet.rpc.context import RpcContext
    from wallet.spending.coin_control import CoinControl
    from wallet.spending.node_view import NodeView, RelayRates
    from wallet.wallet import Wallet


@dataclass(frozen=True, slots=True)
class _Spent:
    """What is spent, and the most that the transaction may weigh for it."""

    inputs: tuple[TxIn, ...]
    outputs: list[TxOut]
    max_weight: int

    @property
    def total(self) -> int:
        return sum(output.value for output in self.outputs)


@method(
    "wallet",
    "sendall",
    Arg(
        "recipients",
        Kind.ARR,
        "Who gets it. Addresses without an amount, of which there must be one, share what is left in equal parts.",
        (
            Arg("address", Kind.STR, "An address that gets a part"),
            Arg(
                "",
                Kind.OBJ_USER_KEYS,
                "",
                (Arg("address", Kind.AMOUNT, "The key is the address, the value the amount in BTC"),),
                optional=True,
            ),
        ),
    ),
    TARGET_ARG,
    MODE_ARG,
    RATE_ARG,
    Arg(
        "options",
        Kind.OBJ_NAMED_PARAMS,
        "",
        (
            Arg("add_to_wallet", Kind.BOOL, "If false, the transaction is returned, not sent", default=True),
            also_positional(RATE_ARG),
            Arg("include_watching", Kind.BOOL, "(DEPRECATED) Ignored", default=False),
            Arg("inputs", Kind.ARR, "What to spend, and nothing else", input_args(weight=False), default=()),
            Arg(
                "locktime", Kind.NUM, "The lock time", hint="close to the height, so that miners gain nothing by reorgs"
            ),
            Arg("lock_unspents", Kind.BOOL, "Whether to lock what is spent", default=False),
            Arg("psbt", Kind.BOOL, "Whether to return a PSBT in any case, and send nothing", hint="automatic"),
            Arg(
                "send_max",
                Kind.BOOL,
                "Whether to leave coins that cost more to spend than they hold, so that most arrives",
                default=False,
            ),
            *DEPTH_ARGS,
            VERSION_ARG,
            *fee_args(),
        ),
        optional=True,
        oneline="options",
    ),
    result=SENT_RESULT,
    help="Pay all coins that are confirmed or the wallet's own change, but for locked ones, to one or more addresses.\n"
    "The fee comes off what arrives.",
    examples=example_cli("-named sendall", "recipients='[\"bc1q09vm5lfy0j5reeulh4x5752q25uqqvz34hufdl\"]' fee_rate=1"),
)
def sendall(context: RpcContext, recipients: list[Json], target: Json, mode: Json, rate: Json, options: Json) -> Json:
    """Pay everything."""
    wallet = context.synced_wallet()
    options = options_of(options)
    move_into_options(options, target, mode, rate)
    refuse_outdated(options)
    sharing = {each for each in recipients if isinstance(each, str)}
    outputs = [{each: 0} if isinstance(each, str) else each for each in recipients]
    if not sharing:
        text = "Must provide at least one address without a specified amount"
        raise RpcError(RPC_INVALID_PARAMETER, text)
    control = new_control(wallet)
    set_fee(
        wallet,
        control,
        options.get("conf_target"),
        options.get("estimate_mode"),
        options.get("fee_rate"),
        override_minimum=False,
    )
    read_depths(options, control, negative="Invalid minconf (minconf cannot be negative): {}")
    if options.get("version") is not None:
        control.version = json.to_int(options["version"], 0, 2**32 - 1)
    replaceable = flag(options, "replaceable", default=wallet.settings.signal_rbf)
    node = node_of(wallet)
    rates = node.rates()
    chosen = _rate(wallet, node, rates, control)
    transaction = construct_transaction(
        context.chain, options.get("inputs"), outputs, lock_time_of(options), replaceable, control.version
    )
    with wallet.spending:
        if "inputs" in options:
            spent = _spend_given(wallet, transaction, options, control)
        else:
            spent = _spend_all(wallet, node, control, options, chosen, replaceable=replaceable)
        whole = Transaction(transaction.version, spent.inputs, transaction.outputs, transaction.lock_time)
        shared = _share(wallet, node, whole, spent, chosen, options)
        paid = _pay(context, whole.outputs, sharing, shared, rates.dust)
        if flag(options, "lock_unspents", default=False):
            for each in spent.inputs:
                wallet.lock_coin(each.prevout)
        return finish(wallet, _with_outputs(whole, paid), options)


def _with_outputs(transaction: Transaction, outputs: Sequence[TxOut]) -> Transaction:
    """Return a transaction that pays otherwise."""
    return Transaction(transaction.version, transaction.inputs, tuple(outputs), transaction.lock_time)


def _rate(wallet: Wallet, node: NodeView, rates: RelayRates, control: CoinControl) -> FeeRate:
    try:
        return effective_rate(wallet.settings, node, rates, control).rate
    except SpendError as error:
        is_unknown = minimum_rate(wallet.settings, node, rates, control).rate == ZERO
        code = RPC_WALLET_ERROR if is_unknown and control.fee_rate is None else RPC_INVALID_PARAMETER
        raise RpcError(code, str(error)) from None


def _spend_given(wallet: Wallet, transaction: Transaction, options: dict[str, Json], control: CoinControl) -> _Spent:
    if "send_max" in options:
        raise RpcError(RPC_INVALID_PARAMETER, "Cannot combine send_max with specific inputs.")
    if "minconf" in options or "maxconf" in options:
        raise RpcError(RPC_INVALID_PARAMETER, "Cannot combine minconf or maxconf with specific inputs.")
    outputs = []
    with wallet.lock:
        for each in transaction.inputs:
            outpoint = each.prevout
            shown = f"({outpoint.txid[::-1].hex()}:{outpoint.index})"
            if wallet.history.is_spent(outpoint):
                raise RpcError(RPC_INVALID_PARAMETER, f"Input not available. UTXO {shown} was already spent.")
            own = wallet.history.own.get(outpoint)
            if own is None:
                raise RpcError(RPC_INVALID_PARAMETER, f"Input not found. UTXO {shown} is not part of wallet.")
            if wallet.history.depth(own.wtx) == 0:
                try:
                    check_versions(own.wtx.tx.version, control.version)
                except SpendError as error:
                    raise RpcError(RPC_INVALID_PARAMETER, str(error)) from None
            outputs.append(own.output)
    return _Spent(transaction.inputs, outputs, _max_weight(control))


def _max_weight(control: CoinControl) -> int:
    return TRUC_MAX_WEIGHT if control.version == TRUC_VERSION else MAX_STANDARD_WEIGHT


def _spend_all(
    wallet: Wallet,
    node: NodeView,
    control: CoinControl,
    options: dict[str, Json],
    rate: FeeRate,
    *,
    replaceable: bool,
) -> _Spent:
    only_worth = flag(options, "send_max", default=False)
    with wallet.lock:
        found = find_coins(wallet, InputSizes(wallet, control), control, CoinFilter(min_amount=0))
    max_weight = _max_weight(control)
    inputs, outputs = [], []
    sequence = RBF_SEQUENCE if replaceable else NON_FINAL_SEQUENCE
    for coin in price(found, rate, rate, node).all():
        if only_worth and rate.fee_for(coin.input_size or 0) > coin.value:
            continue
        if coin.depth == 0 and control.version == TRUC_VERSION:
            max_weight = TRUC_CHILD_MAX_WEIGHT
        inputs.append(TxIn(coin.outpoint, b"", sequence))
        outputs.append(coin.output)
    return _Spent(tuple(inputs), outputs, max_weight)


def _share(
    wallet: Wallet, node: NodeView, whole: Transaction, spent: _Spent, rate: FeeRate, options: dict[str, Json]
) -> int:
    """Return what is left for those without an amount, after the fee."""
    with wallet.lock:
        size = InputSizes(wallet).transaction_size(whole, spent.outputs)
    if size is None:
        text = "Unable to determine the size of the transaction, the wallet contains unsolvable descriptors"
        raise RpcError(RPC_WALLET_ERROR, text)
    fee = rate.fee_for(size.vsize)
    outpoints: list[OutPoint] = [each.prevout for each in spent.inputs]
    effective = spent.total - fee - (node.combined_bump_fee(outpoints, rate) or 0)
    if fee > wallet.settings.max_fee:
        raise RpcError(RPC_WALLET_ERROR, MAX_FEE_EXCEEDED)
    if effective <= 0:
        text = "Total value of UTXO pool too low to pay for transaction"
        if flag(options, "send_max", default=False):
            text += ", try using lower feerate."
        else:
            text += ". Try using lower feerate or excluding uneconomic UTXOs with 'send_max' option."
        raise RpcError(RPC_WALLET_INSUFFICIENT_FUNDS, text)
    if size.weight > spent.max_weight:
        raise RpcError(RPC_WALLET_ERROR, "Transaction too large.")
    claimed = sum(output.value for output in whole.outputs)
    if claimed > spent.total:
        raise RpcError(RPC_WALLET_INSUFFICIENT_FUNDS, "Assigned more value to outputs than available funds.")
    if effective < claimed:
        text = "Insufficient funds for fees after creating specified outputs."
        raise RpcError(RPC_WALLET_INSUFFICIENT_FUNDS, text)
    return effective - claimed


def _pay(context: RpcContext, outputs: Sequence[TxOut], sharing: set[str], amount: int, dust: FeeRate) -> list[TxOut]:
    """Give an amount to those outputs that have none, in equal parts; what cannot be divided to the first."""
    scripts = {address.decode(each, context.chain) for each in sharing}
    part, rest = divmod(amount, len(scripts))
    paid = []
    for output in outputs:
        is_sharing = output.script_pubkey in scripts
        made = output._replace(value=part + rest) if is_sharing else output
        rest = 0 if is_sharing else rest
        if made.value < dust_threshold(made.script_pubkey, dust):
            if is_sharing:
                text = "Dynamically assigned remainder results in dust output."
                raise RpcError(RPC_WALLET_INSUFFICIENT_FUNDS, text)
            shown = address.encode(made.script_pubkey, context.chain) or ""
            raise RpcError(RPC_INVALID_PARAMETER, f"Specified output amount to {shown} is below dust threshold.")
        paid.append(made)
    return paid


METHODS: Final = (sendall,)
