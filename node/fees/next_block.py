"""Estimates the fee rate that gets a transaction into the next block, from what waits for it now.

(Core v32: MemPoolFeeRateEstimator in src/policy/fees/mempool_estimator.cpp.) That says something only where the blocks
of late were made of what was in the mempool.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final, NamedTuple

from primitives.block import Block
from primitives.fee_rate import FeeRate
from primitives.transaction import WITNESS_SCALE_FACTOR

if TYPE_CHECKING:
    from collections.abc import Sequence

    from node.block_tree import BlockEntry
    from node.chainstate import Chainstate
    from node.mempool.entry import MempoolEntry
    from node.mempool.mempool import Addition, Mempool, RemovalReason

TARGET: Final = 2
"""For how many blocks an estimate holds."""
_WINDOW: Final = 6
_LEAST_COVERAGE: Final = 0.75
_BLOCK_WEIGHT: Final = 4_000_000
_LEAST_FEE: Final = FeeRate(1)
"""What pays less is in no block."""
_CACHE_LIFE: Final = 7
_NAME: Final = "mempool_policy"


class NoEstimateError(Exception):
    """There is no estimate; the text is Core's."""


class BlockHealth(NamedTuple):
    """How much of a block had been in the mempool; weights without the coinbase."""

    height: int
    block_weight: int
    mempool_weight: int


class NextBlockEstimator:
    """Looks at a mempool and the blocks that take from it. Thread-safe."""

    def __init__(self, mempool: Mempool, chainstate: Chainstate) -> None:
        """Begin to follow; blocks of before are not known."""
        self._mempool = mempool
        self._chainstate = chainstate
        self._lock = threading.Lock()
        self._removed: dict[int, int] = {}
        self._weights: dict[bytes, int] = {}
        self._cached: tuple[bytes, int, FeeRate, FeeRate] | None = None
        self.stop = mempool.add_listener(self)
        """Ends following."""

    def health(self) -> list[BlockHealth]:
        """Return what is known of the last blocks, in order."""
        with self._lock:
            removed = dict(self._removed)
        found = []
        for height, weight in removed.items():
            entry = self._chainstate.at(height)
            if entry is not None:
                found.append(BlockHealth(height, self._weight_of(entry), weight))
        with self._lock:
            self._weights = dict(list(self._weights.items())[-2 * _WINDOW :])
        return found

    def estimate(self, *, conservative: bool) -> FeeRate:
        """Return the rate at which half, or else three quarters, of a block are full. Raises NoEstimateError."""
        if not self._mempool.loaded:
            raise NoEstimateError(f"{_NAME}: Mempool not loaded yet, no fee rate estimate available")
        health = self.health()
        if len(health) < _WINDOW:
            raise NoEstimateError(f"{_NAME}: Not enough recent block data for fee rate estimation")
        whole = sum(block.block_weight for block in health)
        if whole >= _BLOCK_WEIGHT and sum(block.mempool_weight for block in health) / whole < _LEAST_COVERAGE:
            raise NoEstimateError(f"{_NAME}: Mempool is unreliable for fee rate estimation")
        half, three_quarters = self._percentiles()
        return half if conservative else three_quarters

    def _percentiles(self) -> tuple[FeeRate, FeeRate]:
        tip, now = self._chainstate.tip().hash, self._mempool.clock.now()
        with self._lock:
            cached = self._cached
        if cached is not None and cached[0] == tip and now <= cached[1] + _CACHE_LIFE:
            return cached[2:]
        with self._mempool.lock:
            least = max(self._mempool.min_fee(), self._mempool.options.min_relay)
            rates = self._best_chunks()
        rates.sort(reverse=True)  # Sizes were rounded up.
        half = _rate_at(rates, _BLOCK_WEIGHT // 2) or least
        three_quarters = _rate_at(rates, _BLOCK_WEIGHT * 3 // 4) or least
        with self._lock:
            self._cached = tip, now, half, three_quarters
        return half, three_quarters

    def _best_chunks(self) -> list[FeeRate]:
        """Return the rates of what would be in a block, at least as far as anybody looks."""
        rates = []
        weight = 0
        for _, fee, size in self._mempool.graph.mining_order():
            rate = FeeRate.of(fee, -(-size // WITNESS_SCALE_FACTOR))
            if weight >= _BLOCK_WEIGHT or rate < _LEAST_FEE:
                break
            rates.append(rate)
            weight += size
        return rates

    def _weight_of(self, entry: BlockEntry) -> int:
        with self._lock:
            known = self._weights.get(entry.hash)
        if known is None:
            block = Block.parse(self._chainstate.read_block(entry))
            known = sum(transaction.weight for transaction in block.transactions[1:])
            with self._lock:
                self._weights[entry.hash] = known
        return known

    # --- the mempool's listener ------------------------------------------------------------------------------------

    def transaction_added(self, entry: MempoolEntry, sequence: int, addition: Addition) -> None:
        """Do nothing."""

    def transaction_removed(self, entry: MempoolEntry, reason: RemovalReason, sequence: int) -> None:
        """Do nothing."""

    def removed_for_block(self, entries: Sequence[MempoolEntry], height: int) -> None:
        """Note how much of the block was known; what was at its height or above is undone."""
        weight = sum([entry.weight for entry in entries])
        with self._lock:
            removed = {each: known for each, known in self._removed.items() if height - _WINDOW < each < height}
            if removed and height - 1 not in removed:
                removed.clear()
            removed[height] = weight
            self._removed = removed
            self._cached = None


def _rate_at(rates: Sequence[FeeRate], weight: int) -> FeeRate | None:
    """Return the rate of the chunk with which those before it reach a weight, None if nothing does."""
    reached = 0
    for rate in rates:
        reached += rate.size * WITNESS_SCALE_FACTOR
        if reached >= weight:
            return rate
    return None
