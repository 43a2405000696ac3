"""Which blocks a rescan reads where the node has filters."""

from pathlib import Path

import pytest
from wallet_lab import make_lab

from wallet.rescan import _Filters


class FilterChain:
    """A chain of which only the filters are asked; each takes a second of a clock that stands otherwise."""

    def __init__(self, cost: float) -> None:
        self.cost = cost
        self.clock = 0.0
        self.asked: list[bytes] = []

    def block_filter_matches_any(self, block_hash: bytes, scripts: list[bytes]) -> bool | None:
        assert scripts
        self.clock += self.cost
        self.asked.append(block_hash)
        return {b"hit": True, b"miss": False}.get(block_hash)


def filters_of(tmp_path: Path, chain: FilterChain, monkeypatch: pytest.MonkeyPatch) -> _Filters:
    monkeypatch.setattr("wallet.rescan._MANY_SCRIPTS", 0)
    monkeypatch.setattr("wallet.rescan.time.perf_counter", lambda: chain.clock)
    wallet = make_lab(tmp_path / "w").wallet
    wallet.database.close()
    whole: object = chain
    return _Filters(wallet, whole)  # type: ignore[arg-type]


def test_only_matching_blocks_are_read_where_filters_are_quick(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chain = FilterChain(0.001)
    filters = filters_of(tmp_path, chain, monkeypatch)
    assert filters.must_read(b"miss", 5)  # To know how long that takes.
    filters.was_read(0.1)
    assert not filters.must_read(b"miss", 5)
    assert filters.must_read(b"hit", 5)
    assert filters.must_read(b"unknown", 5)
    assert len(chain.asked) == 4


def test_blocks_are_read_unasked_where_that_is_quicker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chain = FilterChain(0.1)
    filters = filters_of(tmp_path, chain, monkeypatch)
    assert filters.must_read(b"miss", 5)
    filters.was_read(0.001)
    assert not filters.must_read(b"miss", 5)
    for _ in range(100):
        assert filters.must_read(b"miss", 5)
        filters.was_read(0.5)
    assert len(chain.asked) == 2
    assert not filters.must_read(b"miss", 5)
    assert not filters.must_read(b"miss", 5)
    assert len(chain.asked) == 4
