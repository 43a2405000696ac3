"""Checks the scripts of a transaction for the mempool, through the kernel's own caches (Core: CheckInputScripts).

Each signature that is good, and each transaction whose scripts all hold by consensus, is remembered by the kernel, so a
block that brings the transaction later connects without verifying it again. This needs the pinned build, as
`node.kernel_symbols` says; another one verifies by consensus alone, remembers nothing and cannot say what failed.

Calls that are short and call nobody back keep the interpreter's lock: giving it away would cost more than the call when
other threads want it. Verification itself lets them run.
"""

from __future__ import annotations

import ctypes
from contextlib import contextmanager
from ctypes import c_bool, c_char_p, c_int, c_int64, c_size_t, c_ubyte, c_uint, c_uint64, c_void_p
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from node import kernel, kernel_symbols
from node.kernel_symbols import KernelSymbolsError
from node.policy.reject import Rejection, TxResult
from node.policy.standard import spends_witness_program
from primitives.script_check import STANDARD_FLAGS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from node.chainstate import Chainstate
    from node.coin import Coin
    from primitives.transaction import Transaction

_CHECK: Final = (
    "_Z17CheckInputScriptsRK12CTransactionR17TxValidationStateRK15CCoinsViewCache19script_verify_flagsbb"
    "R26PrecomputedTransactionDataR15ValidationCachePSt6vectorI12CScriptCheckSaISD_EE"
)
_MANAGER_VALIDATION_CACHE: Final = 1360
_HASHED: Final = (96, 200 + 96, 200 + 104 + 96)
"""Where a ValidationCache says how many bytes its three salted hashers took: 64 each."""
_STATE_WORDS: Final = 9
_STATE_REASON: Final = 8
_STATE_DEBUG: Final = 40
_CONSENSUS_FLAGS: Final = 1 | 1 << 2 | 1 << 4 | 1 << 9 | 1 << 10 | 1 << 11 | 1 << 17
"""All that the C API knows: P2SH, DERSIG, NULLDUMMY, CHECKLOCKTIMEVERIFY, CHECKSEQUENCEVERIFY, WITNESS, TAPROOT."""


class InputScripts:
    """Checks transactions against the next block of a chain, whose processing lock is held meanwhile."""

    def __init__(self, chainstate: Chainstate) -> None:
        """Take the chain. Raises KernelSymbolsError if the pinned build is not what it should be."""
        self._chainstate = chainstate
        self._cache = 0
        self._flags = (0, 0)
        if kernel_symbols.is_pinned_build():
            with chainstate.symbols() as symbols:
                self._cache = symbols.manager + _MANAGER_VALIDATION_CACHE
            if any(c_uint64.from_address(self._cache + place).value != 64 for place in _HASHED):
                raise KernelSymbolsError("libbitcoinkernel keeps its script cache otherwise than pynode expects")

    def check(
        self, tx: Transaction, coins: Sequence[Coin], *, policy: bool = True, consensus: bool = True
    ) -> Rejection | None:
        """Verify all inputs, which spend `coins`: by the rules of policy, then by those of the next block.

        Policy fills the cache of signatures, consensus that of scripts. Raises KernelError, ClosedError.
        """
        if not coins or len(coins) != len(tx.inputs):
            raise ValueError(f"{len(coins)} coins for {len(tx.inputs)} inputs")
        if not self._cache:
            return self._check_plainly(tx, coins)
        with self._chainstate.symbols() as symbols, _prepared(tx, coins) as (handle, precomputed):
            address = c_void_p.from_address(handle).value
            _lock_main()
            try:
                if policy and (rejection := self._run(address, precomputed, STANDARD_FLAGS, store=False)):
                    if not tx.has_witness and spends_witness_program(tx, coins):
                        return Rejection(TxResult.WITNESS_STRIPPED, rejection.reason, rejection.debug)
                    return rejection
                return (
                    self._run(address, precomputed, self._block_flags(symbols.manager), store=True)
                    if consensus
                    else None
                )
            finally:
                _unlock_main()

    def _run(self, transaction: int | None, precomputed: int, flags: int, *, store: bool) -> Rejection | None:
        state = (c_uint64 * _STATE_WORDS)()
        address = ctypes.addressof(state)
        state[_STATE_REASON // 8] = address + _STATE_REASON + 16  # Empty strings have their text inside themselves.
        state[_STATE_DEBUG // 8] = address + _STATE_DEBUG + 16
        # What is spent is in `precomputed`, so no coin is looked up and any address does for those coins.
        if _check()(transaction, address, self._cache, flags, True, store, precomputed, self._cache, None):
            return None
        reason, debug = kernel_symbols.state_texts(address)
        for place in (_STATE_REASON, _STATE_DEBUG):
            kernel_symbols.free_string(address + place)
        kind = TxResult.NOT_STANDARD if reason.startswith("mempool") else TxResult.CONSENSUS
        return Rejection(kind, reason, debug)

    def _block_flags(self, manager: int) -> int:
        """Return the rules of the block at the tip, as Core does: few blocks bring new ones."""
        tip = self._chainstate.tip().address
        if self._flags[0] != tip:
            self._flags = tip, _tip_flags()(tip, manager)
        return self._flags[1]

    def _check_plainly(self, tx: Transaction, coins: Sequence[Coin]) -> Rejection | None:
        with _prepared(tx, coins) as (handle, precomputed):
            for index, (each, coin) in enumerate(zip(tx.inputs, coins, strict=True)):
                script = _script_create(coin.script_pubkey, len(coin.script_pubkey))
                status = c_ubyte()
                try:
                    good = _verify(
                        script, coin.value, handle, precomputed, index, _CONSENSUS_FLAGS, ctypes.byref(status)
                    )
                finally:
                    _script_destroy(script)
                if not good:
                    spent = f"{each.prevout.txid[::-1].hex()}:{each.prevout.index}"
                    ids = f"{tx.txid[::-1].hex()} (wtxid {tx.wtxid[::-1].hex()})"
                    stripped = not tx.has_witness and spends_witness_program(tx, coins)
                    return Rejection(
                        TxResult.WITNESS_STRIPPED if stripped else TxResult.NOT_STANDARD,
                        "mempool-script-verify-flag-failed (unknown error)",
                        f"input {index} of {ids}, spending {spent}",
                    )
        return None


@contextmanager
def _prepared(tx: Transaction, coins: Sequence[Coin]) -> Iterator[tuple[int, int]]:
    """Lend the kernel's transaction, and what it computes of it and of what is spent."""
    data = tx.serialize()
    handle = _transaction_create(data, len(data))
    if not handle:
        raise kernel.KernelError("The kernel reads no transaction")
    outputs: list[int] = []
    precomputed = 0
    try:
        for coin in coins:
            script = _script_create(coin.script_pubkey, len(coin.script_pubkey))
            outputs.append(_output_create(script, coin.value))
            _script_destroy(script)
        precomputed = _precomputed_create(handle, (c_void_p * len(outputs))(*outputs), len(outputs))
        if not precomputed:
            raise kernel.KernelError("The kernel prepares no transaction")
        yield handle, precomputed
    finally:
        for output in outputs:
            _output_destroy(output)
        if precomputed:
            _precomputed_destroy(precomputed)
        _transaction_destroy(handle)


@cache
def _check() -> Any:
    pointers = (c_void_p,) * 3
    return kernel_symbols.function(_CHECK, c_bool, *pointers, c_uint64, c_bool, c_bool, c_void_p, c_void_p, c_void_p)


_QUICK: Final = ctypes.PyDLL(str(kernel.PATH))
_QUICK_C: Final = ctypes.PyDLL(None)


def _quick(name: str, result: Any, *arguments: Any, library: ctypes.PyDLL = _QUICK) -> Any:
    function = library[name]
    function.restype = result
    function.argtypes = arguments
    return function


@cache
def _tip_flags() -> Any:
    return _quick("_Z19GetBlockScriptFlagsRK11CBlockIndexRK17ChainstateManager", c_uint64, c_void_p, c_void_p)


@cache
def _main_mutex() -> Any:
    kernel_symbols.require()
    return c_void_p(ctypes.addressof(ctypes.c_char.in_dll(kernel.LIBRARY, "cs_main")))


def _lock_main() -> None:
    """Take cs_main, which is mostly free."""
    mutex = _main_mutex()
    if _try_lock(mutex):
        kernel_symbols.libc().pthread_mutex_lock(mutex)


def _unlock_main() -> None:
    _unlock(_main_mutex())


_try_lock: Final = _quick("pthread_mutex_trylock", c_int, c_void_p, library=_QUICK_C)
_unlock: Final = _quick("pthread_mutex_unlock", c_int, c_void_p, library=_QUICK_C)
_transaction_create: Final = _quick("btck_transaction_create", c_void_p, c_char_p, c_size_t)
_transaction_destroy: Final = _quick("btck_transaction_destroy", None, c_void_p)
_script_create: Final = _quick("btck_script_pubkey_create", c_void_p, c_char_p, c_size_t)
_script_destroy: Final = _quick("btck_script_pubkey_destroy", None, c_void_p)
_output_create: Final = _quick("btck_transaction_output_create", c_void_p, c_void_p, c_int64)
_output_destroy: Final = _quick("btck_transaction_output_destroy", None, c_void_p)
_precomputed_create: Final = _quick("btck_precomputed_transaction_data_create", c_void_p, c_void_p, c_void_p, c_size_t)
_precomputed_destroy: Final = _quick("btck_precomputed_transaction_data_destroy", None, c_void_p)
_verify: Final = kernel.LIBRARY["btck_script_pubkey_verify"]
_verify.restype = c_int
_verify.argtypes = (c_void_p, c_int64, c_void_p, c_void_p, c_uint, c_uint, c_void_p)
