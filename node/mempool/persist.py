"""Keeping the mempool over a restart: mempool.dat, and the methods that write and read such files.

(Core: LoadMempool and DumpMempool in src/node/mempool_persist.cpp.) A file is written beside, synced and renamed, so
that whatever happens there is the old one or the new one. One that cannot be read is told of in the log and left
alone; what was read of it before stays in the mempool.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from node.mempool.dump_file import DumpError, DumpReader, DumpWriter, UnknownVersionError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from node.mempool.acceptance import Acceptance
    from node.mempool.dump_file import Dumped
    from node.mempool.mempool import Mempool

log: Final = logging.getLogger()
MEMPOOL_FILE: Final = "mempool.dat"
_dumping: Final = threading.Lock()


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """What to take over from a file besides transactions."""

    use_current_time: bool = False
    """Whether they came now, not when the file says."""
    apply_fee_delta_priority: bool = True
    apply_unbroadcast_set: bool = True


@dataclass(slots=True)
class _Counts:
    succeeded: int = 0
    failed: int = 0
    expired: int = 0
    already_there: int = 0
    unbroadcast: int = 0


def load_mempool(
    mempool: Mempool,
    acceptance: Acceptance,
    path: Path,
    options: ImportOptions,
    interrupted: Callable[[], bool],
) -> bool:
    """Take in what a file holds and the rules still allow; whether the file was read to its end."""
    counts = _Counts()
    try:
        with path.open("rb") as file:
            done = _load(DumpReader(file), mempool, acceptance, options, interrupted, counts)
    except UnknownVersionError:
        return False
    except DumpError as error:
        log.info("Failed to deserialize mempool data on file: %s. Continuing anyway.", error)
        return False
    except OSError:
        log.info("Failed to open mempool file. Continuing anyway.")
        return False
    if done:
        log.info(
            "Imported mempool transactions from file: %d succeeded, %d failed, %d expired, %d already there, "
            "%d waiting for initial broadcast",
            counts.succeeded,
            counts.failed,
            counts.expired,
            counts.already_there,
            counts.unbroadcast,
        )
    return done


def _load(
    reader: DumpReader,
    mempool: Mempool,
    acceptance: Acceptance,
    options: ImportOptions,
    interrupted: Callable[[], bool],
    counts: _Counts,
) -> bool:
    now = mempool.clock.now()
    number = reader.number
    log.info("Loading %d mempool transactions from file...", number)
    reported = 0
    for tried, dumped in enumerate(reader.transactions()):
        percent = 100 * tried // number
        if reported < percent // 10:
            reported = percent // 10
            log.info(
                "Progress loading mempool transactions from file: %d%% (tried %d, %d remaining)",
                percent,
                tried,
                number - tried,
            )
        _take_in(dumped, now, mempool, acceptance, options, counts)
        if interrupted():
            return False
    for txid, delta in reader.deltas():
        if options.apply_fee_delta_priority:
            mempool.prioritise(txid, delta)
    for txid in reader.unbroadcast():
        if options.apply_unbroadcast_set:
            counts.unbroadcast += 1
            mempool.add_unbroadcast(txid)
    return True


def _take_in(
    dumped: Dumped, now: int, mempool: Mempool, acceptance: Acceptance, options: ImportOptions, counts: _Counts
) -> None:
    transaction = dumped.transaction
    came = now if options.use_current_time else dumped.time
    if dumped.delta and options.apply_fee_delta_priority:
        mempool.prioritise(transaction.txid, dumped.delta)
    if came <= now - mempool.options.expiry:
        counts.expired += 1
    elif acceptance.accept(transaction, accept_time=came).rejection is None:
        counts.succeeded += 1
    elif transaction.txid in mempool:
        counts.already_there += 1
    else:
        counts.failed += 1


def dump_mempool(mempool: Mempool, path: Path) -> bool:
    """Write the mempool to a file; whether that was possible, the log says why not."""
    with _dumping:
        started = time.monotonic()
        with mempool.lock:
            found = [(entry.txid, entry.data, entry.time, entry.delta) for entry in mempool.in_mining_order()]
            deltas = dict(mempool.deltas)
            unbroadcast = set(mempool.unbroadcast)
        copied = time.monotonic()
        fresh = path.with_name(path.name + ".new")
        try:
            with fresh.open("wb") as file:
                writer = DumpWriter(file, masked=not mempool.options.persist_v1)
                writer.count(len(found))
                log.info("Writing %d mempool transactions to file...", len(found))
                for txid, data, came, delta in found:
                    writer.transaction(data, came, delta)
                    deltas.pop(txid, None)
                log.info("Writing %d unbroadcast transactions to file.", len(unbroadcast))
                writer.finish(deltas, unbroadcast)
                file.flush()
                os.fsync(file.fileno())
                size = file.tell()
            fresh.replace(path)
        except OSError as error:
            log.info("Failed to dump mempool: %s. Continuing anyway.", error)
            with suppress(OSError):
                fresh.unlink(missing_ok=True)
            return False
        log.info(
            "Dumped mempool: %.3fs to copy, %.3fs to dump, %d bytes dumped to file",
            copied - started,
            time.monotonic() - copied,
            size,
        )
    return True
