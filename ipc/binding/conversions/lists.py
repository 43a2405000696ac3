"""list and dict. A dict is a list of structs with fields `key` and `value`."""

from __future__ import annotations

import struct as struct_module
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from ipc.binding.conversion import Conversion, Give, Pointer, Scalar, Take, refuse
from ipc.binding.conversions.scalars import BoolConversion
from ipc.binding.conversions.structs import StructConversion
from ipc.binding.layout import Layout, Member
from ipc.capnp import wire
from ipc.errors import RemoteProtocolError

if TYPE_CHECKING:
    from collections.abc import Callable

    from ipc.capnp.schema import Struct
    from ipc.capnp.wire import Message

_SIZE_CODES = {8: 2, 16: 3, 32: 4, 64: 5}


class _ListConversion(Pointer):
    item: Conversion

    def empty(self) -> list[Any]:
        """Null is the empty list."""
        return []

    def check(self, value: Any, where: str) -> None:
        """Accept a list or tuple of what the items' conversion accepts."""
        if not isinstance(value, (list, tuple)):
            raise refuse(where, "a list", value)
        for i, item in enumerate(value):
            self.item.check(item, f"{where}[{i}]")


class ScalarListConversion(_ListConversion):
    """Numbers and enumerations, packed at once."""

    def __init__(self, item: Scalar) -> None:
        """Of `item`."""
        self.item = item
        self._size = item.size
        scope: dict[str, Any] = {}
        code, expression = item.packing("x", 0, scope)
        self._code = code
        plain = expression == "x"
        self._pack: Callable[[Any], list[Any]] | None = (
            None if plain else eval(f"lambda items: [{expression} for x in items]", scope)  # noqa: S307 - our own text
        )
        expression = item.unpacking("x", 0, scope)
        self._unpack: Callable[[Any], list[Any]] = (
            list if expression == "x" else eval(f"lambda items: [{expression} for x in items]", scope)  # noqa: S307
        )

    def write(self, buffer: bytearray, position: int, value: Any, give: Give) -> None:
        """Append the list."""
        del give
        count = len(value)
        items = value if self._pack is None else self._pack(value)
        start = wire.put_list(buffer, position, _SIZE_CODES[self._size], count, (count * self._size + 63) // 64)
        _struct(self._code, count).pack_into(buffer, start, *items)

    def read(self, message: Message, segment: int, position: int, depth: int, take: Take) -> Any:
        """Read the list."""
        del take
        ref = message.list(segment, position, depth)
        if ref is None:
            return None
        if ref.size != _SIZE_CODES[self._size]:
            raise RemoteProtocolError(f"expected a list of {self._size} bits each")
        return self._unpack(_struct(self._code, ref.length).unpack_from(message.segments[ref.segment], ref.position))


@lru_cache(maxsize=64)
def _struct(code: str, count: int) -> struct_module.Struct:
    return struct_module.Struct(f"<{count}{code}")


class BoolListConversion(_ListConversion):
    """Truth values, one bit each."""

    def __init__(self) -> None:
        self.item = BoolConversion()

    def write(self, buffer: bytearray, position: int, value: Any, give: Give) -> None:
        """Append the list."""
        del give
        count = len(value)
        bits = 0
        for i, item in enumerate(value):
            self.item.check(item, "an item")
            bits |= bool(item) << i
        start = wire.put_list(buffer, position, 1, count, (count + 63) // 64)
        size = (count + 7) // 8
        buffer[start : start + size] = bits.to_bytes(size, "little")

    def read(self, message: Message, segment: int, position: int, depth: int, take: Take) -> Any:
        """Read the list."""
        del take
        ref = message.list(segment, position, depth)
        if ref is None:
            return None
        if ref.size != 1:
            raise RemoteProtocolError("expected a list of bits")
        raw = message.segments[ref.segment][ref.position : ref.position + (ref.length + 7) // 8]
        return [bool(raw[i >> 3] >> (i & 7) & 1) for i in range(ref.length)]


class PointerListConversion(_ListConversion):
    """Texts, bytes, lists and objects."""

    item: Pointer

    def __init__(self, item: Pointer) -> None:
        """Of `item`."""
        self.item = item

    def write(self, buffer: bytearray, position: int, value: Any, give: Give) -> None:
        """Append the list."""
        count = len(value)
        start = wire.put_list(buffer, position, wire.POINTER_LIST, count, count)
        write = self.item.write
        for item in value:
            write(buffer, start, item, give)
            start += 8

    def read(self, message: Message, segment: int, position: int, depth: int, take: Take) -> Any:
        """Read the list."""
        ref = message.list(segment, position, depth)
        if ref is None:
            return None
        if ref.size == wire.COMPOSITE_LIST and ref.pointers:
            # A list of pointers that its writer knows as a list of structs.
            step, first = (ref.data_words + ref.pointers) * 8, ref.position + ref.data_words * 8
        elif ref.size == wire.POINTER_LIST:
            step, first = 8, ref.position
        else:
            raise RemoteProtocolError("expected a list of pointers")
        read, empty = self.item.read, self.item.empty
        items = [read(message, ref.segment, first + i * step, ref.depth, take) for i in range(ref.length)]
        return [empty() if item is None else item for item in items]


class StructListConversion(_ListConversion):
    """Dataclasses."""

    item: StructConversion

    def __init__(self, item: StructConversion) -> None:
        """Of `item`."""
        self.item = item

    def write(self, buffer: bytearray, position: int, value: Any, give: Give) -> None:
        """Append the list."""
        shape = self.item.struct
        start = wire.put_composite(buffer, position, len(value), shape.data_words, shape.pointers)
        step = (shape.data_words + shape.pointers) * 8
        for item in value:
            self.item.write_at(buffer, start, item, give)
            start += step

    def read(self, message: Message, segment: int, position: int, depth: int, take: Take) -> Any:
        """Read the list."""
        ref = message.list(segment, position, depth)
        if ref is None:
            return None
        return [self.item.read_at(message, item, take) for item in message.structs(ref)]


class DictConversion(Pointer):
    """A dict; a key that comes twice keeps its last value."""

    def __init__(self, struct: Struct, key: Member, value: Member) -> None:
        """Of structs with two members."""
        self._struct = struct
        self._layout = Layout(struct, [key, value])

    def write(self, buffer: bytearray, position: int, value: Any, give: Give) -> None:
        """Append the entries."""
        shape = self._struct
        items = value.items()
        start = wire.put_composite(buffer, position, len(value), shape.data_words, shape.pointers)
        step = (shape.data_words + shape.pointers) * 8
        write = self._layout.write
        for name, item in items:
            write(buffer, start, give, name, item)
            start += step

    def read(self, message: Message, segment: int, position: int, depth: int, take: Take) -> Any:
        """Read the entries."""
        ref = message.list(segment, position, depth)
        if ref is None:
            return None
        read = self._layout.read
        return dict(read(message, item, take) for item in message.structs(ref))

    def empty(self) -> dict[Any, Any]:
        """Null is the empty dict."""
        return {}

    def check(self, value: Any, where: str) -> None:
        """Accept a dict of what both conversions accept."""
        if not isinstance(value, dict):
            raise refuse(where, "a dict", value)
        for name, item in value.items():
            self._layout.check([name, item], f"{where}: ")


def list_of(item: Conversion) -> Pointer:
    """Return the conversion of a list of `item`."""
    if isinstance(item, BoolConversion):
        return BoolListConversion()
    if isinstance(item, Scalar):
        return ScalarListConversion(item)
    if isinstance(item, StructConversion):
        return StructListConversion(item)
    if isinstance(item, Pointer):
        return PointerListConversion(item)
    raise TypeError(item)
