"""Which transactions have to go when dependencies, found after a reorganisation, make clusters too large."""

from __future__ import annotations

from heapq import heapify, heappop, heappush
from itertools import pairwise
from typing import TYPE_CHECKING, Generic

from node.mempool.graph_node import Cluster, N

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class _Partition:
    """Things that belong together, with how many and how large they are."""

    __slots__ = ("count", "into", "size")

    def __init__(self, count: int, size: int) -> None:
        self.into = self
        self.count = count
        self.size = size

    def root(self) -> _Partition:
        at = self
        while at.into is not at:
            at.into = at = at.into.into
        return at

    def join(self, other: _Partition) -> _Partition:
        one, other = self.root(), other.root()
        if one is not other:
            if one.count < other.count:
                one, other = other, one
            other.into = one
            one.count += other.count
            one.size += other.size
        return one


class Group(Generic[N]):
    """Clusters, in order, that become one by dependencies between them."""

    __slots__ = ("clusters", "count", "dependencies", "size")

    def __init__(self, partition: _Partition) -> None:
        """Take the sums of the clusters."""
        self.count = partition.count
        self.size = partition.size
        self.clusters: list[Sequence[N]] = []
        self.dependencies: list[tuple[N, N]] = []


def grouped(joins: Iterable[tuple[N, N]], others: Iterable[Cluster[N] | N]) -> list[Group[N]]:
    """Return the clusters that the joins connect, and the others, in groups that become one cluster each."""
    partitions: dict[Cluster[N] | N, _Partition] = {}

    def partition(unit: Cluster[N] | N) -> _Partition:
        if unit not in partitions:
            partitions[unit] = _Partition(len(unit.nodes) if isinstance(unit, Cluster) else 1, unit.size)
        return partitions[unit]

    for unit in others:
        partition(unit)
    for parent, child in joins:
        partition(parent.cluster or parent).join(partition(child.cluster or child))
    groups: dict[_Partition, Group[N]] = {}
    for unit, part in partitions.items():
        root = part.root()
        group = groups.setdefault(root, Group(root))
        group.clusters.append(unit.nodes if isinstance(unit, Cluster) else (unit,))
    for parent, child in joins:
        groups[partition(child.cluster or child).root()].dependencies.append((parent, child))
    return list(groups.values())


def nodes_to_drop(group: Group[N], max_count: int, max_size: int) -> list[N]:
    """Return what has to go, descendants included, so that what stays of a group makes clusters within the limits.

    The clusters must be in order. Transactions are taken best chunk first, each after those it depends on
    and after those that stand before it in its cluster, and left out where they would make a cluster too large.
    """
    if group.count <= max_count and group.size <= max_size:
        return []
    missing: dict[N, int] = {}
    parents: dict[N, list[N]] = {}
    children: dict[N, list[N]] = {}
    dependencies = list(group.dependencies)
    for nodes in group.clusters:
        missing.update(dict.fromkeys(nodes, 0))
        dependencies += pairwise(nodes)
    for parent, child in dependencies:
        missing[child] += 1
        parents.setdefault(child, []).append(parent)
        children.setdefault(parent, []).append(child)

    def key(node: N) -> tuple[int, int, bytes, N]:
        chunk = node.chunk
        if chunk is None:
            raise ValueError(f"Transaction {node.txid[::-1].hex()} is not in order")
        return chunk.rank, chunk.size, node.txid, node

    kept: dict[N, _Partition] = {}
    ready = [key(node) for node, count in missing.items() if not count and node.size <= max_size]
    heapify(ready)
    while ready:
        node = heappop(ready)[-1]
        above = {kept[parent].root() for parent in parents.get(node, ())}
        count = 1 + sum(partition.count for partition in above)
        size = node.size + sum(partition.size for partition in above)
        if count > max_count or size > max_size:
            continue
        kept[node] = own = _Partition(1, node.size)
        for partition in above:
            own.join(partition)
        for child in children.get(node, ()):
            missing[child] -= 1
            if not missing[child]:
                heappush(ready, key(child))
    return [node for node in missing if node not in kept]
