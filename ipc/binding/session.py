"""Objects on one connection: ours that the peer holds, the peer's that we hold."""

from __future__ import annotations

import itertools
import threading
import weakref
from typing import TYPE_CHECKING, Any, Final, Protocol

from ipc.binding.binding import binding_of, interface_of
from ipc.capnp import messages as m
from ipc.capnp import wire
from ipc.capnp.capability import LocalCap, resolved
from ipc.errors import EncodeError, RemoteProtocolError

if TYPE_CHECKING:
    from collections.abc import Callable

    from interfaces.interface import Interface
    from ipc.binding.binding import Binding
    from ipc.binding.conversion import Give, Take
    from ipc.binding.method import BoundMethod
    from ipc.capnp.capability import Capability, Server
    from ipc.capnp.rpc import Rpc

request_numbers: Final = itertools.count(1)
"""Numbers of requests in logs, one sequence for the process as in libmultiprocess."""
_HARMLESS: Final = "make_echo"
"""A method of a first object that changes nothing."""


class Holder(Protocol):
    """What received capabilities are taken from: an answered question or an incoming call."""

    def capability(self, index: int) -> Capability | None:
        """Return an entry of the capability table. Raises RemoteProtocolError."""


class Session:
    """The typed view of one `Rpc`. Kinds of session differ in where calls wait and run."""

    def __init__(
        self,
        rpc: Rpc,
        make_server: Callable[[Interface, Binding, Session], Server],
        make_proxy: Callable[[Capability, Binding, Session], Interface],
    ) -> None:
        """Use `make_server` and `make_proxy` for objects of ours and of the peer's."""
        self.rpc = rpc
        self._make_server = make_server
        self._make_proxy = make_proxy
        self._exported: weakref.WeakValueDictionary[int, LocalCap] = weakref.WeakValueDictionary()
        self._lock = threading.Lock()
        self._root: weakref.ref[Any] | None = None

    def keep_root(self, proxy: object) -> None:
        """Remember the peer's first object."""
        self._root = weakref.ref(proxy)

    def is_root(self, proxy: object) -> bool:
        """Whether a proxy is the peer's first object."""
        return self._root is not None and self._root() is proxy

    def harmless_call(self) -> tuple[Any, BoundMethod] | None:
        """Return the peer's first object and a method of it that changes nothing, if there are such."""
        root = None if self._root is None else self._root()
        method = None if root is None else root._binding.methods.get(_HARMLESS)  # noqa: SLF001 - a proxy of ours
        return None if method is None else (root, method)

    def thread_name(self) -> str:
        """Name where we are, for logs."""
        return threading.current_thread().name

    def export(self, value: Interface, interface: type[Interface]) -> Capability:
        """Return the capability of an object: the same one for the same object while it is held."""
        session = getattr(value, "_session", None)
        if session is self:
            capability: Capability | None = value._capability  # type: ignore[attr-defined] # noqa: SLF001 - a proxy of ours
            if capability is None:
                raise EncodeError(f"the {interface.__name__} given was closed before")
            return capability
        actual = interface_of(value)
        if not issubclass(actual, interface):
            actual = interface
        with self._lock:
            known = self._exported.get(id(value))
            if known is None:
                known = self._exported[id(value)] = LocalCap(self._make_server(value, binding_of(actual), self))
            return known

    def give(self, caps: list[Capability | None]) -> Give:
        """Return a function that adds objects to a capability table."""

        def give(value: Interface, interface: type[Interface]) -> int:
            caps.append(self.export(value, interface))
            return len(caps) - 1

        return give

    def take(self, holder: Holder) -> Take:
        """Return a function that makes objects of a received capability table."""

        def take(index: int, interface: type[Interface]) -> Interface | None:
            capability = holder.capability(index)
            if capability is None:
                return None
            return self.object(capability, interface)

        return take

    def object(self, capability: Capability, interface: type[Interface]) -> Interface:
        """Return a proxy, or for an object of ours that came back the object itself."""
        capability = resolved(capability)
        if isinstance(capability, LocalCap):
            implementation = getattr(capability.server, "implementation", None)
            if isinstance(implementation, interface):
                return implementation
            raise RemoteProtocolError(f"expected a {interface.__name__} of ours")
        return self._make_proxy(capability, binding_of(interface), self)


def read_thread_map(holder: Holder, message: wire.Message, payload: m.Payload) -> Capability | None:
    """Read the one capability that `construct` takes and returns."""
    if payload.position is None:
        return None
    ref = message.struct(payload.segment, payload.position, payload.depth)
    if ref is None or not ref.pointers:
        return None
    index = message.capability(ref.segment, ref.position + ref.data_words * 8)
    return None if index is None else holder.capability(index)


def put_thread_map(buffer: bytearray, content: int) -> None:
    """Write capability 0 as the one field of parameters or results at `content`."""
    wire.put_capability(buffer, wire.put_struct(buffer, content, 0, 1), 0)
