"""RPC methods that replace a transaction by one that pays more, and that tell what transactions would do.

Core: bumpfee and psbtbumpfee of src/wallet/rpc/spend.cpp, simulaterawtransaction of src/wallet/rpc/wallet.cpp.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from primitives.errors import DecodeError
from primitives.psbt import Psbt
from primitives.psbt_writing import encode_psbt
from primitives.transaction import OutPoint, TxOut
from primitives.transaction_hex import decode_transaction
from rpc import json
from rpc.arguments import check_object, parse_hash
from rpc.construct_transaction import parse_outputs
from rpc.errors import (
    RPC_DESERIALIZATION_ERROR,
    RPC_INVALID_ADDRESS_OR_KEY,
    RPC_INVALID_PARAMETER,
    RPC_MISC_ERROR,
    RPC_WALLET_ERROR,
    RpcError,
)
from rpc.help import example_cli, examples
from rpc.json import Amount
from rpc.method import Arg, Kind, Result, method
from rpc.psbt_arguments import VERSION_ARG, check_version
from rpc.transaction_doc import OUTPUT_ARGS
from wallet.flags import DISABLE_PRIVATE_KEYS, EXTERNAL_SIGNER
from wallet.rpc.context import ensure_unlocked
from wallet.rpc.filling import filling
from wallet.rpc.spending_options import (
    MODE_ARG,
    RATE_ARG,
    TARGET_ARG,
    flag,
    new_control,
    node_of,
    options_of,
    set_fee,
)
from wallet.spending.bump import BumpError, BumpFailure, Replacement, commit_replacement, make_replacement
from wallet.spending.signing import fill_psbt, sign_replacement

if TYPE_CHECKING:
    from primitives.transaction import Transaction
    from rpc.json import Json
    from wallet.rpc.context import RpcContext
    from wallet.spending.node_view import NodeView
    from wallet.wallet import Wallet

_CODES: Final = {
    BumpFailure.INVALID_ADDRESS_OR_KEY: RPC_INVALID_ADDRESS_OR_KEY,
    BumpFailure.INVALID_PARAMETER: RPC_INVALID_PARAMETER,
    BumpFailure.WALLET_ERROR: RPC_WALLET_ERROR,
    BumpFailure.MISC_ERROR: RPC_MISC_ERROR,
}
_OPTION_TYPES: Final[dict[str, str | None]] = {
    "confTarget": "number",
    "conf_target": "number",
    "fee_rate": None,
    "replaceable": "bool",
    "estimate_mode": "string",
    "outputs": None,
    "original_change_index": "number",
    "psbt_version": "number",
}
_TXID_ARG: Final = Arg("txid", Kind.STR_HEX, "The id of the transaction to replace")
_OPTIONS: Final = (
    TARGET_ARG,
    RATE_ARG,
    Arg("replaceable", Kind.BOOL, "Whether the new one says that it may be replaced (BIP125)", default=True),
    MODE_ARG,
    Arg(
        "outputs",
        Kind.ARR,
        "What to pay instead, as pairs of key and value. Not together with original_change_index.",
        OUTPUT_ARGS,
        default=(),
        skip_type_check=True,
    ),
    Arg(
        "original_change_index",
        Kind.NUM,
        "Which output is the change, from which the fee is taken first. Not together with outputs.",
        hint="not set, the wallet knows its change",
    ),
)
_FEES: Final = (
    Result(Kind.STR_AMOUNT, "origfee", "What the old one pays"),
    Result(Kind.STR_AMOUNT, "fee", "What the new one pays"),
    Result(Kind.ARR, "errors", "What went wrong, if anything did", (Result(Kind.STR),)),
)
_HELP: Final = (
    "Replace a transaction of the wallet by one that pays more: from its change, or with inputs that are added.\n"
    "Nothing may spend from the old one. The fee is estimated, unless fee_rate gives it."
)


@method(
    "wallet",
    "bumpfee",
    _TXID_ARG,
    Arg("options", Kind.OBJ_NAMED_PARAMS, "", _OPTIONS, optional=True, oneline="options"),
    result=Result(Kind.OBJ, inner=(Result(Kind.STR_HEX, "txid", "The id of the new one"), *_FEES)),
    help=_HELP,
    examples=example_cli("bumpfee", "<txid>"),
)
def bumpfee(context: RpcContext, txid: str, options: Json) -> Json:
    """Replace it."""
    wallet = context.wallet()
    if wallet.has_flag(DISABLE_PRIVATE_KEYS) and not wallet.has_flag(EXTERNAL_SIGNER):
        text = "bumpfee is not available with wallets that have private keys disabled. Use psbtbumpfee instead."
        raise RpcError(RPC_WALLET_ERROR, text)
    node = node_of(wallet)
    with wallet.spending:
        old_id, made, _ = _replace(context, wallet, node, txid, options, require_own=True)
        signed = _sign(wallet, made.transaction)
        try:
            commit_replacement(wallet, node, old_id, signed)
        except BumpError as error:
            raise RpcError(RPC_WALLET_ERROR, str(error)) from None
    return {"txid": signed.txid[::-1].hex()} | _fees(made)


def _sign(wallet: Wallet, transaction: Transaction) -> Transaction:
    with filling():
        signed = sign_replacement(wallet, transaction)
    if signed is None:
        incomplete = "Transaction incomplete. Try psbtbumpfee instead."
        text = incomplete if wallet.has_flag(EXTERNAL_SIGNER) else "Can't sign transaction."
        raise RpcError(RPC_WALLET_ERROR, text)
    return signed


@method(
    "wallet",
    "psbtbumpfee",
    _TXID_ARG,
    Arg("options", Kind.OBJ_NAMED_PARAMS, "", (*_OPTIONS, VERSION_ARG), optional=True, oneline="options"),
    result=Result(Kind.OBJ, inner=(Result(Kind.STR, "psbt", "The new one as unsigned PSBT"), *_FEES)),
    help=_HELP + "\nThe new one is returned as a PSBT, neither signed nor sent.",
    examples=example_cli("psbtbumpfee", "<txid>"),
)
def psbtbumpfee(context: RpcContext, txid: str, options: Json) -> Json:
    """Make what replaces it."""
    wallet = context.wallet()
    node = node_of(wallet)
    _, made, version = _replace(context, wallet, node, txid, options, require_own=False)
    psbt = Psbt.of(made.transaction, version)
    with filling():
        fill_psbt(wallet, psbt, sign=False)
    return {"psbt": encode_psbt(psbt)} | _fees(made)


def _fees(made: Replacement) -> dict[str, Json]:
    return {"origfee": Amount(made.old_fee), "fee": Amount(made.new_fee), "errors": []}


def _replace(
    context: RpcContext, wallet: Wallet, node: NodeView, txid: str, given: Json, *, require_own: bool
) -> tuple[bytes, Replacement, int]:
    """Return the id of the old transaction, the new one, and the version of PSBTs that the user wants."""
    old_id = parse_hash(txid, "txid")
    control = new_control(wallet)
    options = options_of(given)
    check_object(options, _OPTION_TYPES, allow_null=True, strict=True)
    if "confTarget" in options and "conf_target" in options:
        raise RpcError(
            RPC_INVALID_PARAMETER,
            "confTarget and conf_target options should not both be set. Use conf_target (confTarget is deprecated).",
        )
    target = options["confTarget"] if "confTarget" in options else options.get("conf_target")
    control.signal_rbf = flag(options, "replaceable", default=True)
    set_fee(wallet, control, target, options.get("estimate_mode"), options.get("fee_rate"), override_minimum=False)
    outputs: list[TxOut] = []
    if options.get("outputs") is not None:
        if options["outputs"] == []:
            text = "Invalid parameter, output argument cannot be an empty array"
            raise RpcError(RPC_INVALID_PARAMETER, text)
        outputs = [TxOut(value, script) for script, value in parse_outputs(options["outputs"], context.chain)]
    change = None
    if "original_change_index" in options:
        change = json.to_int(options["original_change_index"], 0, 2**32 - 1)
    version = check_version(json.to_int(options.get("psbt_version", 2), 0, 2**32 - 1))
    wallet.wait_until_synced()
    ensure_unlocked(wallet)
    try:
        made = make_replacement(
            wallet,
            node,
            old_id,
            control,
            require_own=require_own,
            outputs=outputs,
            original_change=change,
        )
    except BumpError as error:
        raise RpcError(_CODES[error.failure], str(error)) from None
    return old_id, made, version


@method(
    "wallet",
    "simulaterawtransaction",
    Arg("rawtxs", Kind.ARR, "Transactions in hex", (Arg("rawtx", Kind.STR_HEX, "", optional=True),), optional=True),
    Arg(
        "options",
        Kind.OBJ_NAMED_PARAMS,
        "",
        (Arg("include_watchonly", Kind.BOOL, "(DEPRECATED) Ignored", default=False),),
        optional=True,
    ),
    result=Result(
        Kind.OBJ,
        inner=(Result(Kind.STR_AMOUNT, "balance_change", "What the wallet gains, negative for what it loses"),),
    ),
    help="Tells by how much the balance would change if these transactions were signed and sent.",
    examples=examples("simulaterawtransaction", '["myhex"]'),
)
def simulaterawtransaction(context: RpcContext, texts: Json, options: Json) -> Json:
    """Add up what transactions spend of the wallet's and pay to it."""
    del options
    wallet = context.wallet()
    json.check_type(texts, "array")
    node = node_of(wallet)
    made: dict[OutPoint, int] = {}
    spent: set[OutPoint] = set()
    change = 0
    for text in texts:
        try:
            transaction = decode_transaction(json.to_str(text), try_no_witness=True)
        except DecodeError:
            raise RpcError(RPC_DESERIALIZATION_ERROR, "Transaction hex string decoding failure.") from None
        coins = node.find_coins([each.prevout for each in transaction.inputs])
        for each in transaction.inputs:
            outpoint = each.prevout
            if outpoint in spent:
                message = "Transaction(s) are spending the same output more than once"
                raise RpcError(RPC_INVALID_PARAMETER, message)
            if outpoint in made:
                change -= made.pop(outpoint)
            elif outpoint not in coins:
                message = "One or more transaction inputs are missing or have been spent already"
                raise RpcError(RPC_INVALID_PARAMETER, message)
            else:
                with wallet.lock:
                    own = wallet.history.own_output(outpoint)
                change -= 0 if own is None else own.value
            spent.add(outpoint)
        with wallet.lock:
            for index, (value, script) in enumerate(transaction.outputs):
                gained = value if wallet.is_mine(script) else 0
                made[OutPoint(transaction.txid, index)] = gained
                change += gained
    return {"balance_change": Amount(change)}


METHODS: Final = (bumpfee, psbtbumpfee, simulaterawtransaction)
