"""How soon transactions of each fee rate were confirmed, over one horizon (Core: TxConfirmStats).

Transactions are counted in buckets of fee rates and periods of `scale` blocks; every block lets the counts decay.
Only buckets that ever held something are kept, so an idle node pays nothing for a block. All arithmetic is Core's,
in its order, so that estimates are equal to the last bit.
"""

from __future__ import annotations

import logging
from bisect import bisect_left
from typing import TYPE_CHECKING, Final

from node.fees.estimate import NO_RANGE, Estimate, FeerateRange

if TYPE_CHECKING:
    from collections.abc import Sequence

log: Final = logging.getLogger("estimatefee")
_UINT32: Final = 0xFFFFFFFF


class ConfirmationStats:
    """Statistics of one horizon. Not thread-safe."""

    __slots__ = ("_buckets", "_confirmed", "_failed", "_numbers", "_old", "_rates", "_waiting", "decay", "periods",
                 "scale")  # fmt: skip

    def __init__(self, buckets: Sequence[float], periods: int, decay: float, scale: int) -> None:
        """Begin empty. `buckets` are upper ends of ranges of fee rates, ascending, the last above any rate."""
        self._buckets = buckets
        self.periods = periods
        self.decay = decay
        self.scale = scale
        self._numbers = [0.0] * len(buckets)
        self._rates = [0.0] * len(buckets)
        self._confirmed: dict[int, list[float]] = {}
        self._failed: dict[int, list[float]] = {}
        self._waiting: dict[int, dict[int, int]] = {}
        self._old: dict[int, int] = {}

    @property
    def longest_target(self) -> int:
        """The most blocks that confirmations are followed for."""
        return self.scale * self.periods

    def bucket_of(self, feerate: float) -> int:
        """Return the bucket that holds `feerate`, in satoshis per kvB."""
        return bisect_left(self._buckets, feerate)

    def begin_block(self, height: int) -> None:
        """Let all that was counted decay; what waits for the longest is no longer told apart by its age."""
        for bucket, number in self._waiting.pop(height % self.longest_target, {}).items():
            self._old[bucket] = self._old.get(bucket, 0) + number
        decay = self.decay
        for bucket, column in self._confirmed.items():
            column[:] = [value * decay for value in column]
            self._rates[bucket] *= decay
            self._numbers[bucket] *= decay
        for column in self._failed.values():
            column[:] = [value * decay for value in column]

    def add(self, height: int, bucket: int) -> None:
        """Count a transaction that begins to wait at `height`."""
        slot = self._waiting.setdefault(height % self.longest_target, {})
        slot[bucket] = slot.get(bucket, 0) + 1

    def remove(self, entry_height: int, best_height: int, bucket: int, *, in_block: bool) -> None:
        """Forget a transaction that waited since `entry_height`; unless it is `in_block` it may count as a failure."""
        waited = best_height - entry_height if best_height else 0
        if waited < 0:
            log.debug("Blockpolicy error, blocks ago is negative for mempool tx")
            return
        slot = self._old if waited >= self.longest_target else self._waiting.get(entry_height % self.longest_target, {})
        if slot.get(bucket, 0) > 0:
            slot[bucket] -= 1
        else:
            log.debug("Blockpolicy error, mempool tx removed after %d blocks, bucketIndex=%d already", waited, bucket)
        if not in_block and waited >= self.scale:
            column = self._failed.setdefault(bucket, [0.0] * self.periods)
            for period in range(min(waited // self.scale, self.periods)):
                column[period] += 1

    def record(self, blocks: int, bucket: int, feerate: float) -> None:
        """Count a transaction that was confirmed after `blocks`, at least 1."""
        column = self._confirmed.get(bucket)
        if column is None:
            column = self._confirmed[bucket] = [0.0] * self.periods
        first = (blocks + self.scale - 1) // self.scale - 1
        if first:
            column[first:] = [value + 1 for value in column[first:]]
        else:
            column[:] = [value + 1 for value in column]
        self._numbers[bucket] += 1
        self._rates[bucket] += feerate

    def estimate(self, target: int, sufficient: float, threshold: float, height: int) -> Estimate:
        """Find the lowest fee rates of which more than `threshold` were confirmed within `target` blocks.

        Buckets are taken together until they hold `sufficient` transactions for each block.
        """
        last = len(self._buckets) - 1
        period = (target + self.scale - 1) // self.scale - 1
        enough = sufficient / (1 - self.decay)
        waiting = self._waiting_for(target, height)
        confirmed = total = failures = partial = 0.0
        extra = 0
        near = far = best_near = best_far = last
        begin = passing = True
        found = False
        passed = failed = NO_RANGE
        for bucket in range(last, -1, -1):
            if begin:
                near, begin = bucket, False
            far = bucket
            column = self._confirmed.get(bucket)
            if column is not None:
                confirmed += column[period]
                partial += self._numbers[bucket]
                total += self._numbers[bucket]
            column = self._failed.get(bucket)
            if column is not None:
                failures += column[period]
            extra += waiting.get(bucket, 0) + self._old.get(bucket, 0)
            if partial < enough:
                continue
            partial = 0.0
            if confirmed / (total + failures + extra) < threshold:
                if passing:
                    failed = self._range(far, near, confirmed, total, extra, failures)
                    passing = False
                continue
            found = passing = begin = True
            failed = NO_RANGE
            passed = FeerateRange(-1.0, -1.0, confirmed, total, extra, failures)
            best_near, best_far = near, far
            confirmed = total = failures = 0.0
            extra = 0
        median = -1.0
        if found:
            median = self._median(best_far, best_near)
        if median >= 0:
            passed = self._range(best_far, best_near, passed.within_target, passed.total_confirmed, passed.in_mempool,
                                 passed.left_mempool)  # fmt: skip
        if passing and not begin:
            failed = self._range(far, near, confirmed, total, extra, failures)
        result = Estimate(median, passed, failed, self.decay, self.scale)
        if log.isEnabledFor(logging.DEBUG):
            _log_estimate(target, threshold, result)
        return result

    def _waiting_for(self, target: int, height: int) -> dict[int, int]:
        """Return how many of each bucket wait for `target` blocks or longer, as far as ages are told apart."""
        slots = self.longest_target
        numbers: dict[int, int] = {}
        if self._waiting:
            for age in range(target, slots):
                # Core counts without signs: below the first `slots` blocks, ages meet in one place or none.
                for bucket, number in self._waiting.get(((height - age) & _UINT32) % slots, {}).items():
                    numbers[bucket] = numbers.get(bucket, 0) + number
        return numbers

    def _median(self, first: int, last: int) -> float:
        """Return the average rate of the bucket that holds the median transaction of those from `first` to `last`."""
        numbers = self._numbers[first : last + 1]
        rest = 0.0
        for number in numbers:  # Not sum(), which rounds otherwise in newer Pythons.
            rest += number
        rest /= 2
        for bucket, number in enumerate(numbers, first):
            if number >= rest:
                return self._rates[bucket] / number if number else -1.0
            rest -= number
        return -1.0

    def _range(
        self, first: int, last: int, confirmed: float, total: float, extra: float, failures: float
    ) -> FeerateRange:
        start = self._buckets[first - 1] if first else 0.0
        return FeerateRange(start, self._buckets[last], confirmed, total, extra, failures)

    # --- what is kept in a file; who waits is not ------------------------------------------------------------------

    def averages(self) -> tuple[list[float], list[float]]:
        """Return the sums of fee rates and the numbers of transactions, by bucket."""
        return self._rates, self._numbers

    def rows(self) -> tuple[list[list[float]], list[list[float]]]:
        """Return what was confirmed and what failed, by period, then bucket."""
        return self._rows(self._confirmed), self._rows(self._failed)

    def _rows(self, columns: dict[int, list[float]]) -> list[list[float]]:
        nothing = [0.0] * self.periods
        buckets = range(len(self._buckets))
        return [list(row) for row in zip(*(columns.get(bucket, nothing) for bucket in buckets), strict=True)]

    def restore(
        self,
        rates: list[float],
        numbers: list[float],
        confirmed: Sequence[Sequence[float]],
        failed: Sequence[Sequence[float]],
    ) -> None:
        """Go on from what `averages` and `rows` returned."""
        self._rates, self._numbers = rates, numbers
        self._confirmed = {
            bucket: list(column)
            for bucket, column in enumerate(zip(*confirmed, strict=True))
            if any(column) or rates[bucket] or numbers[bucket]
        }
        self._failed = {bucket: list(column) for bucket, column in enumerate(zip(*failed, strict=True)) if any(column)}


def _log_estimate(target: int, threshold: float, result: Estimate) -> None:
    passed, failed = result.passed, result.failed
    log.debug(
        "FeeEst: %d > %.0f%% decay %.5f: feerate: %g from (%g - %g) %.2f%% %.1f/(%.1f %d mem %.1f out) "
        "Fail: (%g - %g) %.2f%% %.1f/(%.1f %d mem %.1f out)",
        target,
        100.0 * threshold,
        result.decay,
        result.median,
        passed.start,
        passed.end,
        passed.percent,
        passed.within_target,
        passed.total_confirmed,
        passed.in_mempool,
        passed.left_mempool,
        failed.start,
        failed.end,
        failed.percent,
        failed.within_target,
        failed.total_confirmed,
        failed.in_mempool,
        failed.left_mempool,
    )
