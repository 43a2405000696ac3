"""Packages: a child and its parents, let in together."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from mempool_chain import MempoolChain, coins_of, mempool_chain, spend
from mempool_model import check

from node.mempool.results import PackageFailure, ResultKind
from node.policy.options import MempoolOptions
from primitives.fee_rate import FeeRate
from primitives.transaction import Transaction


@pytest.fixture
def node(tmp_path: Path) -> Iterator[MempoolChain]:
    with mempool_chain(tmp_path, 40) as made:
        yield made
        check(made.pool)


def texts(node: MempoolChain, txs: list[Transaction], *, test: bool = False) -> tuple[str, list[str | None]]:
    """Return what is wrong with a package and with each transaction; None for one without a result."""
    result = node.acceptance.accept_package(txs, test=test)
    found = [result.results.get(tx.wtxid) for tx in txs]
    each = [None if one is None else "" if one.rejection is None else one.rejection.text for one in found]
    return "" if result.rejection is None else result.rejection.text, each


def test_a_child_pays_for_its_parents(node: MempoolChain) -> None:
    parents = [spend(node.take(), fee=0, outputs=2) for _ in range(3)]
    child = spend([coin for parent in parents for coin in coins_of(parent)], fee=5000)
    package = [*parents, child]
    result = node.acceptance.accept_package(package)
    assert result.rejection is None
    size = sum(tx.vsize for tx in package)
    for tx in package:
        one = result.results[tx.wtxid]
        assert one.kind is ResultKind.VALID
        assert one.effective_feerate == FeeRate.of(5000, size)
        assert one.wtxids_fee == tuple(each.wtxid for each in package)
    assert node.txids() == {tx.txid for tx in package}
    assert [word for word, _ in node.listener.take()] == ["added"] * 4
    assert all(addition.in_package for addition in node.listener.additions)


def test_those_that_can_come_in_alone_do(node: MempoolChain) -> None:
    good, poor = spend(node.take()), spend(node.take(), fee=0)
    child = spend([*coins_of(good), *coins_of(poor)], fee=1)
    text, each = texts(node, [good, poor, child])
    assert text == "transaction failed"
    assert each[0] == ""
    assert each[1] is not None
    assert each[1].startswith("min relay fee not met, 0 < ")
    assert each[2] is not None
    assert each[2].startswith("min relay fee not met, 1 < ")
    assert node.txids() == {good.txid}
    again = node.acceptance.accept_package([good])
    assert again.results[good.wtxid].kind is ResultKind.MEMPOOL_ENTRY
    other = Transaction(2, tuple(part._replace(witness=(b"\1", b"\x51")) for part in good.inputs), good.outputs, 0)
    different = node.acceptance.accept_package([other]).results[other.wtxid]
    assert (different.kind, different.other_wtxid) == (ResultKind.DIFFERENT_WITNESS, good.wtxid)


def test_shapes(node: MempoolChain) -> None:
    one, two = spend(node.take(), outputs=2), spend(node.take())
    child = spend(coins_of(one)[:1])
    grandchild = spend([*coins_of(child), coins_of(one)[1]])
    assert texts(node, [one, two])[0] == "package-not-child-with-parents"
    assert texts(node, [child, one])[0] == "package-not-sorted"
    assert texts(node, [one, one])[0] == "package-contains-duplicates"
    assert texts(node, [one, child, spend(coins_of(one)[:1], fee=5)])[0] == "conflict-in-package"
    assert texts(node, [one] * 26)[0] == "package-too-many-transactions"
    assert texts(node, [one, two], test=True) == ("", ["", ""])
    assert texts(node, [one, child, grandchild], test=True) == ("", ["", "", ""])
    assert not len(node.pool)


def test_a_package_may_replace(node: MempoolChain) -> None:
    coin = node.take()
    old = spend(coin, fee=1000)
    node.send(old)
    parent = spend(coin, fee=100)
    child = spend(coins_of(parent), fee=900)
    text, _ = texts(node, [parent, child])
    assert text.startswith("package RBF failed: insufficient anti-DoS fees, rejecting replacement ")
    child = spend(coins_of(parent), fee=5000)
    result = node.acceptance.accept_package([parent, child])
    assert result.rejection is None
    assert [entry.txid for entry in result.results[parent.wtxid].replaced] == [old.txid]
    assert result.results[child.wtxid].replaced == ()
    assert node.txids() == {parent.txid, child.txid}


def test_when_a_package_may_not_replace(node: MempoolChain) -> None:
    coin, more = node.take(), node.take()
    node.send(spend(coin, fee=1000))
    waiting = spend(node.take())
    node.send(waiting)
    parent = spend(coin, fee=100)
    child = spend([*coins_of(parent), *coins_of(waiting)], fee=9000)
    assert texts(node, [parent, child])[0] == "package RBF failed: new transaction cannot have mempool ancestors"
    second = spend(more, fee=0)
    child = spend([*coins_of(parent), *coins_of(second)], fee=9000)
    assert texts(node, [parent, second, child])[0] == "package RBF failed: package must be 1-parent-1-child"
    result = node.acceptance.accept_package([parent, child], test=True)
    assert result.results[parent.wtxid].rejection is not None
    assert texts(node, [parent], test=True)[1] == ["bip125-replacement-disallowed"]


def test_what_the_user_would_not_pay(node: MempoolChain) -> None:
    tx = spend(node.take(), fee=10_000)
    result = node.acceptance.accept_package([tx], client_max_feerate=FeeRate(1000))
    assert result.rejection is not None
    assert result.rejection.kind is PackageFailure.TX
    rejection = result.results[tx.wtxid].rejection
    assert rejection is not None
    assert rejection.text == "max feerate exceeded"


def test_clusters_of_packages(tmp_path: Path) -> None:
    with mempool_chain(tmp_path, 10, MempoolOptions(cluster_count=3)) as node:
        parents = [spend(node.take(), fee=0) for _ in range(3)]
        child = spend([coin for parent in parents for coin in coins_of(parent)], fee=9000)
        assert texts(node, [*parents, child])[0] == "too-large-cluster"
        assert not len(node.pool)


def test_versions_in_packages(node: MempoolChain) -> None:
    one, two = (spend(node.take(), fee=0, version=3) for _ in range(2))
    child = spend([*coins_of(one), *coins_of(two)], fee=9000, version=3)
    text, _ = texts(node, [one, two, child])
    name = f"{child.txid[::-1].hex()} (wtxid={child.wtxid[::-1].hex()})"
    assert text == f"TRUC-violation, tx {name} would have too many ancestors"
    assert texts(node, [one, spend(coins_of(one), fee=9000, version=3)])[0] == ""
