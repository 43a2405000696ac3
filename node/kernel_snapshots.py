"""The kernel's chain states: the one in use and, while one that began with a snapshot is not verified, that behind it.

All of it is C++ behind the C API, as in `node.kernel_symbols`: for the pinned build only. A C++ exception cannot be
caught from here: a disk that gets full while a snapshot is written ends the program, which starts again without it.
"""

from __future__ import annotations

import ctypes
import os
from contextlib import contextmanager
from ctypes import c_bool, c_int, c_long, c_size_t, c_void_p
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from node.kernel_symbols import KernelSymbolsError, free_string, function, libc, main_lock, pointer, require, string

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from node.kernel_symbols import ManagerSymbols

_MANAGER_CHAINSTATES: Final = 3472
_CHAIN: Final = 104
_ASSUMED: Final = 128
_SNAPSHOT_BASE: Final = 132
_TARGET: Final = 165
_TARGET_COINS: Final = 198
_DATABASE_CACHE: Final = 280
_COINS_CACHE: Final = 288
_VALIDATED: Final = 0
_INVALID: Final = 2
_PARAMETERS_SNAPSHOTS: Final = 696
_SNAPSHOT_SIZE: Final = 80
_SNAPSHOT_COINS: Final = 4
_SNAPSHOT_HASH: Final = 48
_METADATA_SIZE: Final = 96
_METADATA_BASE: Final = 52
_METADATA_COUNT: Final = 88
_AUTO_FILE_SIZE: Final = 96
_OBFUSCATION_SIZE: Final = 64
_RESULT_SIZE: Final = 72
_RESULT_INDEX: Final = 64
_STRINGS: Final = (0, 32)


class SnapshotError(Exception):
    """The kernel did not take a snapshot; its own words."""


@dataclass(frozen=True, slots=True)
class ChainOfKernel:
    """A chain state as it is now."""

    address: int
    handle: int
    """Its chain, as the C API's functions want it."""
    validated: bool
    snapshot_base: bytes | None
    """The block it began with, internal order; None if that was the genesis block."""
    database_cache: int
    coins_cache: int
    """Bytes for its database and for its coins."""


def _optional_hash(address: int) -> bytes | None:
    return ctypes.string_at(address, 32) if c_bool.from_address(address + 32).value else None


def chains(symbols: ManagerSymbols) -> tuple[ChainOfKernel, ChainOfKernel | None]:
    """Return the chain in use, and that which verifies behind it, if one does (Core: HistoricalChainstate)."""
    current = historical = None
    with main_lock():
        vector = symbols.manager + _MANAGER_CHAINSTATES
        begin, end = pointer(vector), pointer(vector + 8)
        for place in range(begin, end, 8):
            address = pointer(place)
            if not address or c_int.from_address(address + _ASSUMED).value == _INVALID:
                continue
            if not c_bool.from_address(address + _TARGET + 32).value:
                current = current or _chain(address)
            elif not c_bool.from_address(address + _TARGET_COINS + 32).value:
                historical = historical or _chain(address)
    if current is None:
        raise KernelSymbolsError("libbitcoinkernel keeps chain states otherwise than pynode expects")
    return current, historical


def _chain(address: int) -> ChainOfKernel:
    return ChainOfKernel(
        address,
        address + _CHAIN,
        c_int.from_address(address + _ASSUMED).value == _VALIDATED,
        _optional_hash(address + _SNAPSHOT_BASE),
        c_size_t.from_address(address + _DATABASE_CACHE).value,
        c_size_t.from_address(address + _COINS_CACHE).value,
    )


def known_snapshots(symbols: ManagerSymbols) -> set[bytes]:
    """Return the hashes (internal order) of the blocks whose coins the chain's parameters vouch for."""
    return {ctypes.string_at(place + _SNAPSHOT_HASH, 32) for place in _snapshots(symbols.parameters())}


def know_snapshot(parameters: int, height: int, coins: bytes, block: bytes) -> None:
    """Vouch for other coins at a height that chain parameters know one for; hashes in internal order."""
    require()
    for place in _snapshots(parameters):
        if c_int.from_address(place).value == height:
            ctypes.memmove(place + _SNAPSHOT_COINS, coins, 32)
            ctypes.memmove(place + _SNAPSHOT_HASH, block, 32)


def _snapshots(parameters: int) -> range:
    vector = parameters + _PARAMETERS_SNAPSHOTS
    return range(pointer(vector), pointer(vector + 8), _SNAPSHOT_SIZE)


def activate(symbols: ManagerSymbols, path: Path, offset: int, base: bytes, count: int) -> int:
    """Go on from the `count` coins that stand in a file from `offset` on, those at the block `base`.

    Returns the block's entry. Nobody may hold the kernel's locks or process blocks. Raises SnapshotError, OSError.
    """
    metadata = ctypes.create_string_buffer(_METADATA_SIZE)
    ctypes.memmove(ctypes.addressof(metadata) + _METADATA_BASE, base, 32)
    ctypes.c_uint64.from_buffer(metadata, _METADATA_COUNT).value = count
    result = ctypes.create_string_buffer(_RESULT_SIZE)
    here = ctypes.addressof(result)
    call = function(
        "_ZN17ChainstateManager16ActivateSnapshotER8AutoFileRKN4node16SnapshotMetadataEb",
        c_void_p, c_void_p, c_void_p, c_void_p, c_void_p, c_bool,
    )  # fmt: skip
    with _auto_file(path, offset) as file:
        call(here, symbols.manager, file, ctypes.addressof(metadata), False)
    if result.raw[_RESULT_INDEX] == 1:
        return pointer(here)
    text = string(here)
    for place in _STRINGS:
        free_string(here + place)
    raise SnapshotError(text)


@contextmanager
def _auto_file(path: Path, offset: int) -> Iterator[int]:
    """Give an AutoFile that reads a file from `offset` on."""
    open_, seek = libc().fopen, libc().fseek
    open_.restype, open_.argtypes = c_void_p, (ctypes.c_char_p, ctypes.c_char_p)
    seek.restype, seek.argtypes = c_int, (c_void_p, c_long, c_int)
    stream = open_(os.fsencode(path), b"rb")
    if not stream:
        raise OSError(f"Couldn't open file {path} for reading.")
    seek(stream, offset, os.SEEK_SET)
    obfuscation = ctypes.create_string_buffer(_OBFUSCATION_SIZE)
    file = ctypes.create_string_buffer(_AUTO_FILE_SIZE)
    here = ctypes.addressof(file)
    function("_ZN8AutoFileC1EP8_IO_FILERK11Obfuscation", None, c_void_p, c_void_p, c_void_p)(
        here, stream, ctypes.addressof(obfuscation)
    )
    try:
        yield here
    finally:
        function("_ZN8AutoFileD1Ev", None, c_void_p)(here)  # It closes the stream.
