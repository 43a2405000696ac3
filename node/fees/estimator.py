"""Learns from transactions and blocks what fee rate a transaction needs (Core: CBlockPolicyEstimator).

What happens in the mempool is noted at once and worked into the statistics later, in order: when somebody asks,
or when much has gathered. So neither a transaction nor a block waits for it.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections import deque
from contextlib import contextmanager
from itertools import takewhile
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from node.fees.confirmations import ConfirmationStats
from node.fees.estimate import NO_ESTIMATE, Estimate, Horizon, Reason, SmartEstimate

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

log: Final = logging.getLogger("estimatefee")
FEE_SPACING: Final = 1.05
MIN_BUCKET_FEERATE: Final = 100.0
MAX_BUCKET_FEERATE: Final = 1e7
INF_FEERATE: Final = 1e99
HORIZONS: Final = {
    Horizon.SHORT: (12, 0.962, 1),
    Horizon.MEDIUM: (24, 0.9952, 2),
    Horizon.LONG: (42, 0.99931, 24),
}
"""Periods, decay by block, blocks of a period."""
OLDEST_ESTIMATE_HISTORY: Final = 6 * 1008
"""What a file told counts for so many blocks."""
_SUFFICIENT: Final = {Horizon.SHORT: 0.5, Horizon.MEDIUM: 0.1, Horizon.LONG: 0.1}
"""How many transactions of a range there must be in a block, on average."""
_HALF_SUCCESS: Final = 0.6
_SUCCESS: Final = 0.85
_DOUBLE_SUCCESS: Final = 0.95
_MOST_NOTED: Final = 1000
_UINT32: Final = 0xFFFFFFFF


class Seen(Protocol):
    """A transaction as the estimator sees it, such as an entry of the mempool."""

    @property
    def txid(self) -> bytes:
        """Its id."""

    @property
    def height(self) -> int:
        """The height of the tip when it came."""

    @property
    def base_fee(self) -> int:
        """Satoshis, without what prioritisetransaction adds."""

    @property
    def vsize(self) -> int:
        """The virtual size, with signature operations counted."""


class _Block(NamedTuple):
    height: int
    transactions: Sequence[Seen]


class _Added(NamedTuple):
    seen: Seen
    counts: bool


class Spans(NamedTuple):
    """The blocks that statistics come from."""

    best: int = 0
    """The highest one seen, 0 for none."""
    first: int = 0
    """The first one since the start with transactions that were followed."""
    historical_first: int = 0
    historical_best: int = 0
    """What the file told of."""

    @property
    def current(self) -> int:
        """How many blocks there are since the start."""
        return (self.best - self.first) & _UINT32 if self.first else 0

    @property
    def historical(self) -> int:
        """How many the file told of, unless they are too long ago."""
        if not self.historical_first or (self.best - self.historical_best) & _UINT32 > OLDEST_ESTIMATE_HISTORY:
            return 0
        return self.historical_best - self.historical_first


def default_buckets() -> list[float]:
    """Return the upper ends of the ranges of fee rates, in satoshis per kvB."""

    def growing() -> Iterator[float]:
        rate = MIN_BUCKET_FEERATE
        while True:
            yield rate
            rate *= FEE_SPACING

    return [*takewhile(lambda rate: rate <= MAX_BUCKET_FEERATE, growing()), INF_FEERATE]


class FeeEstimator:
    """Estimates fee rates. Thread-safe."""

    def __init__(self) -> None:
        """Begin knowing nothing."""
        self._lock = threading.Lock()
        self._noted: deque[_Added | _Block | bytes] = deque()
        self._waiting: dict[bytes, tuple[int, int]] = {}
        self._tracked = self._untracked = 0
        self.buckets = default_buckets()
        self.stats = {horizon: ConfirmationStats(self.buckets, *parameters) for horizon, parameters in HORIZONS.items()}
        self.spans = Spans()

    # --- what happens ----------------------------------------------------------------------------------------------

    def transaction_added(self, seen: Seen, *, counts: bool) -> None:
        """Follow a transaction that came into the mempool, if it `counts`.

        It does unless it came in a package, after a reorg, while the node is behind, or spends of the mempool.
        """
        self._note(_Added(seen, counts))

    def transaction_removed(self, txid: bytes) -> None:
        """Forget a transaction that left the mempool, but not for a block."""
        self._note(txid)

    def block_connected(self, height: int, transactions: Sequence[Seen]) -> None:
        """Learn from the transactions of a block that were in the mempool."""
        self._note(_Block(height, transactions))

    def forget_unconfirmed(self) -> None:
        """Count all that still waits as not confirmed, as at the end of the node."""
        started = time.monotonic()
        with self.settled():
            number = len(self._waiting)
            for txid in list(self._waiting):
                self._remove(txid, in_block=False)
        log.debug("Recorded %d unconfirmed txs from mempool in %.3fs", number, time.monotonic() - started)

    def restore(self, buckets: list[float], stats: dict[Horizon, ConfirmationStats], spans: Spans) -> None:
        """Go on from what a file tells; call it while `settled`, before anything is followed."""
        self.buckets, self.stats, self.spans = buckets, stats, spans

    def _note(self, event: _Added | _Block | bytes) -> None:
        self._noted.append(event)
        if len(self._noted) >= _MOST_NOTED:
            self.settle()

    def settle(self) -> None:
        """Work in all that was noted."""
        with self.settled():
            pass

    @contextmanager
    def settled(self) -> Iterator[None]:
        """Hold the statistics, with all that was noted worked in."""
        with self._lock:
            while self._noted:
                event = self._noted.popleft()
                if isinstance(event, _Added):
                    self._add(*event)
                elif isinstance(event, _Block):
                    self._connect(*event)
                else:
                    self._remove(event, in_block=False)
            yield

    def _add(self, seen: Seen, counts: bool) -> None:
        if seen.txid in self._waiting:
            log.debug("Blockpolicy error mempool tx %s already being tracked", seen.txid[::-1].hex())
            return
        if seen.height != self.spans.best:
            return  # On another branch, or the next block tells us where the chain is.
        if not counts:
            self._untracked += 1
            return
        self._tracked += 1
        bucket = self.stats[Horizon.MEDIUM].bucket_of(float(_feerate(seen)))
        self._waiting[seen.txid] = seen.height, bucket
        for stats in self.stats.values():
            stats.add(seen.height, bucket)

    def _remove(self, txid: bytes, *, in_block: bool) -> bool:
        found = self._waiting.pop(txid, None)
        if found is None:
            return False
        height, bucket = found
        for stats in self.stats.values():
            stats.remove(height, self.spans.best, bucket, in_block=in_block)
        return True

    def _connect(self, height: int, transactions: Sequence[Seen]) -> None:
        if height <= self.spans.best:
            return  # A branch: what it confirms, another one confirmed before.
        self.spans = self.spans._replace(best=height)
        for stats in self.stats.values():
            stats.begin_block(height)
        counted = 0
        for seen in transactions:
            if not self._remove(seen.txid, in_block=True):
                continue
            blocks = height - seen.height
            if blocks <= 0:
                log.debug("Blockpolicy error Transaction had negative blocksToConfirm")
                continue
            counted += 1
            feerate = float(_feerate(seen))
            bucket = self.stats[Horizon.MEDIUM].bucket_of(feerate)
            for stats in self.stats.values():
                stats.record(blocks, bucket, feerate)
        if not self.spans.first and counted:
            self.spans = self.spans._replace(first=height)
            log.debug("Blockpolicy first recorded height %d", height)
        if log.isEnabledFor(logging.DEBUG):
            log.debug(
                "Blockpolicy estimates updated by %d of %d block txs, since last block %d of %d tracked, mempool map "
                "size %d, max target %d from %s",
                counted,
                len(transactions),
                self._tracked,
                self._tracked + self._untracked,
                len(self._waiting),
                self._longest_usable(),
                "historical" if self.spans.historical > self.spans.current else "current",
            )
        self._tracked = self._untracked = 0

    # --- what is asked ---------------------------------------------------------------------------------------------

    def longest_target(self, horizon: Horizon) -> int:
        """Return the most blocks that `horizon` follows confirmations for."""
        return self.stats[horizon].longest_target

    def raw(self, target: int, threshold: float, horizon: Horizon) -> tuple[int, Estimate]:
        """Return the rate in satoshis per kvB at which `threshold` of all were confirmed in time, 0 for none."""
        with self.settled():
            stats = self.stats[horizon]
            if not 0 < target <= stats.longest_target or threshold > 1:
                return 0, NO_ESTIMATE
            estimate = stats.estimate(target, _SUFFICIENT[horizon], threshold, self.spans.best)
        return _rounded(estimate.median), estimate

    def smart(self, target: int, *, conservative: bool) -> SmartEstimate:
        """Return the highest rate that 60 % at half the target, 85 % at it and 95 % at twice the target ask for.

        A `conservative` one holds 95 % at twice the target over longer horizons too.
        """
        with self.settled():
            if not 0 < target <= self.longest_target(Horizon.LONG):
                return SmartEstimate(0, target)
            target = min(max(target, 2), self._longest_usable())
            if target <= 1:
                return SmartEstimate(0, target)
            best = self._combined(target // 2, _HALF_SUCCESS, shorter=True)
            reason = Reason.HALF
            full = self._combined(target, _SUCCESS, shorter=True)
            if full.median > best.median:
                best, reason = full, Reason.FULL
            double = self._combined(2 * target, _DOUBLE_SUCCESS, shorter=not conservative)
            if double.median > best.median:
                best, reason = double, Reason.DOUBLE
            if conservative or best.median == -1:
                longer = self._conservative(2 * target)
                if longer.median > best.median:
                    best, reason = longer, Reason.CONSERVATIVE
        return SmartEstimate(_rounded(best.median), target, reason, best)

    def _longest_usable(self) -> int:
        """Half the blocks known, so that enough of them could have failed."""
        return min(self.longest_target(Horizon.LONG), max(self.spans.current, self.spans.historical) // 2)

    def _look(self, horizon: Horizon, target: int, threshold: float) -> Estimate:
        return self.stats[horizon].estimate(target, _SUFFICIENT[horizon], threshold, self.spans.best)

    def _combined(self, target: int, threshold: float, *, shorter: bool) -> Estimate:
        """Ask the shortest horizon that follows `target`, or a `shorter` one at its end if that asks for less."""
        if not 1 <= target <= self.longest_target(Horizon.LONG):
            return NO_ESTIMATE
        own = next(horizon for horizon in HORIZONS if target <= self.longest_target(horizon))
        best = self._look(own, target, threshold)
        if shorter:
            for horizon in (Horizon.MEDIUM, Horizon.SHORT):
                longest = self.longest_target(horizon)
                if target > longest:
                    found = self._look(horizon, longest, threshold)
                    if found.median > 0 and (best.median == -1 or found.median < best.median):
                        best = found
        return best

    def _conservative(self, target: int) -> Estimate:
        best = NO_ESTIMATE
        if target <= self.longest_target(Horizon.SHORT):
            best = self._look(Horizon.MEDIUM, target, _DOUBLE_SUCCESS)
        if target <= self.longest_target(Horizon.MEDIUM):
            longer = self._look(Horizon.LONG, target, _DOUBLE_SUCCESS)
            if longer.median > best.median:
                best = longer
        return best


def _feerate(seen: Seen) -> int:
    """Satoshis per kvB, rounded down (Core: CFeeRate::GetFeePerK)."""
    return seen.base_fee * 1000 // seen.vsize


def _rounded(median: float) -> int:
    """Round half away from zero; what is not there, or beyond all amounts, becomes 0."""
    if not 0 <= median < 2**63:
        return 0
    whole = math.floor(median)
    return whole + (median - whole >= 0.5)
