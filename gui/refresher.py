"""Asks for the tree of processes again and again, on a thread of its own."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from interfaces.process import Process, ProcessInfo


class Refresher:
    """Calls `on_tree` every `period` seconds until `close`."""

    def __init__(self, process: Process, on_tree: Callable[[list[ProcessInfo]], None], period: float = 1.0) -> None:
        """Start."""
        self._process = process
        self._on_tree = on_tree
        self._period = period
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="gui-refresh", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._on_tree(self._process.get_tree())
            self._stopping.wait(self._period)

    def close(self) -> None:
        """Stop. Idempotent."""
        self._stopping.set()
        self._thread.join()
