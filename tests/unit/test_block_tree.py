"""Entries of the block tree beside what the blocks themselves say."""

import statistics
from pathlib import Path

import pytest
from block_factory import GENESIS_TIME, REGTEST_GENESIS_HASH, block_hash
from chain_recorder import branch, feed, open_chain

from node import kernel_symbols
from node.block_tree import VALID_SCRIPTS, VALID_TREE
from node.kernel_symbols import KernelSymbolsError


def test_entries(tmp_path: Path) -> None:
    chain = open_chain(tmp_path)
    blocks = branch(20)
    feed(chain, blocks)
    feed(chain, branch(3, extra=1))
    chain.process_header(branch(1, block_hash(blocks[-1]), 20)[0][:80])
    for height, block in enumerate(blocks, 1):
        entry = chain.at(height)
        assert entry is not None
        assert entry == chain.entry(block_hash(block))
        assert (entry.hash, entry.height, entry.header_bytes) == (block_hash(block), height, block[:80])
        assert entry.header.serialize() == block[:80]
        assert entry.chain_work == 2 * (height + 1)
        assert (entry.tx_count, entry.chain_tx_count) == (1, height + 1)
        assert entry.time == entry.time_max == int.from_bytes(block[68:72], "little")
        assert entry.bits == 0x207FFFFF
        times = [GENESIS_TIME + max(0, number) * 600 for number in range(max(0, height - 10), height + 1)]
        assert entry.median_time_past == statistics.median_high(times)
        assert entry.status.valid_level == VALID_SCRIPTS
        assert (entry.status.have_data, entry.status.have_undo, entry.status.failed) == (True, True, False)
        assert entry.previous == chain.at(height - 1)
        assert entry.ancestor(0).hash == REGTEST_GENESIS_HASH
        assert chain.read_block(entry) == block
        assert chain.contains(entry)
    assert len(chain.entries()) == 1 + 20 + 3 + 1
    fork, best = min(chain.tips(), key=lambda entry: entry.height), chain.best_header()
    assert (fork.height, best.height) == (3, 21)
    assert not chain.contains(fork)
    assert chain.fork_point(fork).height == 0
    assert best.status.valid_level == VALID_TREE
    assert {entry.height for entry in chain.tips()} == {3, 20, 21}
    genesis = chain.at(0)
    assert genesis is not None
    assert genesis.previous is None
    assert chain.at(21) is None
    assert chain.at(-1) is None
    assert chain.entry(bytes(32)) is None
    with pytest.raises(ValueError, match="no ancestor"):
        genesis.ancestor(1)
    chain.close()


def test_same_entries_after_reopening(tmp_path: Path) -> None:
    chain = open_chain(tmp_path)
    feed(chain, branch(5))
    feed(chain, branch(3, extra=1))
    before = {(entry.hash, entry.height, entry.chain_work, entry.status) for entry in chain.entries()}
    chain.close()
    again = open_chain(tmp_path)
    assert {(entry.hash, entry.height, entry.chain_work, entry.status) for entry in again.entries()} == before
    again.close()


def test_another_kernel_serves_what_its_api_can(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel_symbols, "is_pinned_build", lambda: False)
    chain = open_chain(tmp_path)
    blocks = branch(12)
    hashes = feed(chain, blocks)
    tip = chain.tip()
    assert (tip.hash, tip.height, tip.header_bytes) == (hashes[-1], 12, blocks[-1][:80])
    assert (tip.time, tip.bits) == (GENESIS_TIME + 12 * 600, 0x207FFFFF)
    assert tip.median_time_past == GENESIS_TIME + 7 * 600
    assert tip.previous == chain.at(11)
    assert tip.ancestor(3).hash == hashes[2]
    assert chain.process_block(blocks[0]).text == "duplicate"
    chain.flush()
    bad = branch(1, hashes[-1], 12)[0]
    assert chain.process_block(bad[:36] + bytes(32) + bad[68:]).text in ("invalid-header", "mutated")
    for action in (
        lambda: tip.chain_work,
        lambda: tip.tx_count,
        lambda: tip.status,
        lambda: chain.invalidate_block(tip),
        lambda: chain.verify(4, 0),
        chain.tips,
    ):
        with pytest.raises(KernelSymbolsError, match=r"py-bitcoinkernel 0\.1\.0a5"):
            action()
    chain.close()
