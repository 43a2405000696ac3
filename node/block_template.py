"""The BlockTemplate interface on a template (Core: BlockTemplateImpl in src/node/interfaces.cpp)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from interfaces import cancellation, deferral
from interfaces.mining import BlockTemplate, BlockValidation, BlockWaitOptions, CoinbaseTx
from node.interruption import Interruption
from node.stream_error import read_transaction
from node.templates.kinds_of_waits import NextTemplateWait, deadline
from primitives.block import BlockHeader
from primitives.merkle import root_of_path

if TYPE_CHECKING:
    from node.chainstate import BlockVerdict
    from node.templates.miner import Miner
    from node.templates.options import TemplateOptions
    from node.templates.template import Template


class LocalBlockTemplate(BlockTemplate):
    """One client's template: a solution changes its header and coinbase, not those of others.

    It has nothing to close, so its transactions are let go of as soon as its client forgets it or is gone.
    """

    def __init__(self, miner: Miner, template: Template, options: TemplateOptions) -> None:
        """Take the present time; the next one has the same `options`."""
        self._miner = miner
        self._template = template
        self._options = options
        self._header = miner.templates.header(template)
        self._coinbase = template.coinbase
        self._interruption = Interruption()

    def get_block_header(self) -> bytes:
        """Return the 80 bytes of the header; the merkle root is empty until there was a solution."""
        return self._header.serialize()

    def get_block(self) -> bytes:
        """Return the whole block, with a dummy coinbase until there was a solution."""
        return self._template.block(self._header, self._coinbase)

    def get_tx_fees(self) -> list[int]:
        """Return each transaction's fee."""
        return list(self._template.fees)

    def get_tx_sigops(self) -> list[int]:
        """Return what each transaction's signature operations cost."""
        return list(self._template.sigops)

    def get_coinbase_tx(self) -> CoinbaseTx:
        """Return what the coinbase must hold."""
        return self._template.coinbase_parts()

    def get_coinbase_merkle_path(self) -> list[bytes]:
        """Return the hashes that lead from the coinbase to the merkle root."""
        return self._template.merkle_path()

    def submit_solution(self, version: int, timestamp: int, nonce: int, coinbase: bytes) -> BlockValidation:
        """Complete the block and submit it (v32)."""
        if not coinbase:
            return BlockValidation("", "", result=False)
        return self._submit(version, timestamp, nonce, coinbase).validation

    def submit_solution_old7(self, version: int, timestamp: int, nonce: int, coinbase: bytes) -> bool:
        """Complete the block and submit it (v31): whether it was kept, which one that is known or stale is too."""
        return bool(coinbase) and self._submit(version, timestamp, nonce, coinbase).accepted

    def _submit(self, version: int, timestamp: int, nonce: int, coinbase: bytes) -> BlockVerdict:
        template = self._template
        transaction = read_transaction(coinbase)
        root = root_of_path(transaction.txid, template.merkle_path(), 0)
        before = self._header
        signed = version - 2**32 if version >= 2**31 else version
        # Another thread may submit another solution at the same time.
        header = BlockHeader(signed, before.previous, root, timestamp, before.bits, nonce)
        data = transaction.serialize()
        self._header, self._coinbase = header, data
        return self._miner.node.chainstate.process_block(template.block(header, data))

    def wait_next(self, options: BlockWaitOptions) -> BlockTemplate | None:
        """Wait without polling for a better template; an interrupt before the wait ends it too."""
        miner, held = self._miner, self._options
        interrupted, ended = self._interruption.begin()
        wait = NextTemplateWait(
            miner,
            self._template,
            held,
            deadline(options.timeout),
            options.fee_threshold,
            lambda template: LocalBlockTemplate(miner, template, held),
            (interrupted, cancellation.current()),
            ended,
        )
        found: BlockTemplate | None = miner.wait(wait, deferral.current())
        return found

    def interrupt_wait(self) -> None:
        """End a running `wait_next`, or else the next one."""
        self._interruption.request()
