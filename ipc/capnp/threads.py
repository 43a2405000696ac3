"""Threads as libmultiprocess maps them (source: its src/mp/proxy.cpp, type-context.h).

Each thread that makes calls has one worker in the process it calls, which runs its
calls in order; calls back run on the calling thread while it waits. A `Waiter` is any
thread's place to be given work; a `Worker` is a thread we run for a peer.
"""

from __future__ import annotations

import logging
import os
import threading
from collections import deque
from queue import SimpleQueue
from struct import Struct
from typing import TYPE_CHECKING, Final

from ipc.capnp import messages as m
from ipc.capnp import wire
from ipc.capnp.calls import Question
from ipc.capnp.capability import LocalCap
from ipc.errors import UNIMPLEMENTED, IpcError, RemoteProtocolError

if TYPE_CHECKING:
    import select
    from collections.abc import Callable

    from ipc.capnp.calls import IncomingCall
    from ipc.capnp.capability import Capability
    from ipc.capnp.connection import Connection
    from ipc.capnp.loop import EventLoop

log: Final = logging.getLogger("ipc")

THREAD_ID: Final = 0x81C1E2600D0B56C5
THREAD_MAP_ID: Final = 0xEE5E37179AD9DC9D
MAX_THREADS: Final = 1024
"""Workers one peer may have."""


class Waiter:
    """Where a thread is given work; None in the inbox only wakes it."""

    __slots__ = (
        "__weakref__",
        "_ident",
        "alarm",
        "callback_caps",
        "inbox",
        "leading",
        "may_lead",
        "name",
        "polls",
        "request_caps",
    )

    def __init__(self, name: str, *, may_lead: bool) -> None:
        """`may_lead` unless work for other connections can arrive while the thread waits."""
        self.name = name
        self.may_lead = may_lead
        self.leading = False
        """Whether the thread sleeps on a socket, where only `alarm` (an eventfd) reaches it."""
        self.alarm = -1
        self._ident = 0
        self.polls: dict[Connection, select.poll] = {}
        """For each connection what the thread sleeps on while it leads there."""
        self.inbox: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self.request_caps: dict[Connection, Capability | Callback] = {}
        """For each connection the peer's thread that runs our calls."""
        self.callback_caps: dict[Connection, LocalCap] = {}
        """For each connection what we call this thread there."""

    def retire(self) -> None:
        """Give back what the thread held, at its end."""
        self.request_caps.clear()
        self.callback_caps.clear()
        self.polls.clear()
        if self.alarm >= 0:
            os.close(self.alarm)
            self.alarm = -1

    def put(self, task: Callable[[], None] | None) -> None:
        """Give the thread something to run while it waits; None only wakes it."""
        self.inbox.put(task)
        if self.leading and self._ident != threading.get_ident():
            try:
                os.eventfd_write(self.alarm, 1)
            except OSError:
                return  # It stopped leading and ended meanwhile.

    def wake(self) -> None:
        """Make the thread look again at what it waits for."""
        self.put(None)

    def prepare_to_lead(self) -> bool:
        """Make sure that `put` reaches the thread from now on; False if there is no descriptor for it."""
        if self.alarm < 0:
            try:
                self.alarm = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
            except OSError:
                return False
        self._ident = threading.get_ident()
        self.leading = True
        return True

    def forget_closed(self) -> None:
        """Drop what belonged to connections that have ended."""
        for caps in (self.request_caps, self.callback_caps, self.polls):
            for connection in [c for c in caps if c.closed]:
                del caps[connection]


class Callback:
    """The caller's thread while a call of its runs: taken from the message only if there is a call back."""

    __slots__ = ("_call", "_index", "_taken")

    def __init__(self, call: IncomingCall, index: int) -> None:
        """Stand for entry `index` of the call's capability table."""
        self._call = call
        self._index = index
        self._taken: Capability | None = None

    def take(self) -> Capability:
        """Return the capability. Raises RemoteProtocolError."""
        if self._taken is None:
            self._taken = self._call.capability(self._index)
            if self._taken is None:
                raise RemoteProtocolError("the callback thread is null")
        return self._taken


class _Tenure:
    """Ends with its thread, and so retires the waiter."""

    __slots__ = ("waiter",)

    def __init__(self, waiter: Waiter) -> None:
        self.waiter = waiter

    def __del__(self) -> None:
        self.waiter.retire()


class _Local(threading.local):
    waiter: Waiter | None = None
    tenure: _Tenure | None = None


_local = _Local()


def thread_name(exe_name: str) -> str:
    """Name the current thread as Core's logs do: program, process, thread."""
    return f"{exe_name}-{os.getpid()}/{threading.current_thread().name}-{threading.get_native_id()}"


def current_waiter(exe_name: str) -> Waiter:
    """Return this thread's waiter, made on its first call."""
    waiter = _local.waiter
    if waiter is None:
        waiter = _local.waiter = Waiter(thread_name(exe_name), may_lead=True)
        _local.tenure = _Tenure(waiter)
        log.info("ipc: {%s} IPC client first request from current thread, constructing waiter", waiter.name)
    return waiter


def context_caps(connection: Connection, waiter: Waiter) -> tuple[Capability, LocalCap]:
    """Return the thread and callback thread to send along with a call."""
    callback = waiter.callback_caps.get(connection)
    if callback is None:
        waiter.forget_closed()
        callback = LocalCap(ThreadServer(waiter))
        waiter.callback_caps[connection] = callback
    request = waiter.request_caps.get(connection)
    if request is None:
        request = make_thread(connection, waiter.name)
        waiter.request_caps[connection] = request
    elif isinstance(request, Callback):
        return request.take(), callback
    return request, callback


def make_thread(connection: Connection, name: str) -> Capability:
    """Ask the peer for a thread; it can be used before the answer has come."""
    if connection.thread_map is None:
        if connection.closed:
            raise_disconnected()
        raise IpcError("the other side gave no ThreadMap: a first object needs the method construct in its schema")
    buffer = m.begin_call(THREAD_MAP_ID, 0)
    start = wire.put_struct(buffer, m.CALL_CONTENT, 0, 1)
    wire.put_text(buffer, start, name)
    question = Question(_ignore)
    connection.rpc.start_call(connection.thread_map, THREAD_MAP_ID, 0, buffer, (), question)
    with connection.rpc.lock:
        return connection.rpc.pipeline(question, (0,))


def raise_disconnected() -> None:
    """Raise the error of a call made after the connection ended."""
    from ipc.errors import DisconnectedError

    raise DisconnectedError("IPC client method called after disconnect.")


def _ignore() -> None:
    pass


class Worker(Waiter):
    """A thread that runs one peer thread's calls, until `stop`."""

    __slots__ = ("_connection", "_thread")

    def __init__(self, connection: Connection, origin: str) -> None:
        """Start the thread for the peer at the other end; `origin` says for which thread of its."""
        super().__init__("", may_lead=False)
        self._connection = connection
        exe_name = connection.loop.name
        self._thread = threading.Thread(target=self._run, args=(exe_name, origin), name="capnp-worker", daemon=True)
        self._thread.start()

    def _run(self, exe_name: str, origin: str) -> None:
        self.name = f"{thread_name(exe_name)} ({origin})"
        _local.waiter = self
        get = self.inbox.get
        read = self._connection.read_while_idle
        while True:
            read(self)
            task = get()
            if task is _stop:
                self.retire()
                return
            if task is not None:
                task()
                task = None

    def stop(self) -> None:
        """End the thread after what it was given. Does not wait; safe in finalisers."""
        self.put(_stop)

    def join(self) -> None:
        """Wait for the end."""
        self._thread.join()


def _stop() -> None:
    """Mark the end of a worker's inbox."""


class ThreadServer:
    """`Thread`: a handle of a thread of ours."""

    __slots__ = ("_loop", "depth", "waiter")

    def __init__(self, waiter: Waiter, loop: EventLoop | None = None) -> None:
        """Stand for `waiter`, a worker to be stopped with the handle if a loop is given."""
        self.waiter = waiter
        self.depth = 0
        """Calls given to the thread and not finished."""
        self._loop = loop

    def dispatch(self, call: IncomingCall) -> None:
        """Answer getName."""
        if call.interface != THREAD_ID or call.method != 0:
            call.rpc.send_error(call, "Method not implemented.", UNIMPLEMENTED)
            return
        buffer = m.begin_results(call.id, release_params=True)
        wire.put_text(buffer, wire.put_struct(buffer, m.RETURN_CONTENT, 0, 1), self.waiter.name)
        call.rpc.send_results(call, buffer, ())

    def released(self) -> None:
        """Stop a worker nobody can call any more."""
        worker = self.waiter
        if self._loop is not None and isinstance(worker, Worker):
            worker.stop()


class ThreadMapServer:
    """`ThreadMap`: makes workers for a peer."""

    __slots__ = ("_count", "_make", "_pool")

    def __init__(self, pool: list[LocalCap], make: Callable[[str, ThreadCount], LocalCap]) -> None:
        """Serve one connection, whose pool is `pool`; `make` starts a thread for an origin."""
        self._pool = pool
        self._make = make
        self._count = ThreadCount()

    def dispatch(self, call: IncomingCall) -> None:
        """Answer makeThread and makePool."""
        rpc = call.rpc
        if call.interface != THREAD_MAP_ID or call.method > 1:
            rpc.send_error(call, "Method not implemented.", UNIMPLEMENTED)
            return
        payload = call.payload
        params = None
        if payload.position is not None:
            params = call.message.struct(payload.segment, payload.position, payload.depth)
        if call.method == 1:
            count = 0
            if params is not None:
                (count,) = Struct("<I").unpack_from(m.data(call.message, params, 8))
            self._make_pool(call, count)
            return
        name = None
        if params is not None and params.pointers:
            name = call.message.text(params.segment, params.position + params.data_words * 8)
        if self._count.value >= MAX_THREADS:
            rpc.send_error(call, f"std::exception: more than {MAX_THREADS} threads on one connection")
            return
        buffer = m.begin_results(call.id, release_params=True)
        start = wire.put_struct(buffer, m.RETURN_CONTENT, 0, 1)
        wire.put_capability(buffer, start, 0)
        rpc.send_results(call, buffer, (self._make(f"from {name or ''}", self._count),))

    def _make_pool(self, call: IncomingCall, count: int) -> None:
        if self._pool:
            call.rpc.send_error(call, "std::exception: makePool called on connection with existing pool")
            return
        if self._count.value + count > MAX_THREADS:
            call.rpc.send_error(call, f"std::exception: more than {MAX_THREADS} threads on one connection")
            return
        for i in range(count):
            self._pool.append(self._make(f"pool/{i}", self._count))
        call.rpc.send_results(call, m.begin_results(call.id, release_params=True), ())

    def released(self) -> None:
        """Nothing to do: each thread has its own life."""


class ThreadCount:
    """How many threads one peer has. Changed by one thread at a time, but for `ended`."""

    __slots__ = ("_ended", "_made")

    def __init__(self) -> None:
        """Start with none."""
        self._made = 0
        self._ended: deque[None] = deque()

    def made(self) -> None:
        """Count one in."""
        self._made += 1

    def ended(self) -> None:
        """Count one out. Safe in finalisers."""
        self._ended.append(None)

    @property
    def value(self) -> int:
        """Return how many there are."""
        while self._ended:
            self._ended.popleft()
            self._made -= 1
        return self._made


def make_worker(connection: Connection, origin: str, count: ThreadCount) -> LocalCap:
    """Start a worker for a peer."""
    return LocalCap(_CountedThreadServer(Worker(connection, origin), connection.loop, count))


class _CountedThreadServer(ThreadServer):
    __slots__ = ("_count",)

    def __init__(self, waiter: Worker, loop: EventLoop, count: ThreadCount) -> None:
        super().__init__(waiter, loop)
        self._count = count
        count.made()

    def released(self) -> None:
        self._count.ended()
        super().released()
