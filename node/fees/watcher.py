"""Tells the fee estimator what happens in the mempool, keeps its file, and writes it now and then.

(Core: the estimator as CValidationInterface, and FlushFeeEstimates on the scheduler.)
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Final

from node.fees.estimator import FeeEstimator
from node.fees.fee_file import FeeFile
from node.fees.next_block import NextBlockEstimator

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from node.chainstate import Chainstate
    from node.mempool.entry import MempoolEntry
    from node.mempool.mempool import Addition, Mempool, RemovalReason

FILE: Final = "fee_estimates.dat"
FLUSH_INTERVAL: Final = 3600.0
_SETTLE_AFTER: Final = 1.0
"""What a block taught is worked in when those who waited for the block have had their turn."""


class FeeWatcher:
    """From `start` to `stop`."""

    def __init__(self, folder: Path, *, accept_stale: bool) -> None:
        """Learn what the file in a folder tells; `accept_stale` reads one that is old too."""
        self.estimator = FeeEstimator()
        self.next_block: NextBlockEstimator | None = None
        self._file = FeeFile(folder / FILE)
        self._file.load(self.estimator, accept_stale=accept_stale)
        self._lock = threading.Condition()
        self._due = time.monotonic() + FLUSH_INTERVAL
        self._settle_at: float | None = None
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="fees", daemon=True)
        self._unfollow: Callable[[], None] | None = None

    def start(self, mempool: Mempool, chainstate: Chainstate) -> None:
        """Follow a mempool, and write the file each hour."""
        self.next_block = NextBlockEstimator(mempool, chainstate)
        self._unfollow = mempool.add_listener(self)
        self._thread.start()

    def bring_forward(self, seconds: float) -> None:
        """Write the file so much sooner."""
        with self._lock:
            self._due -= seconds
            self._lock.notify()

    def stop(self) -> None:
        """Count what waits as not confirmed, and write the file. Idempotent."""
        with self._lock:
            if self._stopping:
                return
            self._stopping = True
            self._lock.notify()
        if self._thread.ident is not None:
            self._thread.join()
        if self._unfollow is not None:
            self._unfollow()
        if self.next_block is not None:
            self.next_block.stop()
        self.estimator.forget_unconfirmed()
        self._file.flush(self.estimator)

    def _run(self) -> None:
        while True:
            with self._lock:
                now = time.monotonic()
                while not self._stopping and (until := min(self._due, self._settle_at or self._due)) > now:
                    self._lock.wait(until - now)
                    now = time.monotonic()
                if self._stopping:
                    return
                self._settle_at = None
                flush = self._due <= now
                if flush:
                    self._due = now + FLUSH_INTERVAL
            if flush:
                self._file.flush(self.estimator)
            else:
                self.estimator.settle()

    # --- the mempool's listener ------------------------------------------------------------------------------------

    def transaction_added(self, entry: MempoolEntry, sequence: int, addition: Addition) -> None:
        """Follow a transaction."""
        del sequence
        counts = (
            addition.chain_is_current
            and addition.no_parents
            and not addition.in_package
            and not addition.limits_bypassed
        )
        self.estimator.transaction_added(entry, counts=counts)

    def transaction_removed(self, entry: MempoolEntry, reason: RemovalReason, sequence: int) -> None:
        """Forget a transaction."""
        del reason, sequence
        self.estimator.transaction_removed(entry.txid)

    def removed_for_block(self, entries: Sequence[MempoolEntry], height: int) -> None:
        """Learn from a block."""
        self.estimator.block_connected(height, entries)
        if entries and self._settle_at is None:
            with self._lock:
                self._settle_at = time.monotonic() + _SETTLE_AFTER
                self._lock.notify()
