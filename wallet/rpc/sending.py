"""RPC methods that send coins (Core: src/wallet/rpc/spend.cpp)."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Final

from primitives.transaction import Transaction
from rpc import json
from rpc.construct_transaction import construct_transaction, output_keys, parse_outputs
from rpc.errors import RPC_INVALID_PARAMETER, RPC_WALLET_ERROR, RPC_WALLET_INSUFFICIENT_FUNDS, RpcError
from rpc.help import example_cli, examples
from rpc.method import Arg, Kind, Num, Result, method
from wallet.flags import DISABLE_PRIVATE_KEYS, EXTERNAL_SIGNER
from wallet.rpc.context import MUST_BE_UNLOCKED, ensure_unlocked
from wallet.rpc.finishing import SENT_RESULT, finish
from wallet.rpc.spending_options import (
    DEPTH_ARGS,
    MODE_ARG,
    OUTPUT_INDICES_ARG,
    OUTPUTS_ARG,
    RATE_ARG,
    REPLACEABLE_ARG,
    TARGET_ARG,
    UNSAFE_ARG,
    WEIGHT_ARG,
    also_positional,
    avoid_reuse,
    fee_args,
    flag,
    fund,
    input_args,
    move_into_options,
    move_weights,
    new_control,
    node_of,
    options_of,
    recipients_of,
    refuse_outdated,
    set_fee,
    subtracting,
)
from wallet.spending.commit import commit
from wallet.spending.create import create_transaction
from wallet.spending.errors import SpendError

if TYPE_CHECKING:
    from rpc.json import Json
    from wallet.rpc.context import RpcContext
    from wallet.spending.coin_control import CoinControl, Recipient
    from wallet.wallet import Wallet

_COMMENT_ARG: Final = Arg("comment", Kind.STR, "What it is for; kept in the wallet only", optional=True)
_VERBOSE_ARG: Final = Arg("verbose", Kind.BOOL, "Whether to tell more than the id", default=False)
VERSION_ARG: Final = Arg("version", Kind.NUM, "The transaction's version", default=2, number=Num.UINT)
_RESULTS: Final = (
    Result(Kind.STR_HEX, "txid", "The transaction's id", condition="if verbose is not set or set to false"),
    Result(
        Kind.OBJ,
        inner=(
            Result(Kind.STR_HEX, "txid", "The transaction's id"),
            Result(Kind.STR, "fee_reason", "What set the fee rate"),
        ),
        condition="if verbose is set to true",
    ),
)


@method(
    "wallet",
    "sendtoaddress",
    Arg("address", Kind.STR, "The address to pay"),
    Arg("amount", Kind.AMOUNT, "The amount in BTC"),
    _COMMENT_ARG,
    Arg("comment_to", Kind.STR, "Who it is for; kept in the wallet only", optional=True),
    Arg(
        "subtractfeefromamount",
        Kind.BOOL,
        "Whether the fee comes off the amount, so that the recipient gets less",
        default=False,
    ),
    REPLACEABLE_ARG,
    TARGET_ARG,
    MODE_ARG,
    Arg(
        "avoid_reuse",
        Kind.BOOL,
        "(only where the wallet avoids reuse) Whether to leave coins on addresses that were spent from.\n"
        "If so, all coins of an address are spent together.",
        hint="true where the wallet avoids reuse",
    ),
    RATE_ARG,
    _VERBOSE_ARG,
    result=_RESULTS,
    help="Pay an amount to an address." + MUST_BE_UNLOCKED,
    examples=example_cli("sendtoaddress", '"bc1q09vm5lfy0j5reeulh4x5752q25uqqvz34hufdl" 0.1')
    + example_cli(
        "-named sendtoaddress", 'address="bc1q09vm5lfy0j5reeulh4x5752q25uqqvz34hufdl" amount=0.5 fee_rate=25'
    ),
)
def sendtoaddress(
    context: RpcContext,
    address: str,
    amount: Json,
    comment: str | None,
    comment_to: str | None,
    subtract_fee: bool,
    replaceable: bool | None,
    target: Json,
    mode: Json,
    reuse: bool | None,
    rate: Json,
    verbose: bool,
) -> Json:
    """Pay one."""
    wallet = context.synced_wallet()
    control = new_control(wallet)
    control.signal_rbf = replaceable
    control.avoid_address_reuse = avoid_reuse(wallet, reuse)
    control.avoid_partial_spends = control.avoid_partial_spends or control.avoid_address_reuse
    set_fee(wallet, control, target, mode, rate, override_minimum=False)
    ensure_unlocked(wallet)
    outputs = parse_outputs({address: amount}, context.chain)
    recipients = recipients_of(outputs, {0} if subtract_fee else set())
    return _send(wallet, control, recipients, comment, comment_to, verbose=verbose)


@method(
    "wallet",
    "sendmany",
    Arg("dummy", Kind.STR, 'Must be ""', default="", oneline='""', placeholder=True),
    Arg(
        "amounts",
        Kind.OBJ_USER_KEYS,
        "Addresses and amounts",
        (Arg("address", Kind.AMOUNT, "The key is the address, the value the amount in BTC"),),
    ),
    Arg("minconf", Kind.NUM, "Ignored", optional=True, placeholder=True),
    _COMMENT_ARG,
    Arg(
        "subtractfeefrom",
        Kind.ARR,
        "Addresses whose amounts the fee comes off in equal parts, so that they get less",
        (Arg("address", Kind.STR, "An address", optional=True),),
        optional=True,
    ),
    REPLACEABLE_ARG,
    TARGET_ARG,
    MODE_ARG,
    RATE_ARG,
    _VERBOSE_ARG,
    result=_RESULTS,
    help="Pay amounts to several addresses in one transaction." + MUST_BE_UNLOCKED,
    examples=examples(
        "sendmany",
        '"" "{\\"bc1q09vm5lfy0j5reeulh4x5752q25uqqvz34hufdl\\":0.01,'
        '\\"bc1q02ad21edsxd23d32dfgqqsz4vv4nmtfzuklhy3\\":0.02}"',
        '"", {"bc1q09vm5lfy0j5reeulh4x5752q25uqqvz34hufdl":0.01,"bc1q02ad21edsxd23d32dfgqqsz4vv4nmtfzuklhy3":0.02}',
    ),
)
def sendmany(
    context: RpcContext,
    dummy: str,
    amounts: dict[str, Json],
    minconf: Json,
    comment: str | None,
    subtract_from: Json,
    replaceable: bool | None,
    target: Json,
    mode: Json,
    rate: Json,
    verbose: bool,
) -> Json:
    """Pay several."""
    del minconf
    wallet = context.synced_wallet()
    if dummy:
        raise RpcError(RPC_INVALID_PARAMETER, 'Dummy value must be set to ""')
    control = new_control(wallet)
    control.signal_rbf = replaceable
    set_fee(wallet, control, target, mode, rate, override_minimum=False)
    subtracted = subtracting(subtract_from, output_keys(amounts))
    recipients = recipients_of(parse_outputs(amounts, context.chain), subtracted)
    return _send(wallet, control, recipients, comment, None, verbose=verbose)


def _send(
    wallet: Wallet,
    control: CoinControl,
    recipients: list[Recipient],
    comment: str | None,
    comment_to: str | None,
    *,
    verbose: bool,
) -> Json:
    """Make, sign and send a transaction (Core: SendMoney)."""
    ensure_unlocked(wallet)
    if wallet.has_flag(EXTERNAL_SIGNER):
        text = "Error: sendtoaddress and sendmany are not supported for wallets with external signers; use send instead"
        raise RpcError(RPC_WALLET_ERROR, text)
    if wallet.has_flag(DISABLE_PRIVATE_KEYS):
        raise RpcError(RPC_WALLET_ERROR, "Error: Private keys are disabled for this wallet")
    random.SystemRandom().shuffle(recipients)
    node = node_of(wallet)
    with wallet.spending:
        try:
            made = create_transaction(wallet, node, recipients, control)
        except SpendError as error:
            raise RpcError(RPC_WALLET_INSUFFICIENT_FUNDS, str(error)) from None
        commit(wallet, node, made.transaction, comment=comment or None, comment_to=comment_to or None)
    txid = made.transaction.txid[::-1].hex()
    return {"txid": txid, "fee_reason": made.rate.reason} if verbose else txid


@method(
    "wallet",
    "send",
    OUTPUTS_ARG,
    TARGET_ARG,
    MODE_ARG,
    RATE_ARG,
    Arg(
        "options",
        Kind.OBJ_NAMED_PARAMS,
        "",
        (
            Arg(
                "add_inputs",
                Kind.BOOL,
                "Whether to add coins of the wallet as far as needed",
                hint='false when "inputs" are specified, true otherwise',
            ),
            UNSAFE_ARG,
            *DEPTH_ARGS,
            Arg("add_to_wallet", Kind.BOOL, "If false, the transaction is returned, not sent", default=True),
            Arg("change_address", Kind.STR, "Where change goes", hint="automatic"),
            Arg("change_position", Kind.NUM, "Which output is the change", hint="random"),
            Arg("change_type", Kind.STR, "The kind of address for change", hint="set by -changetype"),
            also_positional(RATE_ARG),
            Arg("include_watching", Kind.BOOL, "(DEPRECATED) Ignored", default=False),
            Arg("inputs", Kind.ARR, "What it must spend", input_args(weight=True), default=()),
            Arg(
                "locktime", Kind.NUM, "The lock time", hint="close to the height, so that miners gain nothing by reorgs"
            ),
            Arg("lock_unspents", Kind.BOOL, "Whether to lock what is spent", default=False),
            Arg("psbt", Kind.BOOL, "Whether to return a PSBT in any case, and send nothing", hint="automatic"),
            Arg(
                "subtract_fee_from_outputs",
                Kind.ARR,
                "Outputs that the fee comes off in equal parts, so that they get less",
                OUTPUT_INDICES_ARG,
                default=(),
            ),
            WEIGHT_ARG,
            *fee_args(),
        ),
        optional=True,
        oneline="options",
    ),
    VERSION_ARG,
    result=SENT_RESULT,
    help="Pay, with all that can be said of inputs, fee and change. What cannot be signed is returned as a PSBT.",
    examples=example_cli("send", "'{\"bc1q09vm5lfy0j5reeulh4x5752q25uqqvz34hufdl\": 0.1}' 6 economical")
    + example_cli("-named send", "outputs='{\"bc1q09vm5lfy0j5reeulh4x5752q25uqqvz34hufdl\": 0.3}' fee_rate=25"),
)
def send(context: RpcContext, outputs: Json, target: Json, mode: Json, rate: Json, options: Json, version: int) -> Json:
    """Pay as the options say."""
    wallet = context.wallet()
    options = options_of(options)
    move_into_options(options, target, mode, rate)
    refuse_outdated(options)
    replaceable = flag(options, "replaceable", default=wallet.settings.signal_rbf)
    subtracted = subtracting(options.get("subtract_fee_from_outputs"), output_keys(outputs))
    recipients = recipients_of(parse_outputs(outputs, context.chain), subtracted)
    inputs = options.get("inputs")
    transaction = construct_transaction(context.chain, inputs, outputs, lock_time_of(options), replaceable, version)
    control = new_control(wallet)
    control.version = version
    control.allow_other_inputs = not transaction.inputs
    if "max_tx_weight" in options:
        control.max_weight = json.to_int(options["max_tx_weight"])
    move_weights(inputs, options)
    without_outputs = Transaction(version, transaction.inputs, (), transaction.lock_time)
    with wallet.spending:
        made = fund(context, wallet, without_outputs, recipients, options, control, override_minimum=False)
        return finish(wallet, made.transaction, options)


def lock_time_of(options: dict[str, Json]) -> int:
    """Return the lock time that a user wants, 0 if none is given. Raises RpcError."""
    value = options.get("locktime")
    return 0 if value is None else json.to_int64(value)


METHODS: Final = (sendtoaddress, sendmany, send)
