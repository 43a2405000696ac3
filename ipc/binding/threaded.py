"""Calls between threads: a caller blocks its thread, a served call runs on a worker."""

from __future__ import annotations

import contextlib
import logging
import threading
import weakref
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar

from common.log_categories import TRACE
from interfaces import cancellation, deferral
from interfaces.interface import Interface
from ipc.binding.binding import binding_of
from ipc.binding.dispatch import (
    answer_construct,
    close_quietly,
    context_threads,
    is_construct,
    open_request,
    show,
    when_known,
)
from ipc.binding.proxies import proxy_class
from ipc.binding.session import Session, put_thread_map, read_thread_map
from ipc.capnp import messages as m
from ipc.capnp import wire
from ipc.capnp.calls import Question
from ipc.capnp.capability import LocalCap
from ipc.capnp.rpc import Rpc
from ipc.capnp.threads import (
    Callback,
    ThreadMapServer,
    ThreadServer,
    Waiter,
    context_caps,
    current_waiter,
    make_worker,
    raise_disconnected,
    thread_name,
)
from ipc.errors import FAILED, IpcError, UnimplementedError

if TYPE_CHECKING:
    from collections.abc import Callable

    from ipc.binding.binding import Binding
    from ipc.binding.dispatch import Request
    from ipc.binding.method import BoundMethod
    from ipc.capnp.calls import IncomingCall
    from ipc.capnp.capability import Capability
    from ipc.capnp.connection import Connection

T = TypeVar("T", bound=Interface)
log: Final = logging.getLogger("ipc")


class ThreadedSession(Session):
    """The objects of one `Connection`."""

    def __init__(self, connection: Connection) -> None:
        """Serve and call over `connection`, which `start` begins."""
        self.connection = connection
        self.thread_map = LocalCap(ThreadMapServer(connection.pool, partial(make_worker, connection)))
        self._proxies: set[int] = set()
        self._cleanups: dict[int, list[Callable[[], None]]] = {}
        self._settled: weakref.WeakSet[Waiter] = weakref.WeakSet()
        super().__init__(Rpc(connection.wake), ThreadedServer, self._proxy)
        connection.rpc = self.rpc

    def thread_name(self) -> str:
        """Name this thread for logs."""
        return thread_name(self.connection.loop.name)

    def start(self, implementation: Interface | None, interface: type[Interface] | None) -> None:
        """Begin to speak, offering an object that is not ours to close."""
        if implementation is not None and interface is not None:
            server = ThreadedServer(implementation, binding_of(interface), self, owned=False)
            self.rpc.offer(LocalCap(server))
        self.connection.start()

    def _proxy(self, capability: Capability, binding: Binding, session: Session) -> Interface:
        proxy: Interface = proxy_class(binding, SyncProxy)(session, capability)
        self._proxies.add(id(proxy))
        return proxy

    def root(self, interface: type[T]) -> T:
        """Return the peer's first object, after it was constructed. Raises DisconnectedError."""
        binding = binding_of(interface)
        capability = self.rpc.bootstrap()
        if binding.construct is not None:
            question = Question(_nothing)
            waiter = self._waiter()
            question.notify = self.connection.notifier(waiter)
            construct = binding.construct
            buffer = m.begin_call(construct.interface_id, construct.ordinal)
            put_thread_map(buffer, m.CALL_CONTENT)
            self.rpc.start_call(
                capability, construct.interface_id, construct.ordinal, buffer, [self.thread_map], question
            )
            message, payload = self._wait(question, waiter)
            self.connection.thread_map = read_thread_map(question, message, payload)
        proxy = self._proxy(capability, binding, self)
        if not isinstance(proxy, interface) or not isinstance(proxy, SyncProxy):
            raise TypeError(proxy)
        self.keep_root(proxy)
        return proxy

    def call(self, proxy: SyncProxy, method: BoundMethod, arguments: tuple[Any, ...]) -> Any:
        """Call and wait. Raises what the method raises, RemoteError, DisconnectedError."""
        capability = proxy._capability  # noqa: SLF001 - our own
        if capability is None:
            raise IpcError(f"{method.label} called on a closed object")
        connection = self.connection
        if connection.closed:
            raise_disconnected()
        waiter = self._waiter()
        caps: list[Capability | None] = []
        if method.context is not None:
            caps += context_caps(connection, waiter)
        schema = method.schema
        buffer = method.begin_call(arguments, self.give(caps))
        question = Question(connection.notifier(waiter))
        debug = log.isEnabledFor(logging.DEBUG)
        if debug:
            log.debug("{%s} IPC client send %s$Params", waiter.name, method.label)
            log.log(TRACE, "send data: %s", show(arguments))
        self.rpc.start_call(capability, schema.interface_id, schema.ordinal, buffer, caps, question)
        try:
            message, payload = self._wait(question, waiter)
        except UnimplementedError:
            if method.context is not None:
                self._settle(waiter)
            raise
        if debug:
            log.debug("{%s} IPC client recv %s$Results", waiter.name, method.label)
        result = method.read_results(message, payload, self.take(question))
        if debug:
            log.log(TRACE, "recv data: %s", show(result))
        return result

    def _settle(self, waiter: Waiter) -> None:
        """Have the peer's thread for this one do something, as what it was asked for is not there.

        It may be new, and a node of v31 dies if such a thread is let go before it came to wait for calls (source:
        libmultiprocess, makeThread in src/mp/proxy.cpp, as in Core v31).
        """
        harmless = self.harmless_call()
        if harmless is not None and waiter not in self._settled:
            self._settled.add(waiter)
            with contextlib.suppress(IpcError):
                self.call(*harmless, ())

    def _waiter(self) -> Waiter:
        if self.connection.loop.inside:
            raise IpcError("a call that waits cannot be made on the event loop thread; give the method a context")
        return current_waiter(self.connection.loop.name)

    def _wait(self, question: Question, waiter: Waiter) -> tuple[wire.Message, m.Payload]:
        connection = self.connection
        connection.flush()
        try:
            connection.wait(question, waiter)
        except BaseException:
            self.rpc.abandon(question)
            connection.flush()
            raise
        if question.error is not None:
            raise question.error
        if question.message is None or question.payload is None:
            raise IpcError("an answer without content")
        return question.message, question.payload

    def destroy(self, proxy: SyncProxy) -> None:
        """End the peer's object, and with the root the connection."""
        capability, proxy._capability = proxy._capability, None  # noqa: SLF001 - our own
        if capability is None:
            return
        try:
            self._end(proxy, capability)
        finally:
            self._cleaned(id(proxy))

    def _end(self, proxy: SyncProxy, capability: Capability) -> None:
        if self.is_root(proxy):
            self.connection.close()
            self.connection.loop.drain_cleanups()
            return
        binding = proxy._binding  # noqa: SLF001
        if binding.destroy is not None and not self.connection.closed:
            try:
                self._destroy(capability, binding)
            except IpcError:
                if not self.connection.closed:
                    log.warning("ipc: Remote destroy call failed during cleanup. Continuing.")
        del capability
        self.rpc.release_dropped()
        self.connection.flush()
        self._drop(proxy)

    def add_cleanup(self, proxy: SyncProxy, cleanup: Callable[[], None]) -> None:
        """Run `cleanup` when `proxy` is closed or the connection has ended."""
        with self._lock:
            if proxy._capability is not None and not self.connection.closed:  # noqa: SLF001 - our own
                self._cleanups.setdefault(id(proxy), []).append(cleanup)
                return
        cleanup()

    def _cleaned(self, key: int) -> None:
        with self._lock:
            cleanups = self._cleanups.pop(key, [])
        for cleanup in reversed(cleanups):
            cleanup()

    def ended(self) -> None:
        """Run all clean-ups: the connection has ended."""
        for key in list(self._cleanups):
            self.connection.loop.clean_up(partial(self._cleaned, key))

    def _destroy(self, capability: Capability, binding: Binding) -> None:
        destroy = binding.destroy
        if destroy is None:
            return
        waiter = self._waiter()
        buffer = m.begin_call(destroy.interface_id, destroy.ordinal)
        caps: list[Capability | None] = list(context_caps(self.connection, waiter))
        start = wire.put_struct(buffer, m.CALL_CONTENT, destroy.params.data_words, destroy.params.pointers)
        threads = wire.put_struct(buffer, start + destroy.params.data_words * 8, 0, 2)
        wire.put_capability(buffer, threads, 0)
        wire.put_capability(buffer, threads + 8, 1)
        question = Question(self.connection.notifier(waiter))
        self.rpc.start_call(capability, destroy.interface_id, destroy.ordinal, buffer, caps, question)
        self._wait(question, waiter)

    def forget(self, proxy: SyncProxy) -> None:
        """Note that a proxy is gone without having been closed. Safe in finalisers: takes no lock."""
        if id(proxy) in self._cleanups:
            self.connection.loop.clean_up(partial(self._cleaned, id(proxy)))
        self._drop(proxy)

    def _drop(self, proxy: SyncProxy) -> None:
        """Close the connection to a peer of which we hold nothing any more."""
        self._proxies.discard(id(proxy))
        connection = self.connection
        if not self._proxies and not connection.incoming and not connection.closed:
            connection.loop.post(self._close_unused)

    def _close_unused(self) -> None:
        if not self._proxies:
            self.connection.close()


class SyncProxy:
    """The part of a proxy class that does not depend on the interface."""

    _binding: Binding

    def __init__(self, session: ThreadedSession, capability: Capability) -> None:
        """Stand for an object of the peer's."""
        self._session = session
        self._capability: Capability | None = capability

    def close(self) -> None:
        """End the object in the other process; for the first object of a connection, the connection."""
        self._session.destroy(self)

    def add_cleanup(self, cleanup: Callable[[], None]) -> None:
        """Run `cleanup` once at the end of the object."""
        self._session.add_cleanup(self, cleanup)

    def __del__(self) -> None:
        session = getattr(self, "_session", None)
        if session is not None and self._capability is not None:
            self._capability = None
            session.forget(self)


class ThreadedServer:
    """An object of ours that the peer holds."""

    __slots__ = ("_active", "_binding", "_closed", "_lock", "_owned", "_released", "_session", "implementation")

    def __init__(self, implementation: Interface, binding: Binding, session: Session, *, owned: bool = True) -> None:
        """Close the object when the peer has let go of it, if `owned`."""
        self.implementation = implementation
        self._binding = binding
        self._session = session
        self._owned = owned
        self._lock = threading.Lock()
        self._active = 0
        self._released = False
        self._closed = False

    def dispatch(self, call: IncomingCall) -> None:
        """Send a call to its thread; run it here if it has no context."""
        session = self._session
        if not isinstance(session, ThreadedSession):
            raise TypeError(session)
        connection = session.connection
        if is_construct(self._binding, call):
            answer_construct(call, session.thread_map, connection.keep_thread_map)
            return
        request = open_request(session, self._binding, call)
        if request is None:
            return
        if request.method is not None and request.method.context is None:
            self._run(session, request, None)
            return
        try:
            thread, callback = context_threads(request)
        except IpcError as error:
            request.fail(str(error), FAILED)
            return
        when_known(self._session, thread, lambda known: self._post(session, request, known, callback))

    def _post(
        self, session: ThreadedSession, request: Request, thread: Capability | None, callback: Callback | None
    ) -> None:
        connection = session.connection
        if thread is None:
            if not connection.pool:
                reason = "no thread specified and no pool configured"
                log.error("ipc: {%s} IPC server error request #%d, %s", session.thread_name(), request.number, reason)
                request.fail(f"std::exception: {reason}", FAILED)
                return
            thread = min(connection.pool, key=_depth)
        server = thread.server if isinstance(thread, LocalCap) else None
        if not isinstance(server, ThreadServer):
            reason = "invalid thread handle"
            log.error(
                "ipc: {%s} IPC server error request #%d, missing thread to execute request",
                session.thread_name(), request.number,
            )  # fmt: skip
            request.fail(f"std::exception: {reason}", FAILED)
            return
        if log.isEnabledFor(logging.DEBUG):
            log.debug(
                "{%s} IPC server post request  #%d {%s}", session.thread_name(), request.number, server.waiter.name
            )
        server.depth += 1

        def run() -> None:
            server.depth -= 1
            self._run(session, request, callback)
            connection.flush()

        server.waiter.put(run)

    def _run(self, session: ThreadedSession, request: Request, callback: Callback | None) -> None:
        if not request.start():
            return
        with self._lock:
            self._active += 1
        connection = session.connection
        waiter = None
        if callback is not None:
            waiter = current_waiter(connection.loop.name)
            if connection in waiter.request_caps:
                waiter = None
            else:
                waiter.request_caps[connection] = callback
        before = cancellation.install(request.cancellation)
        deferred = deferral.install(_Later(request, connection))
        try:
            if request.method is None:
                self._close()
                value = None
            else:
                value = getattr(self.implementation, request.method.name)(*request.arguments())
        except BaseException as error:  # noqa: BLE001 - whatever happens is the answer
            request.raised(error)
        else:
            if value is not deferral.LATER:
                request.succeed(value)
        finally:
            cancellation.install(before)
            deferral.install(deferred)
            if waiter is not None:
                waiter.request_caps.pop(connection, None)
            with self._lock:
                self._active -= 1
                last = self._released and not self._active
            if last:
                connection.loop.clean_up(self._close)

    def released(self) -> None:
        """Close the object once no call runs; what has nothing to close is just forgotten."""
        if type(self.implementation).close is Interface.close:
            return
        if self._owned and isinstance(self._session, ThreadedSession):
            self._session.connection.loop.clean_up(self._release)

    def _release(self) -> None:
        with self._lock:
            self._released = True
            active = self._active
        if not active:
            self._close()

    def _close(self) -> None:
        with self._lock:
            if self._closed or not self._owned:
                return
            self._closed = True
        close_quietly(self.implementation)


class _Later:
    """Answers a call whose method has returned without a result."""

    __slots__ = ("_connection", "_request")

    def __init__(self, request: Request, connection: Connection) -> None:
        self._request = request
        self._connection = connection

    def give(self, value: object) -> None:
        if type(value) is deferral.Shared:
            self._request.succeed_shared(value)
        else:
            self._request.succeed(value)

    def fail(self, error: Exception) -> None:
        self._request.raised(error)

    def send(self) -> None:
        # On the loop thread, which leaves to others what a slow reader does not take.
        self._connection.wake()


def _depth(cap: LocalCap) -> int:
    return cap.server.depth if isinstance(cap.server, ThreadServer) else 0


def _nothing() -> None:
    pass
