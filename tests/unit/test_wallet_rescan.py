"""Which blocks a rescan asks for, and how."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from wallet_lab import Lab, make_lab, script_of

from interfaces.chain import ReadBlock, ReadBlocks
from wallet.block_reading import BlockReader


@dataclass
class FakeChain:
    """A chain of blocks that are numbers. Each takes its time of a clock that stands otherwise."""

    filter_cost: float = 0.0
    read_cost: float = 0.0
    length: int = 100_000
    has_filters: bool = True
    matching: Callable[[int], bool] = lambda _: False
    clock: float = 0.0
    asked: list[tuple[int, int, int | None]] = field(default_factory=list)
    """First height, most blocks, and how many scripts."""

    def has_block_filter_index(self) -> bool:
        return self.has_filters

    def read_blocks(self, first: bytes, count: int, scripts: list[bytes] | None) -> ReadBlocks:
        start = int.from_bytes(first, "big")
        self.asked.append((start, count, None if scripts is None else len(scripts)))
        end = start
        late = self.clock + 0.1
        blocks = []
        while end < min(start + count, self.length) and self.clock < late:
            matches = scripts is not None and self.matching(end)
            self.clock += self.read_cost if scripts is None else self.filter_cost
            data = b"block" if scripts is None or matches else None
            blocks.append(ReadBlock(end.to_bytes(32, "big"), end, 0, 0, data, matches))
            end += 1
        return ReadBlocks(blocks, end.to_bytes(32, "big") if end < self.length else None)


def read_all(reader: BlockReader, end: int, start: int = 0) -> list[bytes | None]:
    found = []
    hash_: bytes | None = start.to_bytes(32, "big")
    for height in range(start, end):
        assert hash_ is not None
        block = reader.read(hash_, height)
        assert block is not None
        assert block.height == height
        found.append(block.data)
        hash_ = reader.next_hash
    return found


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    made = make_lab(tmp_path / "w")
    made.wallet.database.close()
    return made


@pytest.fixture
def reader_of(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> Callable[..., BlockReader]:
    def make(chain: FakeChain, stop: int | None = 99_999) -> BlockReader:
        whole: object = chain
        monkeypatch.setattr("wallet.block_reading.time.perf_counter", lambda: chain.clock)
        return BlockReader(lab.wallet, whole, stop)  # type: ignore[arg-type]

    return make


def test_only_matching_blocks_are_read_where_there_are_filters(lab: Lab, reader_of: Callable[..., BlockReader]) -> None:
    chain = FakeChain(matching=lambda height: height % 7 == 0)
    found = read_all(reader_of(chain), 3000)
    assert [height for height, data in enumerate(found) if data] == list(range(0, 3000, 7))
    assert [(start, scripts) for start, _, scripts in chain.asked] == [
        (start, len(lab.wallet.scripts)) for start in (0, 1000, 2000)
    ]


def test_all_blocks_are_read_where_there_are_none(reader_of: Callable[..., BlockReader]) -> None:
    chain = FakeChain(has_filters=False)
    assert all(read_all(reader_of(chain), 3000))
    assert {scripts for _, _, scripts in chain.asked} == {None}


def test_no_more_is_asked_for_than_is_scanned(lab: Lab, reader_of: Callable[..., BlockReader]) -> None:
    chain = FakeChain()
    reader = reader_of(chain, 5)
    read_all(reader, 6)
    assert chain.asked == [(0, 6, len(lab.wallet.scripts))]
    chain.asked.clear()
    assert reader_of(chain, None).read(bytes(32), 0) is not None
    assert chain.asked[0][1] == 1  # The wallet has seen no block.


def test_a_block_that_is_not_in_the_chain_is_told(reader_of: Callable[..., BlockReader]) -> None:
    reader = reader_of(FakeChain(length=0))
    assert reader.read(bytes(32), 0) is None
    assert reader.next_hash is None


def test_new_scripts_and_reorganisations_have_blocks_asked_for_again(
    lab: Lab, reader_of: Callable[..., BlockReader]
) -> None:
    chain = FakeChain()
    reader = reader_of(chain)
    read_all(reader, 10)
    lab.keys.grow(script_of(1_000_000))
    assert reader.read((10).to_bytes(32, "big"), 10) is not None
    lab.wallet.reorgs += 1
    assert reader.read((10).to_bytes(32, "big"), 10) is not None
    assert [(start, scripts) for start, _, scripts in chain.asked] == [
        (0, len(lab.wallet.scripts) - 1),
        (10, len(lab.wallet.scripts)),
        (10, len(lab.wallet.scripts)),
    ]
    assert reader.reorgs == 1


def test_scripts_do_not_matter_where_all_is_read(lab: Lab, reader_of: Callable[..., BlockReader]) -> None:
    chain = FakeChain(has_filters=False)
    reader = reader_of(chain)
    read_all(reader, 10)
    lab.keys.grow(script_of(1_000_000))
    assert reader.read((10).to_bytes(32, "big"), 10) is not None
    assert len(chain.asked) == 1


@pytest.mark.parametrize(("filter_cost", "read_cost"), [(0.001, 0.1), (0.1, 0.001)])
def test_the_quicker_way_is_taken(reader_of: Callable[..., BlockReader], filter_cost: float, read_cost: float) -> None:
    chain = FakeChain(filter_cost, read_cost)
    found = read_all(reader_of(chain), 50_000)
    read = sum(data is not None for data in found)
    assert (read < 1000) is (filter_cost < read_cost)
    assert (read > 49_000) is (filter_cost > read_cost)
    assert chain.clock < 50_000 * 0.001 * 1.1 + 3  # A tenth for trials, and the first of them.


def test_what_is_quicker_may_change(reader_of: Callable[..., BlockReader]) -> None:
    chain = FakeChain(0.01, 0.001)
    reader = reader_of(chain)
    read_all(reader, 20_000)
    chain.read_cost = 1.0
    chain.asked.clear()
    chain.clock += 100
    read_all(reader, 40_000, 20_000)
    assert sum(scripts is None for _, _, scripts in chain.asked) < 20
