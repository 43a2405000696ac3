"""One long scan at a time, whose progress others see and which others end."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class Scan:
    """The scan that runs, if one does. Thread-safe."""

    def __init__(self) -> None:
        """Begin with none."""
        self._lock = threading.Lock()
        self.running = False
        self.aborted = False
        self.progress = 0
        """In percent."""
        self.height = 0
        """Of the block that is looked at."""

    @contextmanager
    def reserved(self) -> Iterator[bool]:
        """Run a scan in here if the value is true; another runs if it is false."""
        with self._lock:
            reserved = not self.running
            if reserved:
                self.running = True
                self.aborted = False
                self.progress = self.height = 0
        try:
            yield reserved
        finally:
            if reserved:
                self.running = False

    def abort(self) -> bool:
        """Ask the scan to end; false if there is none."""
        with self._lock:
            self.aborted = self.running
            return self.running
