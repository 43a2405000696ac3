"""Compact sizes and the byte strings and lists they prefix (Core: src/serialize.h)."""

from __future__ import annotations

import struct
from typing import Final

from primitives.errors import DecodeError

MAX_SIZE: Final = 0x02000000
"""The largest compact size that Core reads as a length."""

_UINT16: Final = struct.Struct("<H")
_UINT32: Final = struct.Struct("<I")
_UINT64: Final = struct.Struct("<Q")


def read_long_size(data: bytes, first: int, offset: int) -> tuple[int, int]:
    """Finish a compact size whose first byte, `first`, is at least 253 and stands before `offset`.

    Returns the size and the offset behind it. Raises DecodeError, IndexError or struct.error.
    """
    if first == 253:
        (size,) = _UINT16.unpack_from(data, offset)
        least, offset = 253, offset + 2
    elif first == 254:
        (size,) = _UINT32.unpack_from(data, offset)
        least, offset = 0x10000, offset + 4
    else:
        (size,) = _UINT64.unpack_from(data, offset)
        least, offset = 0x100000000, offset + 8
    if size < least:
        raise DecodeError("non-canonical ReadCompactSize()")
    if size > MAX_SIZE:
        raise DecodeError("ReadCompactSize(): size too large")
    return size, offset


def read_compact_size(data: bytes, offset: int) -> tuple[int, int]:
    """Read a compact size; return it and the offset behind it. Raises DecodeError."""
    try:
        first = data[offset]
        return (first, offset + 1) if first < 253 else read_long_size(data, first, offset + 1)
    except (IndexError, struct.error):
        raise DecodeError("end of data") from None


def skip_witnesses(data: bytes, offset: int, inputs: int) -> int:
    """Return the offset behind the witnesses of so many inputs. Raises DecodeError, IndexError or struct.error."""
    for _ in range(inputs):
        items = data[offset]
        offset += 1
        if items >= 253:
            items, offset = read_long_size(data, items, offset)
        for _ in range(items):
            size = data[offset]
            offset += 1
            if size >= 253:
                size, offset = read_long_size(data, size, offset)
            offset += size
    return offset


def read_bytes(data: bytes, offset: int) -> tuple[bytes, int]:
    """Read a byte string behind its compact size; return it and the offset behind it. Raises DecodeError."""
    size, offset = read_compact_size(data, offset)
    end = offset + size
    if end > len(data):
        raise DecodeError("end of data")
    return data[offset:end], end


def compact_size(size: int) -> bytes:
    """Write a compact size."""
    if size < 253:
        return bytes((size,))
    if size < 0x10000:
        return b"\xfd" + _UINT16.pack(size)
    if size < 0x100000000:
        return b"\xfe" + _UINT32.pack(size)
    return b"\xff" + _UINT64.pack(size)


def sized(data: bytes) -> bytes:
    """Write a byte string behind its compact size."""
    return compact_size(len(data)) + data
