"""A socket that speaks RPC, used by many threads.

Reading: the loop reads a quiet connection. A thread that waits for an answer reads the
socket itself instead ("leads"), and delivers to others what is theirs; when it leaves,
another waiting thread leads, or the loop takes the socket back. Writing: whoever has
output sends it at once without blocking; what does not fit waits in a bounded backlog
that the loop sends on.
"""

from __future__ import annotations

import contextlib
import logging
import os
import select
import socket
import threading
from collections import deque
from typing import TYPE_CHECKING, Final

from ipc.capnp import messages as m
from ipc.capnp.loop import READ, WRITE
from ipc.capnp.threads import Waiter
from ipc.errors import DisconnectedError, IpcError, RemoteProtocolError

if TYPE_CHECKING:
    from collections.abc import Callable

    from ipc.capnp.calls import IncomingCall, Question
    from ipc.capnp.capability import Capability, LocalCap
    from ipc.capnp.loop import EventLoop
    from ipc.capnp.rpc import Rpc

log = logging.getLogger("ipc")

CHUNK: Final = 65536
LARGE: Final = 65536
"""Bytes from which on a message is sent by itself, not joined to others."""
PATIENCE: Final = 100
"""Milliseconds a thread waits for room in the socket before it leaves the rest to the loop."""
MAX_BACKLOG: Final = 4 << 20
"""Bytes that may wait for a slow reader before writers wait and its requests are left unread."""
_SMALL: Final = 64
_MAX_CHUNKS: Final = 512
"""Chunks of one system call, below what Linux takes (IOV_MAX)."""
_DONTWAIT: Final = socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL
_LOOP: Final = Waiter("loop", may_lead=False)
"""Stands for the loop thread while it reads."""


class Connection:
    """One connection and everything that lives as long as it."""

    def __init__(
        self,
        loop: EventLoop,
        sock: socket.socket,
        *,
        incoming: bool,
        on_close: Callable[[Connection, Exception | None], None],
    ) -> None:
        """Take over a connected blocking socket; `start` begins to use it."""
        self.loop = loop
        self.incoming = incoming
        self.rpc: Rpc
        self.thread_map: Capability | None = None
        """The peer's ThreadMap, where we make threads for our calls."""
        self.pool: list[LocalCap] = []
        """Our threads for calls that name none."""
        self._sock = sock
        self._fd = sock.fileno()
        self._on_close = on_close
        self._state = threading.Lock()
        self._leader: Waiter | None = None
        self._heir: Waiter | None = None
        """Who was asked to read next and has not begun to."""
        self._followers: dict[Waiter, None] = {}
        self._writing = threading.Lock()
        self._backlog: deque[memoryview] = deque()
        self._backlog_bytes = 0
        self._drained = threading.Condition(threading.Lock())
        self._paused = False
        self._closing: Exception | None = None
        self._finished = False
        self._wake_posted = False
        self._pumping = False
        self._watching = False

    def start(self) -> None:
        """Begin to speak through `rpc`, which was set before."""
        self._watching = True
        self.loop.watch(self._fd, READ, self)

    @property
    def closed(self) -> bool:
        """Whether the connection has ended."""
        return self._closing is not None

    # Output

    def wake(self) -> None:
        """Send soon what appeared by itself. Safe in finalisers: takes no lock."""
        # A lost update of the flag costs one more wake-up.
        if not self._wake_posted:
            self._wake_posted = True
            self.loop.post(self._release_dropped)

    def _release_dropped(self) -> None:
        self._wake_posted = False
        self.rpc.release_dropped()
        self.flush()

    def flush(self) -> None:
        """Send what there is, without blocking; run what became due."""
        output, events = self.rpc.output, self.rpc.events
        while True:
            while output and self._writing.acquire(blocking=False):
                try:
                    self._send()
                finally:
                    self._writing.release()
            if not events or not self._pump():
                return

    def _gather(self) -> list[memoryview]:
        """Take what is to be sent next: small chunks joined, large ones as they lie."""
        output = self.rpc.output
        chunks: list[bytes | bytearray] = []
        size = 0
        with contextlib.suppress(IndexError):
            # Whatever follows a large chunk and is small, its padding for one, goes along.
            while len(chunks) < _MAX_CHUNKS and (size < LARGE or len(output[0]) < _SMALL):
                chunk = output.popleft()
                chunks.append(chunk)
                size += len(chunk)
        if len(chunks) > 1 and size < LARGE:
            chunks = [b"".join(chunks)]
        return [memoryview(chunk) for chunk in chunks]

    def _send(self) -> None:
        parts = self._gather()
        if self._backlog:
            self._queue(parts)
            return
        poll = None
        while parts:
            try:
                sent = (
                    self._sock.send(parts[0], _DONTWAIT)
                    if len(parts) == 1
                    else self._sock.sendmsg(parts, (), _DONTWAIT)
                )
            except BlockingIOError:
                sent = 0
            except OSError:
                self._write_failed()
                return
            while parts and sent >= len(parts[0]):
                sent -= len(parts.pop(0))
            if parts:
                parts[0] = parts[0][sent:]
                if poll is None and not self.loop.inside:
                    poll = select.poll()
                    poll.register(self._fd, select.POLLOUT)
                if poll is None or not poll.poll(PATIENCE):
                    self._queue(parts)
                    return

    def _queue(self, parts: list[memoryview]) -> None:
        with self._drained:
            self._backlog += parts
            self._backlog_bytes += sum(map(len, parts))
        self._watch()

    def _send_backlog(self) -> None:
        with self._writing:
            while self._backlog:
                data = self._backlog[0]
                try:
                    sent = self._sock.send(data, _DONTWAIT)
                except BlockingIOError:
                    break
                except OSError:
                    self._write_failed()
                    break
                with self._drained:
                    self._backlog_bytes -= sent
                    if sent == len(data):
                        self._backlog.popleft()
                    else:
                        self._backlog[0] = data[sent:]
                    if self._backlog_bytes <= MAX_BACKLOG:
                        self._drained.notify_all()
        self._watch()
        self.flush()

    def _write_failed(self) -> None:
        """Drop what cannot be sent. Answers that came before the peer ended are read still, and then its end."""
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)
        with self._drained:
            self._backlog.clear()
            self._backlog_bytes = 0
            self._drained.notify_all()
        self._watch()

    def owes(self, calls: list[IncomingCall]) -> bool:
        """Whether one of these calls of the peer's is unanswered, or an answer has not left yet."""
        with self.rpc.lock:
            if any(not call.returned for call in calls):
                return not self.closed
        with self._writing:
            unsent = bool(self.rpc.output or self._backlog)
        self.flush()  # Who had output meanwhile left it to us.
        return unsent and not self.closed

    def wait_writable(self) -> None:
        """Wait while the backlog is over its bound. Not for the loop thread."""
        if self._backlog_bytes > MAX_BACKLOG and not self.loop.inside:
            with self._drained:
                while self._backlog_bytes > MAX_BACKLOG and self._closing is None:
                    self._drained.wait()

    def _watch(self) -> None:
        """Tell the loop what to watch for now."""
        with self._state:
            if not self._watching:
                return
            # Only a server stops reading: if both ends did, neither would drain.
            self._paused = self.incoming and self._backlog_bytes > MAX_BACKLOG
            reading = 0 if self._leader not in {None, _LOOP} or self._paused else READ
            self.loop.modify(self._fd, reading | (WRITE if self._backlog else 0))

    # Input

    def ready(self, events: int) -> None:
        """Handle readiness, on the loop thread."""
        if events & WRITE:
            self._send_backlog()
        if events & ~WRITE and not (self._paused and not events & ~(READ | WRITE)):
            self._read_for_others()

    def _read_for_others(self) -> None:
        """Read once on the loop thread, unless a thread that waits does."""
        with self._state:
            if self._leader is not None or self.closed:
                return
            self._leader = _LOOP
        self._read()
        with self._state:
            self._leader = None
            if not self.closed:
                if self._followers:
                    self._pass_lead()
                return
        self._finish()

    def _read(self) -> None:
        try:
            room = self.rpc.room()
            if room is not None:
                data, count = None, self._sock.recv_into(room, 0, socket.MSG_DONTWAIT)
            else:
                data = self._sock.recv(CHUNK, socket.MSG_DONTWAIT)
                count = len(data)
        except BlockingIOError:
            return
        except OSError as error:
            self.close(DisconnectedError(f"read failed: {error}"))
            return
        if not count:
            self.close(DisconnectedError("peer closed the connection"))
            return
        try:
            if data is None:
                self.rpc.receive_in_room(count)
            else:
                self.rpc.receive(data)
        except RemoteProtocolError as error:
            log.warning("ipc: aborting connection, peer broke the protocol: %s", error)
            self._abort(str(error))
            self.close(error)
            return
        except IpcError as error:
            log.info("ipc: closing connection: %s", error)
            self.close(error)
            return
        except Exception as error:
            log.exception("ipc: closing connection, a message could not be handled")
            self.close(IpcError(str(error)))
            return
        self.flush()

    def _abort(self, reason: str) -> None:
        self.rpc.output.append(m.abort(reason))
        with contextlib.suppress(OSError):
            self.flush()

    def _pump(self) -> bool:
        """Run events in order: one thread at a time, without the lock; False if another does."""
        events = self.rpc.events
        lock = self.rpc.lock
        ran = False
        while True:
            with lock:
                if self._pumping or not events:
                    return ran
                self._pumping = True
            try:
                while events:
                    try:
                        events.popleft()()
                    except Exception:
                        log.exception("ipc: Uncaught exception while handling a message.")
            finally:
                self._pumping = False
            ran = True

    def notifier(self, waiter: Waiter) -> Callable[[], None]:
        """Return a function that makes `waiter` look at its question, unless it reads by itself."""

        def notify() -> None:
            if self._leader is not waiter:
                waiter.put(None)

        return notify

    def keep_thread_map(self, thread_map: Capability | None) -> None:
        """Remember where the peer makes threads for our calls."""
        self.thread_map = thread_map

    def wait(self, question: Question, waiter: Waiter) -> None:
        """Wait for an answer, running what arrives for this thread meanwhile."""
        self.wait_writable()
        inbox = waiter.inbox
        while not question.done:
            if waiter.may_lead and self._take_lead(waiter, follow=True):
                try:
                    self._lead(waiter, question)
                finally:
                    self._leave_lead()
                if question.done:
                    return
            task = inbox.get()
            if task is not None:
                self._resign(waiter)  # Whoever does something else must not be counted on to read.
                task()
        self._resign(waiter)

    def read_while_idle(self, worker: Waiter) -> None:
        """Let a worker without work read, so that the next call for it needs no other thread."""
        if self._take_lead(worker, follow=False):
            try:
                self._lead(worker, None)
            finally:
                self._leave_lead()

    def _lead(self, waiter: Waiter, question: Question | None) -> None:
        """Read until the answer is there, or work for this thread."""
        poll = waiter.polls.get(self)
        if poll is None:
            poll = waiter.polls[self] = select.poll()
            poll.register(self._fd, select.POLLIN)
            poll.register(waiter.alarm, select.POLLIN)
        try:
            while (
                (question is None or not question.done) and not (self.closed or self._paused) and waiter.inbox.empty()
            ):
                for fd, _ in poll.poll():
                    if fd == waiter.alarm:
                        os.eventfd_read(fd)
                    else:
                        self._read()
        finally:
            waiter.leading = False

    def _take_lead(self, waiter: Waiter, *, follow: bool) -> bool:
        """Become the one who reads; if that is another, `follow` to be asked when it stops."""
        with self._state:
            if self._leader is None and not (self.closed or self._paused) and waiter.prepare_to_lead():
                self._leader = waiter
                self._heir = None
                self._followers.pop(waiter, None)
                self.loop.modify(self._fd, WRITE if self._backlog else 0)
                return True
            if follow:
                self._followers[waiter] = None
            return False

    def _leave_lead(self) -> None:
        with self._state:
            self._leader = None
            if not self.closed:
                self._pass_lead()
                return
        self._finish()

    def _pass_lead(self) -> None:
        """Let another thread that waits read, or else the loop. The state is locked."""
        self._heir = next(iter(self._followers), None)
        if self._heir is not None:
            del self._followers[self._heir]
            self._heir.wake()
        else:
            self.loop.modify(self._fd, (0 if self._paused else READ) | (WRITE if self._backlog else 0))

    def _resign(self, waiter: Waiter) -> None:
        """Stop being one of those who may read next."""
        with self._state:
            self._followers.pop(waiter, None)
            if self._heir is waiter and not self.closed:
                self._pass_lead()

    # Ending

    def close(self, error: Exception | None = None) -> None:
        """End the connection, with `error` if it was not our wish. Idempotent, from any thread."""
        with self._state:
            if self._closing is not None:
                return
            self._closing = error or IpcError("closed")
        started = self._watching  # Once the socket is shut, another thread may end that at once.
        if started:
            self.rpc.close(self._closing)
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)
        with self._drained:
            self._backlog.clear()
            self._backlog_bytes = 0
            self._drained.notify_all()
        self.thread_map = None
        self.pool.clear()
        if started:
            self._pump()
        self._on_close(self, error)
        with self._state:
            leading = self._leader is not None
        if not leading:
            self._finish()

    def _finish(self) -> None:
        """Close the descriptor once no thread reads it."""
        with self._state:
            if self._finished:
                return
            self._finished = True
            self._watching = False
        self.loop.forget(self._fd)
        self._sock.close()
