"""Threads that work off requests (Core: src/util/threadpool.h)."""

from __future__ import annotations

import logging
import threading
from queue import SimpleQueue
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

log: Final = logging.getLogger("http")


class WorkerPool:
    """A number of threads and a queue with a bound."""

    def __init__(self, threads: int, depth: int) -> None:
        """Start `threads`; no more than `depth` tasks wait."""
        self._depth = depth
        self._tasks: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._threads = [threading.Thread(target=self._work, name=f"http.{i:02}") for i in range(threads)]
        for thread in self._threads:
            thread.start()

    def submit(self, task: Callable[[], None]) -> bool:
        """Have a thread run `task`, which raises nothing; False if too many wait."""
        if self._tasks.qsize() >= self._depth:
            return False
        self._tasks.put(task)
        return True

    def _work(self) -> None:
        while (task := self._tasks.get()) is not None:
            task()

    def stop(self) -> None:
        """Work off what waits, and end. Nothing may be submitted any more."""
        log.debug("Waiting for HTTP worker threads to exit")
        for _ in self._threads:
            self._tasks.put(None)
        for thread in self._threads:
            thread.join()
        self._threads.clear()
