"""The validated chain, on libbitcoinkernel.

The kernel needs its folders for itself: lock the data directory first.

Locks, outermost first: processing, the kernel's own m_chainstate_mutex, that of the news, the kernel's cs_main, and
the small ones of this package. Callbacks of the kernel take none but the last.
"""

from __future__ import annotations

import ctypes
import logging
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from node import block_data, kernel, kernel_snapshots, kernel_symbols
from node.block_files import BlockFiles
from node.block_import import BlockImport
from node.block_progress import BlockProgress
from node.block_tree import BlockEntry, BlockTree
from node.block_verdict import ERROR, VALID, BlockVerdict, read_state, state_text
from node.chain_news import BlockMissingError, BlockSource, ChainListener, ChainNews, common_ancestor
from node.chain_view import ChainView
from node.chainstate_options import ChainstateOptions, share_cache
from node.kernel_session import ChainstateError, DamagedChainError, InterruptedLoadError, KernelSession
from node.use_gate import ClosedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from common.chains import ChainParams
    from node.coin import Coin
    from node.kernel_coins import KernelCoins

__all__ = [
    "BlockMissingError",
    "BlockSource",
    "BlockVerdict",
    "ChainListener",
    "Chainstate",
    "ChainstateError",
    "ChainstateOptions",
    "ClosedError",
    "DamagedChainError",
    "InterruptedLoadError",
]

log: Final = logging.getLogger()
_MAX_TIP_AGE: Final = 24 * 60 * 60
_DEFAULTS: Final = ChainstateOptions()


class Chainstate:
    """A chain in the folders `blocks` and `chainstate` of `network_dir`. Thread-safe."""

    def __init__(self, network_dir: Path, chain: ChainParams, options: ChainstateOptions = _DEFAULTS) -> None:
        """Load the chain or begin a new one. Raises ChainstateError."""
        self.chain = chain
        self.network_dir = network_dir
        self.options = options
        self.warnings: dict[int, str] = {}
        """What the kernel warns of, by kind."""
        self.failure = ""
        """Why the node cannot go on, if so."""
        self.processing = threading.RLock()
        """Held while blocks are processed: who holds it sees a chain that does not change (Core: cs_main)."""
        self._news = ChainNews(self.read_block, self.is_initial_block_download)
        self.historical: ChainView | None = None
        """The chain that verifies the blocks below the snapshot in use, if one is and does not end yet."""
        self._historical_tip = 0
        self.snapshot_base: bytes | None = None
        """The block (internal order) whose coins are not verified yet, but came from a file; None if all are."""
        self._checked: list[tuple[int, int, str, str]] = []
        self._import: BlockImport | None = None
        self._stop_at = options.stop_at_height
        self._progress = BlockProgress()
        self._closed = False
        self._tree = BlockTree()
        self._session: KernelSession
        KernelSession(network_dir, chain, options, self)
        self._clear_checked()
        try:
            self._begin()
        except BaseException:
            self._tree.close()
            self._session.close()
            raise

    def _begin(self) -> None:
        session = self._session
        self._new = ctypes.c_int(0)
        self._synced = False
        self._symbols: kernel_symbols.ManagerSymbols | None = None
        self._files: BlockFiles | None = None
        self._import = BlockImport(session.manager, self.options.load_blocks, self._publish_import)
        self._import.start()
        while kernel.chain_get_height(session.chain) < 0:
            # A reindex begins with an empty chain; its first block comes soon.
            if self.options.stop():
                session.interrupt()
            if self._import.wait(_FIRST_BLOCK_CHECK) and kernel.chain_get_height(session.chain) < 0:
                raise InterruptedLoadError("Shutdown requested. Exiting.")
        if kernel_symbols.is_pinned_build():
            genesis = kernel.chain_get_by_height(session.chain, 0)
            self._symbols = kernel_symbols.ManagerSymbols(session.manager, genesis)
            if self.options.cache is not None:
                self._symbols.set_cache(*share_cache(self.options.cache))
            self._files = BlockFiles((self.options.blocks_dir or self.network_dir) / "blocks")
        self._view = ChainView(self._tree, session.chain)
        self._look_behind()
        tip = self._view.tip()
        self._news.start(tip, self._tree.entry(kernel.manager_get_best_entry(session.manager)))
        log.info("Loaded best chain: hashBestChain=%s height=%d", tip.hash[::-1].hex(), tip.height)
        self._import.publish()

    # --- what is there -------------------------------------------------------------------------------------------

    def tip(self) -> BlockEntry:
        """Return the best block, as told last."""
        return self._news.tip

    def best_header(self) -> BlockEntry:
        """Return the header with the most work of those that may be valid."""
        return self._news.best_header

    def blocks_ahead(self) -> int | None:
        """Return how many headers with more work build on the tip, None if none does. Raises ClosedError."""
        tip, header = self.tip(), self.best_header()
        if header.chain_work <= tip.chain_work or header.ancestor(tip.height) != tip:
            return None
        return header.height - tip.height

    def entry(self, hash_: bytes) -> BlockEntry | None:
        """Return a block by its hash. Raises ClosedError."""
        with self._tree.gate:
            handle = kernel.hash_create(hash_)
            address = kernel.manager_get_entry_by_hash(self._session.manager, handle)
            kernel.hash_destroy(handle)
        return self._tree.entry(address) if address else None

    def at(self, height: int) -> BlockEntry | None:
        """Return the block of the best chain at a height. Raises ClosedError."""
        return self._view.at(height)

    def contains(self, entry: BlockEntry) -> bool:
        """Whether a block is in the best chain. Raises ClosedError."""
        return self._view.contains(entry)

    def fork_point(self, entry: BlockEntry) -> BlockEntry:
        """Return the last block that the best chain and the chain of `entry` share. Raises ClosedError."""
        return common_ancestor(self._news.tip, entry)

    def entries(self) -> list[BlockEntry]:
        """Return every block and header known, in no order. Raises ClosedError, KernelSymbolsError."""
        with self._tree.gate:
            addresses = self._require_symbols().all_entries()
        return [self._tree.entry(address) for address in addresses]

    def tips(self) -> list[BlockEntry]:
        """Return the entries that nothing builds on, and the tip. Raises ClosedError, KernelSymbolsError."""
        with self._tree.gate:
            addresses = self._require_symbols().all_entries()
            parents = {kernel_symbols.previous_address(address) for address in addresses}
        found = [self._tree.entry(address) for address in addresses if address not in parents]
        return found if self._news.tip in found else [*found, self._news.tip]

    def block_hash(self, height: int) -> bytes:
        """Return the hash of a block of the best chain, 32 bytes in internal order. Raises ChainstateError."""
        entry = None if self._closed else self.at(height)
        if entry is None:
            raise ChainstateError("Block height out of range")
        return entry.hash

    def prune_height(self, tip: BlockEntry | None = None) -> int | None:
        """Return the height of the last block up to `tip` whose data are gone, None if none is. Raises as `entries`."""
        tip, first = tip or self._news.tip, self.at(1)
        if first is None:
            return None
        status = tip.status
        if not (status.have_data and status.have_undo):
            return tip.height
        with self.symbols() as symbols:
            address = symbols.first_with_data(tip.address, first.address)
        return None if address == first.address else self._tree.entry(address).height - 1

    def is_initial_block_download(self) -> bool:
        """Whether the node still catches up with the chain; once false it stays so."""
        if not self._synced:
            if self._symbols is not None:
                with self._tree.gate:
                    self._synced = not self._symbols.is_initial_block_download()
            else:
                self._synced = time.time() - self._news.tip.time < _MAX_TIP_AGE
        return not self._synced

    def read_block(self, entry: BlockEntry) -> bytes:
        """Return a block, consensus serialised. Raises BlockMissingError, ClosedError."""
        with self._tree.gate:
            data = self._files.read_block(entry) if self._files else None
            if data is None:
                data = block_data.read_block(self._session.manager, entry.address)
        if data is None:
            raise BlockMissingError("Block not found on disk")
        return data

    def read_undo(self, entry: BlockEntry) -> list[list[Coin]]:
        """Return the coins that each transaction but the coinbase spent. Raises BlockMissingError, ClosedError."""
        with self._tree.gate:
            found = self._files.read_undo(entry) if self._files else None
            if found is None:
                found = block_data.read_undo(self._session.manager, entry.address)
        if found is None:
            raise BlockMissingError("Undo data expected but can't be read")
        return found

    def coins(self) -> KernelCoins:
        """Return the coins at the tip, for as long as `processing` is held. Raises ClosedError, KernelSymbolsError."""
        from node.kernel_coins import KernelCoins

        with self._tree.gate:
            return KernelCoins(self._require_symbols().coins())

    # --- what changes it -----------------------------------------------------------------------------------------

    def process_block(self, data: bytes) -> BlockVerdict:
        """Validate a consensus serialised block and add it to the chain. Raises ValueError if it is none."""
        with self.processing:
            manager = self._session.manager
            if self._closed or not manager:
                raise ClosedError
            block = kernel.block_create(data, len(data))
            if not block:
                raise ValueError("Block decode failed")
            new = self._new
            try:
                accepted = kernel.manager_process_block(manager, block, new) == 0
                self._publish(data)
                checked = self._checked
                if accepted and new.value and len(checked) == 1 and not checked[0][1] and self.tip().has_header(data):
                    return _CONNECTED
                return self._verdict(block, accepted, bool(new.value))
            finally:
                self._clear_checked()
                kernel.block_destroy(block)

    def _verdict(self, block: int, accepted: bool, new: bool) -> BlockVerdict:
        hash_ = _block_hash(block)
        for other, mode, reason, debug in reversed(self._checked):
            if _block_hash(other) == hash_:
                return BlockVerdict(accepted, new, True, reason, debug, mode == ERROR)
        return BlockVerdict(accepted, new, checked=False)

    def _clear_checked(self) -> None:
        for block, *_ in self._checked:
            kernel.block_destroy(block)
        self._checked.clear()

    def process_header(self, header: bytes) -> BlockVerdict:
        """Validate a header of 80 bytes and add it to the tree. Raises ValueError if it is none."""
        with self.processing:
            manager = self._session.manager
            if self._closed or not manager:
                raise ClosedError
            handle = kernel.header_create(header, len(header)) if len(header) == _HEADER_SIZE else None
            if not handle:
                raise ValueError("Block header decode failed")
            state = kernel.state_create()
            try:
                accepted = kernel.manager_process_block_header(manager, handle, state) == 0
                mode, reason, debug = read_state(state)
                self._publish(None)
            finally:
                kernel.state_destroy(state)
                kernel.header_destroy(handle)
            return BlockVerdict(accepted, new=accepted, checked=True, reason=reason, debug=debug, error=mode == ERROR)

    def invalidate_block(self, entry: BlockEntry) -> None:
        """Treat a valid block as invalid and leave it. Raises ChainstateError, KernelSymbolsError."""
        symbols = self._require_symbols()
        with self._changing() as state:
            symbols.invalidate_block(state, entry.address)
            self._publish(None)
            if kernel.state_get_mode(state) == VALID:
                symbols.activate_best_chain(state)

    def reconsider_block(self, entry: BlockEntry) -> None:
        """Forget that a block is invalid, with what it builds on and what builds on it. Raises as above."""
        symbols = self._require_symbols()
        with self._changing() as state:
            symbols.reset_failure_flags(entry.address)
            symbols.activate_best_chain(state)

    def precious_block(self, entry: BlockEntry) -> None:
        """Prefer a block to others with its work. Raises as above."""
        symbols = self._require_symbols()
        with self._changing() as state:
            symbols.precious_block(state, entry.address)

    def prune(self, height: int) -> None:
        """Delete block files whose blocks are all at most at `height`. Raises as above."""
        symbols = self._require_symbols()
        with self.processing, self._tree.gate:
            symbols.prune(height)

    def prune_to_target(self) -> None:
        """Delete block files as -prune says, which the kernel else does when it has written one. Raises as above."""
        symbols = self._require_symbols()
        with self.processing, self._tree.gate:
            symbols.prune_and_flush()

    def set_prune_lock(self, name: str, height: int) -> None:
        """Keep blocks from a few below `height` on, for the one called `name` (15 letters at most). Raises as above."""
        with self._tree.gate:
            self._require_symbols().set_prune_lock(name, height)

    def verify(self, level: int, count: int) -> bool:
        """Check the last `count` blocks (0: all) anew, 4 being the most thorough `level`. Raises as above."""
        with self.processing, self._tree.gate:
            return self._require_symbols().verify(level, count) == 0

    def check_block(self, data: bytes, *, check_pow: bool = True, check_merkle_root: bool = True) -> BlockVerdict:
        """Check a block as the next one without adding it. Raises ValueError if it is none, and as above."""
        with self._tree.gate:
            symbols = self._require_symbols()
            block = kernel.block_create(data, len(data))
            if not block:
                raise ValueError("Block decode failed")
            try:
                valid, reason, debug = symbols.test_block(
                    block, check_pow=check_pow, check_merkle_root=check_merkle_root
                )  # fmt: skip
            finally:
                kernel.block_destroy(block)
        return BlockVerdict(valid, new=False, checked=True, reason=reason, debug=debug)

    @contextmanager
    def symbols(self) -> Iterator[kernel_symbols.ManagerSymbols]:
        """Lend what only the pinned kernel can tell. Raises ClosedError, KernelSymbolsError."""
        with self._tree.gate:
            yield self._require_symbols()

    @property
    def is_loading_blocks(self) -> bool:
        """Whether blocks are read from files, as in a reindex."""
        return self._import is not None and self._import.running

    def wait_for_import(self, timeout: float | None = None) -> bool:
        """Wait until all blocks asked for were read from files; whether they were in time."""
        return self._import is None or self._import.wait(timeout)

    @contextmanager
    def _changing(self) -> Iterator[int]:
        """Process with a fresh validation state, then tell what changed; raise what the state says."""
        with self.processing:
            if self._closed:
                raise ClosedError
            state = kernel.state_create()
            try:
                yield state
                self._publish(None)
                if kernel.state_get_mode(state) != VALID:
                    raise ChainstateError(state_text(state))
            finally:
                self._clear_checked()
                kernel.state_destroy(state)

    def flush(self) -> None:
        """Have everything up to the tip on disk, so no crash takes the chain back behind it. Raises ClosedError.

        Without the pinned kernel it does nothing; what builds on a block that is lost then finds it missing.
        """
        with self.processing:
            if self._closed:
                raise ClosedError
            if self._symbols is not None:
                self._symbols.flush()
                behind = kernel_snapshots.chains(self._symbols)[1] if self.historical is not None else None
                if behind is not None:
                    self._symbols.flush(behind.address)

    def load_snapshot(self, path: Path, offset: int, base: bytes, count: int) -> BlockEntry:
        """Go on from the coins of the block `base`, which are in a file; blocks below are verified as they come.

        Listeners hear of the tip alone. Raises SnapshotError, OSError, KernelSymbolsError, ClosedError.
        """
        symbols = self._require_symbols()
        with self.processing, self._tree.gate:
            if self._closed:
                raise ClosedError
            entry = self._tree.entry(kernel_snapshots.activate(symbols, path, offset, base, count))
            with self._news.lock:
                self._session.use_active_chain()
                self._view = ChainView(self._tree, self._session.chain)
                self._look_behind()
                self._synced = False
                self._news.jump(entry)
        self.flush()
        return entry

    def _require_symbols(self) -> kernel_symbols.ManagerSymbols:
        if self._symbols is None:
            kernel_symbols.require()
            raise ClosedError
        return self._symbols

    # --- telling -------------------------------------------------------------------------------------------------

    def add_listener(self, listener: ChainListener) -> Callable[[], None]:
        """Tell `listener` what happens from now on; the function returned ends that."""
        return self._news.add_listener(listener)

    @property
    def telling(self) -> AbstractContextManager[bool | None]:
        """Hold it while nobody should be told anything; outside the mempool's lock."""
        return self._news.lock

    def sync(self) -> None:
        """Wait until listeners have heard of all that happened before."""
        with self._news.lock:
            return

    def _publish(self, data: bytes | None) -> None:
        """Tell what changed since the last time; `data` is the block that came, if one did."""
        news = self._news
        with news.lock:
            best = kernel.manager_get_best_entry(self._session.manager)
            if best != news.best_header.address:
                news.header(self._tree.entry(best))
            tip = self._view.tip_address()
            if tip != news.tip.address:
                news.move(self._tree.entry(tip), data)
            if self.historical is not None:
                self._publish_historical(self.historical)

    def _publish_historical(self, historical: ChainView) -> None:
        """Tell the tip again when the chain behind it moves: those wait for it who want verified blocks only."""
        tip = historical.tip_address()
        if tip != self._historical_tip:
            self._historical_tip = tip
            self._look_behind()
            self._news.tell_tip()

    def _look_behind(self) -> None:
        """See whether a chain verifies what is below a snapshot."""
        if self._symbols is None:
            return
        current, behind = kernel_snapshots.chains(self._symbols)
        self.snapshot_base = None if current.validated else current.snapshot_base
        if behind is None:
            self.historical = None
        elif self.historical is None:
            self.historical = ChainView(self._tree, behind.handle)
            self._historical_tip = self.historical.tip_address()

    def stands_on_snapshot(self) -> bool:
        """Whether the chain began with a snapshot, verified in this run or not at all. Raises ClosedError."""
        if self._symbols is None:
            return False
        with self._tree.gate:
            return kernel_snapshots.chains(self._require_symbols())[0].snapshot_base is not None

    def _publish_import(self) -> None:
        """Tell what an import did meanwhile, on its own thread."""
        with self._tree.gate:
            self._publish(None)

    # --- what the kernel calls -----------------------------------------------------------------------------------

    def opening(self, session: KernelSession) -> None:
        """See kernel_session.Callbacks."""
        self._session = session

    def block_checked(self, block: int, state: int) -> None:
        """See kernel_session.Callbacks."""
        mode = kernel.state_get_mode(state)
        if mode == VALID:
            self._checked.append((block, VALID, "", ""))
        else:
            self._checked.append((block, *read_state(state)))

    def block_tip(self, state: int, entry: int, progress: float) -> None:
        """See kernel_session.Callbacks."""
        del state
        importing = self._import
        if importing is None:  # The chain loads.
            self._session.databases_made()
            self._progress.block(kernel.entry_get_height(entry), progress)
        elif importing.running:
            self._progress.block(kernel.entry_get_height(entry), progress)
            importing.moved.set()
        if self._stop_at and kernel.entry_get_height(entry) >= self._stop_at:
            self._session.interrupt()
            self.options.on_stop()

    def header_tip(self, state: int, height: int, timestamp: int) -> None:
        """See kernel_session.Callbacks."""
        del state, height, timestamp  # Told once what came was processed.

    def progress(self, title: str, percent: int) -> None:
        """See kernel_session.Callbacks."""
        log.debug("%s %d%%", title, percent)
        self.options.on_progress(title, percent)

    def warned(self, number: int, text: str) -> None:
        """See kernel_session.Callbacks."""
        if text:
            self.warnings[number] = text
        else:
            self.warnings.pop(number, None)
        self.options.on_warnings()

    def failed(self, text: str) -> None:
        """See kernel_session.Callbacks."""
        self.failure = self.failure or text
        log.error("A fatal internal error occurred, see debug.log for details: %s", text)
        self.options.on_failure(text)

    # --- waiting and ending --------------------------------------------------------------------------------------

    def wait_for_change(self, current: bytes, timeout: float, stop: Callable[[], bool]) -> BlockEntry | None:
        """Wait until the tip is not `current` or `timeout` milliseconds have passed, and return the tip.

        None once `stop` is true (call `wake` then) or the chain is closed.
        """
        return self._news.wait_for_change(current, timeout, lambda: self._closed or stop())

    def wake(self) -> None:
        """Make waits look at their `stop` again."""
        self._news.wake()

    def interrupt(self) -> None:
        """Make long work of the kernel end soon, and waits look at their `stop` again. Follow up with `close`."""
        self._session.interrupt()
        self.wake()

    @property
    def is_stopping(self) -> bool:
        """Whether the program is to end, so nothing long should go on."""
        return self._closed or self.options.stop()

    def close(self) -> None:
        """Write everything to disk and end waits. Idempotent."""
        self._closed = True
        self._news.wake()
        if self._import is not None:
            if self._import.running:
                self._session.interrupt()
            self._import.join()
        with self.processing:
            self._tree.close()
            self._symbols = None
            self._session.close()


_HEADER_SIZE: Final = 80
_FIRST_BLOCK_CHECK: Final = 0.01
_CONNECTED: Final = BlockVerdict(accepted=True, new=True, checked=True)


def _block_hash(block: int) -> bytes:
    handle = kernel.block_get_hash(block)
    try:
        return kernel.hash_bytes(handle)
    finally:
        kernel.hash_destroy(handle)
