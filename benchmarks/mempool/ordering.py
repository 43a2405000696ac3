"""How long the graph of the mempool takes to keep clusters in order, and how much memory; nothing but the graph."""

from __future__ import annotations

import time
import tracemalloc
from collections import deque
from random import Random
from typing import TYPE_CHECKING, Final

from benchmarks.node.figures import tell
from node.mempool.graph import GraphNode, TxGraph

if TYPE_CHECKING:
    from collections.abc import Callable

_COUNTS: Final = (5_000, 50_000)
_BLOCK: Final = 5_000
_CLUSTERS: Final = 50
_MOST: Final = 64


def measure(rounds: int) -> None:
    """Print the figures."""
    random = Random(1)  # noqa: S311 - the same in each run
    for count in _COUNTS:
        print(f"{count} transactions in the graph, each alone")
        added, listed, removed = [], [], []
        for _ in range(rounds):
            figures = _alone(random, count)
            added.append(figures[0])
            listed.append(figures[1])
            removed.append(figures[2])
        tell("one is added", added, "us")
        tell("all in mining order", listed, "ms")
        tell(f"{_BLOCK} are removed for a block", removed, "ms")
    tell("memory", [_memory(random)], "bytes each")
    print(f"clusters of {_MOST}: from the order they came in to the best")
    for name, parents in _SHAPES.items():
        tell(name, [_order(random, parents) for _ in range(rounds)], "ms")
    tell("a cluster grows one by one, looked at each time", [_grow(random) for _ in range(rounds)], "ms")
    tell("one of the cluster is replaced, asked whether that pays", [_replace(random) for _ in range(rounds)], "ms")


def _node(random: Random) -> GraphNode:
    return GraphNode(random.randbytes(32), random.randrange(500, 100_000), random.randrange(400, 3_000))


def _alone(random: Random, count: int) -> tuple[float, float, float]:
    nodes = [_node(random) for _ in range(count)]
    graph: TxGraph[GraphNode] = TxGraph()
    added = _timed(lambda: _add(graph, nodes))
    listed = _timed(lambda: deque(graph.mining_order(), maxlen=0))
    best = [node for chunk, _, _ in graph.mining_order() for node in chunk][:_BLOCK]
    return added * 1e6 / count, listed * 1e3, _timed(lambda: graph.remove_all(best)) * 1e3


def _add(graph: TxGraph[GraphNode], nodes: list[GraphNode]) -> None:
    for node in nodes:
        stage = graph.stage()
        stage.add(node, ())
        assert stage.within_limits()
        stage.commit()


def _timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _memory(random: Random) -> float:
    tracemalloc.start()
    graph: TxGraph[GraphNode] = TxGraph()
    for _ in range(_COUNTS[-1]):
        graph.add(_node(random), ())
    used = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    return used / len(graph)


_SHAPES: Final[dict[str, Callable[[Random, int], list[int]]]] = {
    "a chain": lambda _, at: [at - 1][at == 0 :],
    "children of one": lambda _, at: [0][at == 0 :],
    "a tree": lambda random, at: [random.randrange(at)] if at else [],
    "parents of one": lambda _, at: list(range(at)) if at == _MOST - 1 else [],
    "two parents each": lambda random, at: random.sample(range(at), min(at, 2)),
    "five parents each": lambda random, at: random.sample(range(at), min(at, 5)),
    "layers of eight, three parents each": lambda random, at: (
        random.sample(range((at // 8 - 1) * 8, at // 8 * 8), 3) if at >= 8 else []
    ),
    "two layers, six parents each": lambda random, at: random.sample(range(32), 6) if at >= 32 else [],
}


def _cluster(random: Random, parents: Callable[[Random, int], list[int]]) -> tuple[TxGraph[GraphNode], list[GraphNode]]:
    graph: TxGraph[GraphNode] = TxGraph()
    nodes: list[GraphNode] = []
    for at in range(_MOST):
        node = _node(random)
        graph.add(node, [nodes[parent] for parent in parents(random, at)])
        nodes.append(node)
    graph.settle_clusters()
    return graph, nodes


def _order(random: Random, parents: Callable[[Random, int], list[int]]) -> float:
    graphs = [_cluster(random, parents)[0] for _ in range(_CLUSTERS)]

    def work() -> None:
        for graph in graphs:
            graph.settle()

    return _timed(work) * 1e3 / _CLUSTERS


def _grow(random: Random) -> float:
    graph: TxGraph[GraphNode] = TxGraph()
    nodes: list[GraphNode] = []

    def work() -> None:
        for at in range(_MOST):
            nodes.append(_node(random))
            graph.add(nodes[-1], random.sample(nodes[:-1], min(at, 2)))
            graph.worst_chunk()

    return _timed(work) * 1e3 / _MOST


def _replace(random: Random) -> float:
    graph, nodes = _cluster(random, _SHAPES["two parents each"])
    graph.settle()

    def work() -> None:
        for old in nodes[-_CLUSTERS:]:
            stage = graph.stage()
            for other in graph.descendants(old):
                stage.remove(other)
            stage.add(_node(random), old.parents)
            stage.improves()
            stage.abandon()

    return _timed(work) * 1e3 / _CLUSTERS
