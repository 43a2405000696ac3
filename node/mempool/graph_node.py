"""What the graph of unconfirmed transactions keeps of each, and of each cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from node.mempool.chunk import Chunk


class GraphNode:
    """A transaction in the graph. What is derived from it keeps `__slots__`, so that it stays small."""

    __slots__ = ("children", "chunk", "cluster", "fee", "parents", "position", "size", "txid")

    def __init__(self, txid: bytes, fee: int, size: int) -> None:
        """Take the modified fee in satoshis and the weight, adjusted for signature operations."""
        self.txid = txid  # in internal order: decides between transactions that are alike
        self.fee = fee
        self.size = size
        self.parents: tuple[GraphNode, ...] = ()  # direct, in the graph
        self.children: list[GraphNode] | tuple[()] = ()
        self.cluster: Cluster | None = None  # none when it is alone, or not in a graph
        self.chunk: Chunk | None = None
        self.position = 0  # in its cluster


class Cluster:
    """Transactions that depend on each other, in the order they are mined."""

    __slots__ = ("chunks", "nodes", "size", "split")

    def __init__(self, nodes: list[GraphNode]) -> None:
        """Take over nodes, parents before children where these are known already."""
        self.nodes = nodes
        self.size = sum(node.size for node in nodes)
        self.chunks: Sequence[Chunk] = ()
        self.split = False  # may have fallen apart
        for position, node in enumerate(nodes):
            node.cluster = self
            node.position = position

    def append(self, node: GraphNode) -> None:
        """Take one more node, after all its parents in this cluster."""
        node.cluster = self
        node.position = len(self.nodes)
        self.nodes.append(node)
        self.size += node.size
