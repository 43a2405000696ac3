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
class Choice:
    """What is to go into a block on a tip."""

    options: TemplateOptions
    tip: BlockEntry
    selection: Selection
    changes: int
    """How often the mempool had changed."""
    started: float
    """When the choice began, by time.monotonic()."""
    seconds: float
    """How long it took."""


@dataclass(frozen=True, slots=True)
class Assembler:
    """Builds templates of one node. Hold the chain's processing lock from a choice until it is completed."""

    node: NodeContext
    policy: MiningPolicy

    def choose(self, options: TemplateOptions) -> Choice:
        """Choose transactions for a block on the tip. Raises OptionsError, ClosedError."""
        options.check(self.policy)
        started = time.monotonic()
        tip = self.node.chainstate.tip()
        limits = Limits(self.policy.max_weight, self.policy.min_fee_rate, tip.height + 1, tip.median_time_past)
        selection, changes = self._select(options, limits)
        return Choice(options, tip, selection, changes, started, time.monotonic() - started)

    def complete(self, choice: Choice) -> Template:
        """Make a template of a choice. Raises TemplateError, ClosedError, KernelSymbolsError."""
        node, chainstate = self.node, self.node.chainstate
        started = time.monotonic()
        tip, selection = choice.tip, choice.selection
        height = tip.height + 1
        now = next_time(chainstate, node.clock, tip)
        with chainstate.symbols() as symbols:
            reward = symbols.subsidy(height) + selection.fees
            bits = symbols.next_bits(tip.address, now)
            version = symbols.block_version(tip.address) if self.policy.version is None else self.policy.version
            has_witness = height >= symbols.segwit_height
        wtxids = [entry.wtxid for entry in selection.entries]
        coinbase = make_coinbase(height, reward, choice.options.script, wtxids, has_witness=has_witness)
        header = BlockHeader(version, tip.hash, bytes(32), now, bits, 0)
        template = Template(header, height, coinbase, selection)
        node.last_built = (selection.weight, len(wtxids))
        log.info(
            "CreateNewBlock(): block weight: %d txs: %d fees: %d sigops %d",
            (HEADER_SIZE + len(compact_size(1 + len(wtxids)))) * WITNESS_SCALE_FACTOR
            + coinbase.transaction.weight
            + selection.weight
            - choice.options.reserved_weight,
            len(wtxids),
            selection.fees,
            selection.sigops,
        )
        verdict = chainstate.check_block(template.serialize(), check_pow=False, check_merkle_root=False)
        if not verdict.accepted:
            reason = f"{verdict.reason}, {verdict.debug}" if verdict.debug else verdict.reason
            raise TemplateError(f"TestBlockValidity failed: {reason}")
        chosen, completed = choice.seconds * 1000, (time.monotonic() - started) * 1000
        _bench.debug(
            "CreateNewBlock() chunks: %.2fms, validity: %.2fms (total %.2fms)", chosen, completed, chosen + completed
        )
        return template

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
