"""Indexes on a chain in memory: what they hold after any forks, crashes and failures."""

import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import pytest
from chain_model import ChainModel
from conftest import wait_until

from node.indexes.blocks import BlockFeed
from node.indexes.chain import Chain
from node.indexes.coins import FORMAT, CoinIndex
from node.indexes.index import Index, IndexFailedError
from node.indexes.thread import FlushGate, IndexThread
from node.store import Store, StoreError


class Rig:
    """One index over a model chain."""

    def __init__(self, chain: ChainModel, path: Path, make: Callable[[Store], Index], format_: bytes) -> None:
        self.chain = chain
        self.failures: list[str] = []
        self.feed = BlockFeed(chain)
        self.store = Store(path, format_)
        self.thread = IndexThread(make(self.store), chain, self.feed, FlushGate(chain), self.failures.append)
        self.thread.start()

    def wait(self) -> None:
        wait_until(lambda: self.thread.synced, "the index has caught up")
        assert self.thread.wait_until_synced()

    def close(self) -> None:
        self.thread.stop()
        self.feed.close()


def coin_rig(chain: ChainModel, path: Path) -> Rig:
    return Rig(chain, path / "coins", CoinIndex, FORMAT)


@pytest.fixture
def chain() -> ChainModel:
    return ChainModel()


def coins_of(rig: Rig) -> CoinIndex:
    assert isinstance(rig.thread.index, CoinIndex)
    return rig.thread.index


def check_coins(rig: Rig) -> None:
    rig.wait()
    with rig.thread.reading() as best:
        assert best is not None
        expected = rig.chain.entries[best.hash].coins
        index = coins_of(rig)
        assert best == rig.chain.tip()
        assert index.count == len(expected)
        for key, value in expected.items():
            assert index.get_raw(key) == value
        gone = {key for entry in rig.chain.entries.values() for key in entry.coins} - expected.keys()
        assert all(index.get(key) is None for key in gone)


@pytest.mark.parametrize("seed", range(12))
def test_coins_after_random_forks(tmp_path: Path, seed: int) -> None:
    random = Random(seed)
    chain = ChainModel(random)
    chain.extend(random.randrange(20))
    rig = coin_rig(chain, tmp_path)
    for _ in range(25):
        step = random.randrange(8)
        if step < 4:
            chain.extend(random.randrange(1, 6))
        elif step < 6:
            back = chain.best[max(0, chain.tip().height - random.randrange(12))]
            for _ in range(random.randrange(1, 14)):
                back = chain.make(back)
            chain.activate(back)
        elif step == 6:
            rig.thread.commit()
        else:
            rig.close()
            rig = coin_rig(chain, tmp_path)
        if random.random() < 0.4:
            check_coins(rig)
    check_coins(rig)
    rig.thread.commit()
    with coins_of(rig).committed() as coins:
        assert dict(coins) == chain.tip().coins
        assert coins.count == len(chain.tip().coins)
    rig.close()
    assert rig.failures == []


def test_committed_only_what_the_chain_has_flushed(tmp_path: Path, chain: ChainModel) -> None:
    chain.extend(5)
    rig = coin_rig(chain, tmp_path)
    rig.wait()
    chain.extend(5)
    check_coins(rig)
    assert rig.thread.committed == chain.flushed[-1]
    rig.thread.commit()
    assert rig.thread.committed == chain.flushed[-1] == chain.tip()
    chain.extend(5)
    check_coins(rig)
    # The node dies: the index and the chain are again what is on disk.
    copy = tmp_path / "copy"
    shutil.copytree(tmp_path / "coins", copy / "coins")
    rig.close()
    for entry in chain.best[11:]:
        del chain.entries[entry.hash]
    del chain.best[11:]
    again = coin_rig(chain, copy)
    assert again.thread.synced
    check_coins(again)
    again.close()


def test_gate_flushes_lower_blocks_of_another_branch(chain: ChainModel) -> None:
    gate = FlushGate(chain)
    old = chain.extend(5)
    gate.pass_through(chain, old)
    assert chain.flushed[-1] == old
    entry = chain.best[2]
    for _ in range(4):
        entry = chain.make(entry)
    chain.activate(entry)
    assert entry.previous is not None
    gate.pass_through(chain, entry.previous.ancestor(2))
    assert chain.flushed[-1] == old
    gate.pass_through(chain, entry.ancestor(4))
    assert chain.flushed[-1] == entry


def test_unknown_best_block_is_told(tmp_path: Path, chain: ChainModel) -> None:
    chain.extend(3)
    rig = coin_rig(chain, tmp_path)
    rig.wait()
    rig.close()
    other = ChainModel(Random(5))
    store = Store(tmp_path / "coins", FORMAT)
    with pytest.raises(IndexFailedError, match=r"^best block of coin index not found\. Please rebuild the index\.$"):
        IndexThread(CoinIndex(store), other, BlockFeed(other), FlushGate(other), print)
    store.close()


@pytest.fixture
def failing(tmp_path: Path, chain: ChainModel) -> Iterator[Rig]:
    chain.extend(3)
    rig = coin_rig(chain, tmp_path)
    rig.wait()
    yield rig
    rig.close()


def test_a_block_that_cannot_be_read_ends_the_index(
    failing: Rig, chain: ChainModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreadable(entry: object) -> bytes:
        raise OSError(entry)

    fork = chain.make(chain.best[1])
    gone = chain.tip().hash
    monkeypatch.setattr(chain, "read_undo", unreadable)
    monkeypatch.setattr(chain, "read_block", unreadable)
    chain.activate(fork)
    assert not failing.thread.wait_until_synced()
    assert failing.failures == [f"Failed to read block {gone[::-1].hex()} from disk"]
    with pytest.raises(IndexFailedError, match="Failed to read block"), failing.thread.reading():
        pass
    assert threading.active_count() == 1


def test_a_full_disk_ends_the_index(failing: Rig, chain: ChainModel, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise StoreError("Fatal LevelDB error: IO error: No space left on device")

    monkeypatch.setattr(failing.store, "write", full)
    chain.extend(1)
    failing.wait()
    with pytest.raises(IndexFailedError, match="No space left"):
        failing.thread.commit()
    told = "Failed to commit latest coin index state: Fatal LevelDB error: IO error: No space left on device"
    assert failing.failures == [told]


def test_waits_end_with_the_index(chain: ChainModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rig = coin_rig(chain, tmp_path)
    rig.wait()
    started, going = threading.Event(), threading.Event()
    append = rig.thread.index.append

    def slow(block: object) -> None:
        started.set()
        going.wait()
        append(block)  # type: ignore[arg-type]

    monkeypatch.setattr(rig.thread.index, "append", slow)
    chain.extend(2)
    started.wait()
    answers: list[bool] = []
    waiter = threading.Thread(target=lambda: answers.append(rig.thread.wait_until_synced()))
    waiter.start()
    going.set()
    waiter.join()
    assert answers == [True]
    rig.close()
    assert not rig.thread.wait_until_synced() or rig.thread.best == chain.tip()


def test_model_is_a_chain() -> None:
    checked: Chain = ChainModel()
    assert checked.at(0) == checked.tip()
