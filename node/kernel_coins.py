"""The coins of the best chain, as the kernel itself has them (Core: CCoinsViewCache in src/coins.h).

The C API does not show them, the library's C++ functions do; as all of `node.kernel_symbols`, this holds for the pinned
build only. The kernel's cache takes no lock of its own: whoever looks holds the chain's processing lock.
"""

from __future__ import annotations

import ctypes
import struct
from ctypes import c_bool, c_char_p, c_void_p
from typing import Any, Final

from node import kernel
from node.coin import Coin
from node.kernel_symbols import require

_SIZE: Final = 52
_FIELDS: Final = struct.Struct("<q36sII")
"""A Coin: value, -1 if there is none; the script, or where it is; its size, 37 more if it is elsewhere; code."""
_INSIDE: Final = 36
_POINTER: Final = struct.Struct("<Q")
"""Where a script is that is elsewhere."""


class KernelCoins:
    """The coins at the tip. What is looked up stays in the kernel's cache, so blocks that spend it connect fast."""

    def __init__(self, view: int) -> None:
        """Take the address of a CCoinsViewCache. Raises KernelSymbolsError."""
        require()
        # These calls are short and call nobody back, so they keep the interpreter's lock: giving it away would cost
        # more than the call, when other threads want it.
        library = ctypes.PyDLL(str(kernel.PATH))
        self._view = view
        self._access = _function(library, "_ZNK15CCoinsViewCache10AccessCoinERK9COutPoint", c_void_p)
        self._cached = _function(library, "_ZNK15CCoinsViewCache15HaveCoinInCacheERK9COutPoint", c_bool)
        self._uncache = _function(library, "_ZN15CCoinsViewCache7UncacheERK9COutPoint", None)

    def get(self, outpoint: bytes) -> Coin | None:
        """Return the coin at an outpoint, 36 bytes."""
        value, script, size, code = _FIELDS.unpack(ctypes.string_at(self._access(self._view, outpoint), _SIZE))
        if value == -1:
            return None
        if size <= _INSIDE:
            script = script[:size]
        else:
            script = ctypes.string_at(_POINTER.unpack_from(script)[0], size - _INSIDE - 1)
        return Coin(value, script, code >> 1, bool(code & 1))

    def is_cached(self, outpoint: bytes) -> bool:
        """Whether there is a coin at an outpoint that needs no look at the disk."""
        found: bool = self._cached(self._view, outpoint)
        return found

    def uncache(self, outpoint: bytes) -> None:
        """Take a coin that did not change out of the cache."""
        self._uncache(self._view, outpoint)


def _function(library: ctypes.PyDLL, mangled: str, result: Any) -> Any:
    function = library[mangled]
    function.restype = result
    function.argtypes = (c_void_p, c_char_p)
    return function
