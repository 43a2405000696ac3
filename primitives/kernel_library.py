"""The shared library of Bitcoin Core's kernel that py-bitcoinkernel carries, and which build of it this is.

C++ functions of it may be called only if it is the pinned build: docs/kernel-symbols.md.
"""

from __future__ import annotations

import ctypes
import struct
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Final

BUILD_ID: Final = "2d6ffe94986731dae85104e6d061df92cef06556"
_OTHER_BUILD: Final = (
    "This needs the libbitcoinkernel that pynode was made for: py-bitcoinkernel 0.1.0a5 for Linux on x86-64"
)


class KernelError(Exception):
    """libbitcoinkernel is not there or cannot do its work; one line for a person."""


class KernelSymbolsError(KernelError):
    """The library is not the pinned build, so what it keeps to itself cannot be used."""

    def __init__(self, text: str = _OTHER_BUILD) -> None:
        super().__init__(text)


def _path() -> Path:
    spec = find_spec("pbk")
    places = spec.submodule_search_locations if spec is not None else None
    for place in places or ():
        for path in sorted((Path(place) / "_libs").glob("*bitcoinkernel*")):
            return path
    raise KernelError("libbitcoinkernel is not installed; is the package py-bitcoinkernel there?")


PATH: Final = _path()
LIBRARY: Final = ctypes.CDLL(str(PATH))


def _build_id() -> str:
    """Return the GNU build id of the library's file, "" if it is no 64-bit ELF file or has none."""
    with PATH.open("rb") as file:
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
        raise KernelSymbolsError
