"""The fee estimator as the mempool's listener, its file written now and then, and the estimator of the next block."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import wait_until
from mempool_chain import MempoolChain, coins_of, mempool_chain, spend

from node.fees import next_block
from node.fees.estimator import Spans
from node.fees.next_block import BlockHealth, NextBlockEstimator, NoEstimateError
from node.fees.watcher import FeeWatcher
from primitives.fee_rate import FeeRate


@pytest.fixture
def node(tmp_path: Path) -> Iterator[MempoolChain]:
    with mempool_chain(tmp_path / "chain", 40) as made:
        made.clock.set_mock(made.chain.tip().time)
        try:
            yield made
        finally:
            made.clock.set_mock(0)


@pytest.fixture
def watcher(node: MempoolChain, tmp_path: Path) -> Iterator[FeeWatcher]:
    watcher = FeeWatcher(tmp_path, accept_stale=False)
    watcher.start(node.pool, node.chain)
    node.mine()  # Tells where the chain is.
    node.clock.set_mock(node.chain.tip().time)
    yield watcher
    watcher.stop()


def test_transactions_and_blocks_are_learnt_from(node: MempoolChain, watcher: FeeWatcher) -> None:
    parent = spend(node.take(), fee=5000)
    node.send(parent)
    node.send(spend(coins_of(parent), fee=5000))
    alone = spend(node.take(), fee=5000)
    node.send(alone)
    estimator = watcher.estimator
    estimator.settle()
    assert set(estimator._waiting) == {parent.txid, alone.txid}
    node.mine([parent])
    node.clock.set_mock(node.chain.tip().time)
    estimator.settle()
    assert set(estimator._waiting) == {alone.txid}
    height = node.chain.tip().height
    assert estimator.spans == Spans(best=height, first=height)
    node.send(spend([*node.take()], fee=9000))
    node.pool.expire(node.clock.now() + 1)
    estimator.settle()
    assert estimator._waiting == {}


def test_a_block_is_worked_in_without_being_asked_for(node: MempoolChain, watcher: FeeWatcher) -> None:
    node.send(spend(node.take(), fee=5000))
    node.mine_all()
    wait_until(lambda: not watcher.estimator._noted, "the block is worked in")


def test_the_file_is_written_when_due_and_at_the_end(
    watcher: FeeWatcher, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "estimatefee")
    path = tmp_path / "fee_estimates.dat"
    assert not path.exists()
    watcher.bring_forward(3600)
    wait_until(path.exists, "the file is written")
    wait_until(lambda: f"Flushed fee estimates to {path}." in caplog.messages, "that is told")
    path.unlink()
    watcher.stop()
    assert path.exists()
    assert any(text.startswith("Recorded 0 unconfirmed txs from mempool") for text in caplog.messages)


def no_estimate(estimator: NextBlockEstimator) -> str:
    with pytest.raises(NoEstimateError) as raised:
        estimator.estimate(conservative=True)
    return str(raised.value)


def test_the_next_block_is_estimated_from_what_waits(node: MempoolChain, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(next_block, "_BLOCK_WEIGHT", 4000)
    estimator = NextBlockEstimator(node.pool, node.chain)
    assert no_estimate(estimator) == "mempool_policy: Mempool not loaded yet, no fee rate estimate available"
    node.pool.loaded = True
    assert no_estimate(estimator) == "mempool_policy: Not enough recent block data for fee rate estimation"
    for _ in range(6):
        node.mine()
    assert estimator.estimate(conservative=True) == FeeRate(100)
    for number in range(20):
        node.send(spend(node.take(), fee=1000 + 100 * number))
    assert estimator.estimate(conservative=True) == FeeRate(100), "it was asked just now"
    node.mine()
    conservative, economical = (estimator.estimate(conservative=flag) for flag in (True, False))
    assert FeeRate(100) < economical < conservative
    assert [block.mempool_weight for block in estimator.health()] == [0] * 6
    unseen = [spend(node.take(), padding=1000) for _ in range(2)]
    node.mine(unseen)
    assert no_estimate(estimator) == "mempool_policy: Mempool is unreliable for fee rate estimation"
    weight = sum(tx.weight for tx in unseen)
    assert estimator.health()[-1] == BlockHealth(node.chain.tip().height, weight, 0)
    sent = sum(entry.weight for entry in node.pool.entries())
    node.mine_all()
    assert estimator.health()[-1] == BlockHealth(node.chain.tip().height, sent, sent)
    node.undo(2)
    node.mine()
    assert [block.height for block in estimator.health()][-1] == node.chain.tip().height
    estimator.stop()
