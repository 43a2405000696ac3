"""Enumerations, whose members go by the names of the schema's enumerants."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Any

from ipc.binding.conversion import Scalar, refuse
from ipc.binding.names import key
from ipc.errors import BindingError, RemoteProtocolError

if TYPE_CHECKING:
    from collections.abc import Sequence


class EnumConversion(Scalar):
    """Members by ordinal."""

    code = "H"
    size = 16

    def __init__(self, enum: type[Enum], names: Sequence[str]) -> None:
        """Raises BindingError if members and enumerants differ."""
        members = {key(member.name): member for member in enum}
        known = {key(name) for name in names}
        for name in names:
            if key(name) not in members:
                raise BindingError(f"{enum.__name__} has no member for enumerant '{name}'")
        for name, member in members.items():
            if name not in known:
                raise BindingError(f"the schema has no enumerant for {enum.__name__}.{member.name}")
        self._enum = enum
        self._members = [members[key(name)] for name in names]
        self._ordinals = {member: i for i, member in enumerate(self._members)}

    def packing(self, value: str, default: int, scope: dict[str, Any]) -> tuple[str, str]:
        """Look the ordinal up."""
        name = f"ordinals_{self._enum.__name__}"
        scope[name] = self._ordinals
        return "H", f"{name}[{value}]" + (f" ^ {default}" if default else "")

    def unpacking(self, raw: str, default: int, scope: dict[str, Any]) -> str:
        """Look the member up."""
        name = f"member_{self._enum.__name__}"
        scope[name] = self._member
        return f"{name}({raw} ^ {default})" if default else f"{name}({raw})"

    def _member(self, ordinal: int) -> Enum:
        if ordinal >= len(self._members):
            raise RemoteProtocolError(f"{self._enum.__name__} has no member {ordinal}")
        return self._members[ordinal]

    def check(self, value: Any, where: str) -> None:
        """Accept members."""
        if not isinstance(value, self._enum):
            raise refuse(where, f"a {self._enum.__name__}", value)


def match(hint: object, kind: str, names: Sequence[str]) -> Scalar | None:
    """Return the conversion, None if `hint` is no enumeration or `kind` no enum."""
    if kind == "enum" and isinstance(hint, type) and issubclass(hint, Enum):
        return EnumConversion(hint, names)
    return None
