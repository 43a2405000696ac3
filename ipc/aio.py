"""Interfaces over asyncio: every method of an object of the peer's is a coroutine.

    async with await aio.connect("/path/node.sock", Init) as init:
        mining = await init.make_mining()
        tip = await mining.get_tip()

Calls that run at once do not block each other: each gets a thread of the server's for as
long as it takes. Cancelling a call cancels it at the server too. Objects given to the
peer, and those that `serve` offers, may have `async def` methods or plain ones, which
must not block. Everything belongs to the event loop it was made on.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import inspect
import logging
import os
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Self, overload

from interfaces import cancellation
from ipc import addresses
from ipc.binding.binding import binding_of
from ipc.binding.dispatch import answer_construct, context_threads, is_construct, open_request, when_known
from ipc.binding.proxies import proxy_class
from ipc.binding.session import Session, put_thread_map, read_thread_map
from ipc.capnp import messages as m
from ipc.capnp import wire
from ipc.capnp.calls import Question
from ipc.capnp.capability import LocalCap
from ipc.capnp.rpc import Rpc
from ipc.capnp.threads import THREAD_MAP_ID, Callback, ThreadCount, ThreadMapServer, ThreadServer, Waiter
from ipc.errors import FAILED, AddressError, DisconnectedError, IpcError, RemoteProtocolError, UnimplementedError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from pathlib import Path

    from interfaces.asynchronous import AsyncInit
    from interfaces.init import Init, PynodeInit
    from interfaces.interface import Interface
    from ipc.aio_server import AsyncServer
    from ipc.binding.binding import Binding
    from ipc.binding.dispatch import Request
    from ipc.binding.method import BoundMethod
    from ipc.capnp.calls import IncomingCall
    from ipc.capnp.capability import Capability

log: Final = logging.getLogger("ipc")
MAX_CONCURRENT_CALLS: Final = 128
"""Calls of one connection that run at a time, as each occupies a thread of the server's; more wait."""
_PIECE: Final = 1 << 18


@overload
async def connect(path: str | Path, interface: type[PynodeInit]) -> Any: ...
@overload
async def connect(path: str | Path, interface: type[Init]) -> AsyncInit: ...
@overload
async def connect(path: str | Path, interface: type[Interface]) -> Any: ...
async def connect(path: str | Path, interface: type[Interface]) -> Any:
    """Connect to a Unix socket and return the peer's first object, an asynchronous context manager.

    Raises AddressError if nobody serves there, IpcError.
    """
    loop = asyncio.get_running_loop()
    try:
        _, session = await loop.create_unix_connection(lambda: AsyncSession(loop), str(path))
    except OSError as error:
        raise AddressError(error.strerror or str(error)) from error
    try:
        return await session.root(interface)
    except BaseException:
        session.close()
        raise


async def serve(
    path: Path,
    init: Interface,
    *,
    allowed_uids: Collection[int] = (),
    max_connections: int = addresses.DEFAULT_MAX_CONNECTIONS,
) -> AsyncServer:
    """Serve an object at a Unix socket until the result is closed. Raises AddressError.

    Beside the user we run as and root, `allowed_uids` may connect. More than `max_connections` have to wait.
    """
    from ipc.aio_server import AsyncServer

    return await AsyncServer(path, init, allowed_uids, max_connections).start()


_thread: contextvars.ContextVar[AsyncThread | None] = contextvars.ContextVar("ipc_thread", default=None)
_callback: contextvars.ContextVar[dict[AsyncSession, Callback] | None] = contextvars.ContextVar(
    "ipc_callback", default=None
)


def _nothing() -> None:
    pass


class AsyncThread(ThreadServer):
    """What a peer takes for a thread: runs calls in order, one at a time unless the first one waits for a call."""

    __slots__ = ("_count", "_queue", "_running", "_waiting")

    def __init__(self, name: str, count: ThreadCount | None = None) -> None:
        """Without a count it is a caller's, whose callbacks run at once."""
        super().__init__(Waiter(name, may_lead=False))
        self._count = count
        self._queue: deque[Callable[[], None]] = deque()
        self._running = 0
        self._waiting = 0
        if count is not None:
            count.made()

    def submit(self, start: Callable[[], None]) -> None:
        """Start a call when it is its turn; it ends with `done`."""
        self._queue.append(start)
        self._advance()

    def _advance(self) -> None:
        while self._queue and (self._count is None or self._running <= self._waiting):
            self._running += 1
            self._queue.popleft()()

    def done(self) -> None:
        """One of the calls has ended."""
        self._running -= 1
        self._advance()

    @contextlib.contextmanager
    def calling(self) -> Any:
        """While a running call waits for one it made, the peer may call back on this thread."""
        self._waiting += 1
        self._advance()
        try:
            yield
        finally:
            self._waiting -= 1

    def released(self) -> None:
        """Count it out."""
        if self._count is not None:
            self._count.ended()


class AsyncSession(asyncio.Protocol, Session):
    """One connection and its objects."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        sessions: set[AsyncSession] | None = None,
        on_end: Callable[[], None] = _nothing,
    ) -> None:
        """Belong to `sessions`, those of a server, while connected; tell it of the end."""
        Session.__init__(self, Rpc(self._wake), AsyncObject, _make_proxy)
        self.loop = loop
        self.pool: list[LocalCap] = []
        self.name = f"asyncio-{os.getpid()}"
        self.thread_map = LocalCap(ThreadMapServer(self.pool, _make_thread))
        self.callback = LocalCap(AsyncThread(self.name))
        self.tasks: set[asyncio.Task[None]] = set()
        self._sessions = sessions
        self._on_end = on_end
        self._peer_threads: Capability | None = None
        self._free: list[Capability] = []
        self._permits = asyncio.Semaphore(MAX_CONCURRENT_CALLS)
        self._transport: asyncio.Transport | None = None

    def thread_name(self) -> str:
        """Name where we are, for logs."""
        return self.name

    def offer(self, implementation: Interface, interface: type[Interface]) -> None:
        """Serve an object that is not ours to close."""
        self.rpc.offer(LocalCap(AsyncObject(implementation, binding_of(interface), self, owned=False)))

    def keep_thread_map(self, thread_map: Capability | None) -> None:
        """Remember where the peer makes threads."""
        self._peer_threads = thread_map

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        if isinstance(transport, asyncio.Transport):
            self._transport = transport
        if self._sessions is not None:
            self._sessions.add(self)
            log.info("ipc: {%s} IPC server: socket connected.", self.name)

    def data_received(self, data: bytes) -> None:
        """Take bytes."""
        try:
            self.rpc.receive(data)
        except RemoteProtocolError as error:
            log.warning("ipc: aborting connection, peer broke the protocol: %s", error)
            self.rpc.output.append(m.abort(str(error)))
            self.flush()
            self.close(error)
            return
        except IpcError as error:
            self.close(error)
            return
        self.flush()

    def pause_writing(self) -> None:
        """Take no more requests while the peer does not read its answers."""
        if self._sessions is not None and self._transport is not None:
            self._transport.pause_reading()

    def resume_writing(self) -> None:
        """Take requests again."""
        if self._sessions is not None and self._transport is not None:
            self._transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        """End everything."""
        if exc is not None and self._sessions is None:
            self._read_rest()
        self._ended(DisconnectedError(f"peer closed the connection: {exc}"))
        if self._sessions is not None and self in self._sessions:
            self._sessions.discard(self)
            log.info("ipc: {%s} IPC server: socket disconnected.", self.name)
        self._on_end()

    def _read_rest(self) -> None:
        """Take what the peer answered before it ended: after a write failed the transport does not read it."""
        sock = None if self._transport is None else self._transport.get_extra_info("socket")
        with contextlib.suppress(OSError):
            while sock is not None and self.rpc.closed is None and (data := os.read(sock.fileno(), _PIECE)):
                self.data_received(data)

    def close(self, error: Exception | None = None) -> None:
        """Close the connection. Idempotent."""
        self._ended(error or IpcError("closed"))
        if self._transport is not None:
            self._transport.close()

    def _ended(self, error: Exception) -> None:
        self.rpc.close(error)
        self._peer_threads = None
        self._free.clear()
        self.pool.clear()
        self.flush()

    def flush(self) -> None:
        """Send what there is and run what became due."""
        output, events = self.rpc.output, self.rpc.events
        while output or events:
            while output:
                data = output.popleft()
                if self._transport is not None and not self._transport.is_closing():
                    self._transport.write(data)
            if events:
                events.popleft()()

    def _wake(self) -> None:
        # Called in finalisers, on any thread.
        with contextlib.suppress(RuntimeError):
            self.loop.call_soon_threadsafe(self._release)

    def _release(self) -> None:
        self.rpc.release_dropped()
        self.flush()

    # Calling

    async def root(self, interface: type[Interface]) -> Any:
        """Return the peer's first object after it was constructed."""
        binding = binding_of(interface)
        capability = self.rpc.bootstrap()
        construct = binding.construct
        if construct is not None:
            buffer = m.begin_call(construct.interface_id, construct.ordinal)
            put_thread_map(buffer, m.CALL_CONTENT)
            ids = (construct.interface_id, construct.ordinal)
            question = await self._ask(capability, ids, buffer, [self.thread_map])
            if question.message is not None and question.payload is not None:
                self.keep_thread_map(read_thread_map(question, question.message, question.payload))
        proxy: Any = _make_proxy(capability, binding, self)
        self.keep_root(proxy)
        return proxy

    async def call(self, proxy: AsyncProxy, method: BoundMethod, arguments: tuple[Any, ...]) -> Any:
        """Call and wait. Raises what the method raises, RemoteError, DisconnectedError."""
        capability = proxy._capability  # noqa: SLF001 - our own
        if capability is None:
            raise IpcError(f"{method.label} called on a closed object")
        if method.context is None:
            question = await self._ask_method(capability, method, arguments, [])
        else:
            async with self._server_thread() as thread:
                try:
                    question = await self._ask_method(capability, method, arguments, [thread, self.callback])
                except UnimplementedError:
                    await self._settle(thread)
                    raise
        if question.message is None or question.payload is None:
            raise IpcError("an answer without content")
        return method.read_results(question.message, question.payload, self.take(question))

    async def _settle(self, thread: Capability) -> None:
        """Have a thread of the peer's do something, as what it was asked for is not there: see `ThreadedSession`."""
        root, harmless = self.harmless_call() or (None, None)
        capability = None if root is None else root._capability  # noqa: SLF001 - our own
        if harmless is not None and capability is not None:
            with contextlib.suppress(IpcError):
                await self._ask_method(capability, harmless, (), [thread, self.callback])

    @contextlib.asynccontextmanager
    async def _server_thread(self) -> Any:
        """Lend a thread of the peer's: inside a call from this peer the one that waits for it."""
        borrowed = (_callback.get() or {}).get(self)
        if borrowed is not None:
            yield borrowed.take()
            return
        async with self._permits:
            thread = self._free.pop() if self._free else self._make_thread()
            try:
                yield thread
            finally:
                if self.rpc.closed is None:
                    self._free.append(thread)

    def _make_thread(self) -> Capability:
        if self.rpc.closed is not None:
            raise DisconnectedError("IPC client method called after disconnect.")
        if self._peer_threads is None:
            raise IpcError("the other side gave no ThreadMap")
        buffer = m.begin_call(THREAD_MAP_ID, 0)
        wire.put_text(buffer, wire.put_struct(buffer, m.CALL_CONTENT, 0, 1), self.name)
        question = Question(_nothing)
        self.rpc.start_call(self._peer_threads, THREAD_MAP_ID, 0, buffer, (), question)
        with self.rpc.lock:
            return self.rpc.pipeline(question, (0,))

    async def _ask_method(
        self, capability: Capability, method: BoundMethod, arguments: tuple[Any, ...], caps: list[Capability | None]
    ) -> Question:
        """Ask; `caps` begins with the threads, if the method takes them."""
        buffer = method.begin_call(arguments, self.give(caps))
        return await self._ask(capability, (method.schema.interface_id, method.schema.ordinal), buffer, caps)

    async def _ask(
        self, capability: Capability, ids: tuple[int, int], buffer: bytearray, caps: Sequence[Capability | None]
    ) -> Question:
        answered: asyncio.Future[None] = self.loop.create_future()

        def notify() -> None:
            if not answered.done():
                answered.set_result(None)

        question = Question(notify)
        self.rpc.start_call(capability, *ids, buffer, caps, question)
        self.flush()
        thread = _thread.get()
        try:
            with thread.calling() if thread is not None else contextlib.nullcontext():
                await answered
        except asyncio.CancelledError:
            self.rpc.abandon(question)
            self.flush()
            raise
        if question.error is not None:
            raise question.error
        return question

    async def destroy(self, proxy: AsyncProxy) -> None:
        """End the peer's object, and with the first one the connection."""
        capability, proxy._capability = proxy._capability, None  # noqa: SLF001 - our own
        if capability is None:
            return
        if self.is_root(proxy):
            self.close()
            await asyncio.sleep(0)  # Lets the transport close its socket.
            return
        destroy = proxy._binding.destroy  # noqa: SLF001
        if destroy is not None and self.rpc.closed is None:
            with contextlib.suppress(IpcError):
                async with self._server_thread() as thread:
                    buffer = m.begin_call(destroy.interface_id, destroy.ordinal)
                    start = wire.put_struct(buffer, m.CALL_CONTENT, 0, 1)
                    threads = wire.put_struct(buffer, start, 0, 2)
                    wire.put_capability(buffer, threads, 0)
                    wire.put_capability(buffer, threads + 8, 1)
                    ids = (destroy.interface_id, destroy.ordinal)
                    await self._ask(capability, ids, buffer, [thread, self.callback])
        del capability
        self._release()


class AsyncProxy:
    """The part of an asynchronous proxy class that does not depend on the interface."""

    _binding: Binding

    def __init__(self, session: AsyncSession, capability: Capability) -> None:
        """Stand for an object of the peer's."""
        self._session = session
        self._capability: Capability | None = capability

    async def close(self) -> None:
        """End the object in the other process; for the first object of a connection, the connection."""
        await self._session.destroy(self)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


class AsyncObject:
    """An object of ours that the peer holds."""

    __slots__ = ("_binding", "_closed", "_owned", "_session", "implementation")

    def __init__(self, implementation: Interface, binding: Binding, session: Session, *, owned: bool = True) -> None:
        """Close the object when the peer has let go of it, if `owned`."""
        self.implementation = implementation
        self._binding = binding
        self._session = session
        self._owned = owned
        self._closed = False

    def dispatch(self, call: IncomingCall) -> None:
        """Start a call, in its turn."""
        session = self._session
        if not isinstance(session, AsyncSession):
            raise TypeError(session)
        if is_construct(self._binding, call):
            answer_construct(call, session.thread_map, session.keep_thread_map)
            return
        request = open_request(session, self._binding, call)
        if request is None:
            return
        if request.method is not None and request.method.context is None:
            self._start(session, request, None, None)
            return
        try:
            thread, callback = context_threads(request)
        except IpcError as error:
            request.fail(str(error), FAILED)
            return
        when_known(session, thread, lambda known: self._submit(session, request, known, callback))

    def _submit(
        self, session: AsyncSession, request: Request, thread: Capability | None, callback: Callback | None
    ) -> None:
        if thread is None:
            if not session.pool:
                request.fail("std::exception: no thread specified and no pool configured", FAILED)
                return
            thread = min(session.pool, key=_depth)
        server = thread.server if isinstance(thread, LocalCap) else None
        if not isinstance(server, AsyncThread):
            request.fail("std::exception: invalid thread handle", FAILED)
            return
        server.depth += 1
        server.submit(partial(self._start, session, request, server, callback))

    def _start(
        self, session: AsyncSession, request: Request, thread: AsyncThread | None, callback: Callback | None
    ) -> None:
        task = session.loop.create_task(self._run(session, request, thread, callback))
        session.tasks.add(task)
        task.add_done_callback(session.tasks.discard)

    async def _run(
        self, session: AsyncSession, request: Request, thread: AsyncThread | None, callback: Callback | None
    ) -> None:
        _thread.set(thread)
        if callback is not None:
            _callback.set({session: callback})
        task = asyncio.current_task()

        def cancel() -> None:
            if task is not None:
                task.cancel()

        try:
            if not request.start():
                return
            with request.cancellation.wakes(cancel):
                request.succeed(await self._invoke(request))
        except asyncio.CancelledError:
            request.raised(InterruptedError("canceled"))
        except Exception as error:  # noqa: BLE001 - whatever happens is the answer
            request.raised(error)
        finally:
            if thread is not None:
                thread.depth -= 1
                thread.done()
            session.flush()

    async def _invoke(self, request: Request) -> object:
        if request.method is None:
            await self._close()
            return None
        arguments = request.arguments()
        before = cancellation.install(request.cancellation)
        try:
            result = getattr(self.implementation, request.method.name)(*arguments)
        finally:
            cancellation.install(before)
        return await result if inspect.isawaitable(result) else result

    async def _close(self) -> None:
        if self._closed or not self._owned:
            return
        self._closed = True
        try:
            result: object = self.implementation.close()  # type: ignore[func-returns-value] # may be a coroutine
            if inspect.isawaitable(result):
                await result
        except Exception:
            log.exception("ipc: closing a %s failed", type(self.implementation).__name__)

    def released(self) -> None:
        """Close the object soon."""
        session = self._session
        if self._owned and not self._closed and isinstance(session, AsyncSession):
            with contextlib.suppress(RuntimeError):
                session.loop.call_soon_threadsafe(self._close_soon)

    def _close_soon(self) -> None:
        session = self._session
        if isinstance(session, AsyncSession):
            task = session.loop.create_task(self._close())
            session.tasks.add(task)
            task.add_done_callback(session.tasks.discard)


def _make_proxy(capability: Capability, binding: Binding, session: Session) -> Any:
    return proxy_class(binding, AsyncProxy)(session, capability)


def _make_thread(origin: str, count: ThreadCount) -> LocalCap:
    return LocalCap(AsyncThread(origin, count))


def _depth(cap: LocalCap) -> int:
    return cap.server.depth if isinstance(cap.server, ThreadServer) else 0
