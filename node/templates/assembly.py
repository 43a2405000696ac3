"""Building a block on the tip from the mempool (Core: BlockAssembler::CreateNewBlock in src/node/miner.cpp).

What consensus wants of a block's header and coinbase comes from the kernel, so it needs the pinned one.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from node.templates.coinbase import make_coinbase
from node.templates.selection import Limits, Selection, select
from node.templates.template import Template
from primitives.block import HEADER_SIZE, BlockHeader
from primitives.encoding import compact_size
from primitives.fee_rate import FeeRate
from primitives.transaction import WITNESS_SCALE_FACTOR

if TYPE_CHECKING:
    from node.block_tree import BlockEntry
    from node.chainstate import Chainstate
    from node.clock import Clock
    from node.context import NodeContext
    from node.templates.options import MiningPolicy, TemplateOptions

log: Final = logging.getLogger()
_bench: Final = logging.getLogger("bench")
_MAX_TIMEWARP: Final = 600
_DIFFICULTY_INTERVAL: Final = 2016
_DIFFICULTY_INTERVALS: Final = {"regtest": 144}


class TemplateError(Exception):
    """What was built is no valid block: there is something wrong with us."""


def least_time(chainstate: Chainstate, tip: BlockEntry) -> int:
    """Return the earliest time a block on `tip` should have, also where BIP94 is no rule yet."""
    least = tip.median_time_past + 1
    if (tip.height + 1) % _DIFFICULTY_INTERVALS.get(chainstate.chain.name, _DIFFICULTY_INTERVAL) == 0:
        least = max(least, tip.time - _MAX_TIMEWARP)
    return least


def next_time(chainstate: Chainstate, clock: Clock, tip: BlockEntry | None = None) -> int:
    """Return what time a block on the tip should say: the present, if consensus lets it."""
    return max(least_time(chainstate, tip or chainstate.tip()), clock.now())


def with_present_time(header: BlockHeader, chainstate: Chainstate, clock: Clock, tip: BlockEntry) -> BlockHeader:
    """Return the header of a template on `tip` as it would be built now; where time matters, with another target."""
    now = next_time(chainstate, clock, tip)
    if now == header.time:
        return header
    with chainstate.symbols() as symbols:
        bits = symbols.next_bits(tip.address, now)
    return BlockHeader(header.version, header.previous, header.merkle_root, now, bits, header.nonce)


@dataclass(frozen=True, slots=True)
class Assembler:
    """Builds templates of one node."""

    node: NodeContext
    policy: MiningPolicy

    def assemble(self, options: TemplateOptions, least_fees: int = 0) -> tuple[Template, int] | None:
        """Return a template on the tip, and how often the mempool had changed; None if it has less than `least_fees`.

        Raises OptionsError, TemplateError, ClosedError, KernelSymbolsError.
        """
        options.check(self.policy)
        node, chainstate = self.node, self.node.chainstate
        started = time.perf_counter()
        with chainstate.processing:
            tip = chainstate.tip()
            height = tip.height + 1
            now = next_time(chainstate, node.clock, tip)
            with chainstate.symbols() as symbols:
                subsidy = symbols.subsidy(height)
                bits = symbols.next_bits(tip.address, now)
                version = self.policy.version
                if version is None:
                    version = symbols.block_version(tip.address)
                has_witness = height >= symbols.segwit_height
            limits = Limits(self.policy.max_weight, self.policy.min_fee_rate, height, tip.median_time_past)
            selection, changes = self._select(options, limits)
            if selection.fees < least_fees:
                return None
            chosen = time.perf_counter()
            entries = selection.entries
            coinbase = make_coinbase(
                height,
                subsidy + selection.fees,
                options.script,
                [entry.wtxid for entry in entries],
                has_witness=has_witness,
            )
            template = Template(
                BlockHeader(version, tip.hash, bytes(32), now, bits, 0), height, coinbase, selection
            )  # fmt: skip
            node.last_built = (selection.weight, len(entries))
            log.info(
                "CreateNewBlock(): block weight: %d txs: %d fees: %d sigops %d",
                (HEADER_SIZE + len(compact_size(1 + len(entries)))) * WITNESS_SCALE_FACTOR
                + coinbase.transaction.weight
                + selection.weight
                - options.reserved_weight,
                len(entries),
                selection.fees,
                selection.sigops,
            )
            verdict = chainstate.check_block(template.serialize(), check_pow=False, check_merkle_root=False)
        if not verdict.accepted:
            reason = f"{verdict.reason}, {verdict.debug}" if verdict.debug else verdict.reason
            raise TemplateError(f"TestBlockValidity failed: {reason}")
        ended = time.perf_counter()
        _bench.debug(
            "CreateNewBlock() chunks: %.2fms, validity: %.2fms (total %.2fms)",
            (chosen - started) * 1000,
            (ended - chosen) * 1000,
            (ended - started) * 1000,
        )
        return template, changes

    def _select(self, options: TemplateOptions, limits: Limits) -> tuple[Selection, int]:
        mempool = self.node.mempool
        if mempool is None or not options.use_mempool:
            return Selection(options.reserved_weight, options.additional_sigops), 0
        with mempool.lock:
            changes = mempool.transactions_updated
            selection = select(
                mempool.graph.mining_order(), limits, weight=options.reserved_weight, sigops=options.additional_sigops
            )
        if self.policy.log_fees:
            for entry in selection.entries:
                rate = FeeRate.of(entry.fee, entry.vsize)
                log.info("fee rate %s txid %s", rate, entry.txid[::-1].hex())
        return selection, changes
