"""Every error package `ipc` raises on purpose."""

from __future__ import annotations

from typing import Final

FAILED: Final = 0
OVERLOADED: Final = 1
DISCONNECTED: Final = 2
UNIMPLEMENTED: Final = 3
"""Exception types of rpc.capnp, in wire order."""


class IpcError(Exception):
    """Something about interprocess communication failed."""


class RemoteError(IpcError):
    """The other side answered a call with an exception.

    `str(error)` is its text without the "std::exception: " Core's servers put in
    front; `description` is the text as it came; `type` is one of the four constants.
    """

    def __init__(self, description: str, type: int = FAILED) -> None:  # noqa: A002 - the term of rpc.capnp
        """Hold the text and type as they came."""
        super().__init__(description.removeprefix("std::exception: "))
        self.description = description
        self.type = type


class UnimplementedError(RemoteError):
    """The other side does not know the interface or method."""

    def __init__(self, description: str) -> None:
        """Hold the text as it came."""
        super().__init__(description, UNIMPLEMENTED)


class DisconnectedError(IpcError):
    """The connection ended before or while a call ran."""


class BindingError(IpcError, TypeError):
    """An interface class and its schema do not fit together; names interface, method and field."""


class EncodeError(IpcError, ValueError):
    """A value given to a call has the wrong type or does not fit its field."""


class RemoteProtocolError(IpcError):
    """The peer sent bytes that break the protocol; its connection is aborted."""


class AddressError(IpcError, ValueError):
    """An address that cannot be understood or used."""


class SpawnError(IpcError):
    """A child process could not be started, or a spawned start has a bad descriptor."""
