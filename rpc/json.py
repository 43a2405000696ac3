"""JSON as Bitcoin Core reads and writes it (Core: src/univalue).

Read: `None`, `bool`, `int`, `str`, `list`, `dict`; a number that is no plain integer is a `Number`
that keeps its text, and an object that names a key twice is a `RepeatedKeys`, where the first one counts.
Written: the same, and `Amount`, `Real` and `Raw`. A plain float is written too, but not with Core's digits.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final, NoReturn

import orjson

from rpc.errors import RPC_MISC_ERROR, RPC_TYPE_ERROR, JsonError, RpcError

if TYPE_CHECKING:
    from collections.abc import Callable

Json = Any
"""Any value that JSON can say, in the types above."""

MAX_DEPTH: Final = 512
_COIN: Final = 100_000_000
_INT_DIGITS: Final = 19
_STRINGS: Final = re.compile(r'"(?:[^"\\]|\\.)*+"?', re.DOTALL)
_OPTIONS: Final = orjson.OPT_PASSTHROUGH_SUBCLASS


class Number:
    """A number as it was written, where an `int` would lose something of it."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        """Keep `text`, a valid JSON number."""
        self.text = text

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Number) and other.text == self.text

    def __hash__(self) -> int:
        return hash(self.text)

    def __float__(self) -> float:
        return float(self.text)

    def __repr__(self) -> str:
        return f"Number({self.text!r})"


class Amount(int):
    """Satoshis, written in bitcoins with eight decimals."""

    __slots__ = ()

    def text(self) -> str:
        """Return it as Core's ValueFromAmount writes it."""
        coins, rest = divmod(abs(self), _COIN)
        return f"{'-' if self < 0 else ''}{coins}.{rest:08d}"


class Real(float):
    """A float, written with Core's sixteen digits."""

    __slots__ = ()

    def text(self) -> str:
        """Return it as UniValue writes a double."""
        return f"{self:.16g}"


class RepeatedKeys(dict[str, Any]):
    """An object with a key that comes twice; as a dict the first of each."""

    __slots__ = ("pairs",)

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        """Keep all `pairs` in order."""
        super().__init__(reversed(pairs))
        self.pairs = pairs


Raw = orjson.Fragment
"""JSON text to be written as it is, for results that are big or made once."""


def pairs_of(value: dict[str, Json]) -> list[tuple[str, Json]]:
    """Return all keys and values of an object in order, repeated keys too."""
    return value.pairs if isinstance(value, RepeatedKeys) else list(value.items())


def loads(text: str | bytes) -> Json:
    """Read one JSON value; JsonError if there is none, or more, or it is deeper than 512."""
    try:
        if isinstance(text, bytes):
            text = text.decode()
        if text.count("[") + text.count("{") > MAX_DEPTH and _depth(text) > MAX_DEPTH:
            raise JsonError("too deep")
        value = _DECODER.decode(text)
        if "\\u" in text and ("\\ud" in text or "\\uD" in text):
            # A lone surrogate is no text.
            json.dumps(value, ensure_ascii=False, default=str).encode()
    except (ValueError, RecursionError) as error:
        raise JsonError(str(error)) from error
    return value


def _depth(text: str) -> int:
    depth = deepest = 0
    for char in _STRINGS.sub("", text):
        if char in "[{":
            depth += 1
            deepest = max(depth, deepest)
        elif char in "]}":
            depth -= 1
    return deepest


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    return found if len(found) == len(pairs) else RepeatedKeys(pairs)


def _integer(text: str) -> int | Number:
    return int(text) if len(text) < _INT_DIGITS and text != "-0" else Number(text)


def _constant(text: str) -> NoReturn:
    raise JsonError(f"no JSON: {text}")


_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_object, parse_float=Number, parse_int=_integer, parse_constant=_constant
)


def dumps(value: Json) -> bytes:
    """Write a value as UniValue does, without spaces."""
    try:
        data = orjson.dumps(value, _raw, _OPTIONS)
    except orjson.JSONEncodeError:
        # Deeper than orjson goes, which an echo may be.
        data = _write(value)
    # UniValue escapes this character, which JSON does not ask for.
    return data.replace(b"\x7f", b"\\u007f") if b"\x7f" in data else data


def _raw(value: object) -> object:
    if isinstance(value, (Amount, Real)):
        return Raw(value.text())
    if isinstance(value, Number):
        return Raw(value.text)
    if isinstance(value, RepeatedKeys):
        return Raw(_write(value))
    plain: tuple[Callable[[Any], object], ...] = (str, int, float, dict, list)
    for kind in plain:
        if isinstance(kind, type) and isinstance(value, kind):
            return kind(value)
    raise TypeError(f"'{type(value).__name__}' is no JSON")


def _write(value: Json) -> bytes:
    """Write without recursion: a stack of what is still to come, texts ready and values not yet."""
    done: list[bytes] = []
    stack: list[Any] = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, bytes):
            done.append(item)
        elif isinstance(item, dict):
            parts: list[Any] = []
            for key, inner in pairs_of(item):
                parts += [b"," if parts else b"{", orjson.dumps(key), b":", inner]
            stack += reversed([*parts, b"}" if parts else b"{}"])
        elif isinstance(item, (list, tuple)):
            parts = []
            for inner in item:
                parts += [b"," if parts else b"[", inner]
            stack += reversed([*parts, b"]" if parts else b"[]"])
        else:
            done.append(orjson.dumps(item, _raw, _OPTIONS))
    return b"".join(done)


def type_name(value: Json) -> str:
    """Return what UniValue calls the type of `value`."""
    if value is None:
        return "null"
    for kind, name in ((bool, "bool"), ((int, float, Number), "number"), (str, "string"), (list, "array")):
        if isinstance(value, kind):
            return name
    return "object"


def check_type(value: Json, expected: str) -> None:
    """Raise Core's error unless UniValue calls the type of `value` so."""
    if type_name(value) != expected:
        raise RpcError(RPC_TYPE_ERROR, f"JSON value of type {type_name(value)} is not of expected type {expected}")


def to_int(value: Json, low: int = -(2**31), high: int = 2**31 - 1) -> int:
    """Return a number as Core's getInt does, by default getInt<int>. Raises RpcError."""
    check_type(value, "number")
    if isinstance(value, Number) and re.fullmatch(r"-?\d{1,20}", value.text):
        value = int(value.text)
    if not isinstance(value, int) or not low <= value <= high:
        raise RpcError(RPC_MISC_ERROR, "JSON integer out of range")
    return int(value)


def to_int64(value: Json) -> int:
    """Return a number as getInt<int64_t> does. Raises RpcError."""
    return to_int(value, -(2**63), 2**63 - 1)


def to_float(value: Json) -> float:
    """Return a number as get_real does. Raises RpcError."""
    check_type(value, "number")
    found = float(value)
    if found in {float("inf"), float("-inf")}:
        raise RpcError(RPC_MISC_ERROR, "JSON double out of range")
    return found


def to_str(value: Json) -> str:
    """Return a string as get_str does. Raises RpcError."""
    check_type(value, "string")
    return str(value)


def to_bool(value: Json) -> bool:
    """Return a boolean as get_bool does. Raises RpcError."""
    check_type(value, "bool")
    return bool(value)


def pretty(value: Json) -> str:
    """Write a value on many lines, as UniValue does with an indent of four."""
    return json.dumps(value, indent=4, ensure_ascii=False)
