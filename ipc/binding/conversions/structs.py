"""Dataclasses, field by field."""

from __future__ import annotations

import dataclasses
import threading
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from ipc.binding.conversion import Give, Pointer, Take, refuse
from ipc.binding.layout import Layout, members_of
from ipc.capnp import wire

if TYPE_CHECKING:
    from ipc.capnp.schema import Struct
    from ipc.capnp.wire import Message, StructRef

_known: dict[tuple[type, int], StructConversion] = {}
_matching = threading.RLock()
"""Held until a conversion and those of its fields are whole, as several threads may make the first call of a kind."""


class StructConversion(Pointer):
    """A dataclass and the struct whose fields bear the same names."""

    def __init__(self, cls: type, struct: Struct) -> None:
        """Only remember: the fields may lead back to the class itself."""
        self.cls = cls
        self.struct = struct
        self._layout: Layout | None = None
        self._names: list[str] = []

    def bind(self) -> None:
        """Match the fields. Raises BindingError."""
        init = [f for f in dataclasses.fields(self.cls) if f.init]
        self._names = [f.name for f in init]
        self._layout = Layout(self.struct, members_of(self.cls.__name__, self.cls, self._names, self.struct))

    def _bound(self) -> Layout:
        if self._layout is None:
            raise TypeError(self.cls)
        return self._layout

    def write(self, buffer: bytearray, position: int, value: Any, give: Give) -> None:
        """Append the struct."""
        start = wire.put_struct(buffer, position, self.struct.data_words, self.struct.pointers)
        self.write_at(buffer, start, value, give)

    def write_at(self, buffer: bytearray, start: int, value: Any, give: Give) -> None:
        """Fill in a struct that has its place already."""
        if not isinstance(value, self.cls):
            raise refuse("a value", f"a {self.cls.__name__}", value)
        names = self._names
        if len(names) > 1:
            self._bound().write(buffer, start, give, *attrgetter(*names)(value))
        elif names:
            self._bound().write(buffer, start, give, getattr(value, names[0]))

    def read(self, message: Message, segment: int, position: int, depth: int, take: Take) -> Any:
        """Read the struct."""
        ref = message.struct(segment, position, depth)
        return None if ref is None else self.read_at(message, ref, take)

    def read_at(self, message: Message, ref: StructRef, take: Take) -> Any:
        """Read a struct that was found already."""
        return self.cls(*self._bound().read(message, ref, take))

    def empty(self) -> Any:
        """A null struct has the schema's defaults."""
        return self.read_at(wire.Message([b""]), wire.StructRef(0, 0, 0, 0, 1), _take_nothing)

    def check(self, value: Any, where: str) -> None:
        """Accept an object of the class whose fields are right."""
        if not isinstance(value, self.cls):
            raise refuse(where, f"a {self.cls.__name__}", value)
        self._bound().check([getattr(value, name) for name in self._names], f"{where}: {self.cls.__name__}.")


def _take_nothing(index: int, interface: type) -> None:
    raise AssertionError(index, interface)


def match(hint: object, kind: str, struct: Struct | None) -> Pointer | None:
    """Return the conversion, None if `hint` is no dataclass or `kind` no struct."""
    if kind != "struct" or struct is None or not isinstance(hint, type) or not dataclasses.is_dataclass(hint):
        return None
    with _matching:
        known = _known.get((hint, struct.id))
        if known is None:
            known = _known[hint, struct.id] = StructConversion(hint, struct)
            try:
                known.bind()
            except BaseException:
                del _known[hint, struct.id]
                raise
    return known
