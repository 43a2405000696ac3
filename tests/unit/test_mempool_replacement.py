"""Transactions that replace others, and families of version 3."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from mempool_chain import SCRIPT, Coin, MempoolChain, coins_of, mempool_chain, spend
from mempool_model import check

from node.policy.options import MempoolOptions
from primitives.money import format_money
from primitives.transaction import OutPoint, TxOut

ANCHOR = b"\x51\x02\x4e\x73"


def name(txid: bytes) -> str:
    return txid[::-1].hex()


@pytest.fixture
def node(tmp_path: Path) -> Iterator[MempoolChain]:
    with mempool_chain(tmp_path, 150) as made:
        yield made
        check(made.pool)


def test_paying_more_replaces(node: MempoolChain) -> None:
    coin = node.take()
    old, new = spend(coin, fee=1000), spend(coin, fee=2000, sequence=0xFFFFFFFF)
    node.send(old)
    child = spend(coins_of(old))
    node.send(child)
    assert node.refused(new) == (
        f"insufficient fee, rejecting replacement {name(new.txid)}, not enough additional fees to relay; "
        f"0.00 < {format_money(-(-new.vsize // 10))}"
    )
    node.listener.take()
    better = spend(coin, fee=2100)
    result = node.send(better)
    assert {entry.txid for entry in result.replaced} == {old.txid, child.txid}
    assert node.txids() == {better.txid}
    heard = node.listener.take()
    assert sorted(heard[:2]) == sorted([("replaced", old.txid), ("replaced", child.txid)])
    assert heard[2:] == [("added", better.txid)]


def test_paying_less_does_not(node: MempoolChain) -> None:
    coin = node.take()
    node.send(spend(coin, fee=5000))
    new = spend(coin, fee=4000)
    assert node.refused(new) == (
        f"insufficient fee, rejecting replacement {name(new.txid)}, less fees than conflicting txs; 0.00004 < 0.00005"
    )


def test_miners_must_not_lose(node: MempoolChain) -> None:
    coin = node.take()
    node.send(spend(coin, fee=10_000))
    large = spend(coin, fee=20_000, padding=5000)
    assert node.refused(large) == "replacement-failed, insufficient feerate: does not improve feerate diagram"


def test_nothing_replaces_what_it_spends(node: MempoolChain) -> None:
    [coin] = node.take()
    parent = spend([coin])
    node.send(parent)
    both = spend([coin, *coins_of(parent)], fee=50_000)
    assert node.refused(both) == (
        f"bad-txns-spends-conflicting-tx, {name(both.txid)} spends conflicting transaction {name(parent.txid)}"
    )


def test_too_many_clusters_are_not_replaced(node: MempoolChain) -> None:
    coins = node.take(101)
    for coin in coins:
        node.send(spend([coin], fee=100))
    new = spend(coins, fee=1_000_000)
    assert node.refused(new) == (
        f"too many potential replacements, rejecting replacement {name(new.txid)}; "
        "too many conflicting clusters (101 > 100)"
    )
    node.send(spend(coins[:100], fee=1_000_000))


def test_clusters_are_limited(tmp_path: Path) -> None:
    with mempool_chain(tmp_path, 3, MempoolOptions(cluster_count=3)) as node:
        first = spend(node.take(), outputs=3)
        one, two, three = (spend([coin]) for coin in coins_of(first))
        for tx in (first, one, two):
            node.send(tx)
        assert node.refused(three) == "too-large-cluster"
        # What goes makes room.
        node.send(spend([coins_of(first)[2], coins_of(first)[1]], fee=3000))
        check(node.pool)


def test_versions_do_not_mix(node: MempoolChain) -> None:
    parent = spend(node.take(), version=3)
    node.send(parent)
    child = spend(coins_of(parent))
    assert node.refused(child) == (
        f"TRUC-violation, non-version=3 tx {name(child.txid)} (wtxid={name(child.wtxid)}) cannot spend from version=3 "
        f"tx {name(parent.txid)} (wtxid={name(parent.wtxid)})"
    )


def test_a_sibling_is_evicted(node: MempoolChain) -> None:
    parent = spend(node.take(), version=3, outputs=2)
    node.send(parent)
    one, two = coins_of(parent)
    old = spend([one], version=3, fee=1000)
    node.send(old)
    cheap = spend([two], version=3, fee=900)
    assert node.refused(cheap).startswith("insufficient fee (including sibling eviction), rejecting replacement ")
    new = spend([two], version=3, fee=3000)
    assert [entry.txid for entry in node.send(new).replaced] == [old.txid]
    assert node.txids() == {parent.txid, new.txid}


def test_dust_is_spent_at_once(node: MempoolChain) -> None:
    parent = spend(node.take(), version=3, fee=0, extra=[TxOut(0, ANCHOR)])
    assert node.refused(spend(node.take(), extra=[TxOut(0, ANCHOR)])) == "dust, tx with dust output must be 0-fee"
    assert node.refused(parent).startswith("min relay fee not met, 0 < ")
    leaves_it = spend(coins_of(parent), version=3, fee=5000)
    result = node.acceptance.accept_package([parent, leaves_it])
    assert result.rejection is not None
    assert result.rejection.text == "unspent-dust"
    rejection = result.results[leaves_it.wtxid].rejection
    assert rejection is not None
    assert rejection.text == (
        f"missing-ephemeral-spends, tx {name(leaves_it.txid)} (wtxid={name(leaves_it.wtxid)}) did not spend parent's "
        "ephemeral dust"
    )
    anchor = Coin(OutPoint(parent.txid, 1), 0)
    takes_it = spend([*coins_of(parent), anchor], version=3, fee=5000)
    inputs = (takes_it.inputs[0], takes_it.inputs[1]._replace(witness=()))
    takes_it = type(takes_it)(3, inputs, (TxOut(takes_it.outputs[0].value, SCRIPT),), 0)
    assert node.acceptance.accept_package([parent, takes_it]).rejection is None
    assert node.txids() == {parent.txid, takes_it.txid}
