"""What libbitcoinkernel's C API lacks and its shared library has all the same: C++ functions and fields.

Everything here holds for one build of the library only, the one pinned in pyproject.toml (Core commit 859215218667,
x86-64): where its GNU build id or what it says of the genesis block differs, each use raises KernelSymbolsError, and
all that goes through the C API still works. docs/kernel-symbols.md tells how to find the numbers of another build.

Handles of the C API are pointers to the C++ objects. Non-trivial results go to memory that the caller gives as first
argument. C++ functions that take cs_main themselves are called without it, those that want it held get it here.
"""

from __future__ import annotations

import ctypes
import struct
from contextlib import contextmanager
from ctypes import c_bool, c_int, c_int64, c_void_p
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from node import kernel

if TYPE_CHECKING:
    from collections.abc import Iterator

BUILD_ID: Final = "2d6ffe94986731dae85104e6d061df92cef06556"

BLOCK_INDEX: Final = struct.Struct("<QQQiiII32sI4xQIi32sIIIiI")
"""CBlockIndex: phashBlock, pprev, pskip, nHeight, nFile, nDataPos, nUndoPos, nChainWork, nTx, m_chain_tx_count,
nStatus, nVersion, hashMerkleRoot, nTime, nBits, nNonce, nSequenceId, nTimeMax."""
_PREVIOUS_OFFSET: Final = 8
_TIME_OFFSET: Final = 128
_STATE_REASON: Final = 8
_STATE_DEBUG: Final = 40
_STATE_SIZE: Final = 72
_MANAGER_BLOCK_MANAGER: Final = 656
_LONG_ENOUGH: Final = 1 << 20


class KernelSymbolsError(kernel.KernelError):
    """The library is not the pinned build, so what it keeps to itself cannot be used."""


def _build_id() -> str:
    """Return the GNU build id of the library's file, "" if it is no 64-bit ELF file or has none."""
    with kernel.PATH.open("rb") as file:
        header = file.read(64)
        if header[:5] != b"\x7fELF\x02":
            return ""
        offset, size, count = (*struct.unpack_from("<Q", header, 32), *struct.unpack_from("<HH", header, 54))
        for number in range(count):
            file.seek(offset + number * size)
            kind, _, place, _, _, length = struct.unpack("<IIQQQQ", file.read(40))
            if kind != 4:  # PT_NOTE
                continue
            file.seek(place)
            notes = file.read(length)
            found = notes.find(b"\x14\x00\x00\x00\x03\x00\x00\x00GNU\x00")
            if found >= 0:
                return notes[found + 12 : found + 32].hex()
    return ""


@cache
def is_pinned_build() -> bool:
    """Whether the library is the build whose numbers stand here."""
    return _build_id() == BUILD_ID


def require() -> None:
    """Raise KernelSymbolsError unless `is_pinned_build`."""
    if not is_pinned_build():
        raise KernelSymbolsError(
            "This needs the libbitcoinkernel that pynode was made for: py-bitcoinkernel 0.1.0a5 for Linux on x86-64"
        )


@cache
def _function(mangled: str, result: Any, *arguments: Any) -> Any:
    require()
    function = kernel.LIBRARY[mangled]
    function.restype = result
    function.argtypes = arguments
    return function


@cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None)


@contextmanager
def _main_lock() -> Iterator[None]:
    """Hold cs_main, a std::recursive_mutex, which is a pthread mutex."""
    require()
    address = c_void_p(ctypes.addressof(ctypes.c_char.in_dll(kernel.LIBRARY, "cs_main")))
    _libc().pthread_mutex_lock(address)
    try:
        yield
    finally:
        _libc().pthread_mutex_unlock(address)


def _pointer(address: int) -> int:
    return c_void_p.from_address(address).value or 0


def _string(address: int) -> str:
    """Return a std::string, of libstdc++'s new kind."""
    length = ctypes.c_size_t.from_address(address + 8).value
    return kernel.text(_pointer(address), min(length, _LONG_ENOUGH))


def state_texts(state: int) -> tuple[str, str]:
    """Return reject reason and debug message of a BlockValidationState."""
    return _string(state + _STATE_REASON), _string(state + _STATE_DEBUG)


def previous_address(entry: int) -> int:
    """Return where a CBlockIndex's parent is, 0 for the genesis block."""
    return _pointer(entry + _PREVIOUS_OFFSET)


def block_time(entry: int) -> int:
    """Return the time in a CBlockIndex's header."""
    return ctypes.c_uint32.from_address(entry + _TIME_OFFSET).value


def set_mock_time(seconds: int) -> None:
    """Make the kernel's clock stand at `seconds`; 0 lets it run again."""
    _function("_Z11SetMockTimel", None, c_int64)(seconds)


class ManagerSymbols:
    """The C++ functions on one ChainstateManager, whose owner lets nobody call them after it is gone."""

    def __init__(self, manager: int, genesis: int) -> None:
        """Take the C API's handle and the genesis block's entry, which is looked at. Raises KernelSymbolsError."""
        require()
        self._manager = _pointer(manager)
        fields = BLOCK_INDEX.unpack(ctypes.string_at(genesis, BLOCK_INDEX.size))
        hash_ = kernel.hash_bytes(kernel.entry_get_block_hash(genesis))
        work = int.from_bytes(fields[7], "little")
        sane = (
            (fields[1], fields[3], fields[8], fields[9], fields[11]) == (0, 0, 1, 1, 1)
            and ctypes.string_at(fields[0], 32) == hash_
            and fields[13] == fields[17]
            and 0 < work < 2**64
            and 3 <= fields[10] & 7 <= 5
        )
        if not sane:
            raise KernelSymbolsError("libbitcoinkernel keeps block entries otherwise than pynode expects")

    def _active(self) -> int:
        name = "_ZNK17ChainstateManager16ActiveChainstateEv"
        with _main_lock():
            found: int = _function(name, c_void_p, c_void_p)(self._manager)
        return found

    def all_entries(self) -> list[int]:
        """Return the addresses of all entries of the block tree, in no order."""
        vector = (ctypes.c_uint64 * 3)()
        call = _function("_ZN4node12BlockManager18GetAllBlockIndicesEv", c_void_p, c_void_p, c_void_p)
        with _main_lock():
            call(ctypes.addressof(vector), self._manager + _MANAGER_BLOCK_MANAGER)
        begin, end = vector[0], vector[1]
        count = (end - begin) // 8
        found = list((ctypes.c_uint64 * count).from_address(begin)) if count else []
        _libc().free(c_void_p(begin))  # libstdc++'s operator new is malloc.
        return found

    def is_initial_block_download(self) -> bool:
        """Whether the node still catches up with the chain."""
        call = _function("_ZNK17ChainstateManager22IsInitialBlockDownloadEv", c_bool, c_void_p)
        return bool(call(self._manager))

    def activate_best_chain(self, state: int) -> bool:
        """Switch to the chain with most work."""
        none = (ctypes.c_uint64 * 2)()  # An empty std::shared_ptr<const CBlock>, passed by reference.
        name = "_ZN10Chainstate17ActivateBestChainER20BlockValidationStateSt10shared_ptrIK6CBlockE"
        call = _function(name, c_bool, c_void_p, c_void_p, c_void_p)
        return bool(call(self._active(), state, ctypes.addressof(none)))

    def invalidate_block(self, state: int, entry: int) -> bool:
        """Mark a block and what builds on it invalid, and leave them."""
        name = "_ZN10Chainstate15InvalidateBlockER20BlockValidationStateP11CBlockIndex"
        return bool(_function(name, c_bool, c_void_p, c_void_p, c_void_p)(self._active(), state, entry))

    def precious_block(self, state: int, entry: int) -> bool:
        """Treat a block as if it came before others with its work."""
        name = "_ZN10Chainstate13PreciousBlockER20BlockValidationStateP11CBlockIndex"
        return bool(_function(name, c_bool, c_void_p, c_void_p, c_void_p)(self._active(), state, entry))

    def reset_failure_flags(self, entry: int) -> None:
        """Forget that a block, its ancestors and what builds on it are invalid."""
        name = "_ZN10Chainstate22ResetBlockFailureFlagsEP11CBlockIndex"
        active = self._active()
        with _main_lock():
            _function(name, None, c_void_p, c_void_p)(active, entry)
            _function("_ZN17ChainstateManager21RecalculateBestHeaderEv", None, c_void_p)(self._manager)

    def flush(self) -> None:
        """Write the chain state to disk, and keep what is cached of it."""
        _function("_ZN10Chainstate21ForceFlushStateToDiskEb", None, c_void_p, c_bool)(self._active(), False)

    def prune(self, height: int) -> None:
        """Delete block files whose blocks are all at most at `height`."""
        _function("_Z21PruneBlockFilesManualR10Chainstatei", None, c_void_p, c_int)(self._active(), height)
