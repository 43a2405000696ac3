"""Numbers at their ends, and transactions that are made to take long."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from mempool_chain import MempoolChain, mempool_chain, spend
from mempool_model import check

from node.mempool.dump_file import DumpReader
from node.mempool.minimum_fee import RollingFee
from node.mempool.persist import dump_mempool
from primitives.fee_rate import FeeRate
from primitives.transaction import OutPoint, Transaction, TxIn, TxOut

MOST = 2**63 - 1
ANCHOR = b"\x51\x02\x4e\x73"


@pytest.fixture
def node(tmp_path: Path) -> Iterator[MempoolChain]:
    with mempool_chain(tmp_path) as made:
        yield made


def deltas(node: MempoolChain, path: Path) -> dict[bytes, int]:
    """Write the mempool to a file, and return what that says of fees."""
    assert dump_mempool(node.pool, path)
    with path.open("rb") as file:
        reader = DumpReader(file)
        return {each.transaction.txid: each.delta for each in reader.transactions()} | dict(reader.deltas())


@pytest.mark.parametrize("delta", [MOST, -MOST - 1])
def test_deltas_beyond_all_fees_are_kept(node: MempoolChain, tmp_path: Path, delta: int) -> None:
    here, later = spend(node.take()), spend(node.take())
    node.send(here)
    for _ in range(3):
        node.pool.prioritise(here.txid, delta)
    node.pool.prioritise(later.txid, MOST)
    node.send(later)
    kept = delta if delta < 0 else MOST - 1000
    assert deltas(node, tmp_path / "file") == {here.txid: kept, later.txid: MOST - 1000}
    for entry in node.pool.entries():
        assert -MOST - 1 <= entry.fee <= MOST
    node.mine_all()
    assert not node.pool.deltas
    check(node.pool)


def test_the_least_fee_after_years() -> None:
    fee = RollingFee(FeeRate(100), 0)
    fee.removed(FeeRate(8000))
    fee.block(0)
    assert fee.current(2**32, 400, lambda: 0) == FeeRate(0)


def test_many_outputs_of_a_large_parent_are_found_quickly(node: MempoolChain) -> None:
    outputs = 7000
    parent = spend(node.take(3), fee=10_000, extra=[TxOut(240, ANCHOR)] * outputs)
    node.send(parent)
    prevouts = [OutPoint(parent.txid, index) for index in range(1, 2001)]
    child = Transaction(2, tuple(TxIn(each, b"", 0) for each in prevouts), (TxOut(240, ANCHOR),), 0)
    started = time.process_time()
    assert node.refused(child) == "too-large-cluster"
    assert time.process_time() - started < 0.5
