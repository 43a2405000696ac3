"""Who tries to keep others' transactions from being replaced or confirmed, and what it costs (BIP125, BIP431)."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from mempool_chain import Coin, MempoolChain, coins_of, mempool_chain, spend
from mempool_model import check

from node.mempool.results import ResultKind
from primitives.transaction import OutPoint, Transaction, TxOut

ANCHOR = b"\x51\x02\x4e\x73"
FLOOD = 1500


@pytest.fixture
def node(tmp_path: Path) -> Iterator[MempoolChain]:
    with mempool_chain(tmp_path, 200) as made:
        yield made
        check(made.pool)


def anchor_of(tx: Transaction) -> Coin:
    [index] = [index for index, output in enumerate(tx.outputs) if output.script_pubkey == ANCHOR]
    return Coin(OutPoint(tx.txid, index), tx.outputs[index].value)


def spend_anchor(parent: Transaction, coin: Coin, *, fee: int, padding: int = 0, version: int = 3) -> Transaction:
    """Make a child that spends an anchor, which wants no witness, and pays with a coin."""
    child = spend([anchor_of(parent), coin], fee=fee, version=version, padding=padding)
    inputs = (child.inputs[0]._replace(witness=()), child.inputs[1])
    return Transaction(child.version, inputs, child.outputs, child.lock_time)


def test_a_heavy_child_pins_only_where_versions_allow_it(node: MempoolChain) -> None:
    """Rule 3: who replaces pays for all that goes, so a large cheap child makes a replacement dear."""
    [coin] = node.take()
    shared = spend([coin], fee=1000, outputs=2)
    node.send(shared)
    pin = spend([coins_of(shared)[1]], fee=10_000, padding=90_000)
    node.send(pin)
    text = node.refused(spend([coin], fee=10_000))
    assert text.startswith("insufficient fee, rejecting replacement ")
    assert "less fees than conflicting txs; 0.0001 < 0.00011" in text
    node.send(spend([coin], fee=11_100))
    # In version 3 the same child is too large to exist.
    [coin] = node.take()
    shared = spend([coin], fee=1000, outputs=2, version=3)
    node.send(shared)
    pin = spend([coins_of(shared)[1]], fee=10_000, padding=1000, version=3)
    assert "version=3 child tx" in node.refused(pin)
    node.send(spend([coins_of(shared)[1]], fee=200, padding=850, version=3))
    node.send(spend([coin], fee=1400, version=3))


def test_a_full_cluster_keeps_out_children_but_no_replacement(node: MempoolChain) -> None:
    parent = spend(node.take(), fee=500, outputs=64)
    node.send(parent)
    *pins, mine = coins_of(parent)
    for number, coin in enumerate(pins):
        node.send(spend([coin], fee=100 + number))
    late = spend([mine], fee=9_000)
    assert node.refused(late) == "too-large-cluster"
    # It takes the place of one of those, if it spends the same coin.
    other = spend([mine, pins[5]], fee=9_000)
    assert [entry.txid for entry in node.send(other).replaced] == [spend([pins[5]], fee=105).txid]


def test_a_sibling_cannot_hold_the_place(node: MempoolChain) -> None:
    """BIP431: one child only, and a better one takes its place without spending the same."""
    [own, theirs] = node.take(2)
    shared = spend(node.take(), fee=0, version=3, outputs=2)
    pin = spend([coins_of(shared)[0], theirs], fee=500, version=3, padding=700)
    assert node.acceptance.accept_package([shared, pin]).rejection is None
    better = spend([coins_of(shared)[1], own], fee=5000, version=3)
    assert [entry.txid for entry in node.send(better).replaced] == [pin.txid]
    assert node.txids() == {shared.txid, better.txid}


def test_a_sibling_with_more_relatives_stays(node: MempoolChain) -> None:
    """After a reorganisation a version 3 parent may have several children; then none is chosen to go."""
    shared = spend(node.take(), version=3, outputs=3)
    first, second, third = (spend([coin], version=3, fee=1000 + at) for at, coin in enumerate(coins_of(shared)))
    node.mine([shared])
    node.send(first)
    node.send(second)
    node.undo()
    assert {entry.txid for entry in node.pool.entries()} == {shared.txid, first.txid, second.txid}
    assert node.refused(third).startswith("TRUC-violation, tx ")


def test_an_anchor_is_for_whoever_pays(node: MempoolChain) -> None:
    """A commitment that pays nothing and its anchor: anybody may bump it, and outbid whoever did before."""
    commitment = spend(node.take(), fee=0, version=3, extra=[TxOut(0, ANCHOR)])
    [theirs, own] = node.take(2)
    pin = spend_anchor(commitment, theirs, fee=300, padding=800)
    assert node.acceptance.accept_package([commitment, pin]).rejection is None
    bump = spend_anchor(commitment, own, fee=3000)
    assert [entry.txid for entry in node.send(bump).replaced] == [pin.txid]
    # Nobody may leave the anchor, which is dust, behind.
    away = spend(coins_of(commitment), fee=9000, version=3)
    assert "did not spend parent's ephemeral dust" in node.refused(away)
    # Without the child nobody mines the commitment, but nothing is wrong with it either.
    node.mine([commitment, bump])
    assert not len(node.pool)


def test_a_commitment_replaces_another_with_its_child(node: MempoolChain) -> None:
    """Package replacement: the other side's commitment goes together with the child that held it."""
    [funding, theirs, own] = node.take(3)
    one = spend([funding], fee=0, version=3, extra=[TxOut(0, ANCHOR)])
    two = spend([funding], fee=0, version=3, extra=[TxOut(0, ANCHOR)], padding=5)
    pin = spend_anchor(one, theirs, fee=600, padding=600)
    assert node.acceptance.accept_package([one, pin]).rejection is None
    bump = spend_anchor(two, own, fee=2500)
    result = node.acceptance.accept_package([two, bump])
    assert result.rejection is None
    assert {entry.txid for entry in result.results[two.wtxid].replaced} == {one.txid, pin.txid}
    assert node.txids() == {two.txid, bump.txid}


def test_a_flood_of_replacements_costs_its_sender_and_leaves_nothing(node: MempoolChain) -> None:
    coins = node.take(100)
    base = node.pool.usage
    started = time.monotonic()
    accepted = 0
    fee = 200
    for number in range(FLOOD):
        # Each spends one coin of the last and some others, so all of them conflict with several.
        chosen = [coins[(number * 7 + step) % len(coins)] for step in range(1 + number % 5)]
        fee += number % 3 * 10
        tx = spend(chosen, fee=fee * len(chosen), outputs=2)
        accepted += node.acceptance.accept(tx).kind is ResultKind.VALID
        if number % 4 == 0:
            node.acceptance.accept(spend(coins_of(tx)[:1], fee=300))
        assert len(node.pool) <= 2 * len(coins)
    assert accepted > FLOOD // 5
    assert time.monotonic() - started < 20
    check(node.pool)
    # A block with other spends of the same coins leaves nothing.
    node.mine([spend(coins, fee=1)])
    assert not len(node.pool)
    assert node.pool.usage - base < 20_000  # The places of a vector that has not shrunk yet.
