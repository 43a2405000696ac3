"""Scans blocks of the chain again for what concerns a wallet (Core: CWallet::ScanForWalletTransactions).

One block after another, each asked of the node without the wallet's lock. Where the node has block filters, and as
long as they are quicker, only blocks whose filter matches are read.
"""

from __future__ import annotations

import logging
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING, Final

from interfaces.chain import BlockParts
from wallet.mempool_scan import scan_mempool
from wallet.tracker import BlockPlace

if TYPE_CHECKING:
    from collections.abc import Iterator

    from interfaces.chain import Chain, FoundBlock
    from wallet.wallet import Wallet

log: Final = logging.getLogger("wallet")
scan_log: Final = logging.getLogger("scan")

TIMESTAMP_WINDOW: Final = 2 * 60 * 60
"""Seconds by which the times of blocks may be off."""
_SAVE_SECONDS: Final = 60
_TELL_SECONDS: Final = 60
_PROGRESS_BLOCKS: Final = 100
_UNASKED_BLOCKS: Final = 100
_MANY_SCRIPTS: Final = 2000


class ScanStatus(Enum):
    """How a scan ended."""

    SUCCESS = auto()
    FAILURE = auto()
    ABORTED = auto()


@dataclass(slots=True)
class ScanResult:
    """How a scan ended and how far it came."""

    status: ScanStatus = ScanStatus.SUCCESS
    last_hash: bytes | None = None
    """The last block scanned, None if there is none."""
    last_height: int | None = None
    failed_block: bytes | None = None
    """The last block that could not be scanned."""


class Rescan:
    """Runs the scans of one wallet, one at a time."""

    def __init__(self, wallet: Wallet) -> None:
        """Scan nothing yet."""
        self._wallet = wallet
        self._busy = threading.Lock()
        self._aborted = threading.Event()
        self.is_running = False
        self.with_passphrase = False
        """Whether the wallet was unlocked for the scan and should not lock before it ends."""
        self.started = 0.0
        """By the monotonic clock."""
        self.progress = 0.0
        """From 0 to 1."""
        self._title = f"[{wallet.name or 'default wallet'}] Rescanning…"

    @contextmanager
    def reserved(self, *, with_passphrase: bool = False) -> Iterator[bool]:
        """Let no other scan run; gives False, and nothing is reserved, if one does."""
        if not self._busy.acquire(blocking=False):
            yield False
            return
        self._aborted.clear()
        self.started, self.progress = time.monotonic(), 0.0
        self.is_running, self.with_passphrase = True, with_passphrase
        try:
            yield True
        finally:
            self.is_running = self.with_passphrase = False
            self._busy.release()

    @contextmanager
    def finished(self) -> Iterator[None]:
        """Wait until no scan runs, and let none begin."""
        with self._busy:
            yield

    def abort(self) -> None:
        """End the scan that runs."""
        self._aborted.set()

    @property
    def is_aborting(self) -> bool:
        """Whether the last scan was told to end."""
        return self._aborted.is_set()

    def scan(
        self, start_hash: bytes, start_height: int, stop_height: int | None = None, *, save_progress: bool = False
    ) -> ScanResult:
        """Scan the chain from a block to a height or the tip. Call inside `reserved`.

        A start that is not in the chain is not scanned. `save_progress` stores now and then how far it came, so that
        the next load goes on from there.
        """
        chain = self._wallet.chain_or_fail()
        result = ScanResult()
        filters = _Filters(self._wallet, chain) if chain.has_block_filter_index() else None
        self._wallet.log(
            "Rescan started from block %s... (%s)",
            start_hash[::-1].hex(),
            "slow variant inspecting all blocks" if filters is None else "fast variant using block filters",
        )
        self._tell(0)
        progress = _Progress(self._wallet, chain, start_hash, stop_height)
        saved = told = time.monotonic()
        hash_, height = start_hash, start_height
        while not self._aborted.is_set():
            if (height - start_height) % _PROGRESS_BLOCKS == 0:
                self.progress = progress.at(hash_)
                self._tell(max(1, min(99, int(self.progress * 100))))
                if self._wallet.context.shutdown_requested() or chain.shutdown_requested():
                    self._aborted.set()
                    break
            if time.monotonic() - told > _TELL_SECONDS:
                told = time.monotonic()
                self._wallet.log("Still rescanning. At block %d. Progress=%f", height, progress.at(hash_))
            is_needed = filters is None or filters.must_read(hash_, height)
            begun = time.perf_counter()
            parts = BlockParts(next_block=True, data=is_needed)
            reorgs = self._wallet.reorgs
            found = chain.find_block(hash_, parts)
            if is_needed:
                if found is None or not found.data:
                    result.failed_block, result.status = hash_, ScanStatus.FAILURE
                elif not found.in_active_chain:
                    result.failed_block, result.status = hash_, ScanStatus.FAILURE
                    break
                elif not self._scan_block(found, reorgs):
                    continue
                else:
                    if filters is not None:
                        filters.was_read(time.perf_counter() - begun)
                    result.last_hash, result.last_height = hash_, height
            else:
                result.last_hash, result.last_height = hash_, height
            if save_progress and time.monotonic() - saved > _SAVE_SECONDS:
                saved = time.monotonic()
                self._save(chain, result)
            if (stop_height is not None and height >= stop_height) or height >= self._wallet.last_block_height:
                break
            if found is None or found.next_block is None:
                break
            hash_, height = found.next_block.hash, height + 1
        reached, self.progress = self.progress, 1.0
        self._tell(100)
        if stop_height is None and not self._aborted.is_set():
            scan_mempool(self._wallet, chain)
        if self._aborted.is_set():
            self._wallet.log("Rescan aborted at block %d. Progress=%f", height, reached)
            if save_progress:
                self._save(chain, result)
            result.status = ScanStatus.ABORTED
        else:
            self._wallet.log("Rescan completed in %15dms", (time.monotonic() - self.started) * 1000)
        return result

    def _tell(self, percent: int) -> None:
        self._wallet.notices.progress.publish((self._title, percent))

    def _save(self, chain: Chain, result: ScanResult) -> None:
        """Let the next load go on after the last block, if all before were scanned."""
        if result.last_hash is None or result.failed_block is not None:
            return
        found = chain.find_block(result.last_hash, BlockParts(locator=True))
        if found is not None and found.in_active_chain and found.locator:
            self._wallet.log("Saving scan progress %d.", result.last_height)
            self._wallet.records.write_best_block(found.locator)

    def _scan_block(self, found: FoundBlock, reorgs: int) -> bool:
        """Take a block, unless a block left the chain since it was asked for: it might be that one."""
        place = BlockPlace(found.hash, found.height, found.time, found.max_time, rescan=True)
        with self._wallet.lock:
            if self._wallet.reorgs != reorgs:
                return False
            if self._wallet.tracker.block_connected(found.data or b"", place):
                self._wallet.remember_block_time(found.hash, found.time)
            return True

    def from_time(self, start_time: int) -> int:
        """Scan all that was made since a time, as after an import; return from when on it could be scanned."""
        chain = self._wallet.chain_or_fail()
        found = chain.find_first_block_with_time_and_height(start_time - TIMESTAMP_WINDOW, 0, BlockParts())
        blocks = 0 if found is None else self._wallet.last_block_height - found.height + 1
        self._wallet.log("RescanFromTime: Rescanning last %i blocks", blocks)
        if found is None:
            return start_time
        result = self.scan(found.hash, found.height)
        if result.status is ScanStatus.FAILURE and result.failed_block is not None:
            failed = chain.find_block(result.failed_block, BlockParts())
            if failed is not None:
                return failed.max_time + TIMESTAMP_WINDOW + 1
        return start_time


class _Filters:
    """Tells which blocks to read: those whose filters match the wallet's scripts.

    To match many scripts may take longer than to read a block. So where there are many, the time of both is watched,
    and as long as reading is quicker, nearly all blocks are read unasked.
    """

    def __init__(self, wallet: Wallet, chain: Chain) -> None:
        self._wallet = wallet
        self._chain = chain
        self._scripts: list[bytes] = []
        self._matching = 0.0
        self._reading = 0.0
        self._unasked = 0

    def must_read(self, block: bytes, height: int) -> bool:
        """Whether to read a block: its filter matches or is missing, or reading is quicker."""
        if self._unasked:
            self._unasked -= 1
            return True
        if len(self._scripts) != len(self._wallet.scripts):
            with self._wallet.lock:
                self._scripts = list(self._wallet.scripts)
        begun = time.perf_counter()
        matches = self._chain.block_filter_matches_any(block, self._scripts)
        self._matching = _average(self._matching, time.perf_counter() - begun)
        if matches is not False:
            why = "(filter matched)" if matches else "(WARNING: block filter not found!)"
            scan_log.debug("Fast rescan: inspect block %d [%s] %s", height, block[::-1].hex(), why)
        if len(self._scripts) > _MANY_SCRIPTS:
            if not self._reading:
                return True  # So that there is a time to compare with.
            if self._matching > self._reading:
                self._unasked = _UNASKED_BLOCKS
        return matches is not False

    def was_read(self, seconds: float) -> None:
        """Hear how long a block took to read and scan."""
        self._reading = _average(self._reading, seconds)


def _average(average: float, latest: float) -> float:
    return 0.8 * average + 0.2 * latest if average else latest


class _Progress:
    """How much of a scan is done, by how many transactions the blocks hold."""

    def __init__(self, wallet: Wallet, chain: Chain, start: bytes, stop_height: int | None) -> None:
        self._chain = chain
        end = wallet.last_block
        if stop_height is not None and end:
            found = chain.find_ancestor_by_height(end, stop_height, BlockParts())
            end = found.hash if found is not None else end
        self._begin = chain.guess_verification_progress(start)
        self._length = chain.guess_verification_progress(end or start) - self._begin

    def at(self, block: bytes) -> float:
        """Return the share that lies before a block."""
        if self._length <= 0:
            return 0.0
        return min(1.0, max(0.0, (self._chain.guess_verification_progress(block) - self._begin) / self._length))
