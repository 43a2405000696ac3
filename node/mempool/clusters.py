"""Putting clusters in order, taking them apart, and what is above and below a transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING

from node.mempool.chunk import Chunk, feerate_rank
from node.mempool.linearize import linearize

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from node.mempool.graph_node import N


def put_in_order(nodes: Sequence[N], *, improve: bool = True) -> list[N]:
    """Return the nodes of a cluster in the order they are mined.

    The order given is improved on; it need not have parents before children.
    """
    index = {node: at for at, node in enumerate(nodes)}
    parents = _parent_bits(nodes, index)
    if any(bits >> at for at, bits in enumerate(parents)):
        nodes = parents_first(nodes)
        index = {node: at for at, node in enumerate(nodes)}
        parents = _parent_bits(nodes, index)
    if not improve:
        return list(nodes)
    order = linearize(
        [node.fee for node in nodes], [node.size for node in nodes], parents, [node.txid for node in nodes]
    )
    return [nodes[at] for at in order]


def _parent_bits(nodes: Sequence[N], index: dict[N, int]) -> list[int]:
    result = []
    for node in nodes:
        bits = 0
        for parent in node.parents:
            at = index.get(parent)
            if at is not None:
                bits |= 1 << at
        result.append(bits)
    return result


def parents_first(nodes: Sequence[N]) -> list[N]:
    """Return the nodes with each after its parents, and otherwise as they were."""
    wanted = set(nodes)
    result: list[N] = []
    for start in nodes:
        stack = [start]
        while stack:
            node = stack[-1]
            if node not in wanted:
                stack.pop()
                continue
            missing = [parent for parent in node.parents if parent in wanted]
            if missing:
                stack.extend(reversed(missing))
            else:
                wanted.discard(node)
                result.append(stack.pop())
    return result


def lone_chunk(node: N) -> Chunk[N]:
    """Return the chunk of a transaction that is alone in its cluster."""
    return Chunk(feerate_rank(node.fee, node.size), node.size, node.txid, (node,), node.fee, node.size)


def components(nodes: Collection[N], extra: dict[N, list[N]]) -> list[list[N]]:
    """Return the nodes grouped by what hangs together, each group in the order given.

    `extra` holds children that the nodes do not know of themselves.
    """
    group: dict[N, int] = dict.fromkeys(nodes, -1)
    count = 0
    for start in nodes:
        if group[start] >= 0:
            continue
        group[start] = count
        stack = [start]
        while stack:
            node = stack.pop()
            for near in (node.parents, node.children, extra.get(node, ())):
                for other in near:
                    if group.get(other, 0) < 0:
                        group[other] = count
                        stack.append(other)
        count += 1
    result: list[list[N]] = [[] for _ in range(count)]
    for node, at in group.items():
        result[at].append(node)
    return result


def ancestors(nodes: Iterable[N]) -> set[N]:
    """Return the nodes and all they depend on."""
    seen = set(nodes)
    stack = list(seen)
    while stack:
        for near in stack.pop().parents:
            if near not in seen:
                seen.add(near)
                stack.append(near)
    return seen


def descendants(nodes: Iterable[N]) -> set[N]:
    """Return the nodes and all that depend on them."""
    seen = set(nodes)
    stack = list(seen)
    while stack:
        for near in stack.pop().children:
            if near not in seen:
                seen.add(near)
                stack.append(near)
    return seen
