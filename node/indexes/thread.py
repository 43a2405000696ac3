"""The thread that makes one index follow the chain (Core: BaseIndex in src/index/base.h).

An index is committed only up to blocks that the kernel has flushed, in one batch with the hash of the last of
them. So after any crash the kernel still knows that block, and the index goes on, or back, from there.
"""

from __future__ import annotations

import logging
import threading
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from node.indexes.index import BestBlockNotFoundError, Index, IndexFailedError
from node.store import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from node.indexes.blocks import BlockFeed, IndexedBlock
    from node.indexes.chain import Chain, Entry

log: Final = logging.getLogger()
AnyIndex = TypeVar("AnyIndex", bound=Index)
_LOG_INTERVAL: Final = 30.0
_COMMIT_INTERVAL: Final = 60.0
_PENDING_BYTES: Final = 96 << 20
_RUN_BYTES: Final = 1 << 20
_LINGER: Final = 0.05
"""Blocks that come fast are taken many at a time, unless somebody waits."""


class FlushGate:
    """Has the chain on disk before what is built on it; indexes share one, so they share flushes."""

    def __init__(self, *chains: Chain) -> None:
        """Watch over chains of one kernel, which one flush writes all."""
        self._chains = chains
        self._lock = threading.Lock()
        self._flushed: list[tuple[Chain, Entry]] = []

    def pass_through(self, chain: Chain, entry: Entry) -> None:
        """Return once no crash can take `entry` away from `chain`."""
        with self._lock:
            flushed = next((tip for known, tip in self._flushed if known is chain), None)
            # Not every block as low as one that was flushed was with it: it may be on a newer branch.
            if (
                flushed is not None
                and entry.height <= flushed.height
                and flushed.ancestor(entry.height).hash == entry.hash
            ):
                return
            tips = [(each, each.tip()) for each in self._chains]
            chain.flush()
            self._flushed = tips


class IndexThread(Generic[AnyIndex]):
    """Makes an index follow the chain, from `start` to `stop`. Thread-safe."""

    def __init__(
        self, index: AnyIndex, chain: Chain, feed: BlockFeed, gate: FlushGate, fatal: Callable[[str], None]
    ) -> None:
        """Find the index's place in the chain. Raises StoreError, IndexFailedError.

        `fatal` is told, in one line, why the index cannot go on; the node has to end then.
        """
        self.index = index
        self._chain = chain
        self._feed = feed
        self._gate = gate
        self._fatal = fatal
        self._pause = threading.Lock()
        self._lock = threading.RLock()
        self._moved = threading.Condition(self._lock)
        self._wake = threading.Event()
        self._hurry = threading.Event()  # Set while somebody waits, and at the end.
        self._waiting = 0
        self._stopping = False
        self._failure: str | None = None
        self._thread: threading.Thread | None = None
        self._committed_at = time.monotonic()
        best_hash = index.read_best()
        self._best = None if best_hash is None else chain.entry(best_hash)
        if best_hash is not None and self._best is None:
            raise BestBlockNotFoundError(f"best block of {index.name} not found. Please rebuild the index.")
        self._committed = self._best
        index.load(self._best)
        tip = chain.tip()
        self._synced = self._best is not None and self._best.hash == tip.hash

    @property
    def chain(self) -> Chain:
        """What it follows."""
        return self._chain

    @property
    def best(self) -> Entry | None:
        """The last block indexed."""
        return self._best

    @property
    def committed(self) -> Entry | None:
        """The last block that is indexed on disk."""
        return self._committed

    @property
    def synced(self) -> bool:
        """Whether the index has reached the tip once."""
        return self._synced

    @property
    def failure(self) -> str | None:
        """Why the index cannot be used, if so."""
        return self._failure

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Keep the index from following the chain meanwhile."""
        with self._pause, self._lock:
            yield

    def replace(self, make: Callable[[], AnyIndex]) -> None:
        """Go on with the index that `make` opens, the old one being closed; while `paused`. Raises what `make` does."""
        with self._lock:
            self.index.close()
            try:
                self.index = index = make()
                best_hash = index.read_best()
                self._best = self._committed = None if best_hash is None else self._chain.entry(best_hash)
                index.load(self._best)
            except BaseException as error:
                self._fail(f"{self.index.name} failed: {error}")
                raise

    def start(self) -> None:
        """Begin to follow the chain."""
        self._feed.add_waker(self._wake)
        self._thread = threading.Thread(target=self._run, name=self.index.thread_name)
        self._thread.start()

    def disable(self, text: str) -> None:
        """Say why the index cannot be used, instead of starting it or letting it go on."""
        with self._moved:
            self._failure = text
            self._moved.notify_all()

    def interrupt(self) -> None:
        """Ask the thread to end, and end waits."""
        with self._moved:
            self._stopping = True
            self._moved.notify_all()
        self._hurry.set()
        self._wake.set()

    def stop(self) -> None:
        """End the thread, commit, close the store. The chain must not be closed yet. Idempotent."""
        self.interrupt()
        if self._thread is not None:
            self._thread.join()
        with self._lock:
            if self._failure is None:
                with suppress(IndexFailedError):  # It was told.
                    self.commit()
                self._failure = "The node is shutting down."
            self.index.close()

    def wait_until_synced(self, patience: float = 0.0) -> bool:
        """Wait until the tip of now is indexed; False when it cannot be, or while the first sync goes on.

        That is given `patience` seconds. (Core: BlockUntilSyncedToCurrentChain.)
        """
        if self._is_current():
            return True
        end = time.monotonic() + patience
        with self._moved:
            self._waiting += 1
            self._hurry.set()
            self._wake.set()
            try:
                target = self._chain.tip()
                while not self._stopping and self._failure is None:
                    left = None if self._synced else end - time.monotonic()
                    if left is not None and left <= 0:
                        break
                    if left is None and (self._is_current() or self._is_past(target)):
                        return True
                    self._moved.wait(left)
                return False
            finally:
                self._waiting -= 1
                if not self._waiting and not self._stopping:
                    self._hurry.clear()

    def _is_current(self) -> bool:
        return self._synced and self._best is not None and self._best.hash == self._chain.tip().hash

    def _is_past(self, target: Entry) -> bool:
        best = self._best
        if best is None or best.height < target.height:
            return False
        return self._chain.contains(best) and self._chain.contains(target)

    @contextmanager
    def reading(self) -> Iterator[Entry | None]:
        """Hold the index still and give its best block. Raises IndexFailedError if it cannot be read."""
        with self._lock:
            if self._failure is not None:
                raise IndexFailedError(self._failure)
            try:
                yield self._best
            except StoreError as error:
                self.report(error)
                raise IndexFailedError(str(error)) from error

    def report(self, error: StoreError) -> None:
        """Tell that reading what the store had to give failed."""
        self._fail(f"Error reading from {self.index.name} database: {error}")

    def commit(self) -> None:
        """Write all that is not yet written. Raises IndexFailedError."""
        with self._lock:
            if self._failure is not None:
                raise IndexFailedError(self._failure)
            try:
                self._commit()
            except StoreError as error:
                self._fail(f"Failed to commit latest {self.index.name} state: {error}")
                raise IndexFailedError(str(error)) from error

    def _commit(self) -> None:
        best = self._best
        self._committed_at = time.monotonic()
        if best is None or (self._committed is not None and self._committed.hash == best.hash):
            return
        self._gate.pass_through(self._chain, best)
        self.index.commit(best)
        self._committed = best

    def _run(self) -> None:
        log.info("%s thread start", self.index.thread_name)
        try:
            self._follow()
        except IndexFailedError as error:
            self._fail(str(error))
        except Exception as error:
            log.exception("%s failed", self.index.name)
            self._fail(f"{self.index.name} failed: {error}")
        log.info("%s thread exit", self.index.thread_name)

    def _fail(self, text: str) -> None:
        with self._moved:
            if self._failure is not None:
                return
            self._failure = text
            self._moved.notify_all()
        self._fatal(text)

    def _follow(self) -> None:
        announced = False
        logged = time.monotonic()
        while not self._stopping:
            with self._pause:
                moved = self._step()
            if moved:
                now = time.monotonic()
                if now - logged >= _LOG_INTERVAL and not announced:
                    logged = now
                    log.info("Syncing %s with block chain from height %d", self.index.name, _height(self._best))
                if self.index.pending_bytes > _PENDING_BYTES or now - self._committed_at >= _COMMIT_INTERVAL:
                    self.commit()
                if self._waiting:
                    self._tell()
                continue
            if not announced:
                announced = True
                self._reach_tip()
            self._tell()
            self._sleep()

    def _tell(self) -> None:
        with self._moved:
            self._moved.notify_all()

    def _reach_tip(self) -> None:
        if not self._synced:
            self.commit()
            self._synced = True
        log.info("%s is enabled at height %d", self.index.name, _height(self._best))

    def _sleep(self) -> None:
        dirty = self._best is not self._committed
        timeout = max(0.0, self._committed_at + _COMMIT_INTERVAL - time.monotonic()) if dirty else None
        if not self._wake.wait(timeout):
            self.commit()
        else:
            self._hurry.wait(_LINGER)
        self._wake.clear()

    def _step(self) -> bool:
        """Go one block towards the tip; False if there is none to go."""
        best = self._best
        self._visit_stale(best)
        if best is not None and best.hash == self._chain.tip().hash:
            return False
        if self._take_recent(best):
            return True
        block = self._next(best)
        if block is not None:
            self._apply(self.index.append, block, block.entry)
            return True
        if best is None or self._chain.contains(best):
            return False
        self._apply(self.index.remove, self._feed.read(best), best.previous)
        return True

    def _take_recent(self, best: Entry | None) -> bool:
        """Go on over blocks that were connected just now, up to about a full one; False if there is none."""
        child_of, append = self._feed.child_of, self.index.append
        size = 0
        with self._lock:
            while best is not None and size < _RUN_BYTES:
                block = child_of(best.hash)
                if block is None:
                    break
                try:
                    append(block)
                except StoreError as error:
                    raise self._write_failure(block.entry, error) from error
                best = self._best = block.entry
                size += len(block.data())
                self._visit_stale(best)
        return size > 0

    def _visit_stale(self, best: Entry | None) -> None:
        """Index blocks that came and left on top of the best one before there was time to, and take them back."""
        if best is None:
            return
        for block in self._feed.stale_children_of(best.hash):
            with self._lock:
                if self._misses(block):
                    self._apply(self.index.append, block, block.entry)
                    self._visit_stale(block.entry)
                    self._apply(self.index.remove, block, best)

    def _misses(self, block: IndexedBlock) -> bool:
        return not self.index.holds(block.entry) or any(
            map(self._misses, self._feed.stale_children_of(block.entry.hash))
        )

    def _next(self, best: Entry | None) -> IndexedBlock | None:
        entry = self._chain.at(0 if best is None else best.height + 1)
        if entry is None or (best is not None and (entry.previous is None or entry.previous.hash != best.hash)):
            return None
        return self._feed.read(entry)

    def _apply(self, change: Callable[[IndexedBlock], None], block: IndexedBlock, best: Entry | None) -> None:
        try:
            with self._lock:
                change(block)
                self._best = best
        except StoreError as error:
            raise self._write_failure(block.entry, error) from error

    def _write_failure(self, entry: Entry, error: StoreError) -> IndexFailedError:
        log.error("%s", error)
        return IndexFailedError(f"Failed to write block {entry.hash[::-1].hex()} to index database")


def _height(entry: Entry | None) -> int:
    return -1 if entry is None else entry.height
