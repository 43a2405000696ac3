"""The validated chain, on libbitcoinkernel.

The kernel needs its folders for itself: lock the data directory first.

What happened to the chain is found by comparing its tip with the one told last, so listeners hear of each block
once: those that left from the old tip down, those that came upward, then the tip. Locks, outermost first: processing,
the kernel's own m_chainstate_mutex, publishing, the kernel's cs_main, and the small ones of this package. Callbacks of
the kernel take none but the last.
"""

from __future__ import annotations

import ctypes
import logging
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from interfaces.mining import BlockValidation
from node import block_data, kernel, kernel_symbols
from node.block_files import BlockFiles
from node.block_import import BlockImport
from node.block_progress import BlockProgress
from node.block_tree import BlockEntry, BlockTree
from node.chainstate_options import ChainstateOptions, share_cache
from node.kernel_session import ChainstateError, DamagedChainError, InterruptedLoadError, KernelSession
from node.use_gate import ClosedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from common.chains import ChainParams
    from node.coin import Coin

__all__ = [
    "BlockMissingError",
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
_LONGEST_WAIT: Final = threading.TIMEOUT_MAX / 2
_MAX_TIP_AGE: Final = 24 * 60 * 60
_VALID: Final = 0
_ERROR: Final = 2


_DEFAULTS: Final = ChainstateOptions()


class BlockMissingError(ChainstateError):
    """The block is known, but its data are not there, perhaps pruned."""


@dataclass(frozen=True, slots=True)
class BlockVerdict:
    """What became of a block or header that was processed."""

    accepted: bool
    """It is stored, or was before."""
    new: bool
    """It was not stored before."""
    checked: bool
    """It was validated fully, or far enough to fail."""
    reason: str = ""
    """Core's reject reason; empty if nothing is wrong, or if it was not checked."""
    debug: str = ""
    error: bool = False
    """The node, not the block, failed."""

    @property
    def text(self) -> str:
        """Say it as BIP22 does: empty for a block that was connected."""
        if self.accepted and not self.new:
            return "duplicate"
        if not self.checked:
            return "inconclusive"
        return self.reason


class BlockSource:
    """The bytes of one block, read when they are wanted first."""

    __slots__ = ("_chainstate", "_data", "_entry")

    def __init__(self, chainstate: Chainstate, entry: BlockEntry, data: bytes | None) -> None:
        """Know them already if `data` is given."""
        self._chainstate = chainstate
        self._entry = entry
        self._data = data

    def bytes(self) -> bytes:
        """Return the block, consensus serialised. Raises BlockMissingError."""
        if self._data is None:
            self._data = self._chainstate.read_block(self._entry)
        return self._data


class ChainListener(Protocol):
    """Hears what happens to the chain, in order, from one thread at a time, which must not wait long."""

    def block_connected(self, entry: BlockEntry, block: BlockSource) -> None:
        """Hear that a block joined the chain on top of the one told before."""

    def block_disconnected(self, entry: BlockEntry, block: BlockSource) -> None:
        """Hear that the block told last left the chain."""

    def tip_changed(self, entry: BlockEntry, initial_download: bool) -> None:
        """Hear of the new tip, after all blocks that lead to it."""

    def header_tip(self, entry: BlockEntry) -> None:
        """Hear that another header has the most work, before blocks that come with it."""


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
        self._changed = threading.Condition()
        self.processing = threading.RLock()
        """Held while blocks are processed: who holds it sees a chain that does not change (Core: cs_main)."""
        self._publishing = threading.RLock()
        self._listeners: tuple[ChainListener, ...] = ()
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
        self._best_header = self._tree.entry(kernel.manager_get_best_entry(session.manager))
        self._tip = tip = self._read_tip()
        log.info("Loaded best chain: hashBestChain=%s height=%d", tip.hash[::-1].hex(), tip.height)
        self._import.publish()

    # --- what is there -------------------------------------------------------------------------------------------

    def tip(self) -> BlockEntry:
        """Return the best block, as told last."""
        return self._tip

    def best_header(self) -> BlockEntry:
        """Return the header with the most work of those that may be valid."""
        return self._best_header

    def entry(self, hash_: bytes) -> BlockEntry | None:
        """Return a block by its hash. Raises ClosedError."""
        with self._tree.gate:
            handle = kernel.hash_create(hash_)
            address = kernel.manager_get_entry_by_hash(self._session.manager, handle)
            kernel.hash_destroy(handle)
        return self._tree.entry(address) if address else None

    def at(self, height: int) -> BlockEntry | None:
        """Return the block of the best chain at a height. Raises ClosedError."""
        if not 0 <= height <= 2**31 - 1:
            return None
        with self._tree.gate:
            address = kernel.chain_get_by_height(self._session.chain, height)
        return self._tree.entry(address) if address else None

    def contains(self, entry: BlockEntry) -> bool:
        """Whether a block is in the best chain. Raises ClosedError."""
        with self._tree.gate:
            return bool(kernel.chain_contains(self._session.chain, entry.address))

    def fork_point(self, entry: BlockEntry) -> BlockEntry:
        """Return the last block that the best chain and the chain of `entry` share. Raises ClosedError."""
        return self._common(self._tip, entry)

    def _common(self, one: BlockEntry, other: BlockEntry) -> BlockEntry:
        height = min(one.height, other.height)
        one, other = one.ancestor(height), other.ancestor(height)
        while one != other:
            # Both have a parent: genesis blocks are equal.
            one, other = one.ancestor(one.height - 1), other.ancestor(other.height - 1)
        return one

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
        return found if self._tip in found else [*found, self._tip]

    def block_hash(self, height: int) -> bytes:
        """Return the hash of a block of the best chain, 32 bytes in internal order. Raises ChainstateError."""
        entry = None if self._closed else self.at(height)
        if entry is None:
            raise ChainstateError("Block height out of range")
        return entry.hash

    def prune_height(self) -> int | None:
        """Return the height of the last block whose data are gone, None if none is. Raises as `entries`."""
        tip, first = self._tip, self.at(1)
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
                self._synced = time.time() - self._tip.time < _MAX_TIP_AGE
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
                if accepted and new.value and len(checked) == 1 and not checked[0][1] and self._tip.has_header(data):
                    return _CONNECTED
                return self._verdict(block, accepted, bool(new.value))
            finally:
                self._clear_checked()
                kernel.block_destroy(block)

    def _verdict(self, block: int, accepted: bool, new: bool) -> BlockVerdict:
        hash_ = _block_hash(block)
        for other, mode, reason, debug in reversed(self._checked):
            if _block_hash(other) == hash_:
                return BlockVerdict(accepted, new, True, reason, debug, mode == _ERROR)
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
                mode, reason, debug = _read_state(state)
                self._publish(None)
            finally:
                kernel.state_destroy(state)
                kernel.header_destroy(handle)
            return BlockVerdict(accepted, new=accepted, checked=True, reason=reason, debug=debug, error=mode == _ERROR)

    def submit_block(self, data: bytes) -> BlockValidation:
        """Process a block and say what Core's Mining interface says (Core: SubmitBlock in src/node/miner.cpp)."""
        try:
            verdict = self.process_block(data)
        except ValueError as error:
            return BlockValidation("decode-failed", str(error), result=False)
        except ClosedError:
            return BlockValidation("shutdown", "", result=False)
        if verdict.accepted and not verdict.new:
            return BlockValidation("duplicate", "", result=False)
        if not verdict.checked or (not verdict.accepted and not verdict.reason):
            return BlockValidation("inconclusive", "", result=False)
        return BlockValidation(verdict.reason, verdict.debug, result=not verdict.reason)

    def invalidate_block(self, entry: BlockEntry) -> None:
        """Treat a valid block as invalid and leave it. Raises ChainstateError, KernelSymbolsError."""
        symbols = self._require_symbols()
        with self._changing() as state:
            symbols.invalidate_block(state, entry.address)
            self._publish(None)
            if kernel.state_get_mode(state) == _VALID:
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
                if kernel.state_get_mode(state) != _VALID:
                    raise ChainstateError(_state_text(state))
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

    def _require_symbols(self) -> kernel_symbols.ManagerSymbols:
        if self._symbols is None:
            kernel_symbols.require()
            raise ClosedError
        return self._symbols

    # --- telling -------------------------------------------------------------------------------------------------

    def add_listener(self, listener: ChainListener) -> Callable[[], None]:
        """Tell `listener` what happens from now on; the function returned ends that."""
        with self._publishing:
            self._listeners = (*self._listeners, listener)

        def remove() -> None:
            with self._publishing:
                self._listeners = tuple(known for known in self._listeners if known is not listener)

        return remove

    def sync(self) -> None:
        """Wait until listeners have heard of all that happened before."""
        with self._publishing:
            return

    def _read_tip(self) -> BlockEntry:
        chain = self._session.chain
        with self._tree.gate:
            address = kernel.chain_get_by_height(chain, kernel.chain_get_height(chain))
        return self._tree.entry(address)

    def _publish(self, data: bytes | None) -> None:
        """Tell what changed since the last time; `data` is the block that came, if one did."""
        session = self._session
        with self._publishing:
            best = kernel.manager_get_best_entry(session.manager)
            if best != self._best_header.address:
                self._best_header = self._tree.entry(best)
                for listener in self._listeners:
                    listener.header_tip(self._best_header)
            tip = kernel.chain_get_by_height(session.chain, kernel.chain_get_height(session.chain))
            if tip != self._tip.address:
                self._move(self._tree.entry(tip), data)

    def _publish_import(self) -> None:
        """Tell what an import did meanwhile, on its own thread."""
        with self._tree.gate:
            self._publish(None)

    def _move(self, tip: BlockEntry, data: bytes | None) -> None:
        old = self._tip
        listeners = self._listeners
        if listeners:
            for connected, entry in self._path(old, tip):
                source = BlockSource(self, entry, data if data is not None and entry.has_header(data) else None)
                for listener in listeners:
                    if connected:
                        listener.block_connected(entry, source)
                    else:
                        listener.block_disconnected(entry, source)
        with self._changed:
            self._tip = tip
            self._changed.notify_all()
        if listeners:
            initial = self.is_initial_block_download()
            for listener in listeners:
                listener.tip_changed(tip, initial)

    def _path(self, old: BlockEntry, new: BlockEntry) -> Iterator[tuple[bool, BlockEntry]]:
        """Yield the blocks to leave and then those to join, each with whether it is joined."""
        if new.height == old.height + 1 and new.has_parent(old):
            yield True, new
            return
        fork = self._common(old, new)
        entry = old
        while entry != fork:
            yield False, entry
            entry = entry.ancestor(entry.height - 1)
        for height in range(fork.height + 1, new.height + 1):
            yield True, new.ancestor(height)

    # --- what the kernel calls -----------------------------------------------------------------------------------

    def opening(self, session: KernelSession) -> None:
        """See kernel_session.Callbacks."""
        self._session = session

    def block_checked(self, block: int, state: int) -> None:
        """See kernel_session.Callbacks."""
        mode = kernel.state_get_mode(state)
        if mode == _VALID:
            self._checked.append((block, _VALID, "", ""))
        else:
            self._checked.append((block, *_read_state(state)))

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
        with self._changed:
            self._closed = True
            self._changed.notify_all()
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


def _read_state(state: int) -> tuple[int, str, str]:
    """Return mode, reject reason and debug message; without the pinned kernel the kind of failure is the reason."""
    mode = kernel.state_get_mode(state)
    if mode == _VALID:
        return mode, "", ""
    if kernel_symbols.is_pinned_build():
        return mode, *kernel_symbols.state_texts(state)
    result = kernel.state_get_result(state)
    return mode, _RESULTS[result] if result < len(_RESULTS) else "rejected", ""


_RESULTS: Final = (
    "rejected", "consensus", "cached-invalid", "invalid-header", "mutated", "missing-prev", "invalid-prev",
    "time-future", "header-low-work",
)  # fmt: skip


def _state_text(state: int) -> str:
    """Say what is wrong as Core does (Core: ValidationState::ToString)."""
    _, reason, debug = _read_state(state)
    return f"{reason}, {debug}" if debug else reason
