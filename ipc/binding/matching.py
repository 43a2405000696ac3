"""Finds the conversion that fits a type hint and a schema type."""

from __future__ import annotations

import types
from typing import TYPE_CHECKING, Annotated, Any, NewType, Union, get_args, get_origin

from ipc.binding import conversions  # noqa: F401 - the package of what is tried below
from ipc.binding.layout import Member
from ipc.binding.names import key
from ipc.errors import BindingError

if TYPE_CHECKING:
    from ipc.binding.conversion import Conversion
    from ipc.capnp.schema import Type


def unwrap_optional(hint: Any) -> tuple[Any, bool]:
    """Return a hint without None, NewType and Annotated, and whether None was allowed."""
    optional = False
    while True:
        if isinstance(hint, NewType):
            hint = hint.__supertype__
        elif get_origin(hint) is Annotated:
            hint = get_args(hint)[0]
        elif get_origin(hint) in (Union, types.UnionType):
            kinds = [arg for arg in get_args(hint) if arg is not type(None)]
            if len(kinds) != 1 or optional or len(kinds) == len(get_args(hint)):
                return hint, optional
            hint, optional = kinds[0], True
        else:
            return hint, optional


def find(hint: Any, type_: Type, where: str) -> Conversion:
    """Return the conversion of `hint`, without None, to `type_`. Raises BindingError naming `where`."""
    from ipc.binding.conversions import blobs, enums, lists, objects, scalars, structs

    kind = type_.kind
    origin, args = get_origin(hint), get_args(hint)
    if kind == "list" and type_.element is not None:
        if origin is list and len(args) == 1:
            item, optional = unwrap_optional(args[0])
            if not optional:
                return lists.list_of(find(item, type_.element, f"{where}[]"))
        if origin is dict and type_.element.struct is not None:
            entry = type_.element.struct
            fields = {key(name): field for name, field in entry.fields.items()}
            if fields.keys() == {"key", "value"}:
                members = []
                for name, part in zip(("key", "value"), args, strict=True):
                    inner, optional = unwrap_optional(part)
                    conversion = find(inner, fields[name].type, f"{where}.{name}")
                    members.append(Member(name, fields[name], conversion, optional))
                return lists.DictConversion(entry, *members)
    else:
        try:
            found = (
                scalars.match(hint, kind)
                or blobs.match(hint, kind)
                or enums.match(hint, kind, type_.names)
                or structs.match(hint, kind, type_.struct)
                or objects.match(hint, kind)
            )
        except BindingError as error:
            raise BindingError(f"{where}: {error}") from None
        if found is not None:
            return found
    name = hint.__name__ if isinstance(hint, type) and origin is None else str(hint)
    raise BindingError(f"{where}: Python type {name} does not fit schema type {describe(type_)}")


def describe(type_: Type) -> str:
    """Name a schema type as schemas write it."""
    if type_.element is not None:
        return f"List({describe(type_.element)})"
    if type_.struct is not None:
        return type_.struct.name
    if type_.interface is not None:
        return type_.interface.name
    return "union or group" if type_.kind == "union" else type_.kind[0].upper() + type_.kind[1:]
