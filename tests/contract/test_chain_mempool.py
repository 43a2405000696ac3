"""The Chain and Node interfaces: what they say of the mempool and of fees."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from chain_notes import Notes
from conftest import wait_until
from mempool_chain import coins_of, spend
from regtest_node import Connected, RegtestInit, RegtestNode, connected_to, regtest_node

from interfaces.chain import (
    BlockParts,
    Chain,
    FoundCoin,
    NotifyOptions,
    Outpoint,
    PackageLimits,
    Replaceability,
    SmartFee,
    TransactionAncestry,
)
from interfaces.node import Node
from node.mempool.mempool import RemovalReason
from node.policy.consensus import MEMPOOL_HEIGHT
from primitives.transaction import Transaction

NOTHING = BlockParts()
UNKNOWN = bytes([1]) * 32


@pytest.fixture
def node(tmp_path: Path, no_leaks: None) -> Iterator[RegtestNode]:  # noqa: ARG001 - checked around everything else
    with regtest_node(tmp_path) as node:
        node.mempool.prepare(10)
        yield node


@pytest.fixture
def connected(node: RegtestNode, tmp_path: Path) -> Iterator[Connected]:
    with connected_to(node, tmp_path) as connected:
        yield connected


@pytest.fixture(params=["direct", "ipc"])
def chain(request: pytest.FixtureRequest, node: RegtestNode) -> Chain:
    if request.param == "direct":
        return RegtestInit(node).make_chain()
    connected: Connected = request.getfixturevalue("connected")
    made = connected.client()[1].make_chain()
    assert made is not None
    return made


@pytest.fixture(params=["direct", "ipc"])
def whole(request: pytest.FixtureRequest, node: RegtestNode) -> Node:
    if request.param == "direct":
        return RegtestInit(node).make_node()
    connected: Connected = request.getfixturevalue("connected")
    made = connected.client()[1].make_node()
    assert made is not None
    return made


def test_a_transaction_and_its_child(node: RegtestNode, chain: Chain) -> None:
    mempool = node.mempool
    parent = spend(mempool.take(), fee=1000, sequence=0xFFFFFFFE)
    child = spend(coins_of(parent), fee=3000, sequence=0xFFFFFFFE)
    assert chain.is_rbf_opt_in(parent.serialize()) is Replaceability.UNKNOWN
    assert chain.broadcast_transaction(parent.serialize(), 0) == ""
    assert not chain.has_descendants_in_mempool(parent.txid)
    assert chain.broadcast_transaction(child.serialize(), 0, relay=False) == ""
    assert chain.broadcast_transaction(child.serialize(), 1) == ""  # It is there already.
    assert mempool.txids() == {parent.txid, child.txid}
    assert mempool.pool.unbroadcast == {parent.txid}
    assert chain.is_in_mempool(child.txid)
    assert not chain.is_in_mempool(UNKNOWN)
    assert chain.has_descendants_in_mempool(parent.txid)
    assert not chain.has_descendants_in_mempool(child.txid)
    sizes = [(tx.weight + 3) // 4 for tx in (parent, child)]
    assert chain.get_transaction_ancestry(child.txid) == TransactionAncestry(2, 2, sum(sizes), 4000)
    assert chain.get_transaction_ancestry(parent.txid) == TransactionAncestry(1, 2, sizes[0], 1000)
    assert chain.get_transaction_ancestry(UNKNOWN) == TransactionAncestry()
    assert chain.is_rbf_opt_in(child.serialize()) is Replaceability.FINAL


def test_what_says_that_it_may_be_replaced(node: RegtestNode, chain: Chain) -> None:
    parent = spend(node.mempool.take())
    child = spend(coins_of(parent), sequence=0xFFFFFFFE)
    assert chain.is_rbf_opt_in(parent.serialize()) is Replaceability.REPLACEABLE
    node.mempool.send(parent)
    node.mempool.send(child)
    assert chain.is_rbf_opt_in(child.serialize()) is Replaceability.REPLACEABLE


def test_refused_transactions(node: RegtestNode, chain: Chain) -> None:
    mempool = node.mempool
    (coin,) = mempool.take()
    dear = spend([coin], fee=100_000)
    assert chain.broadcast_transaction(dear.serialize(), 99_999) == (
        "Fee exceeds maximum configured by user (e.g. -maxtxfee, maxfeerate)"
    )
    assert chain.broadcast_transaction(spend([coin], fee=1).serialize(), 0) == ("min relay fee not met, 1 < 10")
    assert chain.broadcast_transaction(spend(coins_of(dear)).serialize(), 0) == "bad-txns-inputs-missingorspent"
    mempool.mine([dear])
    assert chain.broadcast_transaction(dear.serialize(), 0) == "Transaction outputs already in utxo set"
    assert mempool.txids() == set()


def test_coins_of_chain_and_mempool(node: RegtestNode, chain: Chain) -> None:
    mempool = node.mempool
    (coin,) = mempool.take()
    tx = spend([coin], outputs=2)
    mempool.send(tx)
    spent = Outpoint(coin.prevout.txid, coin.prevout.index)
    made = [Outpoint(tx.txid, index) for index in range(3)]
    found = chain.find_coins([spent, *made])
    assert [each.outpoint for each in found] == [spent, *made[:2]]
    value, script = tx.outputs[1]
    assert found[2] == FoundCoin(made[1], value, script, MEMPOOL_HEIGHT, is_coinbase=False)
    assert found[0].height == 102


def test_limits(node: RegtestNode, chain: Chain) -> None:
    mempool = node.mempool
    assert chain.get_package_limits() == PackageLimits(25, 25)
    tx = spend(mempool.take(), outputs=1)
    for _ in range(64):
        assert chain.check_chain_limits(tx.serialize()) == ""
        mempool.send(tx)
        tx = spend(coins_of(tx), fee=200)
    assert chain.check_chain_limits(tx.serialize()) == "too many unconfirmed transactions in cluster"
    assert len(mempool.txids()) == 64


def test_fee_rates(chain: Chain) -> None:
    assert chain.estimate_smart_fee(6, True) == SmartFee(0, 0, "")
    assert chain.estimate_max_blocks() == 0
    assert (chain.mempool_min_fee(), chain.relay_min_fee()) == (0, 100)
    assert (chain.relay_incremental_fee(), chain.relay_dust_fee()) == (100, 3000)
    assert not chain.is_ready_to_broadcast()  # The blocks are old.
    assert not chain.has_assumed_valid_chain()


def test_notifications(node: RegtestNode, chain: Chain) -> None:
    mempool = node.mempool
    notes = Notes()
    coins = mempool.take()
    first, second, third = spend(coins), spend(coins, fee=5000), spend(mempool.take())
    with chain.handle_notifications(notes, NotifyOptions(connect_data=False)):
        for tx in (first, second, third):
            mempool.send(tx)
        mempool.mine([second])
        with mempool.pool.lock:
            mempool.pool.remove(list(mempool.pool.entries()), RemovalReason.EXPIRY)
        wait_until(lambda: len(notes.transactions) == 5, "all was heard")
    assert notes.transactions == [
        ("+", first.txid), ("replaced", first.txid), ("+", second.txid), ("+", third.txid), ("expiry", third.txid)
    ]  # fmt: skip
    assert notes.heard[0][0] == "+"
    quiet = Notes()
    with chain.handle_notifications(quiet, NotifyOptions(transactions=False)):
        mempool.send(spend(mempool.take()))
        mempool.mine()
        wait_until(lambda: len(quiet.heard) == 2, "the block was heard of")
    assert quiet.transactions == []


def test_all_that_is_there(node: RegtestNode, chain: Chain) -> None:
    sent = [spend(node.mempool.take()) for _ in range(3)]
    for tx in sent:
        node.mempool.send(tx)
    child = spend(coins_of(sent[2]), fee=50_000)
    node.mempool.send(child)
    notes = Notes()
    chain.request_mempool_transactions(notes)
    told = notes.transactions
    assert sorted(told) == sorted(("+", tx.txid) for tx in (*sent, child))
    assert told.index(("+", sent[2].txid)) < told.index(("+", child.txid))


def test_many_blocks_at_once(node: RegtestNode, chain: Chain) -> None:
    hashes = [node.chainstate.tip().hash, UNKNOWN, chain.get_block_hash(3)]
    found = chain.find_blocks(hashes, NOTHING)
    assert found == [chain.find_block(hashes[0], NOTHING), chain.find_block(hashes[2], NOTHING)]


def test_node(node: RegtestNode, whole: Node) -> None:
    tx = spend(node.mempool.take(), fee=2000)
    assert whole.broadcast_transaction(tx.serialize(), 1999).startswith("Fee exceeds maximum")
    assert whole.get_mempool_size() == 0
    assert whole.broadcast_transaction(tx.serialize(), 2000) == ""
    assert whole.get_mempool_size() == 1
    assert whole.get_mempool_dynamic_usage() == node.mempool.pool.usage > 0
    assert whole.get_mempool_max_usage() == 300_000_000
    assert whole.get_dust_relay_fee() == 3000
    found = whole.get_unspent_output(Outpoint(tx.txid, 0))
    assert found is not None
    assert found.height == MEMPOOL_HEIGHT
    assert Transaction.parse(tx.serialize()).outputs[0].script_pubkey == found.script_pubkey


def test_what_it_takes_to_bump_ancestors(node: RegtestNode, chain: Chain) -> None:
    mempool = node.mempool
    grandparent = spend(mempool.take(), fee=200, outputs=3)
    parent = spend(coins_of(grandparent)[:1], fee=300, outputs=2)
    rich = spend(coins_of(grandparent)[1:2], fee=100_000)
    (confirmed,) = mempool.take()
    for tx in (grandparent, parent):
        mempool.send(tx)
    outputs = [Outpoint(parent.txid, 0), Outpoint(parent.txid, 1), Outpoint(grandparent.txid, 2)]
    places = [*outputs, Outpoint(*confirmed.prevout), Outpoint(UNKNOWN, 0)]
    rate = 10_000
    sizes = [(tx.weight + 3) // 4 for tx in (grandparent, parent)]
    both, first = 10 * sum(sizes) - 500, 10 * sizes[0] - 200
    assert chain.calculate_individual_bump_fees(places, rate) == [both, both, first, 0, 0]
    assert chain.calculate_combined_bump_fee(places, rate) == both
    assert chain.calculate_combined_bump_fee(places[2:], rate) == first
    assert chain.calculate_combined_bump_fee(places[3:], rate) == 0
    assert chain.calculate_individual_bump_fees(places, 100) == [0] * 5
    assert chain.calculate_combined_bump_fee([], rate) == 0
    # A child that pays for the grandparent leaves only the parent to bump, unless it is to be replaced.
    mempool.send(rich)
    alone = 10 * sizes[1] - 300
    assert chain.calculate_individual_bump_fees(places, rate) == [alone, alone, 0, 0, 0]
    replaced = [*places, Outpoint(grandparent.txid, 1), Outpoint(rich.txid, 0)]
    assert chain.calculate_individual_bump_fees(replaced, rate) == [both, both, first, 0, 0, first, 0]
    assert chain.calculate_combined_bump_fee(replaced, rate) == both
