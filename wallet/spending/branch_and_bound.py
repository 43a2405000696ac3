"""Branch and bound: coins that reach a target so nearly that there need be no change (Core: SelectCoinsBnB).

Groups are taken from the largest down, each first with and then without; a branch is left as soon as what it holds is
too much, or what it can still reach too little. Described in Erhardt, "An Evaluation of Coin Selection Strategies".
"""

from __future__ import annotations

from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Final

from primitives.transaction import MAX_MONEY
from wallet.spending.errors import WeightError
from wallet.spending.selection import Algorithm, Selection

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wallet.spending.groups import OutputGroup

MAX_TRIES: Final = 100_000


def branch_and_bound(
    groups: Sequence[OutputGroup], target: int, cost_of_change: int, max_weight: int
) -> Selection | None:
    """Return the least wasteful groups of `target` to `target + cost_of_change`, None if none are found.

    All groups are worth more than they cost. Raises WeightError if none that suffice are light enough.
    """
    pool = sorted(groups, key=lambda group: (-group.amount, group.waste))
    amounts = [group.amount for group in pool]
    left = [*accumulate(reversed(amounts), initial=0)][::-1]
    """What is to be had from each place on."""
    if not pool or left[0] < target:
        return None
    wastes = [group.waste for group in pool]
    weights = [group.weight for group in pool]
    is_twin = [False] + [(one.amount, one.fee) == (other.amount, other.fee) for one, other in pairwise(pool)]
    """It does not matter which of two such groups is taken, so a branch without the first need not try the second."""
    is_dear = wastes[0] > 0
    most = target + cost_of_change
    chosen: list[int] = []
    best: list[int] = []
    best_waste = MAX_MONEY
    amount = waste = weight = place = 0
    too_heavy = False
    for _ in range(MAX_TRIES):
        if amount + left[place] < target or amount > most or (is_dear and waste > best_waste):
            pass
        elif weight > max_weight:
            too_heavy = True
        elif amount >= target:
            if waste + amount - target <= best_waste:
                best, best_waste = chosen.copy(), waste + amount - target
        else:
            if not is_twin[place] or (chosen and chosen[-1] == place - 1):
                chosen.append(place)
                amount += amounts[place]
                waste += wastes[place]
                weight += weights[place]
            place += 1
            continue
        if not chosen:
            break
        place = chosen.pop()
        amount -= amounts[place]
        waste -= wastes[place]
        weight -= weights[place]
        place += 1
    if best:
        return Selection(target, Algorithm.BRANCH_AND_BOUND, [pool[index] for index in best])
    if too_heavy:
        raise WeightError
    return None
