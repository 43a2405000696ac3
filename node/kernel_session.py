"""One opened chain of the kernel: its handles from load to close, and the callbacks it makes meanwhile."""

from __future__ import annotations

import logging
import shutil
import threading
from typing import TYPE_CHECKING, Final, Protocol

from node import kernel, kernel_log
from node.chainstate_options import apply_options, make_parameters
from node.reindex_marker import ReindexMarker

if TYPE_CHECKING:
    from pathlib import Path

    from common.chains import ChainParams
    from node.chainstate_options import ChainstateOptions

log: Final = logging.getLogger()
_INTERRUPT_CHECK: Final = 0.1


class ChainstateError(Exception):
    """The chain cannot be loaded, or a block is not there; one line for a person."""


class InterruptedLoadError(ChainstateError):
    """Loading was given up because the program is to end."""


class DamagedChainError(ChainstateError):
    """The databases of the chain have to be made anew."""


class Callbacks(Protocol):
    """Who hears the kernel, on the thread that processes, at times under the kernel's cs_main."""

    def opening(self, session: KernelSession) -> None:
        """Take the session, which calls back while it loads."""

    def block_checked(self, block: int, state: int) -> None:
        """Take a block (a handle, now its own) and a state that is gone afterwards."""

    def block_tip(self, state: int, entry: int, progress: float) -> None:
        """Hear that the chain has a new tip."""

    def header_tip(self, state: int, height: int, timestamp: int) -> None:
        """Hear that another header has the most work."""

    def progress(self, title: str, percent: int) -> None:
        """Hear how far long work is."""

    def warned(self, number: int, text: str) -> None:
        """Hear of a warning, or with an empty text of its end."""

    def failed(self, text: str) -> None:
        """Hear that the node cannot go on."""


class KernelSession:
    """The handles. `close` writes everything to disk."""

    def __init__(
        self, network_dir: Path, chain: ChainParams, options: ChainstateOptions, callbacks: Callbacks | None
    ) -> None:  # fmt: skip
        """Load the chain or begin a new one; without `callbacks` nobody hears. Raises ChainstateError, Core's texts."""
        self._close_guard = threading.Lock()
        self.manager = 0
        """The handle of the chainstate manager, 0 while there is none."""
        kernel_log.connect()
        self._marker = ReindexMarker(network_dir)
        self._databases_made = False
        if callbacks is not None:
            callbacks.opening(self)
        self._keep = None if callbacks is None else _structures(callbacks)
        parameters = make_parameters(chain, options)
        context_options = kernel.context_options_create()
        try:
            kernel.context_options_set_chainparams(context_options, parameters)
            if self._keep is not None:
                kernel.context_options_set_validation_interface(context_options, self._keep[0])
                kernel.context_options_set_notifications(context_options, self._keep[1])
            self._context = kernel.context_create(context_options)
        finally:
            kernel.context_options_destroy(context_options)
            kernel.chain_parameters_destroy(parameters)
        try:
            self.manager = self._load(network_dir, self._marker.apply(options))
            self.databases_made()
        except BaseException:
            kernel.context_destroy(self._context)
            raise
        self.use_active_chain()

    def use_active_chain(self) -> None:
        """Have `chain` be the one that has the most work, which a snapshot makes another."""
        self.chain: int = kernel.manager_get_active_chain(self.manager)

    def _load(self, network_dir: Path, options: ChainstateOptions) -> int:
        blocks_dir = str((options.blocks_dir or network_dir) / "blocks").encode()
        if options.reindex or options.reindex_chainstate:
            _remove_snapshot(network_dir)
        data_dir = str(network_dir).encode()
        handle = kernel.manager_options_create(self._context, data_dir, len(data_dir), blocks_dir, len(blocks_dir))
        if not handle:
            raise ChainstateError(f"Error: cannot use '{network_dir}': {kernel_log.last_error('')}")
        try:
            apply_options(handle, options)
            return self._create(handle, options)
        finally:
            kernel.manager_options_destroy(handle)

    def _create(self, handle: int, options: ChainstateOptions) -> int:
        """Create in another thread: this one, perhaps the one that hears signals, must be able to ask for the end."""
        kernel_log.errors.clear()
        made: list[int] = []
        thread = threading.Thread(
            target=lambda: made.append(kernel.manager_create(handle) or 0), name="initload", daemon=True
        )
        thread.start()
        interrupted = False
        try:
            while thread.is_alive():
                thread.join(_INTERRUPT_CHECK)
                if not interrupted and options.stop():
                    interrupted = True
                    self.interrupt()
        except BaseException:
            self.interrupt()
            thread.join()
            raise
        if made and made[0]:
            return made[0]
        if interrupted:
            raise InterruptedLoadError("Shutdown requested. Exiting.")
        raise _load_error(options)

    def databases_made(self) -> None:
        """Hear that a block was connected, so the databases that were to be emptied are."""
        if not self._databases_made:
            self._databases_made = True
            self._marker.remove()

    def interrupt(self) -> None:
        """Make long work end soon; the chain can only be closed afterwards. Safe under cs_main."""
        kernel.context_interrupt(self._context)

    def close(self) -> None:
        """Write everything to disk and free the kernel's memory. Idempotent; nobody may use a handle meanwhile."""
        with self._close_guard:
            manager, self.manager = self.manager, 0
            if manager:
                kernel.manager_destroy(manager)
                kernel.context_destroy(self._context)


def _remove_snapshot(network_dir: Path) -> None:
    """Do what the kernel itself would do for a reindex if it did not ask a mempool that it has not. Raises as above."""
    folder = network_dir / "chainstate_snapshot"
    if folder.exists():
        log.info("[snapshot] deleting snapshot chainstate due to reindexing")
        try:
            shutil.rmtree(folder)
        except OSError as error:
            raise ChainstateError("Couldn't remove snapshot chainstate.") from error


def _structures(callbacks: Callbacks) -> tuple[kernel.ValidationCallbacks, kernel.NotificationCallbacks]:
    """Return what the kernel calls back through; keep it for as long as the kernel may."""

    def checked(_: int, block: int, state: int) -> None:
        callbacks.block_checked(block, state)

    validation = kernel.ValidationCallbacks(block_checked=kernel.BlockCheckedCallback(checked))
    notifications = kernel.NotificationCallbacks(
        block_tip=kernel.BlockTipCallback(
            lambda _, state, entry, progress: callbacks.block_tip(state, entry, progress)
        ),
        header_tip=kernel.HeaderTipCallback(
            lambda _, state, height, timestamp, __: callbacks.header_tip(state, height, timestamp)
        ),
        progress=kernel.ProgressCallback(
            lambda _, title, length, percent, __: callbacks.progress(kernel.text(title, length), percent)
        ),
        warning_set=kernel.WarningSetCallback(
            lambda _, number, message, length: callbacks.warned(number, kernel.text(message, length))
        ),
        warning_unset=kernel.WarningUnsetCallback(lambda _, number: callbacks.warned(number, "")),
        flush_error=kernel.ErrorCallback(lambda _, text, length: callbacks.failed(kernel.text(text, length))),
        fatal_error=kernel.ErrorCallback(lambda _, text, length: callbacks.failed(kernel.text(text, length))),
    )
    return validation, notifications


_LOAD_ERRORS: Final = (
    "Failed to load chain state from your data directory: ",
    "Failed to verify loaded chain state from your datadir: ",
)
_REINDEX: Final = ".\nPlease restart with -reindex or -reindex-chainstate to recover."
_FATAL: Final = (
    "Incorrect or no genesis block found",
    "Unsupported chainstate database format",
    "Insufficient dbcache",
    "Couldn't remove snapshot chainstate",
    "UTXO snapshot failed",
    "Background chainstate cleanup failed",
)
"""Failures that a reindex does not mend."""


def _load_error(options: ChainstateOptions) -> ChainstateError:
    """Return Core's error for what the kernel logged (Core: AppInitMain and InitAndLoadChainstate in src/init.cpp)."""
    logged = kernel_log.last_error("", lambda text: text.startswith("Failed to "))
    text = "Error loading databases"
    for start in _LOAD_ERRORS:
        if logged.startswith(start):
            text = logged.removeprefix(start)
            if text.startswith(_FATAL):
                return ChainstateError(text)
    create = "Failed to create chainstate manager: "
    if logged.startswith(create):
        reason = logged.removeprefix(create)
        if not reason.startswith("Fatal LevelDB error"):
            return ChainstateError(f"Failed to initialize ChainstateManager: {reason}")
        text = "Error opening block database"
    return ChainstateError(text) if options.reindex else DamagedChainError(text + _REINDEX)
