"""Keeps Python alive under PySide 6.12, which releases constants that it holds no reference of.

`Signal.emit` does so to True each time, and models to None. Python before 3.12 counts references to them, and ends the
process when none is left: after some hundred signals.
"""

from __future__ import annotations

import ctypes
import sys
from typing import Final

_MANY: Final = 1 << 40


def make_constants_immortal() -> None:
    """Let the constants have more references than can ever be released, as later Pythons do by themselves."""
    if sys.version_info >= (3, 12):
        return
    for constant in (True, False, None):
        if sys.getrefcount(constant) < _MANY // 2:
            ctypes.c_ssize_t.from_address(id(constant)).value += _MANY
