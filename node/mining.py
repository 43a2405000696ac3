"""The Mining interface on our chain (Core: MinerImpl in src/node/interfaces.cpp)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from interfaces import cancellation
from interfaces.mining import (
    FOREVER,
    BlockCheckOptions,
    BlockCreateOptions,
    BlockRef,
    BlockTemplate,
    BlockValidation,
    Mining,
)
from interfaces.not_served import NotServedError

if TYPE_CHECKING:
    from node.chainstate import Chainstate


class LocalMining(Mining):
    """One client's view. `interrupt` ends this object's waits, those of others go on."""

    def __init__(self, chainstate: Chainstate) -> None:
        """Answer from `chainstate`, which may be closed before."""
        self._chainstate = chainstate
        self._interrupted = False

    def is_test_chain(self) -> bool:
        """Whether the chain is a test chain."""
        return self._chainstate.chain.is_test_chain

    def is_initial_block_download(self) -> bool:
        """Whether the node still catches up."""
        return self._chainstate.is_initial_block_download()

    def get_tip(self) -> BlockRef | None:
        """Return the tip."""
        tip = self._chainstate.tip()
        return BlockRef(tip.hash, tip.height)

    def wait_tip_changed(self, current_tip: bytes, timeout: float = FOREVER) -> BlockRef | None:
        """Wait without polling; an interrupt before the wait ends it too."""
        gone = cancellation.current()
        with gone.wakes(self._chainstate.wake):
            found = self._chainstate.wait_for_change(current_tip, timeout, lambda: self._interrupted or gone.cancelled)
        self._interrupted = False
        return None if found is None else BlockRef(found.hash, found.height)

    def interrupt(self) -> None:
        """End this object's waits."""
        self._interrupted = True
        self._chainstate.wake()

    def submit_block(self, block: bytes) -> BlockValidation:
        """Validate a block and add it."""
        return self._chainstate.submit_block(block)

    def create_new_block(self, options: BlockCreateOptions, cooldown: bool = True) -> BlockTemplate | None:
        """Refuse: there is no template builder."""
        raise NotServedError("Mining.createNewBlock")

    def check_block(self, block: bytes, options: BlockCheckOptions) -> BlockValidation:
        """Refuse: the kernel checks no block without adding it."""
        raise NotServedError("Mining.checkBlock")

    def get_transactions_by_tx_id(self, txids: list[bytes]) -> list[bytes]:
        """Refuse: there is no mempool."""
        raise NotServedError("Mining.getTransactionsByTxID")

    def get_transactions_by_witness_id(self, wtxids: list[bytes]) -> list[bytes]:
        """Refuse: there is no mempool."""
        raise NotServedError("Mining.getTransactionsByWitnessID")

    def close(self) -> None:
        """End waits."""
        self.interrupt()
