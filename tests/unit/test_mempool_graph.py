"""The graph of unconfirmed transactions always equals one made from scratch."""

from __future__ import annotations

from fractions import Fraction
from itertools import permutations
from random import Random
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.mempool.chunk import Chunk, compare_diagrams, feerate_rank
from node.mempool.chunk_order import ChunkOrder
from node.mempool.clusters import lone_chunk
from node.mempool.graph import GraphNode, TxGraph
from node.mempool.linearize import linearize

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def txid(number: int) -> bytes:
    return bytes([number * 37 % 256]) + number.to_bytes(31, "little")


def check(graph: TxGraph[GraphNode], nodes: Iterable[GraphNode]) -> None:
    """Compare a graph with what follows from its nodes' fees, sizes and dependencies alone."""
    nodes = list(nodes)
    assert len(graph) == len(nodes)
    done: set[GraphNode] = set()
    order = list(graph.mining_order())
    fees = [Fraction(fee, size) for _, fee, size in order]
    assert fees == sorted(fees, reverse=True)
    for members, fee, size in order:
        assert fee == sum(node.fee for node in members)
        assert size == sum(node.size for node in members)
        for node in members:
            assert set(node.parents) <= done
            done.add(node)
            assert graph.chunk_feerate(node) == (fee, size)
    assert done == set(nodes)
    assert len(done) == sum(len(members) for members, _, _ in order)
    flat = [node for members, _, _ in order for node in members]
    assert sorted(flat, key=graph.order_key) == flat
    worst = graph.worst_chunk()
    assert (worst is None) == (not order)
    if worst is not None:
        assert (worst[0][::-1], *worst[1:]) == order[-1]
    fresh, copies = copy(nodes)
    list(fresh.mining_order())
    assert graph.usage == fresh.usage
    for node in nodes:
        cluster = reachable(node)
        assert set(graph.cluster_of(node)) == cluster
        assert list(graph.cluster_of(node)) == [other for other in flat if other in cluster]
        assert [chunk.fee for chunk in graph.chunks(node)] == [chunk.fee for chunk in fresh.chunks(copies[node])]
        assert [other.txid for other in graph.cluster_of(node)] == [
            other.txid for other in fresh.cluster_of(copies[node])
        ]
    assert [tuple(node.txid for node in members) for members, _, _ in order] == [
        tuple(node.txid for node in members) for members, _, _ in fresh.mining_order()
    ]


def copy(nodes: Sequence[GraphNode]) -> tuple[TxGraph[GraphNode], dict[GraphNode, GraphNode]]:
    graph: TxGraph[GraphNode] = TxGraph(1_000, 10**9)
    copies = {node: GraphNode(node.txid, node.fee, node.size) for node in nodes}
    for node in nodes:
        graph.add(copies[node], ())
    for node in nodes:
        for parent in node.parents:
            graph.add_dependency(copies[parent], copies[node])
    return graph, copies


def reachable(node: GraphNode) -> set[GraphNode]:
    seen, todo = {node}, [node]
    while todo:
        at = todo.pop()
        for near in (*at.parents, *at.children):
            if near not in seen:
                seen.add(near)
                todo.append(near)
    return seen


def chunk_fees(order: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    chunks: list[tuple[int, int]] = []
    for point in order:
        fee, size = point
        while chunks and fee * chunks[-1][1] > chunks[-1][0] * size:
            fee, size = fee + chunks[-1][0], size + chunks[-1][1]
            chunks.pop()
        chunks.append((fee, size))
    return chunks


def best_diagram(nodes: Sequence[GraphNode]) -> list[tuple[int, int]]:
    """Return the best of the diagrams of all orders."""
    best: list[tuple[int, int]] = []
    for order in permutations(nodes):
        if any(parent in order[at:] for at, node in enumerate(order) for parent in node.parents):
            continue
        chunks = chunk_fees([(node.fee, node.size) for node in order])
        if compare_diagrams(chunks, best) == 1 or not best:
            best = chunks
    return best


shapes = st.lists(st.tuples(st.integers(-5, 30), st.integers(1, 6), st.integers(0, 2**20)), min_size=1, max_size=7)


@settings(max_examples=60, deadline=None)
@given(shapes)
def test_small_clusters_are_in_the_best_order(shape: list[tuple[int, int, int]]) -> None:
    graph: TxGraph[GraphNode] = TxGraph()
    nodes: list[GraphNode] = []
    for number, (fee, size, bits) in enumerate(shape):
        node = GraphNode(txid(number), fee, size)
        graph.add(node, [nodes[at] for at in range(number) if bits >> at & 1])
        nodes.append(node)
    for node in nodes:
        cluster = graph.cluster_of(node)
        if cluster[0] is node:
            found = [(chunk.fee, chunk.size) for chunk in graph.chunks(node)]
            assert compare_diagrams(found, best_diagram(cluster)) == 0
    check(graph, nodes)


actions = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.integers(0, 2**16), st.integers(-3, 40), st.integers(1, 9)),
        st.tuples(st.just("remove"), st.integers(0, 100), st.just(0), st.just(0)),
        st.tuples(st.just("confirm"), st.integers(0, 100), st.just(0), st.just(0)),
        st.tuples(st.just("block"), st.integers(0, 2**16), st.just(0), st.just(0)),
        st.tuples(st.just("fee"), st.integers(0, 100), st.integers(-3, 40), st.just(0)),
        st.tuples(st.just("replace"), st.integers(0, 2**16), st.integers(0, 99), st.integers(1, 9)),
        st.tuples(st.just("abandon"), st.integers(0, 2**16), st.integers(0, 99), st.integers(1, 9)),
        st.tuples(st.just("look"), st.just(0), st.just(0), st.just(0)),
    ),
    max_size=40,
)


def some(nodes: Sequence[GraphNode], bits: int) -> list[GraphNode]:
    """Pick up to three nodes."""
    return list(dict.fromkeys(nodes[bits // 7**at % len(nodes)] for at in range(bits % 4))) if nodes else []


@settings(max_examples=150, deadline=None)
@given(actions)
def test_any_changes_leave_the_graph_as_made_from_scratch(steps: list[tuple[str, int, int, int]]) -> None:
    graph: TxGraph[GraphNode] = TxGraph()
    nodes: list[GraphNode] = []
    for number, (action, which, fee, size) in enumerate(steps):
        node = GraphNode(txid(number), fee, size or 1)
        if action == "look":
            list(graph.mining_order())
        elif action == "add":
            graph.add(node, some(nodes, which))
            nodes.append(node)
        elif action in {"replace", "abandon"}:
            stage = graph.stage()
            gone = graph.descendants(*some(nodes, which)[:1])
            for other in gone:
                stage.remove(other)
            left = [other for other in nodes if other not in gone]
            stage.add(node, some(left, which // 5))
            before_and_after = stage.diagrams() if which % 2 else None
            if action == "abandon":
                stage.abandon()
            else:
                stage.commit()
                nodes = [*left, node]
            if before_and_after is not None:
                for side in before_and_after:
                    rates = [Fraction(*point) for point in side]
                    assert rates == sorted(rates, reverse=True)
        elif action == "block":
            mined = graph.ancestors(*some(nodes, which))
            graph.remove_all(mined)
            nodes = [other for other in nodes if other not in mined]
        elif nodes:
            node = nodes[which % len(nodes)]
            if action == "fee":
                graph.set_fee(node, fee)
            else:
                family = graph.descendants(node) if action == "remove" else graph.ancestors(node)
                for other in sorted(family, key=lambda other: other.txid):
                    graph.remove(other)
                    nodes.remove(other)
    check(graph, nodes)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32), st.integers(2, 40), st.sampled_from([0, 30, 10_000]))
def test_the_order_is_never_worse_than_before_whatever_the_budget(seed: int, count: int, budget: int) -> None:
    random = Random(seed)
    fees = [random.randrange(1, 60) for _ in range(count)]
    sizes = [random.randrange(1, 9) for _ in range(count)]
    parents = [sum({1 << random.randrange(at) for _ in range(random.randrange(4))}) if at else 0 for at in range(count)]
    order = linearize(fees, sizes, parents, [txid(at) for at in range(count)], budget)
    assert sorted(order) == list(range(count))
    seen = 0
    for at in order:
        assert not parents[at] & ~seen
        seen |= 1 << at
    made, given_ = (chunk_fees([(fees[at], sizes[at]) for at in each]) for each in (order, range(count)))
    assert compare_diagrams(made, given_) in {0, 1}


def test_many_chunks_stay_sorted() -> None:
    random = Random(1)
    order: ChunkOrder[GraphNode] = ChunkOrder()
    kept = [lone_chunk(GraphNode(random.randbytes(32), random.randrange(99), 1)) for _ in range(6_000)]
    for chunk in kept:
        order.add(chunk)
    assert list(order) == sorted(kept)
    assert order.last() == max(kept)
    random.shuffle(kept)
    for few in (kept[:40], kept[40:3_000], sorted(kept[3_000:])[:2_500]):
        order.remove_all(few)
        gone = set(few)
        kept = [chunk for chunk in kept if chunk not in gone]
        assert list(order) == sorted(kept)
    for chunk in sorted(kept, reverse=True):
        assert order.last() is chunk
        order.remove(chunk)
    assert order.last() is None


@given(st.lists(st.tuples(st.integers(-(2**51), 2**51), st.integers(1, 2**31)), min_size=2, max_size=2))
def test_ranks_compare_as_feerates_do(points: list[tuple[int, int]]) -> None:
    (fee, size), (other_fee, other_size) = points
    one, other = Fraction(fee, size), Fraction(other_fee, other_size)
    ranks = feerate_rank(fee, size), feerate_rank(other_fee, other_size)
    assert (one > other, one == other) == (ranks[0] < ranks[1], ranks[0] == ranks[1])


@pytest.mark.parametrize(
    ("one", "other", "result"),
    [
        ([], [], 0),
        ([(1, 1)], [], 1),
        ([(-1, 1)], [], -1),
        ([(2, 2)], [(1, 1), (1, 1)], 0),
        ([(3, 1), (1, 1)], [(4, 2)], 1),
        ([(3, 1)], [(4, 2)], None),
        ([(3, 1), (0, 5)], [(3, 3)], 1),
        ([(950, 300), (100, 100)], [(1000, 300), (50, 100)], -1),
    ],
)
def test_diagrams_compare(one: list[tuple[int, int]], other: list[tuple[int, int]], result: int | None) -> None:
    assert compare_diagrams(one, other) == result
    assert compare_diagrams(other, one) == (None if result is None else -result)


def test_a_stage_knows_the_limits() -> None:
    graph: TxGraph[GraphNode] = TxGraph(max_count=3, max_size=100)
    top = GraphNode(txid(0), 10, 40)
    graph.add(top, ())
    children = [GraphNode(txid(at), 10, 20) for at in (1, 2, 3)]
    for child in children[:2]:
        stage = graph.stage()
        stage.add(child, [top])
        assert stage.within_limits()
        stage.commit()
    stage = graph.stage()
    stage.add(children[2], [top])
    assert not stage.within_limits()
    stage.abandon()
    stage = graph.stage()
    stage.remove(children[0])
    stage.add(children[2], [top])
    assert stage.within_limits()
    stage.commit()
    stage = graph.stage()
    stage.remove(children[1])
    stage.add(GraphNode(txid(4), 10, 41), [top])
    assert not stage.within_limits()
    stage.abandon()
    check(graph, [top, children[1], children[2]])


@settings(max_examples=80, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 2**16),
            st.booleans(),
            st.lists(st.tuples(st.integers(0, 2**16), st.integers(0, 99), st.integers(1, 9)), min_size=1, max_size=4),
        ),
        max_size=12,
    )
)
def test_a_stage_of_several_says_what_comes_of_it(rounds: list[tuple[int, bool, list[tuple[int, int, int]]]]) -> None:
    graph: TxGraph[GraphNode] = TxGraph(max_count=6, max_size=40)
    nodes: list[GraphNode] = []
    number = 0
    for which, ask, additions in rounds:
        stage = graph.stage()
        gone = graph.descendants(*some(nodes, which)[:2])
        for node in gone:
            stage.remove(node)
        left = [node for node in nodes if node not in gone]
        for bits, fee, size in additions:
            node = GraphNode(txid(number), fee, size)
            number += 1
            stage.add(node, some(left, bits))
            left.append(node)
        fits = stage.within_limits()
        after = TxGraph[GraphNode](6, 40)
        copies = {node: GraphNode(node.txid, node.fee, node.size) for node in left}
        for node in left:
            after.add(copies[node], [copies[parent] for parent in node.parents])
        assert fits == (not after.oversized())
        if not fits:
            stage.abandon()
            continue
        if ask:
            expected = {chunk for node in left for chunk in map(chunk_point, after.chunks(copies[node]))}
            for node in left[-len(additions) :]:
                assert stage.chunk_feerate(node) == after.chunk_feerate(copies[node])
            assert set(stage.diagrams()[1]) <= expected
        stage.commit()
        nodes = left
        assert len(graph) == len(nodes)
    check(graph, nodes)


def chunk_point(chunk: Chunk[GraphNode]) -> tuple[int, int]:
    return chunk.fee, chunk.size


@pytest.mark.parametrize(("fee", "better"), [(100, False), (101, True), (400, True), (99, False)])
def test_a_replacement_has_to_improve_the_diagram(fee: int, better: bool) -> None:
    graph: TxGraph[GraphNode] = TxGraph()
    old = GraphNode(txid(1), 100, 400)
    graph.add(old, ())
    new = GraphNode(txid(2), fee, 400)
    stage = graph.stage()
    stage.remove(old)
    stage.add(new, ())
    assert stage.diagrams() == ([(100, 400)], [(fee, 400)])
    assert stage.improves() is better
    stage.commit()
    check(graph, [new])


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 50), st.integers(1, 9), st.integers(0, 2**16)), min_size=1, max_size=30),
    st.lists(st.tuples(st.integers(0, 50), st.integers(1, 9), st.integers(0, 2**20)), min_size=1, max_size=5),
)
def test_trimming_leaves_clusters_within_the_limits(
    there: list[tuple[int, int, int]], again: list[tuple[int, int, int]]
) -> None:
    graph: TxGraph[GraphNode] = TxGraph(max_count=6, max_size=30)
    nodes: list[GraphNode] = []
    for number, (fee, size, bits) in enumerate(there):
        node = GraphNode(txid(number), fee, size)
        stage = graph.stage()
        stage.add(node, some(nodes, bits))
        if stage.within_limits():
            stage.commit()
            nodes.append(node)
        else:
            stage.abandon()
    assert not graph.oversized()
    # Transactions of a block that is no more come back, and others that are here already spend them.
    back = [GraphNode(txid(100 + number), fee, size) for number, (fee, size, _) in enumerate(again)]
    for node in back:
        graph.add(node, ())
    for node, (_, _, bits) in zip(back, again, strict=True):
        for child in some(nodes, bits):
            graph.add_dependency(node, child)
    everything = {*nodes, *back}
    too_large = graph.oversized()
    below = {node: graph.descendants(node) for node in everything}
    dropped = graph.trim()
    assert bool(dropped) == too_large
    assert not graph.oversized()
    for node in dropped:
        assert below[node] <= set(dropped)
    left = everything - set(dropped)
    for node in left:
        assert len(graph.cluster_of(node)) <= 6
        assert sum(other.size for other in graph.cluster_of(node)) <= 30
    check(graph, left)
