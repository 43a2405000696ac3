"""Runs what may take long on a thread of its own, so that the window never waits."""

from __future__ import annotations

import threading
from queue import SimpleQueue
from typing import TYPE_CHECKING, TypeVar

from PySide6.QtCore import QObject, Qt, Signal

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


def _nothing(_: object) -> None:
    pass


class Worker(QObject):
    """Calls one after the other; results and errors come back on the thread that made it. Call `end` there."""

    failed = Signal(str)
    """What went wrong where nobody else is told, in one line."""
    _finished = Signal(object)

    def __init__(self, name: str) -> None:
        super().__init__()
        self._calls: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._closed = False
        self._last: Callable[[], object] | None = None
        self._finished.connect(self._finish, Qt.ConnectionType.QueuedConnection)
        # A call that never returns must not keep the program from ending.
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    def run(
        self,
        call: Callable[[], T],
        then: Callable[[T], object] = _nothing,
        failed: Callable[[str], object] | None = None,
    ) -> None:
        """Call, and hand the result to `then`, or one line of text to `failed`."""
        on_error = self.failed.emit if failed is None else failed

        def work() -> None:
            try:
                result = call()
            except Exception as error:  # noqa: BLE001 - of whatever kind, it is the user who must know
                line = " ".join(str(error).split()) or type(error).__name__
                self._finished.emit(lambda: on_error(line))
            else:
                self._finished.emit(lambda: then(result))

        self._calls.put(work)

    def _work(self) -> None:
        while (work := self._calls.get()) is not None and not self._closed:
            work()
        last, self._last = self._last, None
        if last is not None:
            last()

    def _finish(self, tell: Callable[[], None]) -> None:
        if not self._closed:
            tell()

    def end(self, last: Callable[[], object]) -> None:
        """Begin nothing more but `last`, which runs on the thread, and tell nothing more. Idempotent."""
        if self._closed:
            return
        self._last = last
        self._closed = True
        self._calls.put(None)

    @property
    def is_running(self) -> bool:
        """Whether the thread has not ended."""
        return self._thread.is_alive()

    def wait(self, patience: float = 2.0) -> None:
        """Wait a little for the end of what runs, after `end`. May be called from any thread."""
        self._thread.join(patience)
