"""Coin grinder: the lightest coins that pay and leave change, for times of high fees (Core: CoinGrinder).

A search like branch and bound, from the largest group down. A branch is left when even the lightest of the groups that
are left cannot make it lighter than the best choice so far.
"""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING, Final

from primitives.transaction import MAX_MONEY
from wallet.spending.branch_and_bound import MAX_TRIES
from wallet.spending.errors import WeightError
from wallet.spending.selection import Algorithm, Selection

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wallet.spending.groups import OutputGroup

_NO_WEIGHT: Final = 2**31 - 1


def grind(
    groups: Sequence[OutputGroup], target: int, change_target: int, max_weight: int, *, subtract_fee: bool = False
) -> Selection | None:
    """Return the lightest groups of at least `target + change_target`, None if there is not so much.

    All groups are worth more than they cost. Of equally light choices the smaller one is taken. The selection's
    `complete` and `tries` tell of the search. Raises WeightError if none that suffice are light enough.
    """
    pool = sorted(groups, key=lambda group: (-group.amount, group.weight))
    amounts = [group.amount for group in pool]
    weights = [group.weight for group in pool]
    beyond = [*accumulate(reversed(amounts), initial=0)][-2::-1]
    """What is to be had behind each group."""
    lightest = [*accumulate(reversed(weights), min, initial=_NO_WEIGHT)][-2::-1]
    """The least weight of a group behind each."""
    wanted = target + change_target
    if sum(amounts) < wanted or not pool:
        return None
    end = len(pool)
    chosen: list[int] = []
    best: list[int] = []
    best_amount, best_weight = MAX_MONEY, max_weight
    amount = weight = following = tries = 0
    too_heavy, complete = False, True
    while True:
        place = following
        chosen.append(place)
        amount += amounts[place]
        weight += weights[place]
        following += 1
        tries += 1
        # How many decisions to take back: none to add the next group, one to try without the last, two without both.
        back = 0
        if amount + beyond[place] < wanted:
            back = 2
        elif weight > best_weight:
            too_heavy = too_heavy or weight > max_weight
            back = 2 if weights[place] <= lightest[place] else 1
        elif amount >= wanted:
            back = 1
            if (weight, amount) < (best_weight, best_amount):
                best, best_weight, best_amount = chosen.copy(), weight, amount
        elif best and weight + lightest[place] * -(-(wanted - amount) // amounts[place]) > best_weight:
            back = 2 if weights[place] <= lightest[place] else 1
        if tries >= MAX_TRIES:
            complete = False
            break
        if following == end:
            back = 2
        while back and chosen:
            last = chosen.pop()
            amount -= amounts[last]
            weight -= weights[last]
            following = last + 1
            back -= 1
            if back:
                continue
            # Groups of the same amount behind it are no lighter.
            while following < end and amounts[following] == amounts[last]:
                following += 1
            back = int(following == end)
        if back:
            break
    if not best:
        if too_heavy:
            raise WeightError
        return None
    found = [pool[index] for index in best]
    selection = Selection(target, Algorithm.COIN_GRINDER, found, subtract_fee=subtract_fee)
    selection.complete, selection.tries = complete, tries
    return selection
