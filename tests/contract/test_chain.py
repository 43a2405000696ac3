"""The Chain interface: what a wallet asks of a chain."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from block_factory import GENESIS_TIME, REGTEST_GENESIS_HASH, build_block
from chain_notes import Notes
from conftest import wait_until
from regtest_node import RegtestInit, RegtestNode, connected_to, regtest_node

from interfaces.chain import (
    BlockInfo,
    BlockParts,
    Chain,
    CommonAncestor,
    FoundBlock,
    FoundCoin,
    NotifyOptions,
    Outpoint,
    ReadBlocks,
)
from ipc import RemoteError
from node.block_tree import BlockEntry
from primitives.block import Block

NOTHING = BlockParts()
UNKNOWN = bytes([1]) * 32


@pytest.fixture
def node(tmp_path: Path, no_leaks: None) -> Iterator[RegtestNode]:  # noqa: ARG001 - checked around everything else
    with regtest_node(tmp_path) as node:
        yield node


@pytest.fixture(params=["direct", "ipc"])
def chain(request: pytest.FixtureRequest, node: RegtestNode, tmp_path: Path) -> Iterator[Chain]:
    if request.param == "direct":
        yield RegtestInit(node).make_chain()
    else:
        with connected_to(node, tmp_path) as connected:
            made = connected.client()[1].make_chain()
            assert made is not None
            yield made


def place(found: FoundBlock | None) -> tuple[bytes, int] | None:
    return None if found is None else (found.hash, found.height)


def of(entry: BlockEntry) -> tuple[bytes, int]:
    return entry.hash, entry.height


def test_heights_and_hashes(node: RegtestNode, chain: Chain) -> None:
    assert chain.get_height() == 0
    made = node.extend(3)
    assert chain.get_height() == 3
    assert chain.get_block_hash(2) == made[1].hash
    for height in (-1, 4):
        with pytest.raises((ValueError, RemoteError), match="Block height out of range"):
            chain.get_block_hash(height)
        assert not chain.have_block_on_disk(height)
    assert chain.have_block_on_disk(3)


def test_a_header_alone_is_no_data(node: RegtestNode, chain: Chain) -> None:
    block = build_block(REGTEST_GENESIS_HASH, 1)
    node.chainstate.process_header(block[:80])
    header = Block.parse(block).header
    assert place(chain.find_block(header.hash, NOTHING)) == (header.hash, 1)
    found = chain.find_block(header.hash, BlockParts(data=True))
    assert found is not None
    assert found.data == b""
    assert not chain.has_blocks(header.hash)
    assert chain.has_blocks(REGTEST_GENESIS_HASH)
    assert not chain.has_blocks(UNKNOWN)


def test_find_block(node: RegtestNode, chain: Chain) -> None:
    made = node.extend(3)
    assert chain.find_block(UNKNOWN, NOTHING) is None
    found = chain.find_block(made[1].hash, BlockParts(locator=True, next_block=True, data=True))
    assert found is not None
    assert (found.hash, found.height, found.time) == (made[1].hash, 2, GENESIS_TIME + 1200)
    assert (found.max_time, found.mtp_time) == (GENESIS_TIME + 1200, GENESIS_TIME + 600)
    assert found.in_active_chain
    assert found.locator == [made[1].hash, made[0].hash, REGTEST_GENESIS_HASH]
    assert place(found.next_block) == of(made[2])
    assert found.data == node.chainstate.read_block(made[1])
    last = chain.find_block(made[2].hash, BlockParts(next_block=True))
    assert last is not None
    assert (last.next_block, last.locator, last.data) == (None, None, None)
    node.extend(4, extra=1, on=node.chainstate.at(0))
    left = chain.find_block(made[2].hash, BlockParts(next_block=True))
    assert left is not None
    assert not left.in_active_chain


def test_locator_grows_in_steps(node: RegtestNode, chain: Chain) -> None:
    made = node.extend(60)
    found = chain.find_block(made[-1].hash, BlockParts(locator=True))
    assert found is not None
    assert found.locator is not None
    heights = {entry.hash: entry.height for entry in made} | {REGTEST_GENESIS_HASH: 0}
    assert [heights[name] for name in found.locator] == [*range(60, 48, -1), 47, 43, 35, 19, 0]
    assert chain.find_locator_fork(found.locator) == 60
    joined = node.extend(61, extra=1, on=made[44])
    assert chain.find_locator_fork(found.locator) == 43
    assert chain.find_locator_fork([UNKNOWN]) == 0
    assert chain.find_locator_fork([joined[-1].hash]) == 106


def test_first_block_by_time(node: RegtestNode, chain: Chain) -> None:
    made = node.extend(10)
    find = chain.find_first_block_with_time_and_height
    assert place(find(0, 0, NOTHING)) == (REGTEST_GENESIS_HASH, 0)
    assert place(find(GENESIS_TIME + 1801, 0, NOTHING)) == of(made[3])
    assert place(find(GENESIS_TIME + 1800, 0, NOTHING)) == of(made[2])
    assert place(find(GENESIS_TIME, 7, NOTHING)) == of(made[6])
    assert find(GENESIS_TIME + 10**6, 0, NOTHING) is None
    assert find(0, 11, NOTHING) is None


def test_ancestors(node: RegtestNode, chain: Chain) -> None:
    left = node.extend(5)
    joined = node.extend(6, extra=1, on=left[1])
    assert place(chain.find_ancestor_by_height(left[4].hash, 3, NOTHING)) == of(left[2])
    assert chain.find_ancestor_by_height(left[4].hash, 6, NOTHING) is None
    assert chain.find_ancestor_by_height(UNKNOWN, 0, NOTHING) is None
    assert place(chain.find_ancestor_by_hash(left[4].hash, left[4].hash, NOTHING)) == of(left[4])
    assert place(chain.find_ancestor_by_hash(joined[5].hash, left[0].hash, NOTHING)) == of(left[0])
    assert chain.find_ancestor_by_hash(joined[5].hash, left[2].hash, NOTHING) is None
    assert chain.find_ancestor_by_hash(left[0].hash, left[2].hash, NOTHING) is None
    both = chain.find_common_ancestor(left[4].hash, joined[5].hash, NOTHING)
    assert [place(both.ancestor), place(both.block1), place(both.block2)] == [of(left[1]), of(left[4]), of(joined[5])]
    assert place(chain.find_common_ancestor(left[0].hash, left[4].hash, NOTHING).ancestor) == of(left[0])
    one = chain.find_common_ancestor(left[0].hash, UNKNOWN, NOTHING)
    assert one == CommonAncestor(None, chain.find_block(left[0].hash, NOTHING), None)


def test_coins(node: RegtestNode, chain: Chain) -> None:
    (made,) = node.extend()
    coinbase = Block.parse(node.chainstate.read_block(made)).transactions[0]
    there = Outpoint(coinbase.txid, 0)
    assert chain.find_coins([Outpoint(UNKNOWN, 0), there, Outpoint(coinbase.txid, 1)]) == [
        FoundCoin(there, 50 * 10**8, b"\x51", 1, is_coinbase=True)
    ]
    node.extend(2, extra=1, on=node.chainstate.at(0))
    assert chain.find_coins([there]) == []


def test_filters(node: RegtestNode, chain: Chain) -> None:
    (made,) = node.extend()
    assert chain.has_block_filter_index()
    wait_until(lambda: chain.block_filter_matches_any(made.hash, [b"\x51"]) is True, "the filter is there")
    assert chain.block_filter_matches_any(made.hash, [b"\x00\x14" + bytes(20)]) is False
    assert chain.block_filter_matches_any(UNKNOWN, [b"\x51"]) is None


def test_reading_blocks(node: RegtestNode, chain: Chain) -> None:
    made = node.extend(5)
    read = chain.read_blocks(made[0].hash, 3, None)
    assert read.next == made[3].hash
    for block, entry in zip(read.blocks, made[:3], strict=True):
        assert (block.hash, block.height, block.time, block.max_time) == (*of(entry), entry.time, entry.time_max)
        assert (block.data, block.filter_matches) == (node.chainstate.read_block(entry), False)
    rest = chain.read_blocks(made[3].hash, 3, None)
    assert ([block.height for block in rest.blocks], rest.next) == ([4, 5], None)
    assert [block.height for block in chain.read_blocks(made[3].hash, -1, None).blocks] == [4]
    assert chain.read_blocks(UNKNOWN, 3, None) == ReadBlocks([], None)
    joined = node.extend(6, extra=1, on=made[1])
    assert chain.read_blocks(made[2].hash, 3, None) == ReadBlocks([], None)
    assert [block.hash for block in chain.read_blocks(made[1].hash, 2, None).blocks] == [made[1].hash, joined[0].hash]


def test_reading_blocks_whose_filters_match(node: RegtestNode, chain: Chain) -> None:
    made = node.extend(3)
    wait_until(lambda: chain.block_filter_matches_any(made[2].hash, [b"\x51"]) is True, "the filters are there")
    script = b"\x00\x14" + bytes(20)
    for scripts in ([script], []):
        read = chain.read_blocks(made[0].hash, 3, scripts)
        assert [(block.height, block.data, block.filter_matches) for block in read.blocks] == [
            (height, None, False) for height in (1, 2, 3)
        ]
    read = chain.read_blocks(made[1].hash, 1, [script, b"\x51"])
    assert [(block.height, block.data, block.filter_matches) for block in read.blocks] == [
        (2, node.chainstate.read_block(made[1]), True)
    ]


def test_blocks_that_cannot_be_read_are_empty(node: RegtestNode, chain: Chain, tmp_path: Path) -> None:
    made = node.extend(2)
    (file,) = tmp_path.rglob("blk00000.dat")
    file.unlink()
    read = chain.read_blocks(made[0].hash, 2, None)
    assert [(block.hash, block.data) for block in read.blocks] == [(made[0].hash, b""), (made[1].hash, b"")]


def test_progress_and_pruning(node: RegtestNode, chain: Chain) -> None:
    made = node.extend(3)
    assert 0 < chain.guess_verification_progress(made[0].hash) < chain.guess_verification_progress(made[2].hash) < 1
    assert chain.guess_verification_progress(UNKNOWN) == 0
    assert not chain.have_pruned()
    assert chain.get_prune_height() is None
    assert chain.has_blocks(made[2].hash, 1, 2)
    assert chain.is_initial_block_download()
    assert not chain.shutdown_requested()
    node.stopped.set()
    assert chain.shutdown_requested()


def test_notifications(node: RegtestNode, chain: Chain) -> None:
    node.extend(2)
    notes = Notes()
    with chain.handle_notifications(notes, NotifyOptions()):
        (made,) = node.extend()
        wait_until(lambda: notes.heard == [("+", 3), ("tip", 0)], "the block was heard of")
        info = BlockInfo(made.hash, made.previous.hash if made.previous else b"", 3, node.chainstate.read_block(made))
        assert notes.blocks == [info]
        node.chainstate.invalidate_block(made)
        wait_until(lambda: notes.heard[2:] == [("-", 3), ("tip", 0)], "the block was heard to go")
    node.extend(1, extra=5)
    assert len(notes.heard) == 4
