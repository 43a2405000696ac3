"""Scans blocks of the chain again for what concerns a wallet (Core: CWallet::ScanForWalletTransactions).

One block after another, asked of the node without the wallet's lock.
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
from wallet.block_reading import BlockReader
from wallet.mempool_scan import scan_mempool
from wallet.tracker import BlockPlace

if TYPE_CHECKING:
    from collections.abc import Iterator

    from interfaces.chain import Chain, ReadBlock
    from wallet.wallet import Wallet

log: Final = logging.getLogger("wallet")

TIMESTAMP_WINDOW: Final = 2 * 60 * 60
"""Seconds by which the times of blocks may be off."""
_SAVE_SECONDS: Final = 60
_TELL_SECONDS: Final = 60
_PROGRESS_BLOCKS: Final = 100


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
        blocks = BlockReader(self._wallet, chain, stop_height)
        self._wallet.log(
            "Rescan started from block %s... (%s)",
            start_hash[::-1].hex(),
            "fast variant using block filters" if blocks.has_filters else "slow variant inspecting all blocks",
        )
        self._tell(0)
        progress = _Progress(self._wallet, chain, start_hash, stop_height)
        saved = told = time.monotonic()
        hash_: bytes | None = start_hash
        height = start_height
        while hash_ is not None and not self._aborted.is_set():
            if (height - start_height) % _PROGRESS_BLOCKS == 0:
                self.progress = progress.at(hash_)
                self._tell(max(1, min(99, int(self.progress * 100))))
                if self._wallet.context.shutdown_requested() or chain.shutdown_requested():
                    self._aborted.set()
                    break
            if time.monotonic() - told > _TELL_SECONDS:
                told = time.monotonic()
                self._wallet.log("Still rescanning. At block %d. Progress=%f", height, progress.at(hash_))
            block = blocks.read(hash_, height)
            if block is None or block.data == b"":
                result.failed_block, result.status = hash_, ScanStatus.FAILURE
                if block is None:
                    break
            elif block.data is not None and not self._scan_block(block, blocks.reorgs):
                continue
            else:
                result.last_hash, result.last_height = hash_, height
            if save_progress and time.monotonic() - saved > _SAVE_SECONDS:
                saved = time.monotonic()
                self._save(chain, result)
            if (stop_height is not None and height >= stop_height) or height >= self._wallet.last_block_height:
                break
            hash_, height = blocks.next_hash, height + 1
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

    def _scan_block(self, block: ReadBlock, reorgs: int) -> bool:
        """Take a block, unless a block left the chain since it was asked for: it might be that one."""
        place = BlockPlace(block.hash, block.height, block.time, block.max_time, rescan=True)
        with self._wallet.lock:
            if self._wallet.reorgs != reorgs:
                return False
            if self._wallet.tracker.block_connected(block.data or b"", place):
                self._wallet.remember_block_time(block.hash, block.time)
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
