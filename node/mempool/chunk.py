"""Chunks: groups of transactions that are mined together, and how their feerates compare.

All comparisons are exact. Sizes are weights, adjusted for signature operations, below 2^32.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, NamedTuple

from node.mempool.graph_node import N

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_SHIFT = 64


def feerate_rank(fee: int, size: int) -> int:
    """Return a number that is smaller for a higher feerate, and equal for equal ones.

    Two different fractions whose denominators are below 2^32 are more than 2^-64 apart.
    """
    return (-fee << _SHIFT) // size


class Chunk(NamedTuple, Generic[N]):
    """One chunk of a cluster; compares as chunks are mined, best first (Core: CompareMainTransactions)."""

    rank: int  # feerate_rank of the chunk
    prefix: int  # the size of the cluster's chunks of this feerate, up to this one
    last_txid: bytes  # the highest in the chunk
    nodes: tuple[N, ...]  # parents before children
    fee: int
    size: int


def split_into_chunks(nodes: Sequence[N]) -> list[Chunk[N]]:
    """Return the chunks of a cluster whose nodes stand in the order they are mined."""
    found: list[tuple[int, int, int]] = []  # fee, size, number of nodes
    for node in nodes:
        fee, size, count = node.fee, node.size, 1
        while found:
            last_fee, last_size, last_count = found[-1]
            if fee * last_size <= last_fee * size:
                break
            fee += last_fee
            size += last_size
            count += last_count
            found.pop()
        found.append((fee, size, count))
    chunks: list[Chunk[N]] = []
    start = prefix = 0
    last_rank = None
    for fee, size, count in found:
        rank = feerate_rank(fee, size)
        prefix = prefix + size if rank == last_rank else size
        last_rank = rank
        members = tuple(nodes[start : start + count])
        last_txid = members[0].txid if count == 1 else max(node.txid for node in members)
        chunks.append(Chunk(rank, prefix, last_txid, members, fee, size))
        start += count
    return chunks


def diagram(chunks: Iterable[Chunk[Any]]) -> list[tuple[int, int]]:
    """Return (fee, size) of the chunks, highest feerate first, of equal ones the smallest."""
    return [(chunk.fee, chunk.size) for chunk in sorted(chunks, key=lambda chunk: (chunk.rank, chunk.size))]


def compare_diagrams(one: Sequence[tuple[int, int]], other: Sequence[tuple[int, int]]) -> int | None:
    """Return 1 when `one` is nowhere below `other` and somewhere above, -1 for the opposite, 0 when equal.

    None when each is above the other somewhere (Core: CompareChunks). A diagram goes on flat after its last chunk.
    """
    sides = (one, other)
    at = [0, 0]
    fees, sizes = [0, 0], [0, 0]
    better = [False, False]
    while True:
        left = [at[side] < len(sides[side]) for side in (0, 1)]
        if not any(left):
            return None if all(better) else better[0] - better[1]
        ends = [sizes[side] + sides[side][at[side]][1] if left[side] else 0 for side in (0, 1)]
        side = int(ends[0] > ends[1]) if all(left) else int(left[1])
        # The next point of one side, against the line that the other has there.
        fee, size = sides[side][at[side]]
        rise, run = fees[side] + fee - fees[1 - side], ends[side] - sizes[1 - side]
        line_rise, line_run = sides[1 - side][at[1 - side]] if left[1 - side] else (0, 1)
        above = rise * line_run - line_rise * run
        if above:
            better[side if above > 0 else 1 - side] = True
        step = (0, 1) if all(left) and ends[0] == ends[1] else (side,)
        for moved in step:
            fee, size = sides[moved][at[moved]]
            fees[moved] += fee
            sizes[moved] += size
            at[moved] += 1
        if all(better):
            return None
