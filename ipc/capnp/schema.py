"""Schemas as plain data: what the Cap'n Proto compiler says of a `.capnp` file.

The only place that uses pycapnp. Source: capnproto c++/src/capnp/schema.capnp.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Final

from ipc.errors import BindingError

SCHEMA_DIR: Final = Path(__file__).resolve().parent.parent / "schema"
CONTEXT_ID: Final = 0x9C44E6645D0B22C6
EXCEPTION_ANNOTATION: Final = 0x996A183200992F88
"""Annotation `exception` of proxy.capnp."""


@dataclass(frozen=True, slots=True)
class Type:
    """A field's type: `kind` as in schema.capnp, and what a list, enum, struct or interface is of."""

    kind: str
    element: Type | None = None
    names: tuple[str, ...] = ()
    struct: Struct | None = None
    interface: InterfaceType | None = None


@dataclass(frozen=True, slots=True)
class Field:
    """A field: `offset` in units of its size (data) or as pointer index; `default` as raw bits."""

    name: str
    type: Type
    offset: int
    default: int = 0
    exception: str | None = None
    """Name of the exception the field carries."""


@dataclass(slots=True)
class Struct:
    """A struct's shape; `fields` in declared order, filled after construction as structs may recur."""

    id: int
    name: str
    data_words: int
    pointers: int
    fields: dict[str, Field] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Method:
    """A method of the interface with that id and name."""

    interface_id: int
    interface: str
    name: str
    ordinal: int
    params: Struct
    results: Struct


@dataclass(slots=True)
class InterfaceType:
    """An interface: own and inherited methods by name; `ids` its own id and those it extends."""

    id: int
    name: str
    methods: dict[str, Method] = field(default_factory=dict)
    ids: frozenset[int] = frozenset()


def load_interface(path: Path, name: str) -> InterfaceType:
    """Compile a schema file and return interface `name` in it. Raises BindingError."""
    module = _load(path)
    try:
        schema = getattr(module, name).schema
        methods = schema.methods
    except AttributeError:
        raise BindingError(f"{path.name} has no interface '{name}'") from None
    del methods
    return _interface(schema)


@cache
def _load(path: Path) -> Any:
    import capnp

    try:
        return capnp.load(str(path), imports=[str(SCHEMA_DIR)])
    except (capnp.KjException, OSError) as error:
        raise BindingError(f"cannot load schema '{path}': {error}") from error


_structs: dict[int, Struct] = {}
_interfaces: dict[int, InterfaceType] = {}


def _interface(schema: Any) -> InterfaceType:
    node = schema.node
    known = _interfaces.get(node.id)
    if known is not None:
        return known
    made = InterfaceType(node.id, node.displayName.rpartition(":")[2])
    _interfaces[node.id] = made
    ids = {node.id}
    for parent in schema.superclasses:
        extended = _interface(parent)
        ids |= extended.ids
        made.methods.update(extended.methods)
    for ordinal, proto in enumerate(node.interface.methods):
        method = schema.methods[proto.name]
        made.methods[proto.name] = Method(
            node.id, made.name, proto.name, ordinal, _struct(method.param_type), _struct(method.result_type)
        )
    made.ids = frozenset(ids)
    return made


def _struct(schema: Any) -> Struct:
    node = schema.node
    known = _structs.get(node.id)
    # The parameters of all methods without any share one empty type.
    if known is not None:
        return known
    made = Struct(node.id, node.displayName.rpartition(":")[2], node.struct.dataWordCount, node.struct.pointerCount)
    _structs[node.id] = made
    for name, item in schema.fields.items():
        proto = item.proto
        if proto.which() == "group" or proto.discriminantValue != 0xFFFF:
            made.fields[name] = Field(name, Type("union"), 0)
            continue
        slot = proto.slot
        exception = next((str(a.value.text) for a in proto.annotations if a.id == EXCEPTION_ANNOTATION), None)
        type_ = _type(slot.type, item)
        made.fields[name] = Field(name, type_, slot.offset, _default(slot, type_.kind), exception)
    return made


def _type(proto: Any, holder: Any) -> Type:
    """Translate a type; `holder` gives the schema of what it names, by `schema` or `elementType`."""
    kind = proto.which()
    if kind == "list":
        element = proto.list.elementType
        inner = holder.schema if hasattr(holder, "schema") else holder.elementType
        return Type(kind, element=_type(element, inner))
    if kind in {"struct", "enum", "interface"}:
        schema = holder.schema if hasattr(holder, "proto") else holder.elementType
        if kind == "struct":
            return Type(kind, struct=_struct(schema))
        if kind == "interface":
            return Type(kind, interface=_interface(schema))
        return Type(kind, names=tuple(str(e.name) for e in schema.node.enum.enumerants))
    return Type(str(kind))


def _default(slot: Any, kind: str) -> int:
    if not slot.hadExplicitDefault:
        return 0
    value = getattr(slot.defaultValue, kind)
    if kind == "float64":
        return int(struct.unpack("<Q", struct.pack("<d", value))[0])
    if kind == "float32":
        return int(struct.unpack("<I", struct.pack("<f", value))[0])
    if kind in {"text", "data", "list", "struct", "anyPointer"}:
        # A default behind a pointer only matters when a peer sends null; none of Core's fields has one.
        return 1
    return int(value)
