"""One of the kernel's chains, seen through its own memory: nothing is kept twice."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from node import kernel

if TYPE_CHECKING:
    from node.block_tree import BlockEntry, BlockTree

_MAX_HEIGHT: Final = 2**31 - 1


class ChainView:
    """The blocks from the genesis block to a tip, which is never missing. Thread-safe."""

    def __init__(self, tree: BlockTree, handle: int) -> None:
        """Look at a chain (a handle) whose entries come from `tree`."""
        self._tree = tree
        self._handle = handle

    def tip_address(self) -> int:
        """Return where the tip's entry is. Only while the chain is open."""
        found: int = kernel.chain_get_by_height(self._handle, kernel.chain_get_height(self._handle))
        return found

    def tip(self) -> BlockEntry:
        """Return the last block. Raises ClosedError."""
        with self._tree.gate:
            address = self.tip_address()
        return self._tree.entry(address)

    def at(self, height: int) -> BlockEntry | None:
        """Return the block at a height. Raises ClosedError."""
        if not 0 <= height <= _MAX_HEIGHT:
            return None
        with self._tree.gate:
            address = kernel.chain_get_by_height(self._handle, height)
        return self._tree.entry(address) if address else None

    def contains(self, entry: BlockEntry) -> bool:
        """Whether a block is one of them. Raises ClosedError."""
        with self._tree.gate:
            return bool(kernel.chain_contains(self._handle, entry.address))
