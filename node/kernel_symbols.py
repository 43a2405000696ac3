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
from primitives import kernel_library

if TYPE_CHECKING:
    from collections.abc import Iterator

BLOCK_INDEX: Final = struct.Struct("<QQQiiII32sI4xQIi32sIIIiI")
"""CBlockIndex: phashBlock, pprev, pskip, nHeight, nFile, nDataPos, nUndoPos, nChainWork, nTx, m_chain_tx_count,
nStatus, nVersion, hashMerkleRoot, nTime, nBits, nNonce, nSequenceId, nTimeMax."""
_PREVIOUS_OFFSET: Final = 8
_TIME_OFFSET: Final = 128
_STATE_REASON: Final = 8
_STATE_DEBUG: Final = 40
_STATE_SIZE: Final = 72
_MANAGER_BLOCK_MANAGER: Final = 656
_MANAGER_OPTIONS: Final = 456
_MANAGER_COINS_CACHE: Final = 1976
_MANAGER_VERSION_BITS: Final = 1992
_OPTIONS_NOTIFICATIONS: Final = 160
_BLOCK_MANAGER_IMPORTING: Final = 568
_BLOCK_MANAGER_INDEXED: Final = 569
_BLOCK_MANAGER_HAVE_PRUNED: Final = 696
_SIGNET_CHALLENGE: Final = 312
_HAVE_DATA_AND_UNDO: Final = 8 | 16
_LONG_ENOUGH: Final = 1 << 20


KernelSymbolsError = kernel_library.KernelSymbolsError
is_pinned_build = kernel_library.is_pinned_build


def require() -> None:
    """Raise KernelSymbolsError unless `is_pinned_build`."""
    if not is_pinned_build():
        raise KernelSymbolsError


@cache
def function(mangled: str, result: Any, *arguments: Any) -> Any:
    """Return a C++ function by its name in the library. Raises KernelSymbolsError."""
    require()
    function = kernel.LIBRARY[mangled]
    function.restype = result
    function.argtypes = arguments
    return function


@cache
def libc() -> ctypes.CDLL:
    """Return the C library, which is the kernel's too."""
    return ctypes.CDLL(None)


@contextmanager
def main_lock() -> Iterator[None]:
    """Hold cs_main, a std::recursive_mutex, which is a pthread mutex."""
    require()
    address = c_void_p(ctypes.addressof(ctypes.c_char.in_dll(kernel.LIBRARY, "cs_main")))
    libc().pthread_mutex_lock(address)
    try:
        yield
    finally:
        libc().pthread_mutex_unlock(address)


def pointer(address: int) -> int:
    """Return what a pointer in the kernel's memory points to, 0 for nothing."""
    return c_void_p.from_address(address).value or 0


def string(address: int) -> str:
    """Return a std::string, of libstdc++'s new kind."""
    length = ctypes.c_size_t.from_address(address + 8).value
    return kernel.text(pointer(address), min(length, _LONG_ENOUGH))


def free_string(address: int) -> None:
    """Free what a std::string has allocated; its text may be inside itself."""
    if pointer(address) != address + 16:
        libc().free(c_void_p(pointer(address)))


def state_texts(state: int) -> tuple[str, str]:
    """Return reject reason and debug message of a BlockValidationState."""
    return string(state + _STATE_REASON), string(state + _STATE_DEBUG)


def previous_address(entry: int) -> int:
    """Return where a CBlockIndex's parent is, 0 for the genesis block."""
    return pointer(entry + _PREVIOUS_OFFSET)


def block_time(entry: int) -> int:
    """Return the time in a CBlockIndex's header."""
    return ctypes.c_uint32.from_address(entry + _TIME_OFFSET).value


def set_mock_time(seconds: int) -> None:
    """Make the kernel's clock stand at `seconds`; 0 lets it run again."""
    function("_Z11SetMockTimel", None, c_int64)(seconds)


_PARAMETERS: Final[dict[str, tuple[int, Any]]] = {
    "bip34": (88, c_int),
    "cltv": (124, c_int),
    "dersig": (128, c_int),
    "csv": (132, c_int),
    "segwit": (136, c_int),
    "min_bip9_warning": (140, c_int),
    "enforce_bip94": (217, c_bool),
    "prune_after_height": (344, ctypes.c_uint64),
}
"""Where a CChainParams has what tests change: activation heights, BIP94 and the least height to prune."""
_DEPLOYMENT: Final = struct.Struct("<i4xqqiII4x")
_DEPLOYMENTS: Final = {"testdummy": 144}
_MANAGER_OPTION_FIELDS: Final[dict[str, tuple[int, Any, int]]] = {
    "check_block_index": (40 + 48, ctypes.c_int32, 40 + 52),
    "max_tip_age": (40 + 128, c_int64, 0),
    "batch_write_bytes": (40 + 144, ctypes.c_size_t, 0),
    "simulate_crash_ratio": (40 + 152, c_int, 0),
    "script_cache": (40 + 184, ctypes.c_size_t, 0),
    "signature_cache": (40 + 192, ctypes.c_size_t, 0),
    "use_xor": (240 + 8, c_bool, 0),
    "prune_target": (240 + 16, ctypes.c_uint64, 0),
    "fast_prune": (240 + 24, c_bool, 0),
    "prune": (392 + 10, c_bool, 0),
    "require_full_verification": (392 + 11, c_bool, 0),
    "check_blocks": (392 + 16, c_int64, 0),
    "check_level": (392 + 24, c_int64, 0),
}
"""Where a btck_ChainstateManagerOptions has what its API does not set: offset, type, offset of has_value."""
_MINIMUM_CHAIN_WORK: Final = (40 + 56, 40 + 88)
_ASSUMED_VALID: Final = (40 + 92, 40 + 124)


def set_parameter(parameters: int, name: str, value: int) -> None:
    """Set a field of chain parameters that no context uses yet."""
    require()
    offset, kind = _PARAMETERS[name]
    kind.from_address(parameters + offset).value = value


def set_deployment(parameters: int, name: str, start: int, timeout: int, min_height: int) -> None:
    """Set when a version bits deployment may become active; KeyError if there is none of that name."""
    require()
    address = parameters + _DEPLOYMENTS[name]
    bit, _, _, _, period, threshold = _DEPLOYMENT.unpack(ctypes.string_at(address, _DEPLOYMENT.size))
    data = _DEPLOYMENT.pack(bit, start, timeout, min_height, period, threshold)
    ctypes.memmove(address, data, _DEPLOYMENT.size)


def signet_parameters(challenge: bytes) -> int:
    """Make the parameters of a signet of one's own, destroyed as those of the C API."""
    data = ctypes.create_string_buffer(challenge, max(1, len(challenge)))
    begin = ctypes.addressof(data)
    end = begin + len(challenge)
    # SigNetOptions: std::optional<std::vector<uint8_t>> challenge; std::optional<...> seeds, which is empty.
    options = (ctypes.c_uint64 * 8)(begin, end, end, 1, 0, 0, 0, 0)
    result = ctypes.c_uint64()  # A std::unique_ptr.
    call = function("_ZN12CChainParams6SigNetERKNS_13SigNetOptionsE", c_void_p, c_void_p, c_void_p)
    call(ctypes.addressof(result), ctypes.addressof(options))
    return result.value


def set_manager_option(options: int, name: str, value: int) -> None:
    """Set a field of a chainstate manager's options that none was made of yet."""
    require()
    offset, kind, has_value = _MANAGER_OPTION_FIELDS[name]
    kind.from_address(options + offset).value = value
    if has_value:
        c_bool.from_address(options + has_value).value = True


def set_minimum_chain_work(options: int, work: int) -> None:
    """Set the work a chain needs before it is worth looking at."""
    _set_32_bytes(options, _MINIMUM_CHAIN_WORK, work.to_bytes(32, "little"))


def set_assumed_valid(options: int, hash_: bytes) -> None:
    """Set the block whose ancestors' scripts are not verified, all zeros for none."""
    _set_32_bytes(options, _ASSUMED_VALID, hash_)


def _set_32_bytes(options: int, place: tuple[int, int], value: bytes) -> None:
    require()
    ctypes.memmove(options + place[0], value, 32)
    c_bool.from_address(options + place[1]).value = True


class ManagerSymbols:
    """The C++ functions on one ChainstateManager, whose owner lets nobody call them after it is gone."""

    def __init__(self, manager: int, genesis: int) -> None:
        """Take the C API's handle and the genesis block's entry, which is looked at. Raises KernelSymbolsError."""
        require()
        self.manager = pointer(manager)
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
        with main_lock():
            found: int = function(name, c_void_p, c_void_p)(self.manager)
        return found

    def all_entries(self) -> list[int]:
        """Return the addresses of all entries of the block tree, in no order."""
        vector = (ctypes.c_uint64 * 3)()
        call = function("_ZN4node12BlockManager18GetAllBlockIndicesEv", c_void_p, c_void_p, c_void_p)
        with main_lock():
            call(ctypes.addressof(vector), self.manager + _MANAGER_BLOCK_MANAGER)
        begin, end = vector[0], vector[1]
        count = (end - begin) // 8
        found = list((ctypes.c_uint64 * count).from_address(begin)) if count else []
        libc().free(c_void_p(begin))  # libstdc++'s operator new is malloc.
        return found

    def is_initial_block_download(self) -> bool:
        """Whether the node still catches up with the chain."""
        call = function("_ZNK17ChainstateManager22IsInitialBlockDownloadEv", c_bool, c_void_p)
        return bool(call(self.manager))

    def activate_best_chain(self, state: int) -> bool:
        """Switch to the chain with most work."""
        none = (ctypes.c_uint64 * 2)()  # An empty std::shared_ptr<const CBlock>, passed by reference.
        name = "_ZN10Chainstate17ActivateBestChainER20BlockValidationStateSt10shared_ptrIK6CBlockE"
        call = function(name, c_bool, c_void_p, c_void_p, c_void_p)
        return bool(call(self._active(), state, ctypes.addressof(none)))

    def invalidate_block(self, state: int, entry: int) -> bool:
        """Mark a block and what builds on it invalid, and leave them."""
        name = "_ZN10Chainstate15InvalidateBlockER20BlockValidationStateP11CBlockIndex"
        return bool(function(name, c_bool, c_void_p, c_void_p, c_void_p)(self._active(), state, entry))

    def precious_block(self, state: int, entry: int) -> bool:
        """Treat a block as if it came before others with its work."""
        name = "_ZN10Chainstate13PreciousBlockER20BlockValidationStateP11CBlockIndex"
        return bool(function(name, c_bool, c_void_p, c_void_p, c_void_p)(self._active(), state, entry))

    def reset_failure_flags(self, entry: int) -> None:
        """Forget that a block, its ancestors and what builds on it are invalid."""
        name = "_ZN10Chainstate22ResetBlockFailureFlagsEP11CBlockIndex"
        active = self._active()
        with main_lock():
            function(name, None, c_void_p, c_void_p)(active, entry)
            function("_ZN17ChainstateManager21RecalculateBestHeaderEv", None, c_void_p)(self.manager)

    def flush(self, chain: int = 0) -> None:
        """Write a chain state to disk (0: the one in use), and keep what is cached of it."""
        function("_ZN10Chainstate21ForceFlushStateToDiskEb", None, c_void_p, c_bool)(chain or self._active(), False)

    def coins(self) -> int:
        """Return the address of the coins at the tip (see node.kernel_coins), good until the tip is another one."""
        active = self._active()
        with main_lock():
            return int(function("_ZN10Chainstate8CoinsTipEv", c_void_p, c_void_p)(active))

    def _block_manager(self) -> int:
        return self.manager + _MANAGER_BLOCK_MANAGER

    def parameters(self) -> int:
        """Return where the chain's parameters are."""
        return pointer(self.manager + _MANAGER_OPTIONS)

    @property
    def prune_after_height(self) -> int:
        """How long the chain must be to be pruned."""
        return ctypes.c_uint64.from_address(self.parameters() + _PARAMETERS["prune_after_height"][0]).value

    @property
    def segwit_height(self) -> int:
        """From which height on segregated witness counts."""
        return c_int.from_address(self.parameters() + _PARAMETERS["segwit"][0]).value

    def signet_challenge(self) -> bytes:
        """Return the script that solves a block of a signet, empty elsewhere."""
        begin, end = (pointer(self.parameters() + _SIGNET_CHALLENGE + place) for place in (0, 8))
        return ctypes.string_at(begin, end - begin) if begin else b""

    @property
    def have_pruned(self) -> bool:
        """Whether block files were ever pruned."""
        return c_bool.from_address(self._block_manager() + _BLOCK_MANAGER_HAVE_PRUNED).value

    @property
    def is_loading_blocks(self) -> bool:
        """Whether blocks are read from files, or wait to be after an interrupted reindex."""
        address = self._block_manager()
        indexed = c_bool.from_address(address + _BLOCK_MANAGER_INDEXED).value
        return not indexed or c_bool.from_address(address + _BLOCK_MANAGER_IMPORTING).value

    def first_with_data(self, last: int, first: int) -> int:
        """Return the first block from which on, up to `last`, none lacks data; not before `first`."""
        name = "_ZNK4node12BlockManager13GetFirstBlockERK11CBlockIndexjPS2_"
        call = function(name, c_void_p, c_void_p, c_void_p, ctypes.c_uint32, c_void_p)
        with main_lock():
            return int(call(self._block_manager(), last, _HAVE_DATA_AND_UNDO, first))

    def disk_usage(self) -> int:
        """Return the size of block and undo data in bytes."""
        call = function("_ZN4node12BlockManager21CalculateCurrentUsageEv", ctypes.c_uint64, c_void_p)
        with main_lock():
            return int(call(self._block_manager()))

    def verification_progress(self, entry: int) -> float:
        """Guess which part of all transactions there are is in the chain up to a block."""
        name = "_ZNK17ChainstateManager25GuessVerificationProgressEPK11CBlockIndex"
        call = function(name, ctypes.c_double, c_void_p, c_void_p)
        with main_lock():
            return float(call(self.manager, entry))

    def background_progress(self, entry: int) -> float:
        """Guess which part of what is to be verified behind a snapshot is, up to a block."""
        name = "_ZNK17ChainstateManager33GetBackgroundVerificationProgressERK11CBlockIndex"
        call = function(name, ctypes.c_double, c_void_p, c_void_p)
        with main_lock():
            return float(call(self.manager, entry))

    def block_version(self, previous: int) -> int:
        """Return the version of a block to build on another one (BIP9)."""
        name = "_ZN16VersionBitsCache19ComputeBlockVersionEPK11CBlockIndexRKN9Consensus6ParamsE"
        call = function(name, ctypes.c_int32, c_void_p, c_void_p, c_void_p)
        with main_lock():
            return int(call(self.manager + _MANAGER_VERSION_BITS, previous, self.parameters()))

    def next_bits(self, previous: int, time: int) -> int:
        """Return the compact target of a block to build on another one at a time."""
        header = bytes(68) + time.to_bytes(4, "little") + bytes(8)
        name = "_Z19GetNextWorkRequiredPK11CBlockIndexPK12CBlockHeaderRKN9Consensus6ParamsE"
        call = function(name, ctypes.c_uint32, c_void_p, ctypes.c_char_p, c_void_p)
        with main_lock():
            return int(call(previous, header, self.parameters()))

    def subsidy(self, height: int) -> int:
        """Return how many new satoshis a block may make."""
        call = function("_Z15GetBlockSubsidyiRKN9Consensus6ParamsE", c_int64, c_int, c_void_p)
        return int(call(height, self.parameters()))

    def test_block(self, block: int, *, check_pow: bool, check_merkle_root: bool) -> tuple[bool, str, str]:
        """Check a block (a handle) as the next one; return whether it is valid, reject reason and debug message."""
        state = ctypes.create_string_buffer(_STATE_SIZE)
        address = ctypes.addressof(state)
        name = "_Z17TestBlockValidityR10ChainstateRK6CBlockbb"
        call = function(name, c_void_p, c_void_p, c_void_p, c_void_p, c_bool, c_bool)
        active = self._active()
        with main_lock():
            call(address, active, pointer(block), check_pow, check_merkle_root)
        reason, debug = state_texts(address)
        valid = c_int.from_address(address).value == 0
        for place in (_STATE_REASON, _STATE_DEBUG):
            free_string(address + place)
        return valid, reason, debug

    def verify(self, level: int, count: int) -> int:
        """Check the last blocks anew; 0 if all is well (VerifyDBResult)."""
        verifier = (ctypes.c_uint64 * 1)()  # CVerifyDB is one reference to the notifications.
        notifications = pointer(self.manager + _MANAGER_OPTIONS + _OPTIONS_NOTIFICATIONS)
        here = ctypes.addressof(verifier)
        active = self._active()
        tip = function("_ZN10Chainstate8CoinsTipEv", c_void_p, c_void_p)
        name = "_ZN9CVerifyDB8VerifyDBER10ChainstateRKN9Consensus6ParamsER10CCoinsViewii"
        verify = function(name, c_int, c_void_p, c_void_p, c_void_p, c_void_p, c_int, c_int)
        with main_lock():
            function("_ZN9CVerifyDBC1ERN6kernel13NotificationsE", None, c_void_p, c_void_p)(here, notifications)
            try:
                return int(verify(here, active, self.parameters(), tip(active), level, count))
            finally:
                function("_ZN9CVerifyDBD1Ev", None, c_void_p)(here)

    def set_cache(self, coins: int, coins_database: int) -> None:
        """Let the coins' cache and that of their database have so many bytes."""
        with main_lock():
            ctypes.c_size_t.from_address(self.manager + _MANAGER_COINS_CACHE).value = coins
            ctypes.c_size_t.from_address(self.manager + _MANAGER_COINS_CACHE + 8).value = coins_database
            function("_ZN17ChainstateManager20MaybeRebalanceCachesEv", None, c_void_p)(self.manager)

    def prune_and_flush(self) -> None:
        """Prune as the options say and write the chain state to disk."""
        function("_ZN10Chainstate13PruneAndFlushEv", None, c_void_p)(self._active())

    def set_prune_lock(self, name: str, height: int) -> None:
        """Keep blocks from a bit below `height` on, for the one called `name`, an ASCII text of at most 15 letters."""
        text = ctypes.create_string_buffer(name.encode("ascii"), 16)
        string = (ctypes.c_uint64 * 4)()
        ctypes.memmove(ctypes.addressof(string) + 16, text, 16)
        string[0] = ctypes.addressof(string) + 16
        string[1] = len(name)
        lock = c_int(height)
        mangled = (
            "_ZN4node12BlockManager15UpdatePruneLockERKNSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEEE"
            "RKNS_13PruneLockInfoE"
        )
        with main_lock():
            function(mangled, None, c_void_p, c_void_p, c_void_p)(
                self._block_manager(), ctypes.addressof(string), ctypes.addressof(lock)
            )

    def prune(self, height: int) -> None:
        """Delete block files whose blocks are all at most at `height`."""
        function("_Z21PruneBlockFilesManualR10Chainstatei", None, c_void_p, c_int)(self._active(), height)
