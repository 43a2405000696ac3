"""All indexes of a node, opened, started and stopped together."""

from __future__ import annotations

import logging
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from node.indexes import coin_stats, coins, filters, transactions
from node.indexes.blocks import BlockFeed
from node.indexes.coin_stats import CoinStatsIndex
from node.indexes.coins import CoinIndex
from node.indexes.filters import FilterIndex
from node.indexes.index import BestBlockNotFoundError, IndexFailedError
from node.indexes.scan import Scan
from node.indexes.thread import FlushGate, IndexThread
from node.indexes.transactions import SpenderIndex, TransactionIndex
from node.kernel_symbols import KernelSymbolsError
from node.store import Store, StoreError, StoreFormatError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from node.indexes.chain import Chain

log: Final = logging.getLogger()
_HALVING_INTERVALS: Final = {"regtest": 150}
_HALVING_INTERVAL: Final = 210_000


@dataclass(frozen=True, slots=True)
class IndexOptions:
    """Which indexes there are; that of coins always is."""

    transactions: bool = False
    filters: bool = False
    coin_stats: bool = False
    spenders: bool = False
    wipe: bool = False
    """Begin all of them anew."""


class Indexes:
    """The indexes of one chain, from `start` to `stop`."""

    def __init__(
        self, folder: Path, chain_name: str, chain: Chain, options: IndexOptions, fatal: Callable[[str], None]
    ) -> None:
        """Open the stores below `folder`; nothing runs yet. Raises IndexFailedError.

        `fatal` is told in one line why an index cannot go on; the node has to end then. It must not wait.
        """
        self._chain = chain
        self._feed = BlockFeed(chain)
        self._gate = FlushGate(chain)
        self._fatal = fatal
        self._all: list[IndexThread[Any]] = []
        self.transactions: IndexThread[TransactionIndex] | None = None
        self.filters: IndexThread[FilterIndex] | None = None
        self.coin_stats: IndexThread[CoinStatsIndex] | None = None
        self.spenders: IndexThread[SpenderIndex] | None = None
        self.coin_scan = Scan()
        self.filter_scan = Scan()
        interval = _HALVING_INTERVALS.get(chain_name, _HALVING_INTERVAL)
        wipe = options.wipe
        try:
            self.coins = self._open_coins(folder / "coins", wipe=wipe)
            if options.transactions:
                self.transactions = self._open_optional(
                    folder / "txindex", transactions.FORMAT, TransactionIndex, wipe=wipe
                )
            if options.filters:
                place = folder / "blockfilter" / "basic"
                self.filters = self._open_optional(
                    place / "db", filters.FORMAT, lambda store: FilterIndex(store, place), wipe=wipe
                )
            if options.coin_stats:
                self.coin_stats = self._open_optional(
                    folder / "coinstatsindex" / "db",
                    coin_stats.FORMAT,
                    lambda store: CoinStatsIndex(store, interval),
                    wipe=wipe,
                )
            if options.spenders:
                self.spenders = self._open_optional(
                    folder / "txospenderindex" / "db", transactions.SPENDER_FORMAT, SpenderIndex, wipe=wipe
                )
        except BaseException:
            self.stop()
            raise

    def _open_coins(self, path: Path, *, wipe: bool) -> IndexThread[CoinIndex]:
        try:
            return self._open(path, coins.FORMAT, CoinIndex, wipe=wipe)
        except (StoreFormatError, BestBlockNotFoundError) as error:
            # Nobody asked for this index, so nobody should have to mend it.
            log.warning("%s", error)
            return self._open(path, coins.FORMAT, CoinIndex, wipe=True)

    def _open_optional(
        self, path: Path, format_: bytes, make: Callable[[Store], Any], *, wipe: bool
    ) -> IndexThread[Any]:
        try:
            return self._open(path, format_, make, wipe=wipe)
        except StoreFormatError as error:
            raise IndexFailedError(str(error)) from error

    def _open(self, path: Path, format_: bytes, make: Callable[[Store], Any], *, wipe: bool) -> IndexThread[Any]:
        try:
            store = Store(path, format_, wipe=wipe)
            try:
                thread = IndexThread(make(store), self._chain, self._feed, self._gate, self._fatal)
            except BaseException:
                store.close()
                raise
        except StoreFormatError:
            raise
        except StoreError as error:
            raise IndexFailedError(f"Error opening index database '{path}': {error}") from error
        self._all.append(thread)
        return thread

    @property
    def optional(self) -> list[IndexThread[Any]]:
        """The indexes that options ask for, in the order in which they were made."""
        return [thread for thread in self._all if thread is not self.coins]

    def start(self) -> None:
        """Begin to follow the chain; what is to be imported should be by now. Raises IndexFailedError."""
        pruned = None
        if not all(thread.synced for thread in self._all):
            with suppress(KernelSymbolsError):  # Only the pinned kernel can prune.
                pruned = self._chain.prune_height()
        if pruned is not None:
            for thread in self._all:
                self._check_blocks(thread, pruned)
        for thread in self._all:
            if thread.failure is None:
                thread.start()

    def _check_blocks(self, thread: IndexThread[Any], pruned: int) -> None:
        best = thread.best
        if thread.synced or (best is not None and self._chain.fork_point(best).height > pruned):
            return
        undo = " (including undo data)" if thread.index.needs_undo else ""
        text = (
            f"{thread.index.name} best block of the index goes beyond pruned data{undo}. Please disable the index or "
            "reindex (which will download the whole blockchain again)"
        )
        if thread is not self.coins:
            raise IndexFailedError(text)
        # Nobody asked for this one; the rest of the node does without.
        log.warning("%s", text)
        thread.disable(text)

    def prune_lock(self) -> int | None:
        """Return the height of the first block that may not be deleted yet, having written what can be."""
        heights = []
        for thread in self._all:
            if thread.index.allows_pruning and thread.failure is None:
                thread.commit()
                heights.append(0 if thread.committed is None else thread.committed.height)
        return min(heights, default=None)

    def interrupt(self) -> None:
        """Ask all to end, and end waits for them."""
        for thread in self._all:
            thread.interrupt()

    def stop(self) -> None:
        """Write everything and close. The chain must not be closed yet. Idempotent."""
        self.interrupt()
        for thread in self._all:
            thread.stop()
        self._feed.close()
