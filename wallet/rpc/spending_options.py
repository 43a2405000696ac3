"""What users say of fees, inputs and change, as all methods that make transactions take it (Core: rpc/spend.cpp)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from primitives import address
from primitives.descriptor import OutputType
from primitives.errors import AddressError
from primitives.fee_rate import FeeRate
from primitives.hashes import hash160
from primitives.keys import is_fully_valid
from primitives.script import witness_script
from primitives.transaction import OutPoint
from rpc import json
from rpc.arguments import check_object, parse_amount, parse_hash
from rpc.descriptor_arguments import read_descriptor
from rpc.errors import (
    RPC_INVALID_ADDRESS_OR_KEY,
    RPC_INVALID_PARAMETER,
    RPC_MISC_ERROR,
    RPC_TYPE_ERROR,
    RPC_WALLET_ERROR,
    RpcError,
)
from rpc.method import Arg, Kind, Num
from rpc.transaction_doc import OUTPUT_ARGS
from wallet.flags import AVOID_REUSE
from wallet.spending.choosing import TRUC_MAX_WEIGHT, TRUC_VERSION
from wallet.spending.coin_control import CoinControl, FeeMode, Recipient
from wallet.spending.create import Created, fund_transaction
from wallet.spending.errors import SpendError
from wallet.spending.node_view import ChainNode
from wallet.spending.parameters import MAX_STANDARD_WEIGHT

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from common.chains import ChainParams
    from primitives.signing_data import SigningData
    from primitives.transaction import Transaction
    from rpc.json import Json
    from wallet.rpc.context import RpcContext
    from wallet.wallet import Wallet

_MIN_INPUT_WEIGHT: Final = 165
_MODES: Final = ", ".join(f'"{mode.value}"' for mode in FeeMode)
_OPTION_TYPES: Final[dict[str, str | None]] = {
    "add_inputs": "bool",
    "include_unsafe": "bool",
    "add_to_wallet": "bool",
    "changeAddress": "string",
    "change_address": "string",
    "changePosition": "number",
    "change_position": "number",
    "change_type": "string",
    "includeWatching": "bool",
    "include_watching": "bool",
    "inputs": "array",
    "lockUnspents": "bool",
    "lock_unspents": "bool",
    "locktime": "number",
    "fee_rate": None,
    "feeRate": None,
    "psbt": "bool",
    "solving_data": "object",
    "subtractFeeFromOutputs": "array",
    "subtract_fee_from_outputs": "array",
    "replaceable": "bool",
    "conf_target": "number",
    "estimate_mode": "string",
    "minconf": "number",
    "maxconf": "number",
    "input_weights": "array",
    "max_tx_weight": "number",
}
_OUTDATED: Final = {
    "feeRate": "Use fee_rate (sat/vB) instead of feeRate",
    "changeAddress": "Use change_address instead of changeAddress",
    "changePosition": "Use change_position instead of changePosition",
    "lockUnspents": "Use lock_unspents instead of lockUnspents",
    "subtractFeeFromOutputs": "Use subtract_fee_from_outputs instead of subtractFeeFromOutputs",
}

TARGET_ARG: Final = Arg(
    "conf_target",
    Kind.NUM,
    "Within how many blocks to confirm",
    hint="wallet -txconfirmtarget",
    number=Num.UNREAD,
)
MODE_ARG: Final = Arg(
    "estimate_mode",
    Kind.STR,
    'How careful the estimate is: "unset" (economical if the transaction may be replaced, else conservative), '
    '"economical" (follows short drops of fees) or "conservative" (looks further back)',
    hint='"unset"',  # No default, for who leaves it out may give it among the options.
)
RATE_ARG: Final = Arg("fee_rate", Kind.AMOUNT, "The fee rate in sat/vB", hint="not set, the wallet estimates it")
REPLACEABLE_ARG: Final = Arg(
    "replaceable", Kind.BOOL, "Whether the transaction says that it may be replaced (BIP125)", hint="wallet default"
)
OUTPUTS_ARG: Final = Arg(
    "outputs",
    Kind.ARR,
    "What to pay, as pairs of key and value. Each address may be there once, and `data` once.\n"
    "One object that holds all pairs is accepted too.",
    OUTPUT_ARGS,
    skip_type_check=True,
)
_SOLVING_ARG: Final = Arg(
    "solving_data",
    Kind.OBJ,
    "Keys and scripts of inputs that are not the wallet's, to know how large they get",
    (
        Arg("pubkeys", Kind.ARR, "Public keys", (Arg("pubkey", Kind.STR_HEX, "", optional=True),), default=()),
        Arg("scripts", Kind.ARR, "Scripts", (Arg("script", Kind.STR_HEX, "", optional=True),), default=()),
        Arg("descriptors", Kind.ARR, "Descriptors", (Arg("descriptor", Kind.STR, "", optional=True),), default=()),
    ),
    optional=True,
)
UNSAFE_ARG: Final = Arg(
    "include_unsafe",
    Kind.BOOL,
    "Whether to spend unconfirmed coins of others, and of transactions that replace others.\n"
    "If such a transaction vanishes, the one made becomes invalid.",
    default=False,
)
DEPTH_ARGS: Final = (
    Arg("minconf", Kind.NUM, "The least confirmations of coins that are added", default=0),
    Arg("maxconf", Kind.NUM, "The most confirmations of coins that are added", optional=True),
)
WEIGHT_ARG: Final = Arg("max_tx_weight", Kind.NUM, "The most the transaction may weigh", default=MAX_STANDARD_WEIGHT)
INPUT_WEIGHT_ARG: Final = Arg(
    "weight",
    Kind.NUM,
    "The most the signed input weighs, with its outpoint and sequence",
    hint="Calculated from wallet and solving data",
)
OUTPUT_INDICES_ARG: Final = (
    Arg("vout_index", Kind.NUM, "The number of an output before change is added", optional=True),
)


def also_positional(arg: Arg) -> Arg:
    """Return an argument that is one of the method's own too."""
    return Arg(arg.names, arg.kind, arg.help, arg.inner, arg.default, arg.hint, arg.optional, also_positional=True)


def fee_args(*, solving: bool = True) -> tuple[Arg, ...]:
    """Return the options about fees that all of these methods have."""
    args = (also_positional(TARGET_ARG), also_positional(MODE_ARG), REPLACEABLE_ARG)
    return (*args, _SOLVING_ARG) if solving else args


def input_args(*, weight: bool) -> tuple[Arg, ...]:
    """Return what an input is given by."""
    args = (
        Arg("txid", Kind.STR_HEX, "The transaction's id"),
        Arg("vout", Kind.NUM, "The number of the output"),
        Arg("sequence", Kind.NUM, "The sequence number", hint="depends on 'replaceable' and 'locktime'"),
    )
    return (Arg("", Kind.OBJ, "", (*args, INPUT_WEIGHT_ARG) if weight else args, optional=True),)


@dataclass(frozen=True, slots=True)
class Funding:
    """Where change goes, and whether what is spent gets locked."""

    change_position: int | None = None
    lock_coins: bool = False


def node_of(wallet: Wallet) -> ChainNode:
    """Return the wallet's node. Raises WalletError if it has none."""
    return ChainNode(wallet.chain_or_fail())


def new_control(wallet: Wallet) -> CoinControl:
    """Return what a user decides who says nothing."""
    return CoinControl(avoid_partial_spends=wallet.settings.avoid_partial_spends)


def avoid_reuse(wallet: Wallet, value: Json) -> bool:
    """Return whether used addresses are not spent from. Raises RpcError."""
    can = wallet.has_flag(AVOID_REUSE)
    wanted = can if value is None else json.to_bool(value)
    if wanted and not can:
        raise RpcError(RPC_WALLET_ERROR, 'wallet does not have the "avoid reuse" feature enabled')
    return wanted


def move_into_options(options: dict[str, Json], target: Json, mode: Json, rate: Json) -> None:
    """Put arguments about fees into the options, where they may be too, but not both. Raises RpcError."""
    if "conf_target" in options or "estimate_mode" in options:
        if target is not None or mode is not None:
            raise RpcError(
                RPC_INVALID_PARAMETER,
                "Pass conf_target and estimate_mode either as arguments or in the options object, but not both",
            )
    else:
        options["conf_target"], options["estimate_mode"] = target, mode
    if "fee_rate" in options:
        if rate is not None:
            text = "Pass the fee_rate either as an argument, or in the options object, but not both"
            raise RpcError(RPC_INVALID_PARAMETER, text)
    else:
        options["fee_rate"] = rate
    mode = options.get("estimate_mode")
    if options.get("conf_target") is not None and (mode is None or json.to_str(mode) == "unset"):
        raise RpcError(RPC_INVALID_PARAMETER, "Specify estimate_mode")


def refuse_outdated(options: dict[str, Json]) -> None:
    """Raise RpcError if an option has its old name."""
    for key, text in _OUTDATED.items():
        if key in options:
            raise RpcError(RPC_INVALID_PARAMETER, text)


def set_fee(
    wallet: Wallet, control: CoinControl, target: Json, mode: Json, rate: Json, *, override_minimum: bool
) -> None:
    """Note what a user says of the fee. Raises RpcError (Core: SetFeeEstimateMode)."""
    if rate is not None:
        if target is not None:
            raise RpcError(
                RPC_INVALID_PARAMETER,
                "Cannot specify both conf_target and fee_rate. Please provide either a confirmation target in blocks "
                "for automatic fee estimation, or an explicit fee rate.",
            )
        if mode is not None and json.to_str(mode) != "unset":
            raise RpcError(RPC_INVALID_PARAMETER, "Cannot specify both estimate_mode and fee_rate")
        control.fee_rate = FeeRate(parse_amount(rate, decimals=3))
        control.override_fee_rate = control.override_fee_rate or override_minimum
        if control.signal_rbf is None:
            control.signal_rbf = True
        return
    if mode is not None:
        try:
            control.fee_mode = FeeMode(json.to_str(mode).lower())
        except ValueError:
            text = f"Invalid estimate_mode parameter, must be one of: {_MODES}"
            raise RpcError(RPC_INVALID_PARAMETER, text) from None
    if target is not None:
        blocks, most = json.to_int(target), wallet.chain_or_fail().estimate_max_blocks()
        if not 1 <= blocks <= most:
            raise RpcError(RPC_INVALID_PARAMETER, f"Invalid conf_target, must be between 1 and {most}")
        control.confirm_target = blocks


def subtracting(value: Json, keys: Sequence[str]) -> set[int]:
    """Return which outputs pay the fee, given by number or address. Raises RpcError."""
    found: set[int] = set()
    start = "Invalid parameter 'subtract fee from output', "
    for each in _values(value):
        if isinstance(each, str):
            if each not in keys:
                raise RpcError(RPC_INVALID_PARAMETER, f"{start}destination {each} not found in tx outputs")
            position = list(keys).index(each)
        elif json.type_name(each) == "number":
            position = json.to_int(each)
        else:
            raise RpcError(RPC_INVALID_PARAMETER, f"{start}invalid value type: {json.type_name(each)}")
        if position in found:
            raise RpcError(RPC_INVALID_PARAMETER, f"{start}duplicated position: {position}")
        if position < 0:
            raise RpcError(RPC_INVALID_PARAMETER, f"{start}negative position: {position}")
        if position >= len(keys):
            raise RpcError(RPC_INVALID_PARAMETER, f"{start}position too large: {position}")
        found.add(position)
    return found


def _values(value: Json) -> Iterable[Json]:
    """Return what a list or an object holds, nothing for null. Raises RpcError."""
    if isinstance(value, dict):
        return value.values()
    if value is not None and not isinstance(value, list):
        raise RpcError(RPC_MISC_ERROR, "JSON value is not an object or array as expected")
    return value or ()


def recipients_of(outputs: Sequence[tuple[bytes, int]], paying: set[int]) -> list[Recipient]:
    """Return who is paid, and who pays the fee."""
    return [Recipient(script, amount, at in paying) for at, (script, amount) in enumerate(outputs)]


def fund(
    context: RpcContext,
    wallet: Wallet,
    transaction: Transaction,
    recipients: Sequence[Recipient],
    options: dict[str, Json],
    control: CoinControl,
    *,
    override_minimum: bool,
) -> Created:
    """Add coins and change to a transaction as the options say. Raises RpcError (Core: FundTransaction)."""
    wallet.wait_until_synced()
    check_object(options, _OPTION_TYPES, allow_null=True, strict=True)
    funding = _read_funding(context.chain, options, control, len(recipients))
    set_fee(
        wallet,
        control,
        options.get("conf_target"),
        options.get("estimate_mode"),
        options.get("fee_rate"),
        override_minimum=override_minimum,
    )
    if "solving_data" in options:
        json.check_type(options["solving_data"], "object")
        _read_solving(context.chain, options["solving_data"], control.external)
    _read_weights(options, control)
    if "max_tx_weight" in options:
        control.max_weight = json.to_int(options["max_tx_weight"])
    if transaction.version == TRUC_VERSION:
        control.max_weight = min(control.max_weight or TRUC_MAX_WEIGHT, TRUC_MAX_WEIGHT)
    if not recipients:
        raise RpcError(RPC_INVALID_PARAMETER, "TX must have at least one output")
    try:
        return fund_transaction(
            wallet,
            node_of(wallet),
            transaction,
            recipients,
            control,
            change_position=funding.change_position,
            lock_coins=funding.lock_coins,
        )
    except SpendError as error:
        raise RpcError(RPC_WALLET_ERROR, str(error)) from None


def _either(options: dict[str, Json], name: str, old_name: str) -> Json:
    return options[name] if name in options else options.get(old_name)


def _read_funding(chain: ChainParams, options: dict[str, Json], control: CoinControl, recipients: int) -> Funding:
    position = None
    if "add_inputs" in options:
        control.allow_other_inputs = json.to_bool(options["add_inputs"])
    has_change = "change_address" in options or "changeAddress" in options
    if has_change:
        change = json.to_str(_either(options, "change_address", "changeAddress"))
        try:
            control.change_script = address.decode(change, chain)
        except AddressError:
            text = "Change address must be a valid bitcoin address"
            raise RpcError(RPC_INVALID_ADDRESS_OR_KEY, text) from None
    if "change_position" in options or "changePosition" in options:
        position = json.to_int(_either(options, "change_position", "changePosition"))
        if not 0 <= position <= recipients:
            raise RpcError(RPC_INVALID_PARAMETER, "changePosition out of bounds")
    if "change_type" in options:
        if has_change:
            text = "Cannot specify both change address and address type options"
            raise RpcError(RPC_INVALID_PARAMETER, text)
        kind = json.to_str(options["change_type"])
        try:
            control.change_type = OutputType(kind)
        except ValueError:
            raise RpcError(RPC_INVALID_ADDRESS_OR_KEY, f"Unknown change type '{kind}'") from None
    lock = False
    if "lock_unspents" in options or "lockUnspents" in options:
        lock = json.to_bool(_either(options, "lock_unspents", "lockUnspents"))
    if "include_unsafe" in options:
        control.include_unsafe = json.to_bool(options["include_unsafe"])
    _read_old_rate(options, control)
    if "replaceable" in options:
        control.signal_rbf = json.to_bool(options["replaceable"])
    read_depths(options, control, negative="Negative minconf")
    return Funding(position, lock)


def _read_old_rate(options: dict[str, Json], control: CoinControl) -> None:
    """Read feeRate, which is in BTC/kvB."""
    if "feeRate" not in options:
        return
    if "fee_rate" in options:
        raise RpcError(RPC_INVALID_PARAMETER, "Cannot specify both fee_rate (sat/vB) and feeRate (BTC/kvB)")
    if "conf_target" in options:
        raise RpcError(
            RPC_INVALID_PARAMETER,
            "Cannot specify both conf_target and feeRate. Please provide either a confirmation target in blocks for "
            "automatic fee estimation, or an explicit fee rate.",
        )
    if "estimate_mode" in options:
        raise RpcError(RPC_INVALID_PARAMETER, "Cannot specify both estimate_mode and feeRate")
    control.fee_rate = FeeRate(parse_amount(options["feeRate"]))
    control.override_fee_rate = True


def read_depths(options: dict[str, Json], control: CoinControl, *, negative: str) -> None:
    """Note how deep coins must lie. Raises RpcError, with the text `negative` and the number if that is too low."""
    if "minconf" in options:
        control.min_depth = json.to_int(options["minconf"])
        if control.min_depth < 0:
            raise RpcError(RPC_INVALID_PARAMETER, negative.format(control.min_depth))
    if "maxconf" in options:
        control.max_depth = json.to_int(options["maxconf"])
        if control.max_depth < control.min_depth:
            raise RpcError(
                RPC_INVALID_PARAMETER,
                f"maxconf can't be lower than minconf: {control.max_depth} < {control.min_depth}",
            )


def _read_solving(chain: ChainParams, data: Json, known: SigningData) -> None:
    for text in _listed(data, "pubkeys"):
        pubkey = _read_pubkey(json.to_str(text))
        known.pubkeys.setdefault(hash160(pubkey), pubkey)
        known.add_script(witness_script(0, hash160(pubkey)))
    for text in _listed(data, "scripts"):
        try:
            known.add_script(_from_hex(json.to_str(text)))
        except ValueError:
            raise RpcError(RPC_INVALID_ADDRESS_OR_KEY, f"'{text}' is not hex") from None
    for text in _listed(data, "descriptors"):
        try:
            parsed = read_descriptor(json.to_str(text), chain, require_checksum=True)
        except RpcError as error:
            raise RpcError(RPC_INVALID_PARAMETER, f"Unable to parse descriptor '{text}': {error}") from None
        for descriptor in parsed.descriptors:
            expansion = descriptor.expand(0, parsed.data)
            if expansion is not None:
                known.merge(expansion.data)


def _listed(data: dict[str, Json], name: str) -> list[Json]:
    """Return a list of an object's, empty if it has none of this name. Raises RpcError."""
    if name not in data:
        return []
    json.check_type(data[name], "array")
    return list(data[name])


def _from_hex(text: str) -> bytes:
    if not text or " " in text:
        raise ValueError(text)
    return bytes.fromhex(text)


def _read_pubkey(text: str) -> bytes:
    try:
        data = _from_hex(text)
    except ValueError:
        raise RpcError(RPC_INVALID_ADDRESS_OR_KEY, f'Pubkey "{text}" must be a hex string') from None
    if len(data) not in {33, 65}:
        text = f'Pubkey "{text}" must have a length of either 33 or 65 bytes'
        raise RpcError(RPC_INVALID_ADDRESS_OR_KEY, text)
    if not is_fully_valid(data):
        raise RpcError(RPC_INVALID_ADDRESS_OR_KEY, f'Pubkey "{text}" must be cryptographically valid.')
    return data


def _read_weights(options: dict[str, Json], control: CoinControl) -> None:
    if "input_weights" in options:
        json.check_type(options["input_weights"], "array")
    for each in options.get("input_weights", ()):
        json.check_type(each, "object")
        txid = parse_hash(each.get("txid"), "txid")
        index, weight = each.get("vout"), each.get("weight")
        if json.type_name(index) != "number":
            raise RpcError(RPC_INVALID_PARAMETER, "Invalid parameter, missing vout key")
        if json.to_int(index) < 0:
            raise RpcError(RPC_INVALID_PARAMETER, "Invalid parameter, vout cannot be negative")
        if json.type_name(weight) != "number":
            raise RpcError(RPC_INVALID_PARAMETER, "Invalid parameter, missing weight key")
        weight = json.to_int64(weight)
        if weight < _MIN_INPUT_WEIGHT:
            raise RpcError(
                RPC_INVALID_PARAMETER,
                "Invalid parameter, weight cannot be less than 165 (41 bytes (size of outpoint + sequence + empty "
                "scriptSig) * 4 (witness scaling factor)) + 1 (empty witness)",
            )
        if weight > MAX_STANDARD_WEIGHT:
            raise RpcError(
                RPC_INVALID_PARAMETER,
                "Invalid parameter, weight cannot be greater than the maximum standard tx weight of "
                f"{MAX_STANDARD_WEIGHT}",
            )
        control.set_weight(OutPoint(txid, json.to_int(index)), weight)


def move_weights(inputs: Json, options: dict[str, Json]) -> None:
    """Put the weights of inputs into the options. Raises RpcError if some are there."""
    if "input_weights" in options:
        text = "Input weights should be specified in inputs rather than in options."
        raise RpcError(RPC_INVALID_PARAMETER, text)
    if inputs:
        options["input_weights"] = [each for each in inputs if isinstance(each, dict) and "weight" in each]


def options_of(value: Json) -> dict[str, Json]:
    """Return a copy of the options, empty if there are none. Raises RpcError."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        text = f"JSON value of type {json.type_name(value)} is not of expected type object"
        raise RpcError(RPC_TYPE_ERROR, text)
    return dict(value)


def flag(options: dict[str, Json], name: str, *, default: bool) -> bool:
    """Return an option that is true or false. Raises RpcError."""
    return json.to_bool(options[name]) if name in options else default
