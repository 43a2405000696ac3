"""What every conversion between a Python type and a schema type has in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Protocol

from ipc.errors import EncodeError

if TYPE_CHECKING:
    from interfaces.interface import Interface
    from ipc.capnp.wire import Message


class Give(Protocol):
    """Puts an object of an interface into a message's capability table; returns its index."""

    def __call__(self, value: Interface, interface: type[Interface]) -> int:
        """Return the index."""


class Take(Protocol):
    """Makes an object of an interface from an index of a message's capability table."""

    def __call__(self, index: int, interface: type[Interface]) -> Interface | None:
        """Return the object, None for a null capability."""


class Conversion(ABC):
    """How values of one Python type are written and read."""

    @abstractmethod
    def check(self, value: Any, where: str) -> None:
        """Raise EncodeError, naming `where` and the value, if the value cannot be written."""


class Scalar(Conversion):
    """A value in the data section: `code` of module struct, `size` in bits."""

    code: str
    size: int

    @abstractmethod
    def packing(self, value: str, default: int, scope: dict[str, Any]) -> tuple[str, str]:
        """Return code and expression that pack the expression `value`; names it needs go to `scope`."""

    @abstractmethod
    def unpacking(self, raw: str, default: int, scope: dict[str, Any]) -> str:
        """Return the expression that makes a value of the unpacked `raw`."""


class Pointer(Conversion):
    """A value behind a pointer."""

    @abstractmethod
    def write(self, buffer: bytearray, position: int, value: Any, give: Give) -> None:
        """Append the value, which is not None, and point to it from `position`."""

    @abstractmethod
    def read(self, message: Message, segment: int, position: int, depth: int, take: Take) -> Any:
        """Read what the pointer at `position` leads to, None if it is null."""

    @abstractmethod
    def empty(self) -> Any:
        """Return what null means where None is not allowed. Raises RemoteProtocolError if nothing."""


def refuse(where: str, expected: str, value: object) -> EncodeError:
    """Make the error for a value of the wrong type or size."""
    shown = repr(value)
    if len(shown) > 80:
        shown = shown[:77] + "..."
    return EncodeError(f"{where} must be {expected}, not {shown}")
