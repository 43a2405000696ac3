"""Knapsack: random subsets, the nearest to the target is taken (Core: KnapsackSolver).

The oldest of the searches, and the only one to spend coins that cost more than they hold.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wallet.spending.errors import WeightError
from wallet.spending.selection import Algorithm, Selection

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence

    from wallet.spending.groups import OutputGroup

_ROUNDS: Final = 1000
_MAX_STEPS: Final = 300_000
"""Groups looked at in all rounds, so that wallets of many coins wait no longer."""


def knapsack(
    groups: Sequence[OutputGroup],
    target: int,
    change_target: int,
    max_weight: int,
    rng: random.Random,
    *,
    subtract_fee: bool = False,
) -> Selection | None:
    """Return groups of `target`, or else of about `target + change_target`; None if there is not so much.

    Raises WeightError if those that suffice are too heavy.
    """

    def select(*chosen: OutputGroup) -> Selection:
        return Selection(target, Algorithm.KNAPSACK, chosen, subtract_fee=subtract_fee)

    light = [group for group in groups if group.weight <= max_weight]
    too_heavy = len(light) < len(groups)
    rng.shuffle(light)
    exact = next((group for group in light if group.amount == target), None)
    if exact is not None:
        return select(exact)
    small = [group for group in light if group.amount < target + change_target]
    larger = min(
        (group for group in light if group.amount >= target + change_target),
        key=lambda group: group.amount,
        default=None,
    )
    total = sum(group.amount for group in small)
    if total == target and small:
        if sum(group.weight for group in small) <= max_weight:
            return select(*small)
        too_heavy = True
    if total < target:
        if larger is not None:
            return select(larger)
        if too_heavy:
            raise WeightError
        return None
    small.sort(key=lambda group: (-group.amount, group.waste))
    amount, best = _nearest(small, total, target, max_weight, rng)
    if amount != target and total >= target + change_target:
        amount, best = _nearest(small, total, target + change_target, max_weight, rng)
    leaves_crumbs = target != amount < target + change_target
    if larger is not None and (leaves_crumbs or larger.amount <= amount):
        return select(larger)
    found = select(*best)
    if found.weight <= max_weight and best:
        return found
    if larger is None:
        raise WeightError
    return select(larger)


def _nearest(
    groups: Sequence[OutputGroup], total: int, target: int, max_weight: int, rng: random.Random
) -> tuple[int, list[OutputGroup]]:
    """Return the amount and the groups of the least subset found of at least `target`, all if none is found."""
    amounts = [group.amount for group in groups]
    weights = [group.weight for group in groups]
    places = range(len(groups))
    best_amount = total
    best: list[int] | None = None
    for _ in range(min(_ROUNDS, 1 + _MAX_STEPS // max(len(groups), 1))):
        if best_amount == target:
            break
        coins = rng.randbytes(len(groups))
        included: list[int] = []
        amount = weight = 0
        reached = False
        # First those that a coin thrown for each picks, then, if they do not suffice, the others.
        for wanted in (1, 0):
            for place, coin, each, its_weight in zip(places, coins, amounts, weights, strict=True):
                if coin & 1 != wanted:
                    continue
                amount += each
                weight += its_weight
                if amount < target or weight > max_weight:
                    included.append(place)
                    continue
                reached = True
                if amount < best_amount:
                    best_amount, best = amount, [*included, place]
                # One more than needed is in: see whether a smaller one does as well.
                amount -= each
                weight -= its_weight
            if reached:
                break
    return best_amount, list(groups) if best is None else [groups[place] for place in best]
