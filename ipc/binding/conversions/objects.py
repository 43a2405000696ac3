"""Interfaces: an object of ours goes as a reference to it, one of the peer's comes as a proxy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from interfaces.interface import Interface
from ipc.binding.conversion import Give, Pointer, Take, refuse
from ipc.capnp import wire
from ipc.errors import RemoteProtocolError

if TYPE_CHECKING:
    from ipc.capnp.wire import Message


class ObjectConversion(Pointer):
    """A capability."""

    def __init__(self, interface: type[Interface]) -> None:
        """Objects of `interface` cross."""
        self._interface = interface

    def write(self, buffer: bytearray, position: int, value: Any, give: Give) -> None:
        """Put the object into the capability table."""
        self.check(value, "an object")
        wire.put_capability(buffer, position, give(value, self._interface))

    def read(self, message: Message, segment: int, position: int, depth: int, take: Take) -> Any:
        """Take the object out of the capability table."""
        del depth
        index = message.capability(segment, position)
        return None if index is None else take(index, self._interface)

    def empty(self) -> object:
        """Refuse: there is no empty object."""
        raise RemoteProtocolError(f"a {self._interface.__name__} is missing")

    def check(self, value: Any, where: str) -> None:
        """Accept objects of the interface."""
        if not isinstance(value, self._interface):
            raise refuse(where, f"a {self._interface.__name__}", value)


def match(hint: object, kind: str) -> Pointer | None:
    """Return the conversion, None if `hint` is no interface class or `kind` no interface."""
    if kind == "interface" and isinstance(hint, type) and issubclass(hint, Interface):
        return ObjectConversion(hint)
    return None
