"""Base58 and Base58Check (Core: src/base58.cpp).

Texts can be hostile: decoding takes a bound on the bytes it may return, and gives up before the work grows with it.
"""

from __future__ import annotations

from typing import Final

from primitives.errors import DecodeError
from primitives.hashes import sha256d

_ALPHABET: Final = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_DIGITS: Final = {char: digit for digit, char in enumerate(_ALPHABET)}
_PAIRS: Final = [first + second for first in _ALPHABET for second in _ALPHABET]
_SPACES: Final = " \f\n\r\t\v"


def encode(data: bytes) -> str:
    """Write bytes in base58."""
    number = int.from_bytes(data, "big")
    pairs = []
    while number:
        number, pair = divmod(number, 58 * 58)
        pairs.append(_PAIRS[pair])
    zeros = len(data) - len(data.lstrip(b"\x00"))
    return "1" * zeros + "".join(reversed(pairs)).lstrip("1")


def decode(text: str, max_size: int) -> bytes:
    """Read at most `max_size` bytes from base58 with spaces around it. Raises DecodeError."""
    text = text.strip(_SPACES)
    ones = len(text) - len(text.lstrip("1"))
    if ones > max_size or len(text) - ones > (max_size - ones) * 1.5 + 1:
        raise DecodeError(f"More than {max_size} bytes of base58")
    number = 0
    try:
        for char in text[ones:]:
            number = number * 58 + _DIGITS[char]
    except KeyError:
        raise DecodeError(f"'{text}' is not base58") from None
    size = ones + (number.bit_length() + 7) // 8
    if size > max_size:
        raise DecodeError(f"More than {max_size} bytes of base58")
    return number.to_bytes(size, "big")


def encode_check(data: bytes) -> str:
    """Write bytes and their checksum in base58."""
    return encode(data + sha256d(data)[:4])


def decode_check(text: str, max_size: int) -> bytes:
    """Read at most `max_size` bytes and drop their checksum. Raises DecodeError."""
    data = decode(text, max_size + 4)
    if len(data) < 4 or sha256d(data[:-4])[:4] != data[-4:]:
        raise DecodeError(f"'{text}' has no valid checksum")
    return data[:-4]
