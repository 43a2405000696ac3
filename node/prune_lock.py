"""Keeps the kernel from pruning blocks that an index or a wallet has not taken in yet.

Core: BaseIndex::SetBestBlockIndex; its wallets are handed the block itself.
"""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Final

from node.indexes.index import IndexFailedError
from node.use_gate import ClosedError

if TYPE_CHECKING:
    from collections.abc import Callable

    from node.block_tree import BlockEntry
    from node.chainstate import BlockSource, Chainstate

log: Final = logging.getLogger("prune")
_NAME: Final = "readers"
_EVERY: Final = 100


def first_needed(indexes: int | None, clients: int | None) -> int | None:
    """Return the height from which blocks are kept; where no index needs any, nothing is locked."""
    return indexes if indexes is None or clients is None else min(indexes, clients)


class PruneLock:
    """Moves on with the indexes: every hundred blocks on a thread of its own, and when `refresh` is called."""

    def __init__(self, chainstate: Chainstate, first_needed: Callable[[], int | None]) -> None:
        """`first_needed` returns the height of the first block to keep, None if all may go."""
        self._chainstate = chainstate
        self._first_needed = first_needed
        self._wanted = threading.Event()
        self._ended = False
        self._blocks = 0
        self.refresh()
        self._remove = chainstate.add_listener(self)
        self._thread = threading.Thread(target=self._run, name="prune-lock", daemon=True)
        self._thread.start()

    def refresh(self) -> None:
        """Ask what is needed and lock it. Not from a listener of the chain: the indexes may have to write first."""
        height = self._first_needed()
        if height is not None:
            log.debug("Blocks from height %d on are kept for indexes and wallets", height)
            self._chainstate.set_prune_lock(_NAME, height)

    def _run(self) -> None:
        while True:
            self._wanted.wait()
            self._wanted.clear()
            if self._ended:
                return
            try:
                self.refresh()
            except (ClosedError, IndexFailedError):
                return

    def close(self) -> None:
        """End. Idempotent; before the indexes and the chain are closed."""
        self._remove()
        self._ended = True
        self._wanted.set()
        self._thread.join()

    def block_connected(self, entry: BlockEntry, block: BlockSource) -> None:
        """Count."""
        del entry, block
        self._blocks += 1
        if self._blocks % _EVERY == 0:
            self._wanted.set()

    def block_disconnected(self, entry: BlockEntry, block: BlockSource) -> None:
        """Leave it to the kernel, which moves locks back itself."""

    def tip_changed(self, entry: BlockEntry, initial_download: bool) -> None:
        """Wait for blocks."""

    def header_tip(self, entry: BlockEntry) -> None:
        """Wait for blocks."""
