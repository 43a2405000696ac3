"""The indexes that options ask for, on a chain in memory with forks: each against the plainest computation."""

import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from hashlib import sha256
from pathlib import Path
from random import Random

import pytest
from chain_model import ChainModel, ModelEntry
from conftest import wait_until

from node.block_scanner import is_unspendable, scan_block, script_of
from node.indexes.index import IndexFailedError
from node.indexes.indexes import Indexes, IndexOptions
from node.store import Store
from primitives import gcs
from primitives.muhash import MuHash3072

ALL = IndexOptions(transactions=True, filters=True, coin_stats=True, spenders=True)


class Node:
    """All indexes on a model chain."""

    def __init__(self, path: Path, chain: ChainModel, options: IndexOptions = ALL) -> None:
        self.failures: list[str] = []
        self.indexes = Indexes(path, "regtest", chain, options, self.failures.append)
        self.indexes.start()
        for thread in (self.indexes.coins, *self.indexes.optional):
            wait_until(lambda thread=thread: thread.synced, "the index has caught up")  # type: ignore[misc]
        self.wait()

    def wait(self) -> None:
        for thread in (self.indexes.coins, *self.indexes.optional):
            assert thread.wait_until_synced()

    def close(self) -> None:
        self.indexes.stop()
        self.indexes.stop()
        assert self.failures == []


@pytest.fixture
def chain() -> ChainModel:
    return ChainModel(Random(7))


@pytest.fixture
def node(tmp_path: Path, chain: ChainModel) -> Iterator[Node]:
    chain.extend(10)
    node = Node(tmp_path, chain)
    yield node
    node.close()


def fork(chain: ChainModel, depth: int, length: int) -> None:
    entry = chain.best[-1 - depth]
    for _ in range(length):
        entry = chain.make(entry)
    chain.activate(entry)


def expected_filter(entry: ModelEntry) -> bytes:
    outputs = [script_of(output) for tx in scan_block(entry.data) for output in tx.outputs]
    spent = [coin.script_pubkey for coins in entry.undo for coin in coins]
    return gcs.encode(gcs.basic_elements(outputs, spent), entry.hash)


def test_filters(node: Node, chain: ChainModel) -> None:
    fork(chain, 3, 5)
    node.wait()
    fork(chain, 2, 4)
    node.wait()
    assert node.indexes.filters is not None
    index = node.indexes.filters.index
    for entry in chain.entries.values():
        data = index.filter_of(entry)
        assert data == expected_filter(entry)
        previous = bytes(32) if entry.previous is None else index.header_of(entry.previous)
        assert previous is not None
        assert index.header_of(entry) == gcs.filter_header(gcs.filter_hash(data), previous)
    assert index.filter_of(ChainModel(Random(9)).tip()) is None


def test_blocks_that_left_before_anybody_looked(node: Node, chain: ChainModel) -> None:
    start = chain.best[-1]
    with ExitStack() as paused:
        for thread in (node.indexes.coins, *node.indexes.optional):
            paused.enter_context(thread.paused())
        chain.extend(4)
        fork(chain, 4, 5)
        fork(chain, 2, 4)
        fork(chain, 8, 11)
    node.wait()
    indexes = node.indexes
    assert indexes.filters is not None
    assert indexes.coin_stats is not None
    assert indexes.transactions is not None
    for entry in chain.entries.values():
        assert indexes.filters.index.filter_of(entry) == expected_filter(entry)
        assert indexes.coin_stats.index.stats_of(entry) is not None
        if entry.height > start.height:
            txid = scan_block(entry.data)[0].txid
            assert any(found.entry is entry for found in indexes.transactions.index.candidates(txid, chain))
    assert dict(chain.tip().coins) == dict(committed(node))


def committed(node: Node) -> list[tuple[bytes, bytes]]:
    node.indexes.coins.commit()
    with node.indexes.coins.index.committed() as coins:
        return list(coins)


def test_damaged_filters_are_not_given(node: Node, chain: ChainModel, tmp_path: Path) -> None:
    assert node.indexes.filters is not None
    file = tmp_path / "blockfilter" / "basic" / "fltr00000.dat"
    file.write_bytes(bytes(file.stat().st_size))
    assert node.indexes.filters.index.filter_of(chain.tip()) is None


def test_coin_statistics(node: Node, chain: ChainModel) -> None:
    fork(chain, 4, 6)
    node.wait()
    fork(chain, 1, 2)
    node.wait()
    assert node.indexes.coin_stats is not None
    for entry in chain.entries.values():
        found = node.indexes.coin_stats.index.stats_of(entry)
        assert found is not None
        muhash = MuHash3072()
        for key, value in entry.coins.items():
            muhash.insert(key + value)
        stats = found.stats
        assert found.muhash == muhash.digest()
        assert stats.output_count == len(entry.coins)
        assert stats.total_amount == sum(int.from_bytes(value[4:12], "little") for value in entry.coins.values())
        assert stats.bogo_size == sum(50 + len(script_of(value[4:])) for value in entry.coins.values())
        assert stats.total_subsidy == (entry.height + 1) * 50 * 10**8
        assert stats.spent + stats.total_subsidy == stats.made + stats.coinbase + stats.unspendable
        lost = [o for tx in scan_block(entry.data) for o in tx.outputs if is_unspendable(o)] if entry.height else []
        before = node.indexes.coin_stats.index.stats_of(entry.previous).stats if entry.previous else None  # type: ignore[union-attr]
        if before is not None:
            amount = sum(int.from_bytes(output[:8], "little") for output in lost)
            assert stats.unspendable_scripts == before.unspendable_scripts + amount


def test_transactions_are_found_in_the_chain_first(node: Node, chain: ChainModel) -> None:
    gone = chain.best[-3:]
    fork(chain, 3, 5)
    node.wait()
    assert node.indexes.transactions is not None
    index = node.indexes.transactions.index
    for entry in chain.entries.values():
        for tx in scan_block(entry.data):
            found = index.find(tx.txid, chain)
            if not entry.height:
                assert found is None
                continue
            assert found is not None
            assert found.entry == entry
            assert found.data == entry.data[tx.start : tx.end]
    assert not chain.contains(gone[0])
    assert index.find(bytes(32), chain) is None


def test_spenders_are_those_in_the_chain(node: Node, chain: ChainModel) -> None:
    fork(chain, 3, 5)
    node.wait()
    assert node.indexes.spenders is not None
    index = node.indexes.spenders.index
    spent = {prevout: tx for entry in chain.best for tx in scan_block(entry.data)[1:] for prevout in tx.prevouts}
    for entry in chain.entries.values():
        for outpoint in {prevout for tx in scan_block(entry.data)[1:] for prevout in tx.prevouts}:
            found = index.find(outpoint, chain)
            if outpoint in spent:
                assert found is not None
                assert chain.contains(found.entry)
                assert len(found.data) == spent[outpoint].end - spent[outpoint].start
            else:
                assert found is None
    assert index.find(bytes(36), chain) is None


def test_all_go_on_after_a_crash(node: Node, chain: ChainModel, tmp_path: Path) -> None:
    for thread in node.indexes.optional:
        thread.commit()
    chain.extend(4)
    node.wait()
    copy = tmp_path / "copy"
    copy.mkdir()
    for name in ("coins", "txindex", "blockfilter", "coinstatsindex", "txospenderindex"):
        shutil.copytree(tmp_path / name, copy / name, ignore=shutil.ignore_patterns("LOCK"))
    fork(chain, 4, 9)
    again = Node(copy, chain)
    assert again.indexes.coin_stats is not None
    found = again.indexes.coin_stats.index.stats_of(chain.tip())
    assert found is not None
    assert found.stats.output_count == len(chain.tip().coins)
    assert again.indexes.filters is not None
    assert again.indexes.filters.index.filter_of(chain.tip()) == expected_filter(chain.tip())
    assert again.indexes.transactions is not None
    txid = scan_block(chain.tip().data)[0].txid
    assert again.indexes.transactions.index.find(txid, chain) is not None
    assert again.indexes.prune_lock() == chain.tip().height
    again.close()


def test_a_foreign_store_is_refused_but_coins_are_built_anew(tmp_path: Path, chain: ChainModel) -> None:
    for name in ("coins", "txindex"):
        Store(tmp_path / name, b"of another").close()
    with pytest.raises(IndexFailedError, match="txindex' was written by another program or version"):
        Indexes(tmp_path, "regtest", chain, IndexOptions(transactions=True), print)
    chain.extend(3)
    shared = Store(tmp_path / "txindex", b"pynode transactions 1", wipe=True)
    shared.write({b"B": bytes(69)})
    shared.close()
    with pytest.raises(IndexFailedError, match="txindex' was written by another program or version"):
        Indexes(tmp_path, "regtest", chain, IndexOptions(transactions=True), print)
    node = Node(tmp_path, chain, IndexOptions())
    assert node.indexes.coins.index.count == len(chain.tip().coins)
    node.close()
    node = Node(tmp_path, ChainModel(Random(11)), IndexOptions())
    assert node.indexes.coins.index.count == 0
    node.close()
    node = Node(tmp_path, chain, IndexOptions(transactions=True, wipe=True))
    node.close()


def test_pruned_blocks_are_missed_at_the_start(tmp_path: Path, chain: ChainModel) -> None:
    chain.extend(20)
    filters = IndexOptions(filters=True)
    Node(tmp_path, chain, filters).close()
    chain.extend(5)
    chain.pruned = 20
    indexes = Indexes(tmp_path, "regtest", chain, filters, print)
    with pytest.raises(
        IndexFailedError,
        match=r"^basic block filter index best block of the index goes beyond pruned data \(including undo data\)\. "
        r"Please disable the index or reindex \(which will download the whole blockchain again\)$",
    ):
        indexes.start()
    indexes.stop()
    chain.pruned = 21
    without = Indexes(tmp_path, "regtest", chain, IndexOptions(), print)
    without.start()
    assert not without.coins.wait_until_synced()
    with pytest.raises(IndexFailedError, match="beyond pruned data"), without.coins.reading():
        pass
    assert without.prune_lock() is None
    without.stop()
    chain.pruned = 19
    Node(tmp_path, chain, filters).close()


def damage_files(folder: Path, pattern: str) -> None:
    for file in folder.glob(pattern):
        with file.open("r+b") as stream:
            stream.seek(150)
            stream.write(b"1" * 200)


def read_all(path: Path, chain: ChainModel) -> None:
    node = Indexes(path, "regtest", chain, ALL, print)
    try:
        for thread in (node.coins, *node.optional):
            assert list(thread.index.store.items(b""))
    finally:
        node.stop()


@pytest.mark.parametrize("damage", ["CURRENT", "*.ldb"])
@pytest.mark.parametrize(
    "name", ["coins", "txindex", "blockfilter/basic/db", "coinstatsindex/db", "txospenderindex/db"]
)
def test_a_damaged_store_is_told_and_not_used(tmp_path: Path, chain: ChainModel, name: str, damage: str) -> None:
    for _ in range(2):  # A log becomes a table when it is opened.
        chain.extend(60)
        Node(tmp_path, chain).close()
    damage_files(tmp_path / name, damage)
    with pytest.raises(Exception, match="LevelDB error: Corruption"):
        read_all(tmp_path, chain)


@pytest.mark.parametrize(
    "name", ["coins", "txindex", "blockfilter/basic/db", "coinstatsindex/db", "txospenderindex/db"]
)
def test_a_damaged_log_is_told_or_ends_there(tmp_path: Path, chain: ChainModel, name: str) -> None:
    chain.extend(60)
    Node(tmp_path, chain).close()
    damage_files(tmp_path / name, "*.log")
    try:
        read_all(tmp_path, chain)
    except IndexFailedError as error:
        assert "LevelDB error: Corruption" in str(error)  # noqa: PT017
    else:
        node = Node(tmp_path, chain)
        assert node.indexes.coins.index.count == len(chain.tip().coins)
        node.close()


def test_muhash_of_nothing() -> None:
    assert MuHash3072().digest() == sha256(b"\1" + bytes(383)).digest()
