"""What listeners of a chain hear, in order, and what invalidates, reconsiders and prefers blocks."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
from block_factory import REGTEST_GENESIS_HASH, block_hash, build_block
from chain_recorder import Recorder, branch, feed, open_chain

from node.chainstate import Chainstate, ClosedError


@pytest.fixture
def chain(tmp_path: Path) -> Iterator[Chainstate]:
    chainstate = open_chain(tmp_path)
    yield chainstate
    chainstate.close()


@pytest.fixture
def heard(chain: Chainstate) -> Recorder:
    recorder = Recorder()
    chain.add_listener(recorder)
    return recorder


def test_each_block_header_first(chain: Chainstate, heard: Recorder) -> None:
    for hash_ in feed(chain, branch(3)):
        assert heard.events[:3] == [("header", hash_), ("connected", hash_), ("tip", hash_)]
        del heard.events[:3]
    assert heard.events == []


def test_reorganisation_of_100_blocks(chain: Chainstate, heard: Recorder) -> None:
    old = feed(chain, branch(100))
    heard.take()
    blocks = branch(101, extra=1)
    new = feed(chain, blocks[:100])
    assert heard.take() == []
    new += feed(chain, blocks[100:])
    assert heard.take() == [
        ("header", new[-1]),
        *(("disconnected", hash_) for hash_ in reversed(old)),
        *(("connected", hash_) for hash_ in new),
        ("tip", new[-1]),
    ]
    assert chain.tip().hash == new[-1]
    assert {entry.hash for entry in chain.tips()} == {old[-1], new[-1]}


def test_branch_that_fails_changes_nothing(chain: Chainstate, heard: Recorder) -> None:
    feed(chain, branch(2))
    heard.take()
    good = branch(2, extra=1)
    feed(chain, good)
    bad = build_block(block_hash(good[-1]), 3, reward=10**12)
    verdict = chain.process_block(bad)
    assert (verdict.accepted, verdict.text) == (True, "bad-cb-amount")
    assert heard.take("connected", "disconnected", "tip") == []


def test_invalidate_and_reconsider(chain: Chainstate, heard: Recorder) -> None:
    hashes = feed(chain, branch(5))
    heard.take()
    second = chain.entry(hashes[1])
    assert second is not None
    chain.invalidate_block(second)
    assert heard.take("connected", "disconnected", "tip") == [
        *(("disconnected", hash_) for hash_ in reversed(hashes[1:])),
        ("tip", hashes[0]),
    ]
    assert second.status.failed
    assert chain.best_header().hash == hashes[0]
    chain.reconsider_block(second)
    assert heard.take("connected", "disconnected", "tip") == [
        *(("connected", hash_) for hash_ in hashes[1:]),
        ("tip", hashes[-1]),
    ]
    assert not second.status.failed


def test_invalidating_the_best_branch_takes_the_other(chain: Chainstate, heard: Recorder) -> None:
    old = feed(chain, branch(2))
    new = feed(chain, branch(3, extra=1))
    heard.take()
    entry = chain.entry(new[0])
    assert entry is not None
    chain.invalidate_block(entry)
    assert heard.take("connected", "disconnected", "tip")[-1] == ("tip", old[-1])
    assert chain.tip().hash == old[-1]


def test_genesis_block_cannot_be_invalidated(chain: Chainstate) -> None:
    genesis = chain.entry(REGTEST_GENESIS_HASH)
    assert genesis is not None
    feed(chain, branch(1))
    chain.invalidate_block(genesis)
    assert chain.tip().height == 1


def test_precious_block(chain: Chainstate, heard: Recorder) -> None:
    first, second = feed(chain, branch(2))[-1], feed(chain, branch(2, extra=1))[-1]
    heard.take()
    for wanted in (second, first, second):
        entry = chain.entry(wanted)
        assert entry is not None
        chain.precious_block(entry)
        assert chain.tip().hash == wanted
        assert heard.take("tip") == [("tip", wanted)]


def test_headers_alone(chain: Chainstate, heard: Recorder) -> None:
    blocks = branch(2)
    for block in blocks:
        assert chain.process_header(block[:80]).accepted
    best = chain.best_header()
    assert (best.height, best.tx_count, best.status.have_data) == (2, 0, False)
    assert [word for word, _ in heard.take()] == ["header", "header"]
    feed(chain, blocks)
    assert (best.tx_count, best.chain_tx_count, best.status.have_data) == (1, 3, True)


def test_removed_listener_hears_nothing(chain: Chainstate) -> None:
    recorder = Recorder()
    remove = chain.add_listener(recorder)
    remove()
    remove()
    feed(chain, branch(1))
    assert recorder.events == []


def test_closed_chain_says_so(chain: Chainstate) -> None:
    blocks = branch(2)
    feed(chain, blocks[:1])
    tip = chain.tip()
    chain.close()
    chain.close()
    assert (tip.height, tip.tx_count, tip.chain_work, tip.status.failed) == (1, 1, 4, False)
    for action in (
        lambda: chain.process_block(blocks[1]),
        lambda: chain.process_header(blocks[1][:80]),
        lambda: chain.at(0),
        lambda: chain.entry(tip.hash),
        lambda: chain.read_block(tip),
        lambda: chain.invalidate_block(tip),
        lambda: tip.header_bytes,
        lambda: tip.previous,
        lambda: tip.ancestor(0),
        lambda: tip.median_time_past,
        chain.entries,
        chain.tips,
        chain.flush,
    ):
        with pytest.raises(ClosedError):
            action()


@pytest.mark.parametrize("interrupts", [False, True])
def test_closing_while_others_read_and_change(tmp_path: Path, interrupts: bool) -> None:
    chain = open_chain(tmp_path)
    chain.add_listener(Recorder())
    blocks, other = branch(60), branch(62, extra=1)
    feed(chain, blocks)
    failures: list[BaseException] = []

    def work(number: int) -> None:
        random = Random(number)
        try:
            while True:
                entry = chain.at(random.randrange(1, 60))
                if entry is None:
                    continue
                assert entry.median_time_past
                assert chain.fork_point(entry).height <= entry.height
                if number % 3 == 0:
                    chain.tips()
                    assert block_hash(chain.read_block(entry)) == entry.hash
                elif number % 3 == 1:
                    chain.read_undo(entry)
                    chain.check_block(blocks[-1])
                    chain.flush()
                elif number % 2:
                    chain.process_block(other[random.randrange(62)])
                else:
                    chain.invalidate_block(entry)
                    chain.reconsider_block(entry)
        except ClosedError:
            pass
        except BaseException as error:  # noqa: BLE001 - whatever it is, the test is to show it
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    time.sleep(0.3)
    if interrupts:
        chain.interrupt()
    chain.close()
    for thread in threads:
        thread.join(20)
        assert not thread.is_alive()
    assert failures == []
