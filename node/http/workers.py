"""Threads that work off requests (Core: src/util/threadpool.h)."""

from __future__ import annotations

import logging
import threading
from contextlib import contextmanager
from queue import SimpleQueue
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

log: Final = logging.getLogger("http")


class _Own(threading.local):
    pool: WorkerPool | None = None
    replaced = False


_own = _Own()


@contextmanager
def long_wait() -> Iterator[None]:
    """Have another thread take the place of this one, which waits long for its client and ends after its task.

    So clients that wait keep nobody from being served. Does nothing on a thread that is no worker.
    """
    if _own.pool is not None and not _own.replaced:
        _own.replaced = _own.pool.replace()
    yield


class WorkerPool:
    """A number of threads and a queue with a bound. Whoever is in a `long_wait` does not count."""

    def __init__(self, threads: int, depth: int) -> None:
        """Start `threads`; no more than `depth` tasks wait."""
        self._depth = depth
        self._tasks: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._stopping = False
        self._threads: set[threading.Thread] = set()
        for i in range(threads):
            self._start(f"http.{i:02}")

    def _start(self, name: str) -> None:
        thread = threading.Thread(target=self._work, name=name)
        self._threads.add(thread)
        thread.start()

    def submit(self, task: Callable[[], None]) -> bool:
        """Have a thread run `task`, which raises nothing; False if too many wait."""
        if self._tasks.qsize() >= self._depth:
            return False
        self._tasks.put(task)
        return True

    def replace(self) -> bool:
        """Start another thread in place of the calling one; False if the pool ends."""
        with self._lock:
            if not self._stopping:
                self._start(threading.current_thread().name)
            return not self._stopping

    def _work(self) -> None:
        _own.pool = self
        while (task := self._tasks.get()) is not None:
            task()
            del task  # So that nothing of a client stays while there is nothing to do.
            if _own.replaced:
                break
        with self._lock:
            self._threads.discard(threading.current_thread())

    def stop(self) -> None:
        """Work off what waits, and end. Nothing may be submitted any more."""
        log.debug("Waiting for HTTP worker threads to exit")
        with self._lock:
            self._stopping = True
            threads = list(self._threads)
        for _ in threads:
            self._tasks.put(None)
        for thread in threads:
            thread.join()
