"""What an index makes of the blocks it is given; `IndexThread` gives them and keeps its place."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Final

from node.store import StoreFormatError

if TYPE_CHECKING:
    from node.indexes.blocks import IndexedBlock
    from node.indexes.chain import Entry
    from node.store import Store

BEST: Final = b"B"
"""The key of the best block's hash, in the store of every index."""


_HASH_SIZE: Final = 32


class IndexFailedError(Exception):
    """An index cannot be opened or go on; one line for a person."""


class BestBlockNotFoundError(IndexFailedError):
    """The index ends with a block the chain does not know."""


class Index(ABC):
    """An index over the blocks of the best chain. All calls come under the lock of its thread."""

    name: str
    """As logs and getindexinfo show it."""
    thread_name: str
    needs_undo: bool
    """Whether adding a block takes its undo data."""
    allows_pruning: bool
    """Whether blocks may be deleted once they are indexed."""

    def __init__(self, store: Store) -> None:
        """Keep everything in `store`."""
        self.store = store

    def read_best(self) -> bytes | None:
        """Return the hash of the last block that is in the store. Raises StoreError."""
        found = self.store.get(BEST)
        if found is not None and len(found) != _HASH_SIZE:  # Core keeps a locator here, if it was let in.
            raise StoreFormatError(f"'{self.store.path}' was written by another program or version; move it away")
        return found

    @abstractmethod
    def load(self, best: Entry | None) -> None:
        """Get ready to go on after `best`. Raises StoreError, IndexFailedError."""

    @abstractmethod
    def append(self, block: IndexedBlock) -> None:
        """Take the next block of the chain. Raises StoreError."""

    @abstractmethod
    def remove(self, block: IndexedBlock) -> None:
        """Take the last block back. Raises StoreError."""

    def holds(self, entry: Entry) -> bool:
        """Whether it has all it wants of a block that left the chain. Raises StoreError."""
        del entry
        return True

    @property
    def pending_bytes(self) -> int:
        """About how much memory a commit would free."""
        return 0

    def commit(self, best: Entry) -> None:
        """Write all that is not yet written, and that it ends with `best`, as one. Raises StoreError."""
        self.store.write({BEST: best.hash}, sync=True)

    def close(self) -> None:
        """Close what is open. Idempotent."""
        self.store.close()
