"""-checkmempool: a mempool that is what its transactions make of it is let be, any other one ends the node."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conftest import wait_until
from mempool_chain import MempoolChain, coins_of, mempool_chain, spend

from node.mempool.checker import MempoolChecker, MempoolFaultError, check_mempool
from node.mempool.next_block import NextBlock
from node.policy.options import MempoolOptions


@pytest.fixture
def node(tmp_path: Path) -> Iterator[MempoolChain]:
    """Hold some that hang together, and one alone with a delta."""
    with mempool_chain(tmp_path, 20, MempoolOptions(check_ratio=1)) as made:
        parent = spend(made.take(), outputs=3)
        made.send(parent)
        child = spend(coins_of(parent)[:2], fee=5000)
        made.send(child)
        made.send(spend([*made.take(), coins_of(child)[0]]))
        alone = spend(made.take())
        made.send(alone)
        made.pool.prioritise(alone.txid, 77)
        yield made


def look(node: MempoolChain) -> None:
    with node.chain.processing, node.pool.lock:
        check_mempool(node.pool, NextBlock(node.chain))


def test_a_good_one_is_let_be(node: MempoolChain) -> None:
    look(node)
    node.mine_all()
    look(node)
    node.undo()
    look(node)


def wrong_fee(node: MempoolChain) -> None:
    next(iter(node.pool.entries())).base_fee += 1


def wrong_total(node: MempoolChain) -> None:
    node.pool.total_vsize += 1


def wrong_delta(node: MempoolChain) -> None:
    node.pool.deltas.clear()


def forgotten_parent(node: MempoolChain) -> None:
    next(entry for entry in node.pool.entries() if entry.parents).parents = ()


def missing_coin(node: MempoolChain) -> None:
    entry = next(iter(node.pool.entries()))
    entry.prevouts = (bytes(36),)
    node.pool._spenders[bytes(36)] = entry


@pytest.mark.parametrize(
    ("damage", "text"),
    [
        (wrong_fee, "pays"),
        (wrong_total, "bytes"),
        (wrong_delta, "delta"),
        (forgotten_parent, "parents"),
        (missing_coin, "missingorspent"),
    ],
)
def test_what_is_wrong_is_told(node: MempoolChain, damage: Callable[[MempoolChain], None], text: str) -> None:
    damage(node)
    with pytest.raises(MempoolFaultError, match=text):
        look(node)


def test_it_looks_after_changes(node: MempoolChain) -> None:
    faults: list[str] = []
    checker = MempoolChecker(node.pool, node.chain, faults.append)
    checker.start()
    try:
        node.send(spend(node.take()))
        node.mine_all()
        assert faults == []
        node.pool.total_fee += 1
        node.send(spend(node.take()))
        wait_until(lambda: bool(faults), "the fault is found")
        assert faults[0].startswith("The mempool is inconsistent: There are ")
    finally:
        checker.stop()
