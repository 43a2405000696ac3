"""RPC methods that add a wallet's coins to a transaction (Core: src/wallet/rpc/spend.cpp)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from primitives.errors import DecodeError
from primitives.psbt import Psbt
from primitives.psbt_writing import encode_psbt
from primitives.transaction import Transaction
from primitives.transaction_hex import decode_transaction
from rpc.construct_transaction import construct_transaction, output_keys, parse_outputs
from rpc.errors import RPC_DESERIALIZATION_ERROR, RpcError
from rpc.help import example_cli
from rpc.json import Amount
from rpc.method import Arg, Kind, Num, Result, method
from rpc.psbt_arguments import VERSION_ARG as PSBT_VERSION_ARG
from rpc.psbt_arguments import check_version
from wallet.rpc.filling import filling
from wallet.rpc.sending import VERSION_ARG
from wallet.rpc.spending_options import (
    DEPTH_ARGS,
    OUTPUT_INDICES_ARG,
    OUTPUTS_ARG,
    RATE_ARG,
    UNSAFE_ARG,
    WEIGHT_ARG,
    fee_args,
    flag,
    fund,
    input_args,
    move_weights,
    new_control,
    options_of,
    recipients_of,
    subtracting,
)
from wallet.spending.signing import fill_psbt

if TYPE_CHECKING:
    from rpc.json import Json
    from wallet.rpc.context import RpcContext
    from wallet.spending.create import Created

_CHANGE_ARGS: Final = (
    Arg("changeAddress", Kind.STR, "Where change goes", hint="automatic"),
    Arg("changePosition", Kind.NUM, "Which output is the change", hint="random"),
    Arg("change_type", Kind.STR, "The kind of address for change", hint="set by -changetype"),
    Arg("includeWatching", Kind.BOOL, "(DEPRECATED) Ignored", default=False),
    Arg("lockUnspents", Kind.BOOL, "Whether to lock what is spent", default=False),
    RATE_ARG,
    Arg("feeRate", Kind.AMOUNT, "The fee rate in BTC/kvB", hint="not set, the wallet estimates it"),
    Arg(
        "subtractFeeFromOutputs",
        Kind.ARR,
        "Outputs that the fee comes off in equal parts, so that they get less",
        OUTPUT_INDICES_ARG,
        default=(),
    ),
)
_WEIGHTS_ARG: Final = Arg(
    "input_weights",
    Kind.ARR,
    "What inputs weigh at most once they are signed",
    (
        Arg(
            "",
            Kind.OBJ,
            "",
            (
                Arg("txid", Kind.STR_HEX, "The transaction's id"),
                Arg("vout", Kind.NUM, "The number of the output"),
                Arg("weight", Kind.NUM, "The weight, with outpoint and sequence"),
            ),
            optional=True,
        ),
    ),
    optional=True,
)
_FUNDED: Final = (
    Result(Kind.STR_AMOUNT, "fee", "The fee in BTC"),
    Result(Kind.NUM, "changepos", "Which output is the change, -1 if there is none"),
)


def _add_inputs(hint: str) -> Arg:
    return Arg("add_inputs", Kind.BOOL, "Whether to add coins of the wallet as far as needed", hint=hint)


@method(
    "rawtransactions",
    "fundrawtransaction",
    Arg("hexstring", Kind.STR_HEX, "The transaction in hex"),
    Arg(
        "options",
        Kind.OBJ_NAMED_PARAMS,
        "",
        (
            _add_inputs("true"),
            UNSAFE_ARG,
            *DEPTH_ARGS,
            *_CHANGE_ARGS,
            _WEIGHTS_ARG,
            WEIGHT_ARG,
            *(replace(arg, also_positional=False) for arg in fee_args()),
        ),
        optional=True,
        oneline="options",
    ),
    Arg(
        "iswitness",
        Kind.BOOL,
        "Whether the transaction is in the extended form. If not said, what makes sense decides.",
        hint="depends on what the transaction looks like",
    ),
    result=Result(Kind.OBJ, inner=(Result(Kind.STR_HEX, "hex", "The transaction"), *_FUNDED)),
    help="Add inputs to a transaction until they pay for its outputs, and an output for change.\n"
    "Nothing is signed. Outputs stay as they are, unless subtractFeeFromOutputs names them.\n"
    "Inputs that are there and not the wallet's must be coins of the chain or the mempool.",
    examples=example_cli("fundrawtransaction", '"rawtransactionhex"'),
)
def fundrawtransaction(context: RpcContext, text: str, options: Json, is_witness: bool | None) -> Json:
    """Fund a transaction."""
    wallet = context.wallet()
    try:
        transaction = decode_transaction(
            text, try_no_witness=is_witness is not True, try_witness=is_witness is not False
        )
    except DecodeError:
        raise RpcError(RPC_DESERIALIZATION_ERROR, "TX decode failed") from None
    options = options_of(options)
    outputs = [(output.script_pubkey, output.value) for output in transaction.outputs]
    recipients = recipients_of(outputs, subtracting(options.get("subtractFeeFromOutputs"), ["dummy"] * len(outputs)))
    bare = Transaction(transaction.version, transaction.inputs, (), transaction.lock_time)
    made = fund(context, wallet, bare, recipients, options, new_control(wallet), override_minimum=True)
    return {"hex": made.transaction.serialize().hex()} | _funded(made)


def _funded(made: Created) -> dict[str, Json]:
    return {"fee": Amount(made.fee), "changepos": -1 if made.change_position is None else made.change_position}


@method(
    "wallet",
    "walletcreatefundedpsbt",
    Arg("inputs", Kind.ARR, "What it must spend", input_args(weight=True), optional=True),
    OUTPUTS_ARG,
    Arg("locktime", Kind.NUM, "The lock time", default=0, number=Num.INT64),
    Arg(
        "options",
        Kind.OBJ_NAMED_PARAMS,
        "",
        (
            _add_inputs('false when "inputs" are specified, true otherwise'),
            UNSAFE_ARG,
            *DEPTH_ARGS,
            *_CHANGE_ARGS,
            WEIGHT_ARG,
            *(replace(arg, also_positional=False) for arg in fee_args()),
        ),
        optional=True,
        oneline="options",
    ),
    Arg("bip32derivs", Kind.BOOL, "Whether to tell where keys come from", default=True),
    VERSION_ARG,
    PSBT_VERSION_ARG,
    result=Result(Kind.OBJ, inner=(Result(Kind.STR, "psbt", "The PSBT in base64"), *_FUNDED)),
    help="Make a PSBT that pays, with the wallet's coins and what it knows of them.\n"
    "Inputs that are there and not the wallet's must be coins of the chain or the mempool.",
    examples=example_cli(
        "walletcreatefundedpsbt",
        '"[]" "[{\\"bc1q09vm5lfy0j5reeulh4x5752q25uqqvz34hufdl\\":0.5}]" 0 "{\\"add_inputs\\":true,\\"fee_rate\\":2}"',
    ),
)
def walletcreatefundedpsbt(
    context: RpcContext,
    inputs: Json,
    outputs: Json,
    lock_time: int,
    options: Json,
    derivations: bool,
    version: int,
    psbt_version: int,
) -> Json:
    """Make a PSBT."""
    wallet = context.synced_wallet()
    options = options_of(options)
    if options.get("replaceable") is None:
        replaceable = wallet.settings.signal_rbf
    else:
        replaceable = flag(options, "replaceable", default=True)
    transaction = construct_transaction(context.chain, inputs, outputs, lock_time, replaceable, version)
    recipients = recipients_of(
        parse_outputs(outputs, context.chain),
        subtracting(options.get("subtractFeeFromOutputs"), output_keys(outputs)),
    )
    control = new_control(wallet)
    control.version = version
    control.allow_other_inputs = not transaction.inputs
    move_weights(inputs, options)
    bare = Transaction(version, transaction.inputs, (), transaction.lock_time)
    made = fund(context, wallet, bare, recipients, options, control, override_minimum=True)
    psbt = Psbt.of(made.transaction, check_version(psbt_version))
    with filling():
        fill_psbt(wallet, psbt, sign=False, derivations=derivations)
    return {"psbt": encode_psbt(psbt)} | _funded(made)


METHODS: Final = (fundrawtransaction, walletcreatefundedpsbt)
