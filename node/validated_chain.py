"""The chain whose blocks were all verified here: what indexes of the whole history follow (Core: ValidatedChainstate).

It is the best chain, except while that stands on a snapshot whose block the chain behind it has not reached.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from node.chain_news import common_ancestor

if TYPE_CHECKING:
    from collections.abc import Callable

    from node.block_tree import BlockEntry
    from node.chain_news import ChainListener
    from node.chainstate import Chainstate
    from node.coin import Coin


class ValidatedChain:
    """See above; as `node.indexes.chain.Chain` wants it. Thread-safe."""

    def __init__(self, chainstate: Chainstate) -> None:
        """Look at `chainstate`."""
        self._chainstate = chainstate

    def tip(self) -> BlockEntry:
        """Return the last verified block."""
        historical = self._chainstate.historical
        return self._chainstate.tip() if historical is None else historical.tip()

    def at(self, height: int) -> BlockEntry | None:
        """Return the block at a height."""
        return (self._chainstate.historical or self._chainstate).at(height)

    def entry(self, block_hash: bytes, /) -> BlockEntry | None:
        """Return any block of the tree."""
        return self._chainstate.entry(block_hash)

    def contains(self, entry: BlockEntry) -> bool:
        """Whether a block was verified and is in the best chain."""
        return (self._chainstate.historical or self._chainstate).contains(entry)

    def fork_point(self, entry: BlockEntry) -> BlockEntry:
        """Return the last block of the chain on the way to an entry."""
        return common_ancestor(self.tip(), entry)

    def read_block(self, entry: BlockEntry) -> bytes:
        """Return the bytes of a block. Raises BlockMissingError."""
        return self._chainstate.read_block(entry)

    def read_undo(self, entry: BlockEntry) -> list[list[Coin]]:
        """Return what each transaction but the first spent. Raises BlockMissingError."""
        return self._chainstate.read_undo(entry)

    def flush(self) -> None:
        """Have everything up to the tip on disk."""
        self._chainstate.flush()

    def prune_height(self) -> int | None:
        """Return the height of the last block whose data are gone."""
        return self._chainstate.prune_height(self.tip())

    def add_listener(self, listener: ChainListener) -> Callable[[], None]:
        """Tell `listener` of every change; of the blocks of the best chain, and the tip whenever either chain moves."""
        return self._chainstate.add_listener(listener)
