"""Interprocess communication: spawn, connect to and serve processes, and call their interfaces."""

from ipc.errors import (
    AddressError,
    BindingError,
    DisconnectedError,
    EncodeError,
    IpcError,
    RemoteError,
    RemoteProtocolError,
    SpawnError,
    UnimplementedError,
)
from ipc.interfaces import Context, Ipc

__all__ = [
    "AddressError",
    "BindingError",
    "Context",
    "DisconnectedError",
    "EncodeError",
    "Ipc",
    "IpcError",
    "RemoteError",
    "RemoteProtocolError",
    "SpawnError",
    "UnimplementedError",
]
