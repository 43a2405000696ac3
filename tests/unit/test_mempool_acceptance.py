"""Single transactions that come into the mempool or are refused."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from mempool_chain import SCRIPT, VALUE, Coin, MempoolChain, coins_of, mempool_chain, spend
from mempool_model import check

from node.mempool.results import ResultKind
from node.policy.reject import TxResult
from primitives.transaction import OutPoint, Transaction, TxIn, TxOut


@pytest.fixture
def node(tmp_path: Path) -> Iterator[MempoolChain]:
    with mempool_chain(tmp_path) as made:
        yield made
        check(made.pool)


def test_a_transaction_comes_in(node: MempoolChain) -> None:
    tx = spend(node.take(), fee=1234)
    result = node.send(tx)
    assert (result.base_fee, result.vsize, result.wtxids_fee) == (1234, tx.vsize, (tx.wtxid,))
    entry = node.pool.get(tx.txid)
    assert entry is not None
    assert entry is node.pool.by_wtxid(tx.wtxid)
    assert entry.transaction() == tx
    assert entry.height == node.chain.tip().height
    assert node.pool.spender_of(entry.prevouts[0]) is entry
    assert node.listener.take() == [("added", tx.txid)]
    assert node.listener.additions[0].no_parents
    assert (node.pool.total_fee, node.pool.total_vsize) == (1234, tx.vsize)


def test_only_asking_changes_nothing(node: MempoolChain) -> None:
    tx = spend(node.take())
    result = node.acceptance.accept(tx, test=True)
    assert result.kind is ResultKind.VALID
    assert not len(node.pool)
    assert node.listener.take() == []
    assert node.pool.sequence == 1


def test_what_is_there_is_refused(node: MempoolChain) -> None:
    tx = spend(node.take())
    node.send(tx)
    assert node.refused(tx) == "txn-already-in-mempool"
    other = Transaction(tx.version, tuple(each._replace(witness=()) for each in tx.inputs), tx.outputs, tx.lock_time)
    assert node.refused(other) == "txn-same-nonwitness-data-in-mempool"


def test_what_is_in_a_block_is_known(node: MempoolChain) -> None:
    tx = spend(node.take())
    node.mine([tx])
    assert node.refused(tx) == "txn-already-known"


def test_missing_inputs(node: MempoolChain) -> None:
    assert node.refused(spend([Coin(OutPoint(bytes(31) + b"\1", 0), VALUE)])) == "bad-txns-inputs-missingorspent"
    tx = spend(node.take())
    node.send(tx)
    assert node.refused(spend([Coin(OutPoint(tx.txid, 7), VALUE)])) == "bad-txns-inputs-missingorspent"


def test_children_spend_what_waits(node: MempoolChain) -> None:
    parent = spend(node.take(), outputs=2)
    child = spend(coins_of(parent))
    assert node.refused(child) == "bad-txns-inputs-missingorspent"
    node.send(parent)
    node.send(child)
    entry = node.pool.get(child.txid)
    assert entry is not None
    assert [each.txid for each in entry.parents] == [parent.txid]
    assert not node.listener.additions[-1].no_parents


def test_fees(node: MempoolChain) -> None:
    coin = node.take()
    size = spend(coin).vsize
    assert node.refused(spend(coin, fee=5)) == f"min relay fee not met, 5 < {-(-size // 10)}"
    result = node.acceptance.accept(spend(coin, fee=5))
    assert result.rejection is not None
    assert result.rejection.kind is TxResult.RECONSIDERABLE
    assert result.effective_feerate is not None
    node.pool.prioritise(spend(coin, fee=5).txid, 1000)
    node.send(spend(coin, fee=5))
    node.pool.prioritise(spend(coin, fee=5).txid, -500)
    assert [entry.fee for entry in node.pool.entries()] == [505]


def test_lock_times(node: MempoolChain) -> None:
    height = node.chain.tip().height
    [coin] = node.take()
    assert node.refused(spend([coin], lock_time=height + 1)) == "non-final"
    assert node.refused(spend([coin], sequence=2)) == "non-BIP68-final"
    node.send(spend([coin], lock_time=height, sequence=1))


def test_coinbases_must_be_old(node: MempoolChain) -> None:
    height = node.chain.tip().height
    entry = node.chain.at(height - 98)
    assert entry is not None
    tx = Transaction.parse_from(node.chain.read_block(entry), 81)[0]
    text = node.refused(Transaction(2, (TxIn(OutPoint(tx.txid, 0), b"", 0),), (TxOut(VALUE, SCRIPT),), 0))
    assert text == "bad-txns-premature-spend-of-coinbase, tried to spend coinbase at depth 99"


def test_scripts_are_checked(node: MempoolChain) -> None:
    tx = spend(node.take())
    bad = Transaction(2, tuple(each._replace(witness=(b"\x52",)) for each in tx.inputs), tx.outputs, 0)
    assert node.refused(bad).startswith("mempool-script-verify-flag-failed (Witness program hash mismatch), input 0 of")
    stripped = Transaction(2, tuple(each._replace(witness=()) for each in tx.inputs), tx.outputs, 0)
    result = node.acceptance.accept(stripped)
    assert result.rejection is not None
    assert result.rejection.kind is TxResult.WITNESS_STRIPPED


@pytest.mark.parametrize(
    ("tx", "reason"),
    [
        (Transaction(2, (), (TxOut(1, SCRIPT),), 0), "bad-txns-vin-empty"),
        (Transaction(2, (TxIn(OutPoint(bytes(32), 0xFFFFFFFF), b"\0\0", 0),), (TxOut(1, SCRIPT),), 0), "coinbase"),
        (Transaction(4, (TxIn(OutPoint(bytes(32), 0), b"", 0),), (TxOut(1, SCRIPT),), 0), "version"),
        (Transaction(2, (TxIn(OutPoint(bytes(32), 0), b"", 0),), (TxOut(0, b"\x6a"),), 0), "tx-size-small"),
    ],
)
def test_forms(node: MempoolChain, tx: Transaction, reason: str) -> None:
    assert node.refused(tx) == reason


def test_blocks_take_what_they_hold_and_what_conflicts(node: MempoolChain) -> None:
    [one, two] = node.take(2)
    mined, replaced, kept = spend([one]), spend([two], outputs=2), spend(node.take())
    child = spend(coins_of(replaced))
    for tx in (mined, replaced, child, kept):
        node.send(tx)
    node.pool.prioritise(replaced.txid, 5)
    node.pool.prioritise(mined.txid, 5)
    node.listener.take()
    node.mine([mined, spend([two], fee=5)])
    assert node.txids() == {kept.txid}
    assert node.pool.deltas == {}
    assert sorted(node.listener.take()) == sorted([("conflict", replaced.txid), ("conflict", child.txid)])
    assert node.listener.blocks[-1] == ([mined.txid], node.chain.tip().height)
