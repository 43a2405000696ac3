"""Arguments: named ones put in their places, and values that several methods read alike.

Core: transformNamedArguments in src/rpc/server.cpp, and the Parse functions of src/rpc/util.cpp.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from primitives.fee_rate import FeeRate
from primitives.transaction import COIN, MAX_MONEY
from rpc import json
from rpc.errors import RPC_INVALID_PARAMETER, RPC_TYPE_ERROR, RpcError
from rpc.json import Number, pairs_of

if TYPE_CHECKING:
    from rpc.json import Json
    from rpc.method import Method

_FIXED_POINT: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,18})?", re.ASCII)
_HASH: Final = re.compile(r"[0-9a-fA-F]{64}", re.ASCII)
_HEX: Final = re.compile(r"(?:[0-9a-fA-F]{2})*", re.ASCII)
_MOST_DIGITS: Final = 18


def positional(method: Method, params: dict[str, Json]) -> list[Json]:
    """Return named parameters in the order of the method's arguments. Raises RpcError."""
    given: dict[str, Json] = {}
    for key, value in pairs_of(params):
        if key in given:
            raise RpcError(RPC_INVALID_PARAMETER, f"Parameter {key} specified multiple times")
        given[key] = value
    placed: list[Json] = []
    hole = initial_hole = 0
    first: str | None = None
    options: dict[str, Json] = {}
    for names, in_options in method.names:
        found = next((name for name in names.split("|") if name in given), None)
        if in_options:
            if found is not None:
                if found in options:
                    raise RpcError(RPC_INVALID_PARAMETER, f"Parameter {found} specified multiple times")
                options[found] = given.pop(found)
            continue
        if options or found is not None:
            placed += [None] * hole
            hole = 0
            first = first or names
        else:
            hole += 1
            if not placed:
                initial_hole = hole
        if found is not None:
            if options:
                text = f"Parameter {found} conflicts with parameter {next(iter(options))}"
                raise RpcError(RPC_INVALID_PARAMETER, text)
            placed.append(given.pop(found))
        if options:
            placed.append(options)
            options = {}
    if "args" in given:
        args = given.pop("args")
        if isinstance(args, list):
            if initial_hole < len(args) and first:
                text = f"Parameter {first} specified twice both as positional and named argument"
                raise RpcError(RPC_INVALID_PARAMETER, text)
            placed = [*args, *placed[len(args) :]]
    for name in given:
        raise RpcError(RPC_INVALID_PARAMETER, f"Unknown named parameter {name}")
    return placed


def parse_hash(value: Json, name: str) -> bytes:
    """Return a hash in internal order from its hex text. Raises RpcError (Core: ParseHashV)."""
    text = json.to_str(value)
    if _HASH.fullmatch(text):
        return bytes.fromhex(text)[::-1]
    if len(text) != 64:
        given = len(text.encode())
        raise RpcError(RPC_INVALID_PARAMETER, f"{name} must be of length 64 (not {given}, for '{text}')")
    raise RpcError(RPC_INVALID_PARAMETER, f"{name} must be hexadecimal string (not '{text}')")


def parse_hex(value: Json, name: str) -> bytes:
    """Return bytes from their hex text, which may not be empty. Raises RpcError (Core: ParseHexV)."""
    text = value if isinstance(value, str) else ""
    if not text or not _HEX.fullmatch(text):
        raise RpcError(RPC_INVALID_PARAMETER, f"{name} must be hexadecimal string (not '{text}')")
    return bytes.fromhex(text)


def parse_amount(value: Json, decimals: int = 8) -> int:
    """Return satoshis from a number or string in bitcoins. Raises RpcError (Core: AmountFromValue)."""
    if isinstance(value, bool) or not isinstance(value, (int, str, Number)):
        raise RpcError(RPC_TYPE_ERROR, "Amount is not a number or string")
    amount = parse_fixed_point(value.text if isinstance(value, Number) else str(value), decimals)
    if amount is None:
        raise RpcError(RPC_TYPE_ERROR, "Invalid amount")
    if not 0 <= amount <= MAX_MONEY:
        raise RpcError(RPC_TYPE_ERROR, "Amount out of range")
    return amount


def parse_fee_rate(value: Json) -> FeeRate:
    """Return a fee rate from BTC/kvB. Raises RpcError (Core: ParseFeeRate)."""
    rate = parse_amount(value)
    if rate >= COIN:
        raise RpcError(RPC_INVALID_PARAMETER, "Fee rates larger than or equal to 1BTC/kvB are not accepted")
    return FeeRate(rate)


def parse_fixed_point(text: str, decimals: int) -> int | None:
    """Return a decimal number times 10**decimals, None if that is no whole number below 10**18."""
    if not _FIXED_POINT.fullmatch(text):
        return None
    sign, digits, exponent = Decimal(text).as_tuple()
    if not isinstance(exponent, int):
        return None
    number = "".join(map(str, digits)).lstrip("0")
    significant = number.rstrip("0")
    shift = exponent + decimals + len(number) - len(significant)
    if not significant:
        return 0
    if shift < 0 or len(significant) + shift > _MOST_DIGITS:
        return None
    amount = int(significant + "0" * shift)
    return -amount if sign else amount


def parse_verbosity(value: Json, default: int, *, allow_bool: bool = True) -> int:
    """Return a verbosity that may be given as a boolean. Raises RpcError (Core: ParseVerbosity)."""
    if value is None:
        return default
    if isinstance(value, bool):
        if not allow_bool:
            raise RpcError(RPC_TYPE_ERROR, "Verbosity was boolean but only integer allowed")
        return int(value)
    return json.to_int(value)


def parse_range(value: Json) -> tuple[int, int]:
    """Return first and last of a range given as its end or as [begin, end]. Raises RpcError (ParseDescriptorRange)."""
    if json.type_name(value) == "number":
        low, high = 0, json.to_int64(value)
    elif isinstance(value, list) and len(value) == 2 and all(json.type_name(item) == "number" for item in value):
        low, high = json.to_int64(value[0]), json.to_int64(value[1])
        if low > high:
            text = "Range specified as [begin,end] must not have begin after end"
            raise RpcError(RPC_INVALID_PARAMETER, text)
    else:
        raise RpcError(RPC_INVALID_PARAMETER, "Range must be specified as end or as [begin,end]")
    if low < 0:
        raise RpcError(RPC_INVALID_PARAMETER, "Range should be greater or equal than 0")
    if high >> 31:
        raise RpcError(RPC_INVALID_PARAMETER, "End of range is too high")
    if high >= low + 1_000_000:
        raise RpcError(RPC_INVALID_PARAMETER, "Range is too large")
    return low, high


def check_object(
    value: dict[str, Json], expected: dict[str, str | None], *, allow_null: bool = False, strict: bool = False
) -> None:
    """Raise RpcError unless the values under the keys of `expected` have these types (Core: RPCTypeCheckObj)."""
    for key, kind in sorted(expected.items()):
        found = value.get(key)
        if found is None and not allow_null:
            raise RpcError(RPC_TYPE_ERROR, f"Missing {key}")
        if kind is not None and found is not None and json.type_name(found) != kind:
            text = f"JSON value of type {json.type_name(found)} for field {key} is not of expected type {kind}"
            raise RpcError(RPC_TYPE_ERROR, text)
    if strict:
        for key in value:
            if key not in expected:
                raise RpcError(RPC_TYPE_ERROR, f"Unexpected key {key}")
