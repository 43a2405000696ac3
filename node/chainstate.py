"""The validated chain, on libbitcoinkernel.

The kernel needs its folders for itself: lock the data directory first. Its manager lives
as long as the `Chainstate`; entries and blocks read from it never leave this file.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING, Any, Final

from interfaces.mining import BlockRef, BlockValidation

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from common.chains import ChainParams

log: Final = logging.getLogger("validation")
_LONGEST_WAIT: Final = threading.TIMEOUT_MAX / 2
_MAX_TIP_AGE: Final = 24 * 60 * 60
_KERNEL_NAMES: Final = {
    "main": "MAINNET",
    "test": "TESTNET",
    "testnet4": "TESTNET_4",
    "signet": "SIGNET",
    "regtest": "REGTEST",
}


class ChainstateError(Exception):
    """The chain cannot be loaded, or a block is not there; one line for a person."""


class Chainstate:
    """A chain in the folders `blocks` and `chainstate` of `network_dir`. Thread-safe."""

    def __init__(self, network_dir: Path, chain: ChainParams) -> None:
        """Load the chain or begin a new one. Raises ChainstateError."""
        import pbk

        self.chain = chain
        self._changed = threading.Condition()
        self._processing = threading.Lock()
        self._verdict: str | None = None
        self._closed = False
        self._synced = False
        callbacks = pbk.ValidationInterfaceCallbacks(block_checked=self._block_checked)
        # The kernel calls back through this object for as long as its manager lives.
        self._callbacks = callbacks
        kind = getattr(pbk.ChainType, _KERNEL_NAMES[chain.name])
        try:
            self._manager: Any = pbk.load_chainman(network_dir, kind, callbacks)
        except Exception as error:
            raise ChainstateError(f"Error loading block database in '{network_dir}': {error}") from error
        self._tip = self._read_tip()
        log.info("Loaded best chain: hashBestChain=%s height=%d", self._tip.hash[::-1].hex(), self._tip.height)

    def _read_tip(self) -> BlockRef:
        chain = self._manager.get_active_chain()
        height = chain.height
        return BlockRef(bytes(chain.block_tree_entries[height].block_hash), height)

    def tip(self) -> BlockRef:
        """Return the best block."""
        return self._tip

    def block_hash(self, height: int) -> bytes:
        """Return the hash of a block of the best chain, 32 bytes in internal order. Raises ChainstateError."""
        with self._processing:
            if self._closed or not 0 <= height <= self._tip.height:
                raise ChainstateError("Block height out of range")
            return bytes(self._manager.get_active_chain().block_tree_entries[height].block_hash)

    def is_initial_block_download(self) -> bool:
        """Whether the tip is older than a day (Core: DEFAULT_MAX_TIP_AGE); once false it stays so."""
        with self._processing:
            if self._synced or self._closed:
                return not self._synced
            entry = self._manager.get_active_chain().block_tree_entries[self._tip.height]
            self._synced = time.time() - entry.block_header.timestamp.timestamp() < _MAX_TIP_AGE
            return not self._synced

    def submit_block(self, data: bytes) -> BlockValidation:
        """Validate a consensus serialised block and add it to the chain.

        The reason is "duplicate", "inconclusive" or, as the kernel tells no more, its kind of failure.
        """
        import pbk

        with self._processing:
            if self._closed:
                return BlockValidation("shutdown", "", result=False)
            try:
                block = pbk.Block(data)
            except Exception as error:  # noqa: BLE001 - the kernel has no narrower one
                return BlockValidation("decode-failed", str(error), result=False)
            self._verdict = None
            try:
                new = self._manager.process_block(block)
            except pbk.ProcessBlockException as error:
                return BlockValidation(self._last_verdict() or "invalid", str(error), result=False)
            verdict = self._last_verdict()
            self._publish()
        if not new:
            return BlockValidation("duplicate", "", result=False)
        if verdict is None:
            return BlockValidation("inconclusive", "", result=True)
        return BlockValidation(verdict, "", result=not verdict)

    def _last_verdict(self) -> str | None:
        return self._verdict

    def _publish(self) -> None:
        tip = self._read_tip()
        if tip != self._tip:
            log.info("UpdateTip: new best=%s height=%d", tip.hash[::-1].hex(), tip.height)
            with self._changed:
                self._tip = tip
                self._changed.notify_all()

    def _block_checked(self, user_data: object, block: Any, state: Any) -> None:
        del user_data, block
        # On a new branch the blocks that join it are checked too; the first failure is the verdict.
        if not self._verdict:
            valid = state.validation_mode.name == "VALID"
            self._verdict = "" if valid else state.block_validation_result.name.lower().replace("_", "-")

    def wait_for_change(self, current: bytes, timeout: float, stop: Callable[[], bool]) -> BlockRef | None:
        """Wait until the tip is not `current` or `timeout` milliseconds have passed, and return the tip.

        None once `stop` is true (call `wake` then) or the chain is closed.
        """
        seconds = min(max(timeout, 0) / 1000, _LONGEST_WAIT)
        with self._changed:
            self._changed.wait_for(lambda: self._ended(stop) or self._tip.hash != current, seconds)
            return None if self._ended(stop) else self._tip

    def _ended(self, stop: Callable[[], bool]) -> bool:
        return self._closed or stop()

    def wake(self) -> None:
        """Make waits look at their `stop` again."""
        with self._changed:
            self._changed.notify_all()

    def close(self) -> None:
        """Write everything to disk and end waits. Idempotent."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        with self._processing:
            # Without its last reference the manager flushes and ends.
            self._manager = None
