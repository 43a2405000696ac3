"""The Mining interface on our chain (Core: MinerImpl in src/node/interfaces.cpp)."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from interfaces import cancellation
from interfaces.cancellation import Cancellation
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
    from node.change_signal import ChangeSignal

_HASH_SIZE: Final = 32


class LocalMining(Mining):
    """One client's view. `interrupt` ends this object's waits, those of others go on."""

    def __init__(self, chainstate: Chainstate, changes: ChangeSignal) -> None:
        """Answer from `chainstate`, which may be closed before; `changes` counts its tips."""
        self._chainstate = chainstate
        self._changes = changes
        self._interrupted = Cancellation()

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
        if len(current_tip) < _HASH_SIZE:
            raise ValueError("SpanReader::read(): end of data: iostream error")  # As Core says of a short hash.
        current_tip = current_tip[:_HASH_SIZE]
        changes, interrupted, gone = self._changes, self._interrupted, cancellation.current()
        deadline = time.monotonic() + max(0.0, timeout) / 1000  # In this order NaN is 0.
        while True:
            seen = changes.count
            if interrupted.cancelled:
                if interrupted is self._interrupted:
                    self._interrupted = Cancellation()
                return None
            if changes.closed or gone.cancelled:
                return None
            tip = self._chainstate.tip()
            left = deadline - time.monotonic()
            if tip.hash != current_tip or left <= 0:
                return BlockRef(tip.hash, tip.height)
            changes.wait(seen, left, (interrupted, gone))

    def interrupt(self) -> None:
        """End this object's waits."""
        self._interrupted.cancel()

    def submit_block(self, block: bytes) -> BlockValidation:
        """Validate a block and add it (Core: SubmitBlock in src/node/miner.cpp)."""
        try:
            verdict = self._chainstate.process_block(block)
        except ValueError as error:
            raise ValueError(_why_no_block(block)) from error
        if verdict.accepted and not verdict.new:
            return BlockValidation("duplicate", "", result=False)
        if not verdict.checked or (not verdict.accepted and not verdict.reason):
            return BlockValidation("inconclusive", "", result=False)
        return BlockValidation(verdict.reason, verdict.debug, result=not verdict.reason)

    def create_new_block(self, options: BlockCreateOptions, cooldown: bool = True) -> BlockTemplate | None:
        """Refuse: there is no template builder."""
        raise NotServedError("Mining.createNewBlock")

    def check_block(self, block: bytes, options: BlockCheckOptions) -> BlockValidation:
        """Check a block as the next one, adding nothing."""
        try:
            verdict = self._chainstate.check_block(
                block, check_pow=options.check_pow, check_merkle_root=options.check_merkle_root
            )
        except ValueError as error:
            raise ValueError(_why_no_block(block)) from error
        return BlockValidation(verdict.reason, verdict.debug, result=verdict.accepted)

    def get_transactions_by_tx_id(self, txids: list[bytes]) -> list[bytes]:
        """Refuse: there is no mempool."""
        raise NotServedError("Mining.getTransactionsByTxID")

    def get_transactions_by_witness_id(self, wtxids: list[bytes]) -> list[bytes]:
        """Refuse: there is no mempool."""
        raise NotServedError("Mining.getTransactionsByWitnessID")

    def close(self) -> None:
        """End waits."""
        self.interrupt()


def _why_no_block(data: bytes) -> str:
    """Say as Core's streams do why this is no block."""
    from primitives.block import HEADER_SIZE, Block
    from primitives.errors import DecodeError

    reason = "end of data"
    if len(data) >= HEADER_SIZE:
        try:
            Block.parse_from(data, 0)
        except DecodeError as error:
            reason = str(error)
    return f"{'SpanReader::read(): ' if reason == 'end of data' else ''}{reason}: iostream error"
