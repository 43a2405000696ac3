"""A mempool that is full, too old transactions, and the fee rate that is asked for after that."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from mempool_chain import MempoolChain, coins_of, mempool_chain, spend
from mempool_model import check

from node.mempool.entry import MempoolEntry
from node.mempool.expiry import Ages
from node.mempool.minimum_fee import HALF_LIFE, RollingFee
from node.policy.options import MempoolOptions
from primitives.fee_rate import FeeRate
from primitives.transaction import OutPoint

FULL = MempoolOptions(max_bytes=200_000, cluster_size_vbytes=5_000)
NOW = 2_000_000_000


@pytest.fixture
def node(tmp_path: Path) -> Iterator[MempoolChain]:
    with mempool_chain(tmp_path, 300, FULL) as made:
        try:
            yield made
            check(made.pool)
        finally:
            made.clock.set_mock(0)


def fill(node: MempoolChain) -> None:
    while not node.pool.min_fee().per_kvb:
        node.send(spend(node.take(), fee=1000 + len(node.pool), padding=500))


def test_what_pays_least_goes(node: MempoolChain) -> None:
    fill(node)
    assert node.pool.usage <= FULL.max_bytes
    gone = [txid for word, txid in node.listener.take() if word == "sizelimit"]
    assert gone
    assert not node.txids() & set(gone)
    # All had one size, so the first ones paid least.
    assert min(entry.base_fee for entry in node.pool.entries()) == 1000 + len(gone)
    size = spend(node.take(), padding=500).vsize
    assert node.pool.min_fee() == FeeRate.of(1000 + len(gone) - 1, size) + FULL.incremental
    cheap = spend(node.take(), fee=1000, padding=500)
    assert node.refused(cheap).startswith("mempool min fee not met, 1000 < ")
    result = node.acceptance.accept(cheap, bypass_limits=True)
    assert result.rejection is None
    check(node.pool)


def test_coins_of_what_goes_or_never_came_leave_the_kernels_cache(node: MempoolChain) -> None:
    first = spend(node.take(), fee=500, padding=500)
    [refused] = node.take()
    node.chain.flush()
    node.send(first)
    [kept] = first.inputs

    def is_cached(coin: OutPoint) -> bool:
        with node.chain.processing:
            return node.chain.coins().is_cached(coin.txid + coin.index.to_bytes(4, "little"))

    with node.chain.processing:
        node.chain.coins().uncache(refused.prevout.txid + refused.prevout.index.to_bytes(4, "little"))
    assert is_cached(kept.prevout)
    assert not is_cached(refused.prevout)
    assert node.refused(spend([refused], fee=1)).startswith("min relay fee not met")
    assert not is_cached(refused.prevout)
    while first.txid in node.txids():
        node.send(spend(node.take(), fee=100_000, padding=500))
    assert not is_cached(kept.prevout)


def test_one_that_goes_at_once_was_never_in(node: MempoolChain) -> None:
    low = {spend(node.take(), fee=500, padding=500) for _ in range(5)}
    for tx in low:
        node.send(tx)
    while node.txids() & {tx.txid for tx in low}:
        node.send(spend(node.take(), fee=100_000, padding=500))
    node.listener.take()
    large = spend(node.take(), fee=node.pool.min_fee().fee_for(4800), padding=4600)
    result = node.acceptance.accept(large)
    assert result.rejection is not None
    assert result.rejection.text == "mempool full"
    assert node.listener.take() == [("sizelimit", large.txid)]


def test_a_child_saves_its_parent(node: MempoolChain) -> None:
    fill(node)
    low = node.pool.min_fee().fee_for(700)
    parent = spend(node.take(), fee=low - 400, padding=500)
    child = spend(coins_of(parent), fee=100_000)
    assert node.refused(parent).startswith("mempool min fee not met")
    assert node.acceptance.accept_package([parent, child]).rejection is None
    assert {parent.txid, child.txid} <= node.txids()


def test_too_old_ones_go(node: MempoolChain) -> None:
    node.clock.set_mock(NOW)
    old = spend(node.take())
    node.send(old)
    node.clock.set_mock(NOW + 1000)
    child = spend(coins_of(old))
    young = spend(node.take())
    node.send(child)
    node.send(young)
    node.listener.take()
    node.clock.set_mock(NOW + FULL.expiry)
    node.send(spend(node.take()))
    assert {old.txid, child.txid, young.txid} <= node.txids()
    node.clock.set_mock(NOW + FULL.expiry + 1)
    node.send(spend(node.take()))
    heard = node.listener.take()
    assert sorted(heard[1:3]) == sorted([("expiry", old.txid), ("expiry", child.txid)])
    assert young.txid in node.txids()


def test_what_came_again_is_young_again(node: MempoolChain) -> None:
    node.clock.set_mock(NOW)
    tx = spend(node.take())
    node.send(tx)
    node.clock.set_mock(NOW + FULL.expiry)
    node.send(spend(node.take()))
    node.mine([tx])
    node.undo()
    node.clock.set_mock(NOW + FULL.expiry + 1)
    node.send(spend(node.take()))
    assert tx.txid in node.txids()


def test_the_fee_falls_after_a_block(node: MempoolChain) -> None:
    node.clock.set_mock(NOW)
    fill(node)
    asked = node.pool.min_fee().per_kvb
    node.clock.set_mock(NOW + HALF_LIFE)
    assert node.pool.min_fee().per_kvb == asked
    node.clock.set_mock(NOW)
    node.mine_all()
    assert node.pool.min_fee().per_kvb == asked
    node.clock.set_mock(NOW + HALF_LIFE // 4)
    assert node.pool.min_fee().per_kvb in {asked // 2, asked // 2 + 1}
    node.clock.set_mock(NOW + 10 * HALF_LIFE)
    assert node.pool.min_fee() == FeeRate(0)


def test_how_fast_it_falls() -> None:
    fee = RollingFee(FeeRate(100), 0)
    fee.removed(FeeRate(8000))
    fee.removed(FeeRate(4000))
    fee.block(0)
    assert fee.current(10, 400, lambda: 400) == FeeRate(8000)
    assert fee.current(HALF_LIFE, 400, lambda: 200) == FeeRate(4000)
    assert fee.current(HALF_LIFE * 3 // 2, 400, lambda: 199) == FeeRate(2000)
    assert fee.current(HALF_LIFE * 7 // 4, 400, lambda: 99) == FeeRate(1000)
    assert fee.current(HALF_LIFE * 11 // 4, 400, lambda: 99) == FeeRate(100)
    assert fee.current(HALF_LIFE * 13 // 4, 400, lambda: 99) == FeeRate(0)
    assert fee.current(HALF_LIFE * 20, 400, lambda: 99) == FeeRate(0)


def test_ages_of_many() -> None:
    ages: dict[bytes, int] = {}

    class Entry:
        def __init__(self, txid: bytes) -> None:
            self.txid = txid
            self.time = ages[txid]

    kept: dict[bytes, MempoolEntry] = {}
    oldest = Ages(kept.values)
    chance = random.Random(5)
    now = 0
    for number in range(6000):
        now += chance.randrange(3)
        txid = number.to_bytes(4, "big")
        ages[txid] = now - chance.randrange(50)
        kept[txid] = Entry(txid)  # type: ignore[assignment]
        oldest.add(kept[txid])
        if chance.random() < 0.3:
            kept.pop(chance.choice([*ages]), None)
        if chance.random() < 0.2:
            before = now - chance.choice([20, 2500])
            wanted = {txid for txid in kept if ages[txid] < before}
            found = {txid for txid in oldest.before(before) if txid in kept}
            assert found == wanted
            for each in found:
                del kept[each]
