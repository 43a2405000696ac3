"""Unsigned transactions from what a user asks for (Core: ConstructTransaction in src/rpc/rawtransaction_util.cpp)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from primitives import address
from primitives.errors import AddressError
from primitives.opcodes import OP_RETURN
from primitives.script import push_data
from primitives.transaction import SEQUENCE_FINAL, OutPoint, Transaction, TxIn, TxOut
from rpc import json
from rpc.arguments import parse_amount, parse_hash, parse_hex
from rpc.errors import RPC_INVALID_ADDRESS_OR_KEY, RPC_INVALID_PARAMETER, RpcError

if TYPE_CHECKING:
    from common.chains import ChainParams
    from rpc.json import Json

MAX_BIP125_RBF_SEQUENCE: Final = SEQUENCE_FINAL - 2
_MIN_VERSION: Final = 1
_MAX_VERSION: Final = 3


def construct_transaction(
    chain: ChainParams, inputs: Json, outputs: Json, lock_time: int, replaceable: bool | None, version: int
) -> Transaction:
    """Return the transaction of the arguments in `transaction_doc.creation_args`. Raises RpcError."""
    if not 0 <= lock_time <= 0xFFFFFFFF:
        raise RpcError(RPC_INVALID_PARAMETER, "Invalid parameter, locktime out of range")
    if not _MIN_VERSION <= version <= _MAX_VERSION:
        text = f"Invalid parameter, version out of range({_MIN_VERSION}~{_MAX_VERSION})"
        raise RpcError(RPC_INVALID_PARAMETER, text)
    if replaceable is None or replaceable:
        sequence = MAX_BIP125_RBF_SEQUENCE
    else:
        sequence = SEQUENCE_FINAL - 1 if lock_time else SEQUENCE_FINAL
    made_inputs = tuple(_input(each, sequence) for each in inputs or ())
    made_outputs = tuple(TxOut(value, script) for script, value in parse_outputs(outputs, chain))
    if replaceable and made_inputs and all(each.sequence > MAX_BIP125_RBF_SEQUENCE for each in made_inputs):
        text = "Invalid parameter combination: Sequence number(s) contradict replaceable option"
        raise RpcError(RPC_INVALID_PARAMETER, text)
    return Transaction(version, made_inputs, made_outputs, lock_time)


def _input(value: Json, sequence: int) -> TxIn:
    json.check_type(value, "object")
    txid = parse_hash(value.get("txid"), "txid")
    index = value.get("vout")
    if json.type_name(index) != "number":
        raise RpcError(RPC_INVALID_PARAMETER, "Invalid parameter, missing vout key")
    index = json.to_int(index)
    if index < 0:
        raise RpcError(RPC_INVALID_PARAMETER, "Invalid parameter, vout cannot be negative")
    given = value.get("sequence")
    if json.type_name(given) == "number":
        sequence = json.to_int64(given)
        if not 0 <= sequence <= SEQUENCE_FINAL:
            raise RpcError(RPC_INVALID_PARAMETER, "Invalid parameter, sequence number is out of range")
    return TxIn(OutPoint(txid, index), b"", sequence)


def parse_outputs(value: Json, chain: ChainParams) -> list[tuple[bytes, int]]:
    """Return scripts and amounts of outputs given as one object or an array of objects. Raises RpcError."""
    found: list[tuple[bytes, int]] = []
    seen: set[bytes] = set()
    has_data = False
    pairs = _pairs(value)
    first: dict[str, Json] = {}
    for key, given in pairs:
        first.setdefault(key, given)
    for key, _ in pairs:
        if key == "data":
            if has_data:
                raise RpcError(RPC_INVALID_PARAMETER, "Invalid parameter, duplicate key: data")
            has_data = True
            data = parse_hex(_text_of(first[key]), "Data")
            found.append((bytes((OP_RETURN,)) + push_data(data), 0))
            continue
        amount = parse_amount(first[key])
        try:
            script = address.decode(key, chain)
        except AddressError:
            raise RpcError(RPC_INVALID_ADDRESS_OR_KEY, f"Invalid Bitcoin address: {key}") from None
        if script in seen:
            raise RpcError(RPC_INVALID_PARAMETER, f"Invalid parameter, duplicated address: {key}")
        seen.add(script)
        found.append((script, amount))
    return found


def output_keys(value: Json) -> list[str]:
    """Return the addresses, or "data", of outputs given as one object or an array of objects. Raises RpcError."""
    return [key for key, _ in _pairs(value)]


def _pairs(value: Json) -> list[tuple[str, Json]]:
    if value is None:
        raise RpcError(RPC_INVALID_PARAMETER, "Invalid parameter, output argument must be non-null")
    if isinstance(value, dict):
        return json.pairs_of(value)
    json.check_type(value, "array")
    found: list[tuple[str, Json]] = []
    for item in value:
        if not isinstance(item, dict):
            raise RpcError(RPC_INVALID_PARAMETER, "Invalid parameter, key-value pair not an object as expected")
        pairs = json.pairs_of(item)
        if len(pairs) != 1:
            raise RpcError(RPC_INVALID_PARAMETER, "Invalid parameter, key-value pair must contain exactly one key")
        found += pairs
    return found


def _text_of(value: Json) -> str:
    """Return a value as text, as UniValue's getValStr does."""
    if isinstance(value, bool):
        return "1" if value else ""
    if isinstance(value, json.Number):
        return value.text
    return str(value) if isinstance(value, (int, str)) else ""
