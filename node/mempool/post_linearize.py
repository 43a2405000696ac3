"""Improves the order of a cluster by moving groups of transactions past each other (Core: PostLinearize)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def post_linearize(
    order: Sequence[int], fees: Sequence[int], sizes: Sequence[int], above: Sequence[int], below: Sequence[int]
) -> list[int]:
    """Return an order that is at least as good, whose chunks are connected.

    `above` and `below` have a bit set for each ancestor and each descendant of a transaction.
    """
    backwards = _pass(list(reversed(order)), [-fee for fee in fees], sizes, below)
    return _pass(backwards[::-1], fees, sizes, above)


class _Group:
    """Transactions that stay together, in the order of the pass."""

    __slots__ = ("fee", "members", "needs", "order", "size")

    def __init__(self, at: int, fee: int, size: int, needs: int) -> None:
        self.order = [at]
        self.members = 1 << at
        self.needs = needs
        self.fee = fee
        self.size = size


def _pass(order: Sequence[int], fees: Sequence[int], sizes: Sequence[int], needs: Sequence[int]) -> list[int]:
    groups: list[_Group] = []
    for at in order:
        group = _Group(at, fees[at], sizes[at], needs[at])
        place = len(groups)
        groups.append(group)
        while place:
            before = groups[place - 1]
            if group.fee * before.size <= before.fee * group.size:
                break
            place -= 1
            if group.needs & before.members:
                group.order = before.order + group.order
                group.members |= before.members
                group.needs |= before.needs
                group.fee += before.fee
                group.size += before.size
                del groups[place]
            else:
                groups[place], groups[place + 1] = group, before
    return [at for group in groups for at in group.order]
