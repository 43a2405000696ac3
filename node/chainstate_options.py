"""How to load a chain. Fields are named after Core's options; those left None need not the pinned kernel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from node import kernel, kernel_snapshots, kernel_symbols

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from common.chains import ChainParams

PRUNE_MANUALLY: Final = 2**64 - 1
_KINDS: Final = {"main": 0, "test": 1, "testnet4": 2, "signet": 3, "regtest": 4}
_BLOCK_CACHE: Final = 2 << 20
_COINS_DATABASE_CACHE: Final = 8 << 20
_FAST_PRUNE_AFTER: Final = 100
_MOST_WORKERS: Final = 15


@dataclass(frozen=True, slots=True)
class Deployment:
    """When a version bits deployment may become active (Core: -vbparams)."""

    start: int
    timeout: int
    min_height: int = 0


def _ignore_progress(title: str, percent: int) -> None:
    del title, percent


def _ignore(reason: str) -> None:
    del reason


def _nothing() -> None:
    pass


@dataclass(frozen=True, slots=True)
class ChainstateOptions:
    """How to load a chain."""

    blocks_dir: Path | None = None
    """Where the folder `blocks` is, unless in the network's directory."""
    reindex: bool = False
    reindex_chainstate: bool = False
    load_blocks: tuple[Path, ...] = ()
    """Files of blocks to import."""
    prune_target: int = 0
    """How many bytes of block files to keep, PRUNE_MANUALLY, or 0 for all."""
    fast_prune: bool = False
    workers: int | None = None
    """Threads that verify scripts besides the one that connects, 0 to 15."""
    cache: int | None = None
    """Bytes for databases and coins (Core: -dbcache)."""
    signature_cache: int | None = None
    """Bytes for scripts and signatures found to be good (Core: -maxsigcachesize)."""
    batch_size: int | None = None
    """Bytes to write to the coins' database at a time (Core: -dbbatchsize)."""
    crash_ratio: int = 0
    """Crash once in so many writes, for tests (Core: -dbcrashratio)."""
    blocks_xor: bool | None = None
    check_blocks: int | None = None
    check_level: int | None = None
    check_block_index: int | None = None
    max_tip_age: int | None = None
    minimum_chain_work: int | None = None
    assume_valid: bytes | None = None
    """Hash of a block whose ancestors' scripts are not verified, internal order; zeros for none."""
    signet_challenge: bytes | None = None
    activation_heights: tuple[tuple[str, int], ...] = ()
    """Names as in -testactivationheight."""
    deployments: tuple[tuple[str, Deployment], ...] = ()
    enforce_bip94: bool = False
    stop_at_height: int = 0
    stop: Callable[[], bool] = bool
    """Asked now and then while the chain loads; true gives up."""
    on_stop: Callable[[], None] = _nothing
    """Called, at times under locks, when `stop_at_height` is reached: ask the program to end."""
    on_failure: Callable[[str], None] = _ignore
    """Called, at times under locks, with why the node cannot go on: ask the program to end."""
    on_progress: Callable[[str, int], None] = _ignore_progress
    """Called, at times under locks, with what long work is done and how many percent of it are: never wait."""
    on_warnings: Callable[[], None] = _nothing
    """Called, at times under locks, when `Chainstate.warnings` has changed: never wait."""


_SNAPSHOTS: Final = (
    (
        110,
        "86e9a1205b418b16dde3a18a78c730e30137e28466bda5dbf6b33ab8fc05447c",
        "135eec25a6fb277884e5824e7aa7d052c4868161c99a5122170b5266f86c273d",
    ),
    (
        299,
        "106b2c56233e378a824cf0d5ff2be42ed32c72f1605c9be288d00942908a40ac",
        "0c552ced4721c249a389eb9b08cb8da261cd46f0e7b5f9d064d48f3113406853",
    ),
)
"""Coins of regtest that the kernel knows at other blocks: height, coins and block as Core's tests of v32 have them."""


def make_parameters(chain: ChainParams, options: ChainstateOptions) -> int:
    """Return a handle of chain parameters, which the caller destroys. Raises KernelSymbolsError."""
    if options.signet_challenge is not None:
        parameters = kernel_symbols.signet_parameters(options.signet_challenge)
    else:
        parameters = kernel.chain_parameters_create(_KINDS[chain.name])
    if chain.name == "regtest" and kernel_symbols.is_pinned_build():
        for height, coins, block in _SNAPSHOTS:
            kernel_snapshots.know_snapshot(parameters, height, bytes.fromhex(coins)[::-1], bytes.fromhex(block)[::-1])
    for name, height in options.activation_heights:
        kernel_symbols.set_parameter(parameters, name, height)
        if name == "segwit" and height > 0:
            kernel_symbols.set_parameter(parameters, "min_bip9_warning", 0)
    for name, deployment in options.deployments:
        kernel_symbols.set_deployment(
            parameters, name, deployment.start, deployment.timeout, deployment.min_height
        )  # fmt: skip
    if options.fast_prune:
        kernel_symbols.set_parameter(parameters, "prune_after_height", _FAST_PRUNE_AFTER)
    if options.enforce_bip94:
        kernel_symbols.set_parameter(parameters, "enforce_bip94", 1)
    return parameters


def apply_options(handle: int, options: ChainstateOptions) -> None:
    """Set what a manager's options are asked for. Raises KernelSymbolsError."""
    kernel.manager_options_set_wipe_dbs(
        handle, int(options.reindex), int(options.reindex or options.reindex_chainstate)
    )
    if options.workers is not None:
        kernel.manager_options_set_worker_threads_num(handle, max(0, min(options.workers, _MOST_WORKERS)))
    fields = {
        "use_xor": options.blocks_xor,
        "batch_write_bytes": options.batch_size,
        "simulate_crash_ratio": options.crash_ratio or None,
        "script_cache": None if options.signature_cache is None else options.signature_cache // 2,
        "signature_cache": None if options.signature_cache is None else options.signature_cache // 2,
        "check_block_index": options.check_block_index,
        "max_tip_age": options.max_tip_age,
        "check_blocks": options.check_blocks,
        "check_level": options.check_level,
        "fast_prune": options.fast_prune or None,
    }
    if options.prune_target:
        fields.update(prune_target=options.prune_target, prune=True)
    if kernel_symbols.is_pinned_build():
        # Core wants all of the start's checks done only if they were asked for.
        fields["require_full_verification"] = options.check_blocks is not None or options.check_level is not None
    for name, value in fields.items():
        if value is not None:
            kernel_symbols.set_manager_option(handle, name, int(value))
    if options.minimum_chain_work is not None:
        kernel_symbols.set_minimum_chain_work(handle, options.minimum_chain_work)
    if options.assume_valid is not None:
        kernel_symbols.set_assumed_valid(handle, options.assume_valid)


def share_cache(total: int) -> tuple[int, int]:
    """Return what of a cache goes to coins and to their database (Core: src/kernel/caches.h)."""
    total -= min(total // 8, _BLOCK_CACHE)
    database = min(total // 2, _COINS_DATABASE_CACHE)
    return total - database, database
