"""Blocks that leave the chain, and what becomes of their transactions and of those that depend on them."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from block_factory import block_hash, build_block
from mempool_chain import Coin, MempoolChain, coins_of, mempool_chain, spend
from mempool_model import check

from node.block_scanner import scan_block
from node.mempool.disconnected import DisconnectedTransactions
from node.policy.options import MempoolOptions
from primitives.transaction import OutPoint, Transaction


@pytest.fixture
def node(tmp_path: Path) -> Iterator[MempoolChain]:
    with mempool_chain(tmp_path, 60) as made:
        yield made
        check(made.pool)


def test_what_was_confirmed_waits_again(node: MempoolChain) -> None:
    parent = spend(node.take(), outputs=2, fee=0)  # It comes back though it pays too little.
    child, grandchild = spend(coins_of(parent)[:1]), None
    node.mine([parent])
    node.mine([child])
    grandchild = spend([*coins_of(child), coins_of(parent)[1]])
    node.send(grandchild)
    node.listener.take()
    node.undo(2)
    assert node.txids() == {parent.txid, child.txid, grandchild.txid}
    assert node.listener.take() == [("added", parent.txid), ("added", child.txid)]
    entry = node.pool.get(grandchild.txid)
    assert entry is not None
    assert {each.txid for each in entry.parents} == {parent.txid, child.txid}
    assert all(entry.sequence == 0 for entry in node.pool.entries() if entry.txid != grandchild.txid)
    node.mine_all()
    assert not len(node.pool)


def test_what_is_in_the_new_chain_too_does_not_come_back(node: MempoolChain) -> None:
    both, only_old = spend(node.take()), spend(node.take())
    tip = node.chain.tip()
    node.mine([both, only_old])
    node.chain.invalidate_block(node.chain.tip())
    assert node.chain.tip() == tip
    node.mine([both], extra=1)
    assert node.txids() == {only_old.txid}


def test_a_longer_branch_takes_over(node: MempoolChain) -> None:
    [coin] = node.take()
    old, new = spend([coin], fee=2000), spend([coin], fee=1000)
    child = spend(coins_of(old))
    first = node.block([new], extra=5)
    node.mine([old])
    node.send(child)
    assert node.chain.process_block(first.serialize()).accepted
    assert node.txids() == {child.txid}
    node.chain.precious_block(node.chain.entry(first.header.hash) or node.chain.tip())
    assert node.chain.tip().hash == first.header.hash
    assert not len(node.pool)


def test_coinbases_become_young_again(tmp_path: Path) -> None:
    with mempool_chain(tmp_path, 1, MempoolOptions(require_standard=False)) as node:
        node.mine()
        old = node.chain.at(node.chain.tip().height - 99)
        assert old is not None
        reward = Transaction.parse_from(node.chain.read_block(old), 81)[0]
        tx = spend([Coin(OutPoint(reward.txid, 0), reward.outputs[0].value)])
        tx = Transaction(2, tuple(each._replace(witness=()) for each in tx.inputs), tx.outputs, 0)
        child = spend(coins_of(tx))
        node.send(tx)
        node.send(child)
        node.listener.take()
        node.undo()
        assert sorted(node.listener.take()) == sorted([("reorg", tx.txid), ("reorg", child.txid)])
        check(node.pool)


def test_locks_hold_again(node: MempoolChain) -> None:
    [one, two] = node.take(2)
    height = node.chain.tip().height
    by_height = spend([one], lock_time=height)
    relative = spend([two], sequence=1)
    node.send(by_height)
    node.send(relative)
    node.undo()
    assert not len(node.pool)


def test_relative_locks_are_measured_anew(node: MempoolChain) -> None:
    parent = spend(node.take())
    node.mine([parent])
    node.mine()
    child = spend(coins_of(parent), sequence=1)
    waiting = spend(node.take(), sequence=1)
    node.send(child)
    node.send(waiting)
    node.undo()
    assert node.txids() == {child.txid, waiting.txid}
    node.undo()  # Now the parent waits too, so what must be a block older than it cannot be next.
    assert node.txids() == {parent.txid, waiting.txid}


def test_only_ten_blocks_undone_by_hand_give_back(node: MempoolChain) -> None:
    txs = [spend(node.take()) for _ in range(12)]
    for tx in txs:
        node.mine([tx])
    late = spend(coins_of(txs[0]))
    node.send(late)
    node.undo(12)
    assert node.txids() == {tx.txid for tx in txs[2:]}


def test_too_large_clusters_lose_their_tail(tmp_path: Path) -> None:
    with mempool_chain(tmp_path, 5, MempoolOptions(cluster_count=5)) as node:
        coins = node.take()
        txs = []
        for _ in range(8):
            txs.append(spend(coins))
            coins = coins_of(txs[-1])
        node.mine(txs[:4])
        for tx in txs[4:]:
            node.send(tx)
        node.undo()
        assert node.txids() == {tx.txid for tx in txs[:5]}
        check(node.pool)


def test_a_hundred_blocks_under_a_full_mempool(tmp_path: Path) -> None:
    random.seed(1)
    options = MempoolOptions(max_bytes=1_200_000, cluster_size_vbytes=20_000)
    with mempool_chain(tmp_path, 2500, options) as node:
        fork = node.chain.tip()
        confirmed = []
        for _ in range(100):
            txs = [spend(node.take(), outputs=2, fee=random.randrange(500, 50_000)) for _ in range(5)]
            txs.append(spend(coins_of(txs[0])[:1], fee=700))
            node.mine(txs)
            confirmed += txs
        for tx in confirmed[::2]:
            for coin in coins_of(tx)[1:]:
                node.send(spend([coin], fee=900))
        while node.pool.min_fee().per_kvb == 0:
            node.acceptance.accept(spend(node.take(), fee=random.randrange(500, 50_000), outputs=3))
        check(node.pool)
        assert node.pool.usage <= options.max_bytes
        parent = fork.hash
        for height in range(fork.height + 1, fork.height + 102):
            block = build_block(parent, height, extra=7)
            parent = block_hash(block)
            node.chain.process_block(block)
        assert node.chain.tip().hash == parent
        check(node.pool)
        assert node.pool.usage <= options.max_bytes
        waiting = node.txids()
        paid = {tx.txid for tx in confirmed if tx.txid in waiting}
        assert len(paid) > 100
        node.mine_all()
        assert not len(node.pool)


def test_what_is_too_much_is_left_out_from_the_end() -> None:
    blocks = [build_block(bytes(32), height) for height in (19, 18, 17)]
    ids = [scan_block(block)[0].txid for block in blocks]

    def fill(limit: int) -> tuple[list[bytes], list[bytes]]:
        kept = DisconnectedTransactions(limit)
        left_out = [txid for block in blocks for txid, _ in kept.add_block(block, scan_block(block))]
        return left_out, [Transaction.parse(data).txid for data in kept.take()]

    assert fill(10_000) == ([], ids[::-1])
    some = [fill(limit) for limit in range(0, 10_000, 100)]
    assert ([ids[0]], [ids[2], ids[1]]) in some
    assert (ids, []) in some
    kept = DisconnectedTransactions()
    for block in blocks:
        assert kept.add_block(block, scan_block(block)) == []
    kept.remove([ids[1]])
    assert [Transaction.parse(data).txid for data in kept.take()] == [ids[2], ids[0]]
    assert list(kept.take()) == []
