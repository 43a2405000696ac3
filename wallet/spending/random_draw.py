"""Single random draw: coins in random order until they suffice (Core: SelectCoinsSRD)."""

from __future__ import annotations

from heapq import heappop, heappush
from typing import TYPE_CHECKING

from wallet.spending.errors import WeightError
from wallet.spending.parameters import CHANGE_LOWER
from wallet.spending.selection import Algorithm, Selection

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence

    from wallet.spending.groups import OutputGroup


def draw(
    groups: Sequence[OutputGroup],
    target: int,
    change_fee: int,
    max_weight: int,
    rng: random.Random,
    *,
    subtract_fee: bool = False,
) -> Selection | None:
    """Return groups of at least `target` and a change that is no crumb, None if there is not so much.

    Where they grow too heavy, those of the least amount are dropped. Raises WeightError if that happened and what was
    left did not suffice.
    """
    wanted = target + CHANGE_LOWER + change_fee
    drawn: list[tuple[int, int]] = []
    amount = weight = 0
    too_heavy = False
    for index in rng.sample(range(len(groups)), len(groups)):
        group = groups[index]
        heappush(drawn, (group.amount, index))
        amount += group.amount
        weight += group.weight
        while weight > max_weight and drawn:
            too_heavy = True
            _, least = heappop(drawn)
            amount -= groups[least].amount
            weight -= groups[least].weight
        if drawn and amount >= wanted:
            chosen = [groups[each] for _, each in drawn]
            return Selection(target, Algorithm.SINGLE_RANDOM_DRAW, chosen, subtract_fee=subtract_fee)
    if too_heavy:
        raise WeightError
    return None
