"""Compact block filters: Golomb-coded sets and basic filters (BIP158), and filter headers (BIP157)."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

from siphash24 import siphash24

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

BASIC_FILTER: Final = "basic"
"""Name of the one filter type there is."""

_P: Final = 19
_M: Final = 784931
_WORD: Final = 1 << 64
_OP_RETURN: Final = 0x6A
_KEY_SIZE: Final = 16
_COMPACT_SIZES: Final = ((0xFD, 2), (0xFE, 4), (0xFF, 8))


class FilterDecodeError(ValueError):
    """An encoded filter is cut short or has bytes too many."""


def basic_elements(output_scripts: Iterable[bytes], spent_scripts: Iterable[bytes]) -> set[bytes]:
    """Return what the basic filter of a block holds, given all its output scripts and those its inputs spend."""
    elements = {script for script in output_scripts if script and script[0] != _OP_RETURN}
    elements.update(spent_scripts)
    elements.discard(b"")
    return elements


def encode(elements: Collection[bytes], block_hash: bytes) -> bytes:
    """Encode different elements as the basic filter of a block."""
    if not elements:
        return b"\0"
    bits = []
    last = 0
    for value in _hash_all(elements, len(elements), block_hash):
        delta = value - last
        last = value
        bits.append("1" * (delta >> _P) + "0" + f"{delta & 0x7FFFF:019b}")
    text = "".join(bits)
    size = -(-len(text) // 8)
    return _compact_size(len(elements)) + (int(text, 2) << (size * 8 - len(text))).to_bytes(size, "big")


def decode(data: bytes) -> list[int]:
    """Return the sorted hashes in an encoded filter. Raises FilterDecodeError."""
    count, start = _read_compact_size(data)
    body = data[start:]
    if not count:
        if body:
            raise FilterDecodeError("encoded_filter contains excess data")
        return []
    # A leading one keeps the zeros in front.
    text = bin(int.from_bytes(b"\1" + body, "big"))[3:]
    if count > len(text) // (_P + 1):
        raise FilterDecodeError("encoded_filter is cut short")
    values = []
    value = position = 0
    for _ in range(count):
        stop = text.find("0", position)
        end = stop + 1 + _P
        if stop < 0 or end > len(text):
            raise FilterDecodeError("encoded_filter is cut short")
        value += ((stop - position) << _P) + int(text[stop + 1 : end], 2)
        values.append(value)
        position = end
    if len(text) - position >= 8:
        raise FilterDecodeError("encoded_filter contains excess data")
    return values


def match_any(data: bytes, block_hash: bytes, elements: Collection[bytes]) -> bool:
    """Whether a filter holds one of `elements`, with the false positives of its kind. Raises FilterDecodeError."""
    values = decode(data)
    return bool(values) and not set(values).isdisjoint(_hash_all(elements, len(values), block_hash))


def filter_hash(data: bytes) -> bytes:
    """Return the hash of an encoded filter."""
    return hashlib.sha256(hashlib.sha256(data).digest()).digest()


def filter_header(hash_: bytes, previous: bytes) -> bytes:
    """Return the header of a filter from its hash and the header before, 32 zeros before the first."""
    return filter_hash(hash_ + previous)


def _hash_all(elements: Iterable[bytes], count: int, block_hash: bytes) -> list[int]:
    key = block_hash[:_KEY_SIZE]
    size = count * _M
    return sorted((siphash24(element, key=key).intdigest() % _WORD) * size >> 64 for element in elements)


def _compact_size(number: int) -> bytes:
    if number < 0xFD:
        return bytes((number,))
    for mark, size in _COMPACT_SIZES:
        if number < 1 << 8 * size:
            return bytes((mark,)) + number.to_bytes(size, "little")
    raise ValueError("N must be <2^32")


def _read_compact_size(data: bytes) -> tuple[int, int]:
    if not data:
        raise FilterDecodeError("encoded_filter is cut short")
    first = data[0]
    for mark, size in _COMPACT_SIZES:
        if first == mark:
            if len(data) < 1 + size:
                raise FilterDecodeError("encoded_filter is cut short")
            return int.from_bytes(data[1 : 1 + size], "little"), 1 + size
    return first, 1
