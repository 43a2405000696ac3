"""Reading blocks from files in the background: after -reindex, for -loadblock, and what an interrupted reindex left.

(Core: ImportBlocks in src/node/blockstorage.cpp, and the thread `initload` in src/init.cpp.) The kernel reads; a
second thread tells meanwhile what it did.
"""

from __future__ import annotations

import ctypes
import logging
import threading
from typing import TYPE_CHECKING, Final

from node import kernel

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

log: Final = logging.getLogger()


class BlockImport:
    """One import, from `start` to the end of its threads."""

    def __init__(self, manager: int, paths: tuple[Path, ...], publish: Callable[[], None]) -> None:
        """Read the files that a reindex is due for, then `paths`."""
        self.moved = threading.Event()
        """Set it when the chain has another tip."""
        self._manager = manager
        self._paths = paths
        self._publish = publish
        self._done = threading.Event()
        self._reader = threading.Thread(target=self._read, name="initload", daemon=True)
        self._teller = threading.Thread(target=self._tell, name="initload-events", daemon=True)

    @property
    def running(self) -> bool:
        """Whether it goes on."""
        return not self._done.is_set()

    def start(self) -> None:
        """Begin to read."""
        self._reader.start()

    def publish(self) -> None:
        """Begin to tell, now that somebody can hear."""
        self._teller.start()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until all is read; whether it was in time."""
        return self._done.wait(timeout)

    def join(self) -> None:
        """Wait until both threads have ended; interrupt the kernel first."""
        self._reader.join()
        if self._teller.ident is not None:
            self._teller.join()

    def _read(self) -> None:
        log.info("initload thread start")
        names = [str(path).encode() for path in self._paths]
        lengths = (ctypes.c_size_t * len(names))(*map(len, names))
        try:
            kernel.manager_import_blocks(self._manager, (ctypes.c_char_p * len(names))(*names), lengths, len(names))
        finally:
            log.info("initload thread exit")
            self._done.set()
            self.moved.set()

    def _tell(self) -> None:
        while True:
            self.moved.wait()
            ended = self._done.is_set()
            self.moved.clear()
            self._publish()
            if ended:
                return
