"""Generates the code that writes and reads one struct, from its shape and the Python types.

All values of the data section go through one `struct` call each way; text and bytes are
written in place. The code is generated on first use.
"""

from __future__ import annotations

from dataclasses import dataclass
from struct import Struct as Packer
from typing import TYPE_CHECKING, Any, Final, get_type_hints

from ipc.binding.conversion import Conversion, Pointer, Scalar, refuse
from ipc.binding.names import has_key, key
from ipc.capnp import messages, wire
from ipc.errors import BindingError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ipc.binding.conversion import Give, Take
    from ipc.capnp.schema import Field, Struct
    from ipc.capnp.wire import Message, StructRef

_POINTERS: Final = frozenset({"text", "data", "list", "struct", "anyPointer"})


@dataclass(frozen=True, slots=True)
class Member:
    """A Python value and its field; `has` is the field that says whether it is present."""

    name: str
    field: Field
    conversion: Conversion
    optional: bool = False
    has: Field | None = None


def members_of(label: str, cls: type, names: Sequence[str], struct: Struct) -> list[Member]:
    """Match attributes of a class to the fields of a struct. Raises BindingError."""
    try:
        hints = get_type_hints(cls)
    except NameError as error:
        raise BindingError(f"{label}: type hints cannot be resolved: {error}") from None
    return match_members(label, [(name, hints[name]) for name in names], list(struct.fields.values()))


def match_members(label: str, values: Sequence[tuple[str, Any]], fields: Sequence[Field]) -> list[Member]:
    """Match named hints to fields, one to one. Raises BindingError naming `label` and the odd one."""
    from ipc.binding.matching import find, unwrap_optional

    by_key = {key(field.name): field for field in fields}
    if len(by_key) != len(fields):
        raise BindingError(f"{label}: schema names differ in case only")
    members = []
    used = set()
    for name, hint in values:
        where = f"{label}.{name}"
        field = by_key.get(key(name))
        if field is None:
            raise BindingError(f"{where}: the schema has no such field")
        inner, optional = unwrap_optional(hint)
        if field.default and field.type.kind in _POINTERS:
            raise BindingError(f"{where}: a default behind a pointer is not supported")
        conversion = find(inner, field.type, where)
        has = by_key.get(has_key(name)) if optional else None
        if has is not None and has.type.kind != "bool":
            has = None
        if optional and has is None and isinstance(conversion, Scalar):
            raise BindingError(f"{where}: None needs a field has{field.name[0].upper()}{field.name[1:]} in the schema")
        used.add(key(name))
        if has is not None:
            used.add(key(has.name))
        members.append(Member(name, field, conversion, optional, has))
    for name, field in by_key.items():
        if name not in used:
            raise BindingError(f"{label}: schema field '{field.name}' has no counterpart in Python")
    return members


class Layout:
    """`write(buffer, start, give, *values)` and `read(message, ref, take)` -> values, for one struct."""

    __slots__ = ("_struct", "members", "read", "write")

    def __init__(self, struct: Struct, members: Sequence[Member]) -> None:
        """Values come and go in the order of `members`."""
        self._struct = struct
        self.members = members
        self.write = self._first_write
        self.read = self._first_read

    def _first_write(self, buffer: bytearray, start: int, give: Give, *values: Any) -> None:
        self.write = _compile(_writing(self.members, self._struct.data_words * 8), "write")
        self.write(buffer, start, give, *values)

    def _first_read(self, message: Message, ref: StructRef, take: Take) -> tuple[Any, ...]:
        self.read = _compile(_reading(self.members), "read")
        return self.read(message, ref, take)

    def check(self, values: Sequence[Any], where: str) -> None:
        """Raise EncodeError for the first value that cannot be written."""
        for member, value in zip(self.members, values, strict=True):
            if value is not None:
                member.conversion.check(value, where + member.name)
            elif not member.optional:
                raise refuse(where + member.name, "given", value)


def _compile(code: tuple[list[str], dict[str, Any]], name: str) -> Any:
    lines, scope = code
    exec("\n".join(lines), scope)  # noqa: S102 - generated here from names, offsets and numbers
    return scope[name]


class _Data:
    """The values of a data section by their place, bits gathered to bytes."""

    def __init__(self) -> None:
        self.places: dict[int, tuple[str, str]] = {}
        """Byte offset to code and expression."""

    def put(self, field: Field, size: int, code: str, expression: str) -> None:
        if size == 1:
            byte, bit = divmod(field.offset, 8)
            shifted = f"({expression}) << {bit}" if bit else f"({expression})"
            before = self.places.get(byte)
            self.places[byte] = ("B", f"{before[1]} | {shifted}" if before else shifted)
        else:
            self.places[field.offset * size // 8] = (code, expression)

    def format(self) -> tuple[str, int]:
        """Return a format with gaps, and the bytes it spans."""
        text, end = "<", 0
        for offset in sorted(self.places):
            if offset > end:
                text += f"{offset - end}x"
            code = self.places[offset][0]
            text += code
            end = offset + Packer("<" + code).size
        return text, end

    def expressions(self) -> list[str]:
        return [self.places[offset][1] for offset in sorted(self.places)]


def _writing(members: Sequence[Member], data_bytes: int) -> tuple[list[str], dict[str, Any]]:
    scope: dict[str, Any] = {"put_text": wire.put_text, "put_data": wire.put_data}
    data = _Data()
    lines: list[str] = []
    for i, member in enumerate(members):
        name = f"v{i}"
        conversion = member.conversion
        if member.has is not None:
            default = " ^ 1" if member.has.default else ""
            data.put(member.has, 1, "B", f"({name} is not None){default}")
        if isinstance(conversion, Scalar):
            code, expression = conversion.packing(name, member.field.default, scope)
            if member.optional:
                expression = f"0 if {name} is None else {expression}"
            data.put(member.field, conversion.size, code, expression)
        elif isinstance(conversion, Pointer):
            lines += _write_pointer(i, member, conversion, data_bytes, scope)
    if data.places:
        form, _ = data.format()
        scope["pack_into"] = Packer(form).pack_into
        lines.insert(0, f"    pack_into(b, p, {', '.join(data.expressions())})")
    names = "".join(f", v{i}" for i in range(len(members)))
    return [f"def write(b, p, give{names}):", *lines, "    return None"], scope


def _write_pointer(i: int, member: Member, conversion: Pointer, data_bytes: int, scope: dict[str, Any]) -> list[str]:
    from ipc.binding.conversions.blobs import TextConversion

    at = f"p + {data_bytes + member.field.offset * 8}"
    if isinstance(conversion, TextConversion):
        call = f"put_text(b, {at}, v{i})"
    else:
        scope[f"write{i}"] = conversion.write
        call = f"write{i}(b, {at}, v{i}, give)"
    return [f"    if v{i} is not None: {call}"] if member.optional else [f"    {call}"]


def _reading(members: Sequence[Member]) -> tuple[list[str], dict[str, Any]]:
    scope: dict[str, Any] = {"data": messages.data}
    places = _Data()
    made: list[str] = []
    names: dict[int, str] = {}

    def raw(field: Field, size: int, code: str) -> str:
        offset = field.offset // 8 if size == 1 else field.offset * size // 8
        names.setdefault(offset, f"d{offset}")
        if size == 1:
            places.places[offset] = ("B", names[offset])
            return f"({names[offset]} >> {field.offset % 8} & 1)"
        places.places[offset] = (code, names[offset])
        return names[offset]

    pointers: list[str] = []
    for i, member in enumerate(members):
        conversion = member.conversion
        present = ""
        if member.has is not None:
            present = f"{raw(member.has, 1, 'B')} != {int(bool(member.has.default))}"
        if isinstance(conversion, Scalar):
            code, _ = conversion.packing("x", member.field.default, {})
            value = conversion.unpacking(raw(member.field, conversion.size, code), member.field.default, scope)
        elif isinstance(conversion, Pointer):
            scope[f"read{i}"] = conversion.read
            index = member.field.offset
            pointers.append(f"    v{i} = read{i}(m, s, q + {index * 8}, depth, take) if pc > {index} else None")
            value = f"v{i}"
            if not member.optional:
                scope[f"empty{i}"] = conversion.empty
                pointers.append(f"    if v{i} is None: v{i} = empty{i}()")
            elif present:
                scope[f"empty{i}"] = conversion.empty
                pointers.append(f"    if v{i} is None and {present}: v{i} = empty{i}()")
        else:
            raise TypeError(conversion)
        made.append(f"({value} if {present} else None)" if present else value)
    lines = ["def read(m, ref, take):", "    s, p, dw, pc, depth = ref"]
    if places.places:
        form, end = places.format()
        scope["unpack_from"] = Packer(form).unpack_from
        words = (end + 7) // 8
        targets = ", ".join(places.expressions()) + ","
        lines.append(f"    if dw >= {words}: {targets} = unpack_from(m.segments[s], p)")
        lines.append(f"    else: {targets} = unpack_from(data(m, ref, {words * 8}))")
    if pointers:
        lines.append("    q = p + dw * 8")
    lines += pointers
    lines.append(f"    return ({', '.join(made)}{',' if made else ''})")
    return lines, scope
