"""All indexes of a node, opened, started and stopped together."""

from __future__ import annotations

import logging
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from node.indexes import coin_snapshot, coin_stats, coins, filters, transactions
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
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from node.indexes.chain import Chain, Entry

log: Final = logging.getLogger()
_HALVING_INTERVALS: Final = {"regtest": 150}
_HALVING_INTERVAL: Final = 210_000


@dataclass(frozen=True, slots=True)
class SnapshotChain:
    """How the chain stands on a snapshot, if it does."""

    validated: Chain
    """Its verified part, followed by all indexes but that of coins."""
    base: bytes | None
    """The block whose coins came from a file and are not verified, None if all are."""


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
        self,
        folder: Path,
        chain_name: str,
        chain: Chain,
        options: IndexOptions,
        fatal: Callable[[str], None],
        snapshot: SnapshotChain | None = None,
    ) -> None:
        """Open the stores below `folder`; nothing runs yet. Raises IndexFailedError.

        `fatal` is told in one line why an index cannot go on; the node has to end then. It must not wait. `snapshot`
        is there where `chain` may stand on one.
        """
        self._chain = chain
        self._validated = chain if snapshot is None else snapshot.validated
        self._feed = BlockFeed(chain)
        self._gate = FlushGate(chain, self._validated)
        self._coins_folder = folder / "coins"
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
            if snapshot is not None:
                self._finish_snapshot(snapshot.base, wipe=wipe)
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

    def _finish_snapshot(self, base: bytes | None, *, wipe: bool) -> None:
        """Let the coin index begin with a snapshot that the kernel took when a crash kept us from it."""
        folder = self._coins_folder
        try:
            if base is not None and not wipe and coin_snapshot.is_complete(folder, base):
                best_hash = coin_snapshot.best_of(folder)
                best = None if best_hash is None else self._chain.entry(best_hash)
                entry = self._chain.entry(base)
                if entry is not None and (best is None or best.height < entry.height):
                    coin_snapshot.adopt(folder)
        except (StoreError, OSError) as error:
            log.warning("%s", error)
        coin_snapshot.remove(folder)

    def _open_coins(self, path: Path, *, wipe: bool) -> IndexThread[CoinIndex]:
        # Nobody asked for this index, so nobody should have to mend it.
        try:
            thread = self._open(path, coins.FORMAT, CoinIndex, self._chain, wipe=wipe)
        except (StoreFormatError, BestBlockNotFoundError) as error:
            log.warning("%s", error)
        else:
            if self._can_go_back(thread.best):
                return thread
            log.warning("The coin index is of a chain that stood on a snapshot; it begins anew")
            self._all.remove(thread)
            thread.stop()
        return self._open(path, coins.FORMAT, CoinIndex, self._chain, wipe=True)

    def _can_go_back(self, best: Entry | None) -> bool:
        """Whether the index can come from its best block to one that is still in the chain."""
        while best is not None and not self._chain.contains(best):
            try:
                self._chain.read_undo(best)
            except Exception:  # noqa: BLE001 - what a chain raises is its own.
                return False
            best = best.previous
        return True

    def prepare_coins(self, base: bytes, coins_: Iterable[tuple[bytes, bytes]]) -> None:
        """Write a coin index of the block `base` for `use_prepared_coins`. Raises StoreError and what `coins_` does."""
        coin_snapshot.write(self._coins_folder, base, coins_)

    def use_prepared_coins(self) -> None:
        """Go on with what was prepared, the chain being at its block now; while the coin index is paused."""
        folder = self._coins_folder

        def make() -> CoinIndex:
            coin_snapshot.adopt(folder)
            return CoinIndex(Store(folder, coins.FORMAT))

        self.coins.replace(make)

    def forget_prepared_coins(self) -> None:
        """Remove what was prepared. Idempotent."""
        coin_snapshot.remove(self._coins_folder)

    def _open_optional(
        self, path: Path, format_: bytes, make: Callable[[Store], Any], *, wipe: bool
    ) -> IndexThread[Any]:
        try:
            return self._open(path, format_, make, self._validated, wipe=wipe)
        except StoreFormatError as error:
            raise IndexFailedError(str(error)) from error

    def _open(
        self, path: Path, format_: bytes, make: Callable[[Store], Any], chain: Chain, *, wipe: bool
    ) -> IndexThread[Any]:
        try:
            store = Store(path, format_, wipe=wipe)
            try:
                thread = IndexThread(make(store), chain, self._feed, self._gate, self._fatal)
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
        for thread in self._all:
            if not thread.synced:
                with suppress(KernelSymbolsError):  # Only the pinned kernel can prune.
                    pruned = thread.chain.prune_height()
                    if pruned is not None:
                        self._check_blocks(thread, pruned)
        for thread in self._all:
            if thread.failure is None:
                thread.start()

    def _check_blocks(self, thread: IndexThread[Any], pruned: int) -> None:
        best = thread.best
        # That of coins may begin with a snapshot, whose block is not there.
        last = pruned - (thread is self.coins)
        if best is not None and thread.chain.fork_point(best).height > last:
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
