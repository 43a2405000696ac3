"""The Mining interface on our node (Core: MinerImpl in src/node/interfaces.cpp)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from interfaces import cancellation, deferral
from interfaces.mining import (
    FOREVER,
    BlockCheckOptions,
    BlockCreateOptions,
    BlockRef,
    BlockTemplate,
    BlockValidation,
    Mining,
)
from node.block_template import LocalBlockTemplate
from node.interruption import Interruption
from node.stream_error import StreamError, why_no_block
from node.templates.kinds_of_waits import CooldownWait, TipWait, deadline
from node.templates.options import TemplateOptions
from primitives.errors import DecodeError

if TYPE_CHECKING:
    from node.context import NodeContext

_HASH_SIZE: Final = 32


class LocalMining(Mining):
    """One client's view. `interrupt` ends this object's waits, those of others go on."""

    def __init__(self, node: NodeContext) -> None:
        """Answer from `node`, whose chain may be closed before."""
        self._node = node
        self._chainstate = node.chainstate
        self._interruption = Interruption()

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
        current = _hash(current_tip)
        interrupted, ended = self._interruption.begin()
        wait = TipWait(self._chainstate, current, deadline(timeout), (interrupted, cancellation.current()), ended)
        found: BlockRef | None = self._node.miner.wait(wait, deferral.current())
        return found

    def interrupt(self) -> None:
        """End this object's waits, or else the next one."""
        self._interruption.request()

    def create_new_block(self, options: BlockCreateOptions, cooldown: bool = True) -> BlockTemplate | None:
        """Build a template, with `cooldown` not before the chain has caught up with its headers."""
        miner = self._node.miner
        wanted = TemplateOptions(
            options.use_mempool, options.block_reserved_weight, options.coinbase_output_max_additional_sigops
        )
        wanted.check(miner.templates.policy)

        def build() -> LocalBlockTemplate:
            return LocalBlockTemplate(miner, miner.templates.create(wanted), wanted)

        interrupted, ended = self._interruption.begin()
        if cooldown:
            wait = CooldownWait(self._chainstate, build, (interrupted, cancellation.current()), ended)
            found: BlockTemplate | None = miner.wait(wait, deferral.current())
            return found
        if interrupted.cancelled:
            ended()
            return None
        return build()

    def check_block(self, block: bytes, options: BlockCheckOptions) -> BlockValidation:
        """Check a block as the next one, adding nothing."""
        try:
            verdict = self._chainstate.check_block(
                block, check_pow=options.check_pow, check_merkle_root=options.check_merkle_root
            )
        except ValueError as error:
            raise why_no_block(block) from error
        return BlockValidation(verdict.reason, verdict.debug, result=verdict.accepted)

    def submit_block(self, block: bytes) -> BlockValidation:
        """Validate a block and add it (Core: SubmitBlock in src/node/miner.cpp)."""
        try:
            return self._chainstate.process_block(block).validation
        except ValueError as error:
            raise why_no_block(block) from error

    def get_transactions_by_tx_id(self, txids: list[bytes]) -> list[bytes]:
        """Look them up in the mempool."""
        mempool = self._node.mempool
        if mempool is None:
            return []
        names = [_hash(txid) for txid in txids]
        with mempool.lock:
            found = [mempool.get(name) for name in names]
        return [b"" if entry is None else entry.data for entry in found]

    def get_transactions_by_witness_id(self, wtxids: list[bytes]) -> list[bytes]:
        """Look them up in the mempool."""
        mempool = self._node.mempool
        if mempool is None:
            return []
        names = [_hash(wtxid) for wtxid in wtxids]
        with mempool.lock:
            found = [mempool.by_wtxid(name) for name in names]
        return [b"" if entry is None else entry.data for entry in found]

    def close(self) -> None:
        """End waits."""
        self.interrupt()


def _hash(data: bytes) -> bytes:
    """Return a hash as Core reads one, which looks no further. Raises StreamError."""
    if len(data) < _HASH_SIZE:
        raise StreamError(DecodeError("end of data"))
    return data[:_HASH_SIZE]
