"""Keys by which a wallet sees at once whether a block may concern it, so that it need not have the block.

A key is 8 bytes: the last of an output script, or of a spent outpoint the end of its transaction's id and the low half
of its index. Equal scripts and outpoints have equal keys; others seldom do, unless somebody wants them to, and then a
block is looked at for nothing. The format is our own.
"""

from __future__ import annotations

import sys
from typing import Final

from primitives.block import HEADER_SIZE
from primitives.encoding import read_long_size, skip_witnesses

_SIZE: Final = 8
_FIRST: Final = 26
_LAST: Final = 34


def script_key(script: bytes) -> int:
    """Return the key of an output script."""
    return int.from_bytes(_of_script(script[-_SIZE:]), sys.byteorder)


def outpoint_key(outpoint: bytes) -> int:
    """Return the key of an outpoint of 36 bytes: hash and little-endian index."""
    return int.from_bytes(outpoint[_FIRST:_LAST], sys.byteorder)


def read_keys(keys: bytes) -> memoryview[int]:
    """Return the keys that `block_keys` put together. Raises ValueError if they are none."""
    try:
        return memoryview(keys).cast("Q")
    except TypeError as error:
        raise ValueError(f"{len(keys)} bytes are no keys of a block") from error


def _of_script(end: bytes) -> bytes:
    return end + bytes(_SIZE - len(end))


def block_keys(data: bytes) -> bytes:
    """Return the keys of all that a block spends and pays, transaction by transaction.

    The block is one that was checked; raises IndexError, DecodeError or struct.error if it is none.
    """
    keys: list[bytes] = []
    add = keys.append
    count = data[HEADER_SIZE]
    offset = HEADER_SIZE + 1
    if count >= 253:
        count, offset = read_long_size(data, count, offset)
    for _ in range(count):
        offset += 4
        inputs = data[offset]
        has_witness = not inputs
        if has_witness:
            offset += 2
            inputs = data[offset]
        offset += 1
        if inputs >= 253:
            inputs, offset = read_long_size(data, inputs, offset)
        for _ in range(inputs):
            add(data[offset + _FIRST : offset + _LAST])
            size = data[offset + 36]
            offset += 37
            if size >= 253:
                size, offset = read_long_size(data, size, offset)
            offset += size + 4
        outputs = data[offset]
        offset += 1
        if outputs >= 253:
            outputs, offset = read_long_size(data, outputs, offset)
        for _ in range(outputs):
            size = data[offset + 8]
            offset += 9
            if size >= 253:
                size, offset = read_long_size(data, size, offset)
            offset += size
            add(data[offset - _SIZE : offset] if size >= _SIZE else _of_script(data[offset - size : offset]))
        if has_witness:
            offset = skip_witnesses(data, offset, inputs)
        offset += 4
    return b"".join(keys)
