"""What one search for coins goes by (Core: CoinSelectionParams of src/wallet/coinselection.h)."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Final

from primitives.fee_rate import ZERO, FeeRate

MAX_STANDARD_WEIGHT: Final = 400_000
CHANGE_LOWER: Final = 50_000
"""The least amount of change aimed at, in satoshis."""
CHANGE_UPPER: Final = 1_000_000
"""The most."""


@dataclass(frozen=True, slots=True)
class SelectionParameters:
    """Rates, sizes in virtual bytes, and amounts in satoshis."""

    rate: FeeRate = ZERO
    """What the transaction is to pay."""
    long_term_rate: FeeRate = ZERO
    """What it may cost later to spend what is not spent now."""
    discard_rate: FeeRate = ZERO
    """Change that costs all it holds to spend at this rate is left to the miner."""
    change_output_size: int = 0
    change_spend_size: int = 0
    min_change_target: int = 0
    """The change that searches aim at, if there is any."""
    min_viable_change: int = 0
    """Less than this is left to the miner."""
    change_fee: int = 0
    """The cost of a change output."""
    cost_of_change: int = 0
    """That and the cost of spending it later."""
    size_without_inputs: int = 0
    """Of the transaction without inputs and change."""
    subtract_fee: bool = False
    """Recipients pay the fee, so that coins count with all they hold."""
    avoid_partial_spends: bool = False
    include_unsafe: bool = False
    version: int = 2
    max_weight: int = MAX_STANDARD_WEIGHT
    rng: random.Random = field(default_factory=random.SystemRandom)


def change_target(payment: int, change_fee: int, rng: random.Random) -> int:
    """Return a random amount of change, about what is paid, so that it does not tell which output is the change.

    `payment` is the average of the recipients.
    """
    if payment <= CHANGE_LOWER // 2:
        return change_fee + CHANGE_LOWER
    return change_fee + CHANGE_LOWER + rng.randrange(min(payment * 2, CHANGE_UPPER) - CHANGE_LOWER)
