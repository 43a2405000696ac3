"""fee_estimates.dat in Core's format: what an estimator knows, kept over a restart.

(Core: Read, Write and FlushFeeEstimates of CBlockPolicyEstimator.) The file is written beside and renamed, so
that a crash leaves the old one. Beyond Core, numbers that no statistics have (infinite, negative) are refused.
"""

from __future__ import annotations

import logging
import math
import os
import struct
import time
from contextlib import suppress
from itertools import pairwise
from typing import TYPE_CHECKING, BinaryIO, Final

from node.fees.confirmations import ConfirmationStats
from node.fees.estimate import Horizon
from node.fees.estimator import Spans
from primitives.encoding import compact_size

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from node.fees.estimator import FeeEstimator

log: Final = logging.getLogger()
_category: Final = logging.getLogger("estimatefee")
VERSION: Final = 309900
MAX_FILE_AGE_HOURS: Final = 60
_ORDER: Final = (Horizon.MEDIUM, Horizon.SHORT, Horizon.LONG)
_MOST_BUCKETS: Final = 1000
_LONGEST_TARGET: Final = 6 * 24 * 7
_HIGHEST_FEERATE: Final = 21_000_000 * 100_000_000 * 1000.0


class FeeFileError(Exception):
    """A file that cannot be read; one line that says why."""


class FeeFile:
    """The file of one node."""

    def __init__(self, path: Path) -> None:
        """Keep it at `path`."""
        self._path = path

    def load(self, estimator: FeeEstimator, *, accept_stale: bool) -> None:
        """Let `estimator` know what the file tells, if it can be read and is not too old; the log says if not."""
        try:
            with self._path.open("rb") as file:
                age = int(time.time() - os.fstat(file.fileno()).st_mtime) // 3600
                if age > MAX_FILE_AGE_HOURS and not accept_stale:
                    log.warning(
                        "Fee estimation file %s too old (age=%d > %d hours) and will not be used to avoid serving "
                        "stale estimates.",
                        self._path,
                        age,
                        MAX_FILE_AGE_HOURS,
                    )
                    return
                read_estimates(file, estimator)
        except FileNotFoundError:
            log.info("%s is not found. Continue anyway.", self._path)
        except (FeeFileError, OSError) as error:
            log.warning("Unable to read policy estimator data (non-fatal): %s", error)
            log.warning("Failed to read fee estimates from %s. Continue anyway.", self._path)

    def flush(self, estimator: FeeEstimator) -> None:
        """Write what `estimator` knows; the log says if it cannot be."""
        fresh = self._path.with_name(self._path.name + ".new")
        try:
            with estimator.settled():
                data = written(estimator)
            with fresh.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(self._path)
        except OSError as error:
            log.warning("Failed to write fee estimates to %s: %s. Continue anyway.", self._path, error)
            with suppress(OSError):
                fresh.unlink(missing_ok=True)
            return
        _category.debug("Flushed fee estimates to %s.", self._path)


def written(estimator: FeeEstimator) -> bytes:
    """Return the bytes of a file for an estimator that is held."""
    spans = estimator.spans
    first, best = spans.first, spans.best
    if spans.current <= spans.historical // 2:
        first, best = spans.historical_first, spans.historical_best
    parts = [struct.pack("<iIII", VERSION, spans.best, first, best), _doubles(estimator.buckets)]
    for horizon in _ORDER:
        stats = estimator.stats[horizon]
        parts.append(struct.pack("<dI", stats.decay, stats.scale))
        parts += map(_doubles, stats.averages())
        for rows in stats.rows():
            parts.append(compact_size(len(rows)))
            parts += map(_doubles, rows)
    return b"".join(parts)


def _doubles(values: Sequence[float]) -> bytes:
    return compact_size(len(values)) + struct.pack(f"<{len(values)}d", *values)


def read_estimates(file: BinaryIO, estimator: FeeEstimator) -> None:
    """Replace what `estimator` knows. Raises FeeFileError, and leaves it as it was then."""
    reader = _Reader(file)
    version = int.from_bytes(reader.take(4), "little", signed=True)
    if version > VERSION:
        raise FeeFileError(f"File version ({version}) too high to be read.")
    best = reader.number()
    if version < VERSION:
        log.warning("Incompatible old fee estimation data (non-fatal). Version: %d", version)
        return
    first, last = reader.number(), reader.number()
    if not first <= last <= best:
        raise FeeFileError("Corrupt estimates file. Historical block range for estimates is invalid")
    size = reader.compact_size()
    if not 1 < size <= _MOST_BUCKETS:
        raise FeeFileError("Corrupt estimates file. Must have between 2 and 1000 feerate buckets")
    buckets = reader.doubles(size)
    if any(low >= high for low, high in pairwise(buckets)) or buckets[-1] < _HIGHEST_FEERATE:
        raise FeeFileError("Corrupt estimates file. Feerate buckets must ascend beyond all feerates")
    stats = {horizon: _read_stats(reader, buckets) for horizon in _ORDER}
    with estimator.settled():
        estimator.restore(buckets, stats, Spans(best, 0, first, last))


def _read_stats(reader: _Reader, buckets: list[float]) -> ConfirmationStats:
    (decay,) = struct.unpack("<d", reader.take(8))
    if not 0 < decay < 1:
        raise FeeFileError("Corrupt estimates file. Decay must be between 0 and 1 (non-inclusive)")
    scale = reader.number()
    if scale == 0:
        raise FeeFileError("Corrupt estimates file. Scale must be non-zero")
    size = len(buckets)
    rates = reader.row(size, "feerate average bucket count")
    numbers = reader.row(size, "tx count bucket count")
    periods = reader.compact_size()
    if not 0 < scale * periods <= _LONGEST_TARGET:
        raise FeeFileError(
            "Corrupt estimates file.  Must maintain estimates for between 1 and 1008 (one week) confirms"
        )
    confirmed = [reader.row(size, "feerate conf average bucket count") for _ in range(periods)]
    if reader.compact_size() != periods:
        raise FeeFileError("Corrupt estimates file. Mismatch in confirms tracked for failures")
    failed = [reader.row(size, "one of failure average bucket counts") for _ in range(periods)]
    stats = ConfirmationStats(buckets, periods, decay, scale)
    stats.restore(rates, numbers, confirmed, failed)
    _category.debug("Reading estimates: %d buckets counting confirms up to %d blocks", size, scale * periods)
    return stats


class _Reader:
    """Takes numbers off a file, never more at once than they may be."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def take(self, size: int) -> bytes:
        data = self._file.read(size)
        if len(data) != size:
            raise FeeFileError("AutoFile::read: end of file: iostream error")
        return data

    def number(self) -> int:
        return int.from_bytes(self.take(4), "little")

    def compact_size(self) -> int:
        first = self.take(1)[0]
        return first if first < 0xFD else int.from_bytes(self.take(2 << first - 0xFD), "little")

    def doubles(self, size: int) -> list[float]:
        values = list(struct.unpack(f"<{size}d", self.take(8 * size)))
        if not all(value >= 0 and math.isfinite(value) for value in values):
            raise FeeFileError("Corrupt estimates file. Numbers must be finite and not negative")
        return values

    def row(self, size: int, what: str) -> list[float]:
        if self.compact_size() != size:
            raise FeeFileError(f"Corrupt estimates file. Mismatch in {what}")
        return self.doubles(size)
