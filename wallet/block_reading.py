"""Reads blocks of the chain for a scan, many at a time, and where the node has filters only those that may matter."""

from __future__ import annotations

import logging
import math
import time
from collections import deque
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from interfaces.chain import Chain, ReadBlock
    from wallet.wallet import Wallet

log: Final = logging.getLogger("scan")

_BATCH: Final = 1000
_TRIAL_BLOCKS: Final = 10
_TRIAL_EVERY: Final = 20
_FIRST_TRIAL: Final = 0.5


class BlockReader:
    """The blocks of one scan. Nothing read before a reorganisation, or before the wallet got more scripts, is given."""

    def __init__(self, wallet: Wallet, chain: Chain, stop_height: int | None) -> None:
        """Read up to a height, or the wallet's tip."""
        self._wallet = wallet
        self._chain = chain
        self._stop_height = stop_height
        self.has_filters = chain.has_block_filter_index()
        self._choice = _Choice()
        self._scripts: list[bytes] | None = None
        self._begun = 0.0
        self._ahead: deque[ReadBlock] = deque()
        self._read = 0
        self._next: bytes | None = None
        self.reorgs = 0
        """How many blocks had left the chain before the last block was read."""

    def read(self, hash_: bytes, height: int) -> ReadBlock | None:
        """Return a block of the chain, at first any and then those at `next_hash`; None if it is not in the chain."""
        if not self._ahead or not self._is_fresh():
            self._fetch(hash_, height)
        if not self._ahead:
            return None
        block = self._ahead.popleft()
        if self._scripts is not None and block.data is not None:
            why = "(filter matched)" if block.filter_matches else "(WARNING: block filter not found!)"
            log.debug("Fast rescan: inspect block %d [%s] %s", height, hash_[::-1].hex(), why)
        return block

    @property
    def next_hash(self) -> bytes | None:
        """The block after the last one that was read."""
        return self._ahead[0].hash if self._ahead else self._next

    def _is_fresh(self) -> bool:
        if self._wallet.reorgs != self.reorgs:
            return False
        return self._scripts is None or len(self._scripts) == len(self._wallet.scripts)

    def _fetch(self, hash_: bytes, height: int) -> None:
        now = time.perf_counter()
        self._choice.took(self._scripts is not None, now - self._begun, self._read - len(self._ahead))
        filtered, most = self._choice.make() if self.has_filters else (False, _BATCH)
        stop = self._wallet.last_block_height if self._stop_height is None else self._stop_height
        self._scripts = self._wallet_scripts() if filtered else None
        self.reorgs = self._wallet.reorgs
        self._begun = now
        found = self._chain.read_blocks(hash_, max(1, min(most, stop - height + 1)), self._scripts)
        self._ahead, self._read, self._next = deque(found.blocks), len(found.blocks), found.next

    def _wallet_scripts(self) -> list[bytes]:
        with self._wallet.lock:
            return list(self._wallet.scripts)


class _Choice:
    """Which is quicker, to read all blocks or to ask filters first: by trials now and then, after a short while."""

    def __init__(self) -> None:
        self._costs: dict[bool, float] = {}
        """Seconds a block, without and with filters."""
        self._trial_due = time.perf_counter() + _FIRST_TRIAL

    def make(self) -> tuple[bool, int]:
        """Return whether to ask filters, and for how many blocks."""
        filtered = self._quicker()
        return (filtered, _BATCH) if time.perf_counter() < self._trial_due else (not filtered, _TRIAL_BLOCKS)

    def took(self, filtered: bool, seconds: float, blocks: int) -> None:
        """Hear how long so many blocks took."""
        if not blocks:
            return
        self._costs[filtered] = seconds / blocks
        if filtered is not self._quicker():
            self._trial_due = time.perf_counter() + _TRIAL_EVERY * seconds

    def _quicker(self) -> bool:
        """Whether to ask filters is, as it is before anything is known."""
        return False not in self._costs or self._costs.get(True, math.inf) < self._costs[False]
