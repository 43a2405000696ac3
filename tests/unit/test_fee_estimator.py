"""The fee estimator and its file. That its figures are Core's is shown beside Core itself, in tests/interop."""

import io
import logging
import os
import struct
import time
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.fees.estimate import Horizon
from node.fees.estimator import FeeEstimator
from node.fees.fee_file import FeeFile, FeeFileError, read_estimates, written


class Seen(NamedTuple):
    txid: bytes
    height: int
    base_fee: int
    vsize: int


def learnt(blocks: int = 60) -> FeeEstimator:
    """Each block confirms what paid well at once and what paid badly three blocks later."""
    estimator = FeeEstimator()
    estimator.block_connected(1, [])
    waiting: list[list[Seen]] = [[], [], []]
    for height in range(1, blocks):
        dear = [Seen(bytes([height, number]) * 16, height, 5000, 100) for number in range(10)]
        cheap = [Seen(bytes([height, 100 + number]) * 16, height, 200, 100) for number in range(10)]
        for seen in (*dear, *cheap):
            estimator.transaction_added(seen, counts=True)
        waiting.append(cheap)
        estimator.block_connected(height + 1, [*dear, *waiting.pop(0)])
    return estimator


def file_of(estimator: FeeEstimator) -> bytes:
    with estimator.settled():
        return written(estimator)


LEARNT = file_of(learnt())


def test_who_waits_longer_pays_less() -> None:
    estimator = learnt()
    assert estimator.smart(2, conservative=False).feerate == 50_000
    assert estimator.smart(20, conservative=False).feerate == 2000
    assert estimator.smart(1000, conservative=True).target == 29


def test_what_left_unconfirmed_lowers_the_chance() -> None:
    estimator = learnt()
    for number in range(200):
        estimator.transaction_added(Seen(bytes([7, number]) * 16, 60, 200, 100), counts=True)
    for height in range(61, 80):
        estimator.block_connected(height, [])
    before = estimator.raw(6, 0.85, Horizon.MEDIUM)
    assert before[1].failed.in_mempool == 230
    estimator.forget_unconfirmed()
    after = estimator.raw(6, 0.85, Horizon.MEDIUM)
    assert after[1].failed.in_mempool == 0
    assert after[1].failed.left_mempool == 230


def test_only_what_counts_is_followed() -> None:
    estimator = learnt()
    before = file_of(estimator)
    estimator.transaction_added(Seen(bytes(32), 60, 100, 100), counts=False)
    estimator.transaction_added(Seen(b"\1" * 32, 59, 100, 100), counts=True)
    estimator.block_connected(60, [Seen(bytes(32), 60, 100, 100), Seen(b"\1" * 32, 59, 100, 100)])
    estimator.transaction_removed(b"\2" * 32)
    assert file_of(estimator) == before


def test_targets_out_of_range_have_no_estimate() -> None:
    estimator = learnt()
    assert [estimator.smart(target, conservative=True).feerate for target in (0, 1009)] == [0, 0]
    assert estimator.raw(13, 0.9, Horizon.SHORT)[0] == 0
    assert estimator.raw(12, 1.1, Horizon.SHORT)[0] == 0


def test_a_block_of_a_node_that_follows_nothing_costs_microseconds() -> None:
    estimator = FeeEstimator()
    started = time.process_time()
    for height in range(1, 10_001):
        estimator.block_connected(height, [])
    file_of(estimator)
    assert time.process_time() - started < 0.5


def test_what_is_noted_is_bounded() -> None:
    estimator = FeeEstimator()
    for number in range(5000):
        estimator.transaction_removed(number.to_bytes(32, "big"))
    assert len(estimator._noted) < 1000


def test_a_file_tells_another_estimator_all() -> None:
    estimator = FeeEstimator()
    read_estimates(io.BytesIO(LEARNT), estimator)
    # The one that learnt has half of its own blocks to tell of, the other one what the file told.
    assert estimator.smart(2, conservative=False).feerate == 50_000
    assert file_of(estimator) == LEARNT


@settings(max_examples=200)
@given(st.binary(max_size=64), st.integers(0, len(LEARNT)), st.integers(0, len(LEARNT)))
def test_damaged_files_are_refused_or_give_numbers(patch: bytes, place: int, end: int) -> None:
    data = (LEARNT[:place] + patch + LEARNT[place + len(patch) :])[:end]
    estimator = FeeEstimator()
    try:
        read_estimates(io.BytesIO(data), estimator)
    except FeeFileError:
        assert file_of(estimator) == file_of(FeeEstimator())
    for target in (1, 2, 12, 13, 48, 49, 1008):
        smart = estimator.smart(target, conservative=True)
        assert 0 <= smart.feerate < 2**63
    estimator.block_connected(2**32 - 1, [])
    file_of(estimator)


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", "end of file"),
        (struct.pack("<iI", 309901, 5), "File version (309901) too high to be read."),
        (struct.pack("<iIII", 309900, 5, 6, 5), "Historical block range for estimates is invalid"),
        (struct.pack("<iIIIB", 309900, 5, 1, 5, 1), "Must have between 2 and 1000 feerate buckets"),
        (LEARNT[:17] + struct.pack("<d", 1e9) + LEARNT[25:], "Feerate buckets must ascend beyond all feerates"),
        (LEARNT[:17] + struct.pack("<d", -1.0) + LEARNT[25:], "Numbers must be finite and not negative"),
    ],
)
def test_what_is_wrong_with_a_file_is_told(
    data: bytes, text: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "fee_estimates.dat"
    path.write_bytes(data)
    FeeFile(path).load(FeeEstimator(), accept_stale=False)
    assert text in caplog.messages[0]
    assert caplog.messages[1] == f"Failed to read fee estimates from {path}. Continue anyway."


def test_a_file_of_an_old_version_is_passed_over(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "fee_estimates.dat"
    path.write_bytes(struct.pack("<iI", 149900, 5))
    FeeFile(path).load(FeeEstimator(), accept_stale=False)
    assert caplog.messages == ["Incompatible old fee estimation data (non-fatal). Version: 149900"]


def test_a_file_that_is_too_old_is_not_read_unless_it_may_be(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "fee_estimates.dat"
    path.write_bytes(LEARNT)
    old = time.time() - 61 * 3600 - 5
    os.utime(path, (old, old))
    estimator = FeeEstimator()
    FeeFile(path).load(estimator, accept_stale=False)
    assert file_of(estimator) == file_of(FeeEstimator())
    assert caplog.messages == [
        f"Fee estimation file {path} too old (age=61 > 60 hours) and will not be used to avoid serving stale estimates."
    ]
    FeeFile(path).load(estimator, accept_stale=True)
    assert file_of(estimator) == LEARNT


def test_a_missing_file_is_none(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    path = tmp_path / "fee_estimates.dat"
    FeeFile(path).load(FeeEstimator(), accept_stale=False)
    assert caplog.messages == [f"{path} is not found. Continue anyway."]


def test_a_file_that_cannot_be_written_stays_as_it_was(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "fee_estimates.dat"
    file = FeeFile(path)
    file.flush(learnt())
    (tmp_path / "fee_estimates.dat.new").mkdir()
    file.flush(FeeEstimator())
    assert path.read_bytes() == LEARNT
    assert caplog.messages[0].startswith(f"Failed to write fee estimates to {path}: [Errno 21] Is a directory")
