"""Loads the mempool on a thread of its own when a node starts, and writes it when the node ends."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Final

from node.mempool.persist import ImportOptions, dump_mempool, load_mempool

if TYPE_CHECKING:
    from pathlib import Path

    from node.chainstate import Chainstate
    from node.mempool.acceptance import Acceptance
    from node.mempool.mempool import Mempool

log: Final = logging.getLogger()


class MempoolKeeper:
    """From `start` to `stop`."""

    def __init__(self, mempool: Mempool, acceptance: Acceptance, chainstate: Chainstate, path: Path) -> None:
        """Keep `mempool` in a file, if its options ask for that."""
        self._mempool = mempool
        self._acceptance = acceptance
        self._chainstate = chainstate
        self._path = path
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._load, name="mempool-load", daemon=True)

    def start(self) -> None:
        """Load, once blocks were read from files; `mempool.loaded` tells when that is done."""
        self._thread.start()

    def stop(self) -> None:
        """End loading and write the file; one that was not loaded stays as it is. The chain must be stopping."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join()
        if self._mempool.loaded and self._mempool.options.persist:
            dump_mempool(self._mempool, self._path)

    def _load(self) -> None:
        self._chainstate.wait_for_import()
        if self._stopping.is_set():
            return
        if self._mempool.options.persist:
            load_mempool(self._mempool, self._acceptance, self._path, ImportOptions(), self._stopping.is_set)
        self._mempool.loaded = not self._stopping.is_set()
