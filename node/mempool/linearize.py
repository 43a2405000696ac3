"""Finds the order of a cluster's transactions that earns the most fees early.

The method is Core's spanning forest: some dependencies are active, so that the transactions
they connect form trees, which are the chunks. A chunk is cut where its upper part pays a
higher feerate than the whole, and the parts are joined with the chunks they depend on, until
no cut helps: then the order is optimal. Last, chunks are cut into parts of equal feerate.
Sets of transactions are bits of an integer.
"""

from __future__ import annotations

from heapq import heapify, heappop, heappush
from random import Random
from typing import TYPE_CHECKING

from node.mempool.chunk import feerate_rank
from node.mempool.post_linearize import post_linearize

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_random = Random()  # noqa: S311 - it only breaks ties

BUDGET = 50_000
"""How many transactions are looked at, at most, to improve the order of one cluster."""


def linearize(
    fees: Sequence[int], sizes: Sequence[int], parents: Sequence[int], txids: Sequence[bytes], budget: int = BUDGET
) -> list[int]:
    """Return the numbers of the transactions in the order they are mined.

    They are given in an order where parents come before children, which the result is never worse than.
    `parents` has a bit set for each transaction that one depends on directly.
    """
    count = len(fees)
    if all(parents[at] == 1 << at - 1 for at in range(1, count)):
        return list(range(count))
    reduced, above, below = _closures(parents)
    forest = _Forest(fees, sizes, reduced)
    if forest.optimize(budget):
        forest.minimize(budget)
    return post_linearize(forest.order(txids), fees, sizes, above, below)


def _bits(of: int) -> Iterator[int]:
    while of:
        low = of & -of
        yield low.bit_length() - 1
        of ^= low


def _closures(parents: Sequence[int]) -> tuple[list[int], list[int], list[int]]:
    """Return the parents without those that are ancestors of others, all ancestors, and all descendants."""
    reduced: list[int] = []
    above: list[int] = []
    for direct in parents:
        others = 0
        for parent in _bits(direct):
            others |= above[parent]
        reduced.append(direct & ~others)
        above.append(others | direct)
    below = [0] * len(parents)
    for at in range(len(parents) - 1, -1, -1):
        itself = below[at] | 1 << at
        for parent in _bits(reduced[at]):
            below[parent] |= itself
    return reduced, above, below


class _Forest:
    """The active dependencies of a cluster and the chunks that they make. A chunk has the number of one of its own."""

    def __init__(self, fees: Sequence[int], sizes: Sequence[int], parents: list[int]) -> None:
        count = len(fees)
        self._fees, self._sizes = fees, sizes
        self._parents = parents
        self._children = children = [0] * count
        for child, bits in enumerate(parents):
            for parent in _bits(bits):
                children[parent] |= 1 << child
        self._active_parents = [0] * count
        self._active_children = [0] * count
        # By the number of the chunk: what is in it, what it pays, what it depends on, what depends on it.
        self._members = [1 << at for at in range(count)]
        self._fee, self._size = list(fees), list(sizes)
        self._above, self._below = list(parents), list(children)
        self._chunk_of = list(range(count))
        self._queue: list[int] = []
        self._work = 0
        for at in range(count):
            self._merge_upwards(at)

    def optimize(self, budget: int) -> bool:
        """Cut and join while that helps. Return whether the order is now known to be optimal."""
        self._queue = list(set(self._chunk_of))
        while self._queue:
            if self._work > budget:
                return False
            chunk = self._queue.pop()
            if self._chunk_of[chunk] != chunk:
                continue
            cut = self._worst_dependency(chunk)
            if cut is None:
                continue
            top, bottom = self._cut(*cut)
            if self._above[top] & self._members[bottom]:
                self._queue.append(self._join(bottom, top))
            else:
                self._queue.append(self._merge_upwards(top))
                self._queue.append(self._merge_downwards(bottom))
        return True

    def minimize(self, budget: int) -> None:
        """Cut chunks into parts of the same feerate, as far as dependencies let them come apart."""
        # A pivot is moved into the upper part, then into the lower: a cut has it in one of them.
        queue = [(chunk, chunk, False, False) for chunk in set(self._chunk_of)]
        while queue:
            chunk, pivot, downwards, second = queue.pop()
            if self._work > budget:
                return
            members = self._members[chunk]
            if not members & (members - 1):
                continue
            cuts, any_even = self._even_dependencies(chunk, pivot, downwards)
            if not cuts:
                if any_even and not second:
                    queue.append((chunk, pivot, not downwards, True))
                continue
            top, bottom = self._cut(*_random.choice(cuts))
            if self._above[top] & self._members[bottom]:
                queue.append((self._join(bottom, top), pivot, downwards, second))
            elif downwards:
                queue += [(top, top, False, False), (bottom, pivot, downwards, second)]
            else:
                queue += [(top, pivot, downwards, second), (bottom, bottom, False, False)]

    def order(self, txids: Sequence[bytes]) -> list[int]:
        """Return the transactions, those of the best chunk first, and within a chunk the best first.

        Among chunks, and among transactions, that are free to be next, it goes by feerate,
        then by size, smaller first, then by the (highest) txid.
        """
        chunks = set(self._chunk_of)
        fees, sizes, parents = self._fees, self._sizes, self._parents

        def chunk_key(chunk: int) -> tuple[int, int, bytes, int]:
            fee, size = self._fee[chunk], self._size[chunk]
            return feerate_rank(fee, size), size, max(txids[at] for at in _bits(self._members[chunk])), chunk

        def key(at: int) -> tuple[int, int, bytes, int]:
            return feerate_rank(fees[at], sizes[at]), sizes[at], txids[at], at

        result: list[int] = []
        done = 0
        ready_chunks = [chunk_key(chunk) for chunk in chunks if not self._above[chunk]]
        heapify(ready_chunks)
        while ready_chunks:
            chunk = heappop(ready_chunks)[-1]
            members = self._members[chunk]
            if not members & (members - 1):
                result.append(members.bit_length() - 1)
                done |= members
            else:
                ready = [key(at) for at in _bits(members) if not parents[at] & ~done]
                heapify(ready)
                while ready:
                    at = heappop(ready)[-1]
                    result.append(at)
                    done |= 1 << at
                    for child in _bits(self._children[at] & members):
                        if not parents[child] & ~done:
                            heappush(ready, key(child))
            below = self._below[chunk]
            while below:
                child = self._chunk_of[below.bit_length() - 1]
                below &= ~self._members[child]
                if not self._above[child] & ~done:
                    heappush(ready_chunks, chunk_key(child))
        return result

    def _merge_upwards(self, chunk: int) -> int:
        """Join a chunk with the worst it depends on that is not better than it, again and again."""
        chunk_of, members, fees, sizes = self._chunk_of, self._members, self._fee, self._size
        while True:
            best = -1
            fee, size = fees[chunk], sizes[chunk]
            todo = self._above[chunk]
            while todo:
                other = chunk_of[todo.bit_length() - 1]
                todo &= ~members[other]
                self._work += 1
                difference = fees[other] * size - fee * sizes[other]
                if difference < 0 or (difference == 0 and (best < 0 or _random.random() < 0.5)):
                    best, fee, size = other, fees[other], sizes[other]
            if best < 0:
                return chunk
            chunk = self._join(best, chunk)

    def _merge_downwards(self, chunk: int) -> int:
        """Join a chunk with the best that depends on it and is not worse than it, again and again."""
        chunk_of, members, fees, sizes = self._chunk_of, self._members, self._fee, self._size
        while True:
            best = -1
            fee, size = fees[chunk], sizes[chunk]
            todo = self._below[chunk]
            while todo:
                other = chunk_of[todo.bit_length() - 1]
                todo &= ~members[other]
                self._work += 1
                difference = fees[other] * size - fee * sizes[other]
                if difference > 0 or (difference == 0 and (best < 0 or _random.random() < 0.5)):
                    best, fee, size = other, fees[other], sizes[other]
            if best < 0:
                return chunk
            chunk = self._join(chunk, best)

    def _join(self, top: int, bottom: int) -> int:
        """Activate a dependency of `bottom` on `top` and return the chunk they become."""
        members = self._members
        parent = self._pick(self._above[bottom] & members[top])
        child = self._pick(self._children[parent] & members[bottom])
        self._active_children[parent] |= 1 << child
        self._active_parents[child] |= 1 << parent
        joined = members[top] | members[bottom]
        moved, chunk = (top, bottom) if members[top].bit_count() < members[bottom].bit_count() else (bottom, top)
        for at in _bits(members[moved]):
            self._chunk_of[at] = chunk
        members[chunk] = joined
        self._fee[chunk] += self._fee[moved]
        self._size[chunk] += self._size[moved]
        self._above[chunk] = (self._above[top] | self._above[bottom]) & ~joined
        self._below[chunk] = (self._below[top] | self._below[bottom]) & ~joined
        self._work += 1
        return chunk

    def _cut(self, parent: int, child: int) -> tuple[int, int]:
        """Deactivate a dependency and return the chunks that were above and below it."""
        self._active_children[parent] ^= 1 << child
        self._active_parents[child] ^= 1 << parent
        whole = self._chunk_of[parent]
        members = self._members[whole]
        bottom_members = self._reached(child)
        top_members = members ^ bottom_members
        # The chunk keeps its number on the side where the transaction of that number is.
        top, bottom = (whole, child) if top_members >> whole & 1 else (parent, whole)
        for chunk, part in ((top, top_members), (bottom, bottom_members)):
            above = below = part_fee = part_size = 0
            for at in _bits(part):
                self._chunk_of[at] = chunk
                above |= self._parents[at]
                below |= self._children[at]
                part_fee += self._fees[at]
                part_size += self._sizes[at]
            self._members[chunk] = part
            self._fee[chunk], self._size[chunk] = part_fee, part_size
            self._above[chunk], self._below[chunk] = above & ~part, below & ~part
        self._work += members.bit_count()
        return top, bottom

    def _reached(self, start: int) -> int:
        seen = 1 << start
        todo = seen
        while todo:
            at = todo.bit_length() - 1
            near = (self._active_parents[at] | self._active_children[at]) & ~seen
            seen |= near
            todo = todo & ~(1 << at) | near
        return seen

    def _branches(self, chunk: int, root: int) -> list[tuple[int, int, bool, int]]:
        """Return each active dependency of a chunk: parent, child, whether the root is above it, and what it gains.

        The gain is positive where the part above pays a higher feerate than the chunk, and 0 where it pays the same.
        """
        fees, sizes = list(self._fees), list(self._sizes)
        via: dict[int, int] = {root: -1}
        order = [root]
        for at in order:
            back = via[at]
            near = self._active_parents[at] | self._active_children[at]
            if back >= 0:
                near &= ~(1 << back)
            while near:
                low = near & -near
                near ^= low
                other = low.bit_length() - 1
                via[other] = at
                order.append(other)
        self._work += len(order)
        fee, size = self._fee[chunk], self._size[chunk]
        found = []
        for at in reversed(order[1:]):
            near = via[at]
            fees[near] += fees[at]
            sizes[near] += sizes[at]
            gain = fees[at] * size - fee * sizes[at]
            if self._active_children[at] >> near & 1:
                found.append((at, near, False, gain))
            else:
                found.append((near, at, True, -gain))
        return found

    def _worst_dependency(self, chunk: int) -> tuple[int, int] | None:
        """Return a dependency whose part above pays a higher feerate than the chunk, if there is one."""
        members = self._members[chunk]
        if not members & (members - 1):
            return None
        cuts = [(parent, child) for parent, child, _, gain in self._branches(chunk, chunk) if gain > 0]
        return _random.choice(cuts) if cuts else None

    def _even_dependencies(self, chunk: int, pivot: int, downwards: bool) -> tuple[list[tuple[int, int]], bool]:
        """Return dependencies whose parts pay the same, with the pivot on the side wanted, and whether any do."""
        even = [(parent, child, above) for parent, child, above, gain in self._branches(chunk, pivot) if gain == 0]
        return [(parent, child) for parent, child, above in even if above != downwards], bool(even)

    def _pick(self, among: int) -> int:
        """Return one of a set."""
        if not among & (among - 1):
            return among.bit_length() - 1
        return _random.choice(list(_bits(among)))
