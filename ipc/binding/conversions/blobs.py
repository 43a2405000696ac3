"""str and bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ipc.binding.conversion import Give, Pointer, Take, refuse
from ipc.capnp import wire

if TYPE_CHECKING:
    from ipc.capnp.wire import Message


class TextConversion(Pointer):
    """Text in UTF-8. Generated code calls `wire` directly."""

    def write(self, buffer: bytearray, position: int, value: Any, give: Give) -> None:
        """Append the text."""
        del give
        wire.put_text(buffer, position, value)

    def read(self, message: Message, segment: int, position: int, depth: int, take: Take) -> Any:
        """Read the text."""
        del depth, take
        return message.text(segment, position)

    def empty(self) -> str:
        """Null text is empty."""
        return ""

    def check(self, value: Any, where: str) -> None:
        """Accept str."""
        if not isinstance(value, str):
            raise refuse(where, "a str", value)


class DataConversion(Pointer):
    """Bytes."""

    def write(self, buffer: bytearray, position: int, value: Any, give: Give) -> None:
        """Append the bytes."""
        del give
        wire.put_data(buffer, position, value if type(value) is bytes else bytes(memoryview(value)))

    def read(self, message: Message, segment: int, position: int, depth: int, take: Take) -> Any:
        """Read the bytes."""
        del depth, take
        return message.data(segment, position)

    def empty(self) -> bytes:
        """Null data is empty."""
        return b""

    def check(self, value: Any, where: str) -> None:
        """Accept what has the buffer protocol."""
        if not isinstance(value, (bytes, bytearray, memoryview)):
            raise refuse(where, "bytes", value)


def match(hint: object, kind: str) -> Pointer | None:
    """Return the conversion of `hint` to `kind`, None if they do not fit."""
    if hint is str and kind == "text":
        return TextConversion()
    if hint is bytes and kind == "data":
        return DataConversion()
    return None
