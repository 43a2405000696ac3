"""Changes to the graph that are tried before they are made: whether they are within the limits, whether they pay."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic

from node.mempool import clusters
from node.mempool.chunk import Chunk, compare_diagrams, diagram, split_into_chunks
from node.mempool.graph_node import Cluster, N

if TYPE_CHECKING:
    from collections.abc import Iterable

    from node.mempool.graph import TxGraph


class Staging(Generic[N]):
    """Removals and additions beside a graph; made all at once by commit(). Remove first, then add."""

    def __init__(self, graph: TxGraph[N]) -> None:
        """Begin with what the graph has."""
        self._graph = graph
        self._removed: dict[N, None] = {}
        self._added: dict[N, None] = {}
        self._children: dict[N, list[N]] = {}  # additions, by their parents
        self._touched: dict[Cluster[N] | N, None] = {}  # clusters, and transactions that are alone in theirs
        self._parts: list[list[N]] | None = None  # the clusters that the touched ones become
        self._chunks: list[list[Chunk[N]]] | None = None  # of these, when they are in order
        graph.settle_clusters()

    def remove(self, node: N) -> None:
        """Leave out a transaction; whoever leaves out one leaves out all its descendants."""
        if node in self._removed or node not in self._graph:
            return
        self._removed[node] = None
        self._touched[node.cluster or node] = None
        self._parts = self._chunks = None

    def add(self, node: N, parents: Iterable[N]) -> None:
        """Add a transaction below its parents, which are in the graph or were added before it."""
        node.parents = tuple(dict.fromkeys(parents))
        node.children = ()
        node.cluster = node.chunk = None
        for parent in node.parents:
            if parent in self._removed:
                raise ValueError(f"Parent {parent.txid[::-1].hex()} is removed")
            self._children.setdefault(parent, []).append(node)
            if parent not in self._added:
                self._touched[parent.cluster or parent] = None
        self._added[node] = None
        self._parts = self._chunks = None

    def within_limits(self) -> bool:
        """Tell whether all clusters would be within the limits."""
        max_count, max_size = self._graph.max_count, self._graph.max_size
        if len(self._added) == 1 and not self._removed:
            count, size = 1, next(iter(self._added)).size
            for unit in self._touched:
                count += len(unit.nodes) if isinstance(unit, Cluster) else 1
                size += unit.size
            return count <= max_count and size <= max_size
        return all(len(part) <= max_count and sum(node.size for node in part) <= max_size for part in self._in_parts())

    def diagrams(self) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
        """Return (fee, size) of the chunks of the clusters touched, as they are and as they would be."""
        before = [
            chunk
            for unit in self._touched
            for chunk in self._graph.chunks(next(iter(unit.nodes)) if isinstance(unit, Cluster) else unit)
        ]
        after = [chunk for chunks in self._in_chunks() for chunk in chunks]
        return diagram(before), diagram(after)

    def improves(self) -> bool:
        """Tell whether the changes would make the fee diagram better somewhere and worse nowhere."""
        before, after = self.diagrams()
        return compare_diagrams(after, before) == 1

    def chunk_feerate(self, node: N) -> tuple[int, int]:
        """Return fee and size of the chunk that an added or touched transaction would be in."""
        for chunks in self._in_chunks():
            for chunk in chunks:
                if node in chunk.nodes:
                    return chunk.fee, chunk.size
        raise KeyError(node.txid.hex())

    def commit(self) -> None:
        """Make the changes. Nothing more may be asked of this object."""
        graph = self._graph
        parts = None if self._chunks is None else self._parts
        for node in self._removed:
            graph.remove(node)
        for node in self._added:
            graph.attach(node, join=parts is None)
        if parts is not None and self._chunks is not None:
            for unit in self._touched:
                graph.forget(unit)
            for nodes, chunks in zip(parts, self._chunks, strict=True):
                if len(nodes) == 1:
                    nodes[0].cluster = None
                    graph.place_alone(nodes[0])
                else:
                    graph.place(Cluster(nodes), chunks)

    def abandon(self) -> None:
        """Let the graph be as it is."""
        for node in self._added:
            node.parents = ()

    def _in_parts(self) -> list[list[N]]:
        if self._parts is None:
            nodes: dict[N, None] = {}
            for unit in self._touched:
                nodes.update(dict.fromkeys(unit.nodes if isinstance(unit, Cluster) else (unit,)))
            for node in self._removed:
                nodes.pop(node, None)
            nodes.update(self._added)
            self._parts = clusters.components(nodes, self._children)
        return self._parts

    def _in_chunks(self) -> list[list[Chunk[N]]]:
        if self._chunks is None:
            self._graph.settle()
            parts = [clusters.put_in_order(part) for part in self._in_parts()]
            self._parts = parts
            self._chunks = [split_into_chunks(part) for part in parts]
        return self._chunks
