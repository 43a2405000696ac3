"""What one look at the statistics of a horizon answers (Core: EstimationResult in block_policy_estimator.h)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final


class Horizon(Enum):
    """How far back statistics reach; the value is the name that RPC shows."""

    SHORT = "short"
    MEDIUM = "medium"
    LONG = "long"


class Reason(Enum):
    """Which of the thresholds set a smart estimate."""

    NONE = "None"
    HALF = "Half Target 60% Threshold"
    FULL = "Target 85% Threshold"
    DOUBLE = "Double Target 95% Threshold"
    CONSERVATIVE = "Conservative Double Target longer horizon"


@dataclass(frozen=True, slots=True)
class FeerateRange:
    """Neighbouring buckets taken together. Rates in satoshis per kvB, numbers of transactions as averages decay."""

    start: float = -1.0
    """-1 where there is no such range."""
    end: float = -1.0
    within_target: float = 0.0
    """Confirmed in time."""
    total_confirmed: float = 0.0
    in_mempool: float = 0.0
    """Not confirmed for at least the target."""
    left_mempool: float = 0.0
    """Gone unconfirmed after at least the target."""

    @property
    def percent(self) -> float:
        """How many were confirmed in time, of all."""
        number = self.total_confirmed + self.in_mempool + self.left_mempool
        return 100 * self.within_target / number if number else 0.0


NO_RANGE: Final = FeerateRange()


@dataclass(frozen=True, slots=True)
class Estimate:
    """The lowest range of fee rates that was good enough, and the highest that was not."""

    median: float = -1.0
    """Satoshis per kvB; -1 where none was good enough."""
    passed: FeerateRange = NO_RANGE
    failed: FeerateRange = NO_RANGE
    decay: float = 0.0
    scale: int = 0


NO_ESTIMATE: Final = Estimate()


@dataclass(frozen=True, slots=True)
class SmartEstimate:
    """What rate to pay for a target."""

    feerate: int
    """Satoshis per kvB; 0 where too little is known."""
    target: int
    """For how many blocks it holds, which may differ from what was asked for."""
    reason: Reason = Reason.NONE
    estimate: Estimate = NO_ESTIMATE
