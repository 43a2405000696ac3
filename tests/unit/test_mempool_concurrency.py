"""Many who send at once, while blocks come and go."""

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from mempool_chain import Coin, MempoolChain, coins_of, failed, mempool_chain, spend
from mempool_model import check

from node.indexes.indexes import Indexes, IndexOptions
from node.mempool.chain_follower import ChainFollower
from node.mempool.results import ResultKind
from node.policy.options import MempoolOptions

SENDERS = 6
SECONDS = 2.0


def run(tasks: list[Callable[[], None]]) -> None:
    """Run all at once and raise what one raised."""
    errors: list[BaseException] = []

    def guarded(task: Callable[[], None]) -> None:
        try:
            task()
        except BaseException as error:  # noqa: BLE001 - it is raised below
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=(task,)) for task in tasks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for error in errors:
        raise error


def sender(node: MempoolChain, coins: list[Coin], stop: threading.Event) -> None:
    number = 0
    while not stop.is_set():
        number += 1
        coin = coins[number % len(coins)]
        if coin.value < 20_000:
            return
        tx = spend([coin], fee=1000 + number, outputs=2)
        child = spend(coins_of(tx)[:1], fee=500)
        if number % 5:
            result = node.acceptance.accept(tx)
            assert result.kind is ResultKind.VALID or result.rejection is not None
            node.acceptance.accept(child)
        else:
            node.acceptance.accept_package([tx, child])
        coins.append(coins_of(tx)[1])


def miner(node: MempoolChain, stop: threading.Event) -> None:
    number = 0
    base = node.chain.tip().height
    while not stop.is_set():
        number += 1
        with node.chain.processing, node.pool.lock:
            chunks = [nodes for nodes, _, _ in node.pool.graph.mining_order()][:50]
            entries = [node.pool.get(each.txid) for nodes in chunks for each in nodes]
            block = node.block([entry.transaction() for entry in entries if entry is not None], extra=number)
        assert node.chain.process_block(block.serialize()).accepted
        if number % 4 == 0 and node.chain.tip().height - 3 > base:
            node.undo(3)


def reader(node: MempoolChain, stop: threading.Event) -> None:
    while not stop.is_set():
        check(node.pool)
        time.sleep(0.02)


@pytest.mark.parametrize("with_indexes", [False, True])
def test_all_at_once(tmp_path: Path, with_indexes: bool) -> None:
    with mempool_chain(tmp_path, 240, MempoolOptions(max_bytes=400_000, cluster_size_vbytes=10_000)) as node:
        # The indexes want the chain flushed while others hold it.
        indexes = Indexes(tmp_path / "indexes", "regtest", node.chain, IndexOptions(transactions=True), failed)
        if with_indexes:
            indexes.start()
        stop = threading.Event()
        timer = threading.Timer(SECONDS, stop.set)
        timer.start()
        shares = [node.take(40) for _ in range(SENDERS)]
        tasks: list[Callable[[], None]] = [lambda share=share: sender(node, share, stop) for share in shares]  # type: ignore[misc]
        try:
            run([*tasks, lambda: miner(node, stop), lambda: reader(node, stop)])
        finally:
            timer.cancel()
            stop.set()
            indexes.stop()
        check(node.pool)
        assert sum(len(txids) for txids, _ in node.listener.blocks) > 0
        sequences = [sequence for _, _, sequence in node.listener.heard]
        assert sequences == sorted(set(sequences))


def test_a_mempool_that_fails_ends_the_node_but_not_the_chain(tmp_path: Path) -> None:
    with mempool_chain(tmp_path, 3) as node:
        node.follower.close()
        told: list[str] = []
        follower = ChainFollower(node.chain, node.acceptance, told.append)
        tx = spend(node.take())
        node.send(tx)
        entry = node.pool.get(tx.txid)
        assert entry is not None
        entry.prevouts = (b"nothing",)
        node.mine([tx])
        node.mine()
        assert len(told) == 1
        assert told[0].startswith("The mempool cannot follow the chain: ")
        follower.close()
