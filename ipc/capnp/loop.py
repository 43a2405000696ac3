"""The thread that watches every socket of a process, and the one that runs clean-ups.

It reads what nobody waits for, writes what did not fit at once, accepts connections and
runs short functions given to `post`. Linux only (epoll, eventfd).
"""

from __future__ import annotations

import contextlib
import logging
import os
import select
import threading
from collections import deque
from queue import SimpleQueue
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

log = logging.getLogger("ipc")

READ: Final = select.EPOLLIN
WRITE: Final = select.EPOLLOUT


class Watched(Protocol):
    """A descriptor the loop watches."""

    def ready(self, events: int) -> None:
        """Handle readiness, on the loop thread. Must not block."""


class EventLoop:
    """Owns two threads, started on first use and ended by `close`."""

    def __init__(self, name: str) -> None:
        """Name is that of the executable, for logs."""
        self.name = name
        self._epoll = select.epoll()
        self._wakeup = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._epoll.register(self._wakeup, READ)
        self._watched: dict[int, Watched] = {}
        self._posted: deque[Callable[[], None]] = deque()
        # Its `put` may interrupt itself, as a finaliser does.
        self._cleanups: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="capnp-loop", daemon=True)
        self._cleaner = threading.Thread(target=self._clean, name="capnp-cleanup", daemon=True)
        self._thread.start()
        self._cleaner.start()
        self.thread_name = f"{name}-{os.getpid()}/capnp-loop-{self._thread.native_id}"

    @property
    def inside(self) -> bool:
        """Whether the caller runs on the loop thread."""
        return threading.current_thread() is self._thread

    def watch(self, fd: int, events: int, watched: Watched) -> None:
        """Begin to watch a descriptor."""
        self._watched[fd] = watched
        self._epoll.register(fd, events)

    def modify(self, fd: int, events: int) -> None:
        """Change what a descriptor is watched for; nothing if it is no longer watched."""
        try:
            self._epoll.modify(fd, events)
        except (OSError, ValueError):
            return  # It ended meanwhile.

    def forget(self, fd: int) -> None:
        """Stop watching a descriptor that is about to be closed."""
        if self._watched.pop(fd, None) is not None:
            with contextlib.suppress(OSError, ValueError):
                self._epoll.unregister(fd)

    def post(self, run: Callable[[], None]) -> None:
        """Run a function on the loop thread soon. Takes no lock."""
        self._posted.append(run)
        if not self._closed:
            with contextlib.suppress(OSError):
                os.eventfd_write(self._wakeup, 1)

    def clean_up(self, run: Callable[[], None]) -> None:
        """Run a function that may block on the clean-up thread, in order. Safe in finalisers."""
        self._cleanups.put(run)

    def drain_cleanups(self) -> None:
        """Wait until every clean-up queued so far has run."""
        if threading.current_thread() is self._cleaner:
            return
        done = threading.Event()
        self.clean_up(done.set)
        done.wait()

    def close(self) -> None:
        """End both threads after what is queued. Idempotent."""
        if self._closed:
            return
        self.post(self._stop)
        if not self.inside:
            self._thread.join()
        self._cleanups.put(None)
        if threading.current_thread() is not self._cleaner:
            self._cleaner.join()

    def _stop(self) -> None:
        self._closed = True

    def _run(self) -> None:
        poll = self._epoll.poll
        wakeup = self._wakeup
        watched = self._watched
        posted = self._posted
        while not self._closed:
            for fd, events in poll():
                if fd == wakeup:
                    with contextlib.suppress(BlockingIOError):
                        os.eventfd_read(wakeup)
                    continue
                target = watched.get(fd)
                if target is not None:
                    try:
                        target.ready(events)
                    except Exception:
                        log.exception("ipc: Uncaught exception in event loop.")
            while posted:
                try:
                    posted.popleft()()
                except Exception:
                    log.exception("ipc: Uncaught exception in event loop.")
        self._epoll.close()
        os.close(wakeup)

    def _clean(self) -> None:
        while True:
            run = self._cleanups.get()
            if run is None:
                return
            try:
                run()
            except Exception as error:
                log.exception("ipc: clean-up failed: %s", error)  # noqa: TRY401 - the line is read alone
