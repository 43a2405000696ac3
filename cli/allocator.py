"""How the C library's allocator treats large blocks of memory.

glibc takes each large block from the system and gives it back at once, but whenever one is given back, blocks of that
size are small ones from then on, up to 32 MiB, and what is small stays in the arena of its thread: a node whose threads
have each made the JSON of a block keeps hundreds of megabytes. With a fixed threshold it does not.
"""

from __future__ import annotations

import ctypes
from contextlib import suppress
from typing import Final

_MMAP_THRESHOLD: Final = -3
_TRIM_THRESHOLD: Final = -1
_LARGE: Final = 256 << 10
_KEPT: Final = 1 << 20


def return_large_blocks() -> None:
    """Give memory blocks from 256 KiB on back to the system when they are freed. Without glibc nothing happens."""
    with suppress(AttributeError):
        adjust = ctypes.CDLL(None).mallopt
        adjust(_MMAP_THRESHOLD, _LARGE)
        adjust(_TRIM_THRESHOLD, _KEPT)
