"""The graph of unconfirmed transactions: clusters, their chunks, and the order of the whole pool.

Not thread-safe: whoever uses it holds the pool's lock. Changes are cheap; clusters that were
touched are put in order when the order is next asked for (Core: TxGraph).
"""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING, Generic

from node.mempool.chunk import split_into_chunks
from node.mempool.chunk_order import ChunkOrder
from node.mempool.clusters import ancestors, components, descendants, lone_chunk, put_in_order
from node.mempool.graph_node import Cluster, GraphNode, N
from node.mempool.graph_usage import CHUNK_BYTES, ENTRY_BYTES, LONE_BYTES, MEMBER_BYTES, cluster_bytes
from node.mempool.staging import Staging
from node.mempool.trim import Group, grouped, nodes_to_drop

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from node.mempool.chunk import Chunk

__all__ = ["Cluster", "GraphNode", "Staging", "TxGraph"]

MAX_CLUSTER_COUNT = 64


class TxGraph(Generic[N]):
    """Transactions and their dependencies."""

    def __init__(self, max_count: int = MAX_CLUSTER_COUNT, max_size: int = 101_000 * 4) -> None:
        """Take what a cluster may have at most: transactions, and adjusted weight."""
        self.max_count = max_count
        self.max_size = max_size
        self._count = 0
        self._order: ChunkOrder[N] = ChunkOrder()
        self._stale: dict[Cluster[N], None] = {}
        self._joins: list[tuple[N, N]] = []  # dependencies between clusters, still to be joined
        self._large: dict[Cluster[N] | N, None] = {}  # what was, at some time, beyond the limits
        self._usage = 0  # of clusters and chunks

    def __len__(self) -> int:
        """Return how many transactions there are."""
        return self._count

    def __contains__(self, node: N) -> bool:
        """Tell whether a transaction is in the graph."""
        return node.chunk is not None or node.cluster is not None

    # What changes it.

    def add(self, node: N, parents: Iterable[N]) -> None:
        """Add a transaction below its parents. Limits do not matter here."""
        node.parents = node.children = ()
        node.cluster = None
        self._count += 1
        self.place_alone(node)
        for parent in parents:
            self.add_dependency(parent, node)

    def add_dependency(self, parent: N, child: N) -> None:
        """Let a transaction depend on one more. Limits do not matter here."""
        if parent in child.parents or parent not in self or child not in self:
            return
        child.parents = (*child.parents, parent)
        _add_child(parent, child)
        if child.cluster is not None and child.cluster is parent.cluster:
            self._mark(child.cluster)
        else:
            self._joins.append((parent, child))

    def remove(self, node: N) -> None:
        """Remove one transaction. What hung together only through it falls apart. No-op when it is not here."""
        if node not in self:
            return
        for parent in node.parents:
            _drop_child(parent, node)
        for child in node.children:
            child.parents = tuple(parent for parent in child.parents if parent is not node)
        node.parents = node.children = ()
        self._count -= 1
        cluster = node.cluster
        if cluster is None:
            self.forget(node)
            return
        self._mark(cluster)
        node.cluster = None
        cluster.split = True
        cluster.size -= node.size

    def remove_all(self, nodes: Iterable[N]) -> None:
        """Remove many transactions at once, as for a block: cheap for clusters of which nothing stays."""
        chunks: list[Chunk[N]] = []
        clusters: dict[Cluster[N], list[N]] = {}
        # A dependency that waits to be joined is no part of a cluster yet.
        self.settle_clusters()
        for node in nodes:
            cluster = node.cluster
            if cluster is not None:
                clusters.setdefault(cluster, []).append(node)
            elif node.chunk is not None:
                chunks.append(node.chunk)
                node.chunk = None
        self._count -= len(chunks)
        self._usage -= LONE_BYTES * len(chunks)
        for cluster, gone in clusters.items():
            if len(gone) < len(cluster.nodes):
                for node in gone:
                    self.remove(node)
                continue
            self._stale.pop(cluster, None)
            self._usage -= cluster.usage
            self._count -= len(gone)
            chunks += cluster.chunks
            for node in gone:
                node.cluster = node.chunk = None
                node.parents = node.children = ()
        self._order.remove_all(chunks)

    def set_fee(self, node: N, fee: int) -> None:
        """Change the modified fee of a transaction."""
        if node.fee == fee:
            return
        if node.cluster is not None:
            self._mark(node.cluster)
            node.fee = fee
        elif node.chunk is not None:
            self.forget(node)
            node.fee = fee
            self.place_alone(node)
        else:
            node.fee = fee

    def stage(self) -> Staging[N]:
        """Start to try changes. Until they are committed or abandoned the graph must not be changed otherwise."""
        return Staging(self)

    def trim(self) -> list[N]:
        """Remove transactions until all clusters are within the limits, and return these.

        What stays is decided by the order of the clusters before dependencies were added (Core: TxGraph::Trim).
        """
        self._put_stale_in_order()
        dropped = [node for group in self._groups() for node in nodes_to_drop(group, self.max_count, self.max_size)]
        for node in dropped:
            self.remove(node)
        self.settle()
        return dropped

    # What asks.

    @property
    def usage(self) -> int:
        """The bytes that Core says such a graph takes, exact when no cluster waits to be put in order."""
        return self._usage + ENTRY_BYTES * self._count

    def oversized(self) -> bool:
        """Tell whether a cluster is beyond the limits."""
        self._part_split()
        return any(group.count > self.max_count or group.size > self.max_size for group in self._groups())

    def ancestors(self, *nodes: N) -> set[N]:
        """Return the transactions and all they depend on."""
        return ancestors(nodes)

    def descendants(self, *nodes: N) -> set[N]:
        """Return the transactions and all that depend on them."""
        return descendants(nodes)

    def cluster_of(self, node: N) -> Sequence[N]:
        """Return the transactions of a node's cluster in the order they are mined."""
        self.settle()
        return (node,) if node.cluster is None else tuple(node.cluster.nodes)

    def cluster_count(self, nodes: Iterable[N]) -> int:
        """Return how many clusters the nodes are in."""
        self.settle_clusters()
        return len({node if node.cluster is None else node.cluster for node in nodes})

    def chunks(self, node: N) -> Sequence[Chunk[N]]:
        """Return the chunks of a node's cluster in order."""
        self.settle()
        if node.cluster is not None:
            return node.cluster.chunks
        return () if node.chunk is None else (node.chunk,)

    def chunk_feerate(self, node: N) -> tuple[int, int]:
        """Return fee and size of the chunk that a node is in."""
        self.settle()
        if node.chunk is None:
            raise KeyError(node.txid.hex())
        return node.chunk.fee, node.chunk.size

    def worst_chunk(self) -> tuple[Sequence[N], int, int] | None:
        """Return what is mined last, children before parents, with its fee and size; none when the graph is empty."""
        self.settle()
        chunk = self._order.last()
        return None if chunk is None else (chunk.nodes[::-1], chunk.fee, chunk.size)

    def mining_order(self) -> Iterator[tuple[tuple[N, ...], int, int]]:
        """Go through all chunks, best first: nodes, parents before children, fee and size.

        The graph must not be changed meanwhile. Who leaves out a chunk has to leave out the later ones
        of its cluster too; `nodes[0].cluster` names it, none where it has no other.
        """
        self.settle()
        return map(itemgetter(3, 4, 5), self._order)

    def order_key(self, node: N) -> tuple[int, int, bytes, int]:
        """Return what sorts transactions as they are mined."""
        self.settle()
        if node.chunk is None:
            raise KeyError(node.txid.hex())
        rank, prefix, last, *_ = node.chunk
        return rank, prefix, last, node.position

    # What changes the clusters; for Staging too.

    def attach(self, node: N, *, join: bool) -> None:
        """Take in a transaction that knows its parents; `join` makes one cluster of it and theirs."""
        self._count += 1
        for parent in node.parents:
            _add_child(parent, node)
        if not join:
            return
        if not node.parents:
            self.place_alone(node)
        for parent in node.parents:
            self._join(parent, node)

    def place_alone(self, node: N) -> None:
        """Give a transaction that no other hangs on its place in the order."""
        node.position = 0
        node.chunk = chunk = lone_chunk(node)
        self._order.add(chunk)
        self._usage += LONE_BYTES
        if node.size > self.max_size:
            self._large[node] = None

    def place(self, cluster: Cluster[N], chunks: Sequence[Chunk[N]]) -> None:
        """Give a cluster that is in order its places."""
        cluster.chunks = chunks
        usage = cluster_bytes(len(cluster.nodes)) + CHUNK_BYTES * len(chunks)
        self._usage += usage - cluster.usage
        cluster.usage = usage
        for chunk in chunks:
            self._order.add(chunk)
            for node in chunk.nodes:
                node.chunk = chunk

    def forget(self, unit: Cluster[N] | N) -> None:
        """Take a cluster, or a transaction that is alone in its own, out of the order for good."""
        if isinstance(unit, Cluster):
            self._stale.pop(unit, None)
            self._unplace(unit)
            self._usage -= unit.usage
            unit.usage = 0
        elif unit.chunk is not None:
            self._order.remove(unit.chunk)
            unit.chunk = None
            self._usage -= LONE_BYTES

    def settle_clusters(self) -> None:
        """Join what was said to depend on each other, and part what fell apart."""
        if self._joins:
            joins, self._joins = self._joins, []
            for parent, child in joins:
                if parent in child.parents:
                    self._join(parent, child)
        self._part_split()

    def settle(self) -> None:
        """Put all clusters that were touched in order."""
        if self._joins or self._stale:
            self.settle_clusters()
            self._put_stale_in_order()

    def _unplace(self, cluster: Cluster[N]) -> None:
        for chunk in cluster.chunks:
            self._order.remove(chunk)
            for node in chunk.nodes:
                node.chunk = None
        cluster.chunks = ()

    def _mark(self, cluster: Cluster[N]) -> None:
        """Note that a cluster has to be put in order again."""
        if cluster not in self._stale:
            self._unplace(cluster)
            self._stale[cluster] = None

    def _join(self, one: N, other: N) -> None:
        """Make one cluster of those of two transactions."""
        if one.cluster is not None and one.cluster is other.cluster:
            self._mark(one.cluster)
            return
        into, out = one.cluster, other.cluster
        if into is None or (out is not None and len(out.nodes) > len(into.nodes)):
            one, other, into, out = other, one, out, into
        before = 0
        if into is None:
            self.forget(one)
            into = Cluster([one])
            before = 1
        else:
            before = len(into.nodes)
        self._mark(into)
        if out is None:
            self.forget(other)
            into.append(other)
        else:
            self.forget(out)
            into.split = into.split or out.split
            for node in out.nodes:
                if node.cluster is out:
                    into.append(node)
        added = MEMBER_BYTES * (len(into.nodes) - before)
        into.usage += added
        self._usage += added
        if len(into.nodes) > self.max_count or into.size > self.max_size:
            self._large[into] = None

    def _groups(self) -> list[Group[N]]:
        """Return the clusters to be joined, and those known to be too large, in groups that become one."""
        self._large = {unit: None for unit in self._large if self._is_large(unit)}
        return grouped([(parent, child) for parent, child in self._joins if parent in child.parents], self._large)

    def _is_large(self, unit: Cluster[N] | N) -> bool:
        if isinstance(unit, Cluster):
            return unit.nodes[0].cluster is unit and (len(unit.nodes) > self.max_count or unit.size > self.max_size)
        return unit.chunk is not None and unit.cluster is None

    def _part_split(self) -> None:
        """Make clusters of the parts of those that may have fallen apart."""
        if not self._stale:
            return
        for cluster in [cluster for cluster in self._stale if cluster.split]:
            self.forget(cluster)
            for part in components([node for node in cluster.nodes if node.cluster is cluster], {}):
                if len(part) == 1:
                    part[0].cluster = None
                    self.place_alone(part[0])
                    continue
                smaller = Cluster(part)
                smaller.usage = MEMBER_BYTES * len(part)
                self._usage += smaller.usage
                self._stale[smaller] = None
                if len(part) > self.max_count or smaller.size > self.max_size:
                    self._large[smaller] = None

    def _put_stale_in_order(self) -> None:
        self._part_split()
        stale, self._stale = self._stale, {}
        for cluster in stale:
            cluster.nodes = nodes = put_in_order(cluster.nodes, improve=len(cluster.nodes) <= self.max_count)
            for position, node in enumerate(nodes):
                node.position = position
            self.place(cluster, split_into_chunks(nodes))


def _add_child(parent: N, child: N) -> None:
    if isinstance(parent.children, list):
        parent.children.append(child)
    else:
        parent.children = [child]


def _drop_child(parent: N, child: N) -> None:
    if isinstance(parent.children, list):
        parent.children.remove(child)
        if not parent.children:
            parent.children = ()
