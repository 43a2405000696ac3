"""What the graph of unconfirmed transactions keeps of each, and of each cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, Self, TypeVar

if TYPE_CHECKING:
    from collections.abc import Sequence

    from node.mempool.chunk import Chunk


N = TypeVar("N", bound="GraphNode")


class GraphNode:
    """A transaction in the graph. What is derived from it keeps `__slots__`, so that it stays small."""

    __slots__ = ("children", "chunk", "cluster", "fee", "parents", "position", "size", "txid")

    def __init__(self, txid: bytes, fee: int, size: int) -> None:
        """Take the modified fee in satoshis and the weight, adjusted for signature operations."""
        self.txid = txid  # in internal order: decides between transactions that are alike
        self.fee = fee
        self.size = size
        self.parents: tuple[Self, ...] = ()  # direct, in the graph
        self.children: list[Self] | tuple[()] = ()
        self.cluster: Cluster[Self] | None = None  # none when it is alone, or not in a graph
        self.chunk: Chunk[Self] | None = None
        self.position = 0  # in its cluster


class Cluster(Generic[N]):
    """Transactions that depend on each other, in the order they are mined."""

    __slots__ = ("chunks", "nodes", "size", "split", "usage")

    def __init__(self, nodes: list[N]) -> None:
        """Take over nodes, parents before children where these are known already."""
        self.nodes = nodes
        self.size = sum(node.size for node in nodes)
        self.chunks: Sequence[Chunk[N]] = ()
        self.split = False  # may have fallen apart
        self.usage = 0  # the bytes that the graph counts for it
        for position, node in enumerate(nodes):
            node.cluster = self
            node.position = position

    def append(self, node: N) -> None:
        """Take one more node, after all its parents in this cluster."""
        node.cluster = self
        node.position = len(self.nodes)
        self.nodes.append(node)
        self.size += node.size
