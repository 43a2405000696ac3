"""The fee rate to get into a mempool that was full lately (Core: CTxMemPool::GetMinFee, trackPackageRemoved)."""

from __future__ import annotations

from math import floor
from typing import TYPE_CHECKING, Final

from primitives.fee_rate import FeeRate

if TYPE_CHECKING:
    from collections.abc import Callable

HALF_LIFE: Final = 12 * 60 * 60
"""Seconds."""
_UPDATE_INTERVAL: Final = 10


class RollingFee:
    """Rises when transactions had to go, and falls by half in twelve hours or less once a block came."""

    def __init__(self, incremental: FeeRate, now: int) -> None:
        """Start with nothing; never fall below `incremental` before it is nothing again."""
        self._incremental = incremental
        self._rate = 0.0  # satoshis per kvB
        self._updated = now
        self._block_came = False

    def current(self, now: int, limit: int, usage: Callable[[], int]) -> FeeRate:
        """Return the rate, of a mempool of `usage` bytes of the `limit` it has."""
        if not self._block_came or not self._rate:
            return FeeRate(floor(self._rate + 0.5))
        if now > self._updated + _UPDATE_INTERVAL:
            half_life = float(HALF_LIFE)
            used = usage()
            if used < limit // 4:
                half_life /= 4
            elif used < limit // 2:
                half_life /= 2
            self._rate *= 2 ** ((self._updated - now) / half_life)  # So it is 0 after years, not too large a number.
            self._updated = now
            if self._rate < self._incremental.per_kvb / 2:
                self._rate = 0.0
                return FeeRate(0)
        return max(FeeRate(floor(self._rate + 0.5)), self._incremental)

    def removed(self, rate: FeeRate) -> None:
        """Ask for at least `rate` from now on: less had to go."""
        if rate.per_kvb > self._rate:
            self._rate = float(rate.per_kvb)
            self._block_came = False

    def block(self, now: int) -> None:
        """Begin to fall: a block made room."""
        self._updated = now
        self._block_came = True
