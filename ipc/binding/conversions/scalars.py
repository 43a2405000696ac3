"""bool, int and float."""

from __future__ import annotations

import struct
from typing import Any, Final

from ipc.binding.conversion import Scalar, refuse

_F32: Final = struct.Struct("<f")
_F64: Final = struct.Struct("<d")
_U32: Final = struct.Struct("<I")
_U64: Final = struct.Struct("<Q")
_CODES: Final = {
    "int8": "b",
    "int16": "h",
    "int32": "i",
    "int64": "q",
    "uint8": "B",
    "uint16": "H",
    "uint32": "I",
    "uint64": "Q",
}


class BoolConversion(Scalar):
    """One bit."""

    code = "?"
    size = 1

    def packing(self, value: str, default: int, scope: dict[str, Any]) -> tuple[str, str]:
        """Look the value up, so that nothing but a truth value passes."""
        scope["bit"] = _BIT
        return "B", f"bit[{value}]" + (" ^ 1" if default else "")

    def unpacking(self, raw: str, default: int, scope: dict[str, Any]) -> str:
        """`raw` is the bit."""
        del scope
        return f"{raw} == 0" if default else f"{raw} != 0"

    def check(self, value: Any, where: str) -> None:
        """Accept True and False."""
        if not isinstance(value, bool) and value not in (0, 1):
            raise refuse(where, "a bool", value)


_BIT: Final = {False: 0, True: 1}


class IntConversion(Scalar):
    """A signed or unsigned integer of 8 to 64 bits."""

    def __init__(self, kind: str) -> None:
        """`kind` as in schema.capnp."""
        self.code = _CODES[kind]
        self.size = struct.calcsize(self.code) * 8
        self._kind = kind
        signed = not kind.startswith("u")
        self._range = range(-(1 << self.size - 1), 1 << self.size - 1) if signed else range(1 << self.size)

    def packing(self, value: str, default: int, scope: dict[str, Any]) -> tuple[str, str]:
        """A value out of range stays so when it is combined with the default."""
        del scope
        return self.code, f"{value} ^ {default}" if default else value

    def unpacking(self, raw: str, default: int, scope: dict[str, Any]) -> str:
        """Undo `packing`."""
        del scope
        return f"{raw} ^ {default}" if default else raw

    def check(self, value: Any, where: str) -> None:
        """Accept what fits."""
        if not isinstance(value, int):
            raise refuse(where, "an int", value)
        if value not in self._range:
            raise refuse(where, f"from {self._range[0]} to {self._range[-1]}", value)


class FloatConversion(Scalar):
    """A float of 32 or 64 bits."""

    def __init__(self, kind: str) -> None:
        """`kind` as in schema.capnp."""
        self.size = 64 if kind == "float64" else 32
        self.code = "d" if self.size == 64 else "f"

    def packing(self, value: str, default: int, scope: dict[str, Any]) -> tuple[str, str]:
        """Combine with a default bit by bit."""
        if not default:
            return self.code, value
        scope[f"bits{self.size}"] = _bits64 if self.size == 64 else _bits32
        return "Q" if self.size == 64 else "I", f"bits{self.size}({value}) ^ {default}"

    def unpacking(self, raw: str, default: int, scope: dict[str, Any]) -> str:
        """Undo `packing`."""
        if not default:
            return raw
        scope[f"float{self.size}"] = _float64 if self.size == 64 else _float32
        return f"float{self.size}({raw} ^ {default})"

    def check(self, value: Any, where: str) -> None:
        """Accept every number that fits."""
        try:
            struct.pack("<" + self.code, value)
        except (struct.error, OverflowError):
            raise refuse(where, "a float", value) from None


def _bits64(value: float) -> int:
    return int(_U64.unpack(_F64.pack(value))[0])


def _bits32(value: float) -> int:
    return int(_U32.unpack(_F32.pack(value))[0])


def _float64(bits: int) -> float:
    return float(_F64.unpack(_U64.pack(bits))[0])


def _float32(bits: int) -> float:
    return float(_F32.unpack(_U32.pack(bits))[0])


def match(hint: object, kind: str) -> Scalar | None:
    """Return the conversion of `hint` to scalar `kind`, None if they do not fit."""
    if hint is bool and kind == "bool":
        return BoolConversion()
    if hint is int and kind in _CODES:
        return IntConversion(kind)
    if hint is float and kind in {"float32", "float64"}:
        return FloatConversion(kind)
    return None
