"""Bech32 and bech32m, with the search for mistyped characters (BIP173, BIP350; Core: src/bech32.cpp)."""

from __future__ import annotations

from enum import IntEnum
from functools import cache
from typing import TYPE_CHECKING, Final

from primitives.errors import DecodeError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

CHARSET: Final = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
CHECKSUM_SIZE: Final = 6
MAX_LENGTH: Final = 90

_VALUES: Final = {char: value for value, char in enumerate(CHARSET)}
_GENERATOR: Final = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_ORDER: Final = 1023  # Of the multiplicative group of GF(1024).
_FIRST_ROOT: Final = 997  # The generator polynomial vanishes at this power of e and the next two.


class Encoding(IntEnum):
    """Which checksum; the value is what it leaves as remainder."""

    BECH32 = 1
    BECH32M = 0x2BC830A3


def _step(check: int, value: int) -> int:
    top = check >> 25
    check = (check & 0x1FFFFFF) << 5 ^ value
    for bit, generator in enumerate(_GENERATOR):
        if top >> bit & 1:
            check ^= generator
    return check


def _remainder(values: Iterable[int]) -> int:
    check = 1
    for value in values:
        check = _step(check, value)
    return check


# Whole blocks are printed with an address for each output: programs go two values at a time.
_PAIRS: Final = [CHARSET[value >> 5] + CHARSET[value & 31] for value in range(1024)]
_OVERFLOW: Final = [_step(_step(top << 20, 0), 0) for top in range(1024)]
"""What two steps make of the ten highest bits alone."""


def _coefficients(hrp: str, values: Sequence[int]) -> list[int]:
    codes = hrp.encode("latin-1")
    return [*(code >> 5 for code in codes), 0, *(code & 31 for code in codes), *values]


def encode(encoding: Encoding, hrp: str, values: Sequence[int]) -> str:
    """Write 5-bit values behind a lower-case human-readable part."""
    remainder = _remainder(_coefficients(hrp, [*values, *bytes(CHECKSUM_SIZE)])) ^ encoding
    checksum = [remainder >> 5 * (5 - i) & 31 for i in range(CHECKSUM_SIZE)]
    return f"{hrp}1{''.join(CHARSET[value] for value in (*values, *checksum))}"


@cache
def _witness_prefix(hrp: str, version: int) -> tuple[str, int]:
    """Return the text before a program and the checksum's state there. Chains and versions are few."""
    return f"{hrp}1{CHARSET[version]}", _remainder(_coefficients(hrp, [version]))


def encode_program(hrp: str, version: int, program: bytes) -> str:
    """Write the address of a witness program (BIP350: bech32 for version 0, else bech32m)."""
    encoding = Encoding.BECH32M if version else Encoding.BECH32
    if len(program) % 5 not in {0, 2}:  # An odd number of values.
        return encode(encoding, hrp, [version, *to_values(program)])
    text, check = _witness_prefix(hrp, version)
    parts = [text]
    end = len(program) // 5 * 5
    for start in range(0, end, 5):
        bits = int.from_bytes(program[start : start + 5], "big")
        first, second, third, fourth = bits >> 30, bits >> 20 & 1023, bits >> 10 & 1023, bits & 1023
        check = (check & 0xFFFFF) << 10 ^ _OVERFLOW[check >> 20] ^ first
        check = (check & 0xFFFFF) << 10 ^ _OVERFLOW[check >> 20] ^ second
        check = (check & 0xFFFFF) << 10 ^ _OVERFLOW[check >> 20] ^ third
        check = (check & 0xFFFFF) << 10 ^ _OVERFLOW[check >> 20] ^ fourth
        parts.append(f"{_PAIRS[first]}{_PAIRS[second]}{_PAIRS[third]}{_PAIRS[fourth]}")
    if end < len(program):
        bits = int.from_bytes(program[end:], "big") << 4
        for pair in (bits >> 10, bits & 1023):
            check = (check & 0xFFFFF) << 10 ^ _OVERFLOW[check >> 20] ^ pair
            parts.append(_PAIRS[pair])
    for _ in range(CHECKSUM_SIZE // 2):
        check = (check & 0xFFFFF) << 10 ^ _OVERFLOW[check >> 20]
    check ^= encoding
    parts.append(f"{_PAIRS[check >> 20]}{_PAIRS[check >> 10 & 1023]}{_PAIRS[check & 1023]}")
    return "".join(parts)


def decode(text: str, max_length: int = MAX_LENGTH) -> tuple[Encoding, str, list[int]]:
    """Return the checksum's kind, the human-readable part in lower case, and the 5-bit values. Raises DecodeError."""
    separator = text.rfind("1")
    if len(text) > max_length or _odd_characters(text) or not 0 < separator < len(text) - CHECKSUM_SIZE:
        raise DecodeError(f"'{text}' is not bech32")
    hrp, digits = text[:separator].lower(), text[separator + 1 :].lower()
    try:
        values = [_VALUES[char] for char in digits]
        encoding = Encoding(_remainder(_coefficients(hrp, values)))
    except (KeyError, ValueError):
        raise DecodeError(f"'{text}' is not bech32") from None
    return encoding, hrp, values[:-CHECKSUM_SIZE]


def to_values(data: bytes) -> list[int]:
    """Split bytes into 5-bit values, the last one filled up with zeros."""
    number = int.from_bytes(data, "big")
    count = -(-len(data) * 8 // 5)
    number <<= count * 5 - len(data) * 8
    return [number >> 5 * (count - 1 - i) & 31 for i in range(count)]


def from_values(values: Sequence[int]) -> bytes:
    """Join 5-bit values into bytes. DecodeError unless fewer than 5 bits are left over, all zero."""
    number = 0
    for value in values:
        number = number << 5 | value
    left = len(values) * 5 % 8
    if left >= 5 or number & ((1 << left) - 1):
        raise DecodeError("Invalid padding")
    return (number >> left).to_bytes(len(values) * 5 // 8, "big")


def _odd_characters(text: str) -> list[int]:
    """Return where a character is unprintable or of the other case than the first letter."""
    found = []
    lower = upper = False
    for index, char in enumerate(text):
        if "a" <= char <= "z":
            if upper:
                found.append(index)
            lower = lower or not upper
        elif "A" <= char <= "Z":
            if lower:
                found.append(index)
            upper = upper or not lower
        elif not 33 <= ord(char) <= 126:
            found.append(index)
    return found


def locate_errors(text: str, max_length: int = MAX_LENGTH) -> tuple[str, list[int]]:
    """Return what is wrong with a text that does not decode, in Core's words, and the indices to blame.

    Up to two wrong characters are found; the checksum that needs fewer is taken for the one meant.
    """
    if len(text) > max_length:
        return "Bech32 string too long", list(range(max_length, len(text)))
    if odd := _odd_characters(text):
        return "Invalid character or mixed case", odd
    separator = text.rfind("1")
    if separator == -1:
        return "Missing separator", []
    if not 0 < separator < len(text) - CHECKSUM_SIZE:
        return "Invalid separator position", [separator]
    values = []
    for index, char in enumerate(text[separator + 1 :].lower(), separator + 1):
        if char not in _VALUES:
            return "Invalid Base 32 character", [index]
        values.append(_VALUES[char])

    remainder = _remainder(_coefficients(text[:separator].lower(), values))
    blamed: list[int] = []
    meant = ""
    for encoding in Encoding:
        if remainder == encoding:
            return "", []
        found = _search(remainder ^ encoding, len(values))
        if found and (not blamed or len(found) < len(blamed)):
            blamed, meant = found, f"{encoding.name.capitalize()} "
    return f"Invalid {meant}checksum", [len(text) - 1 - power for power in blamed]


# Errors are found by algebra in GF(1024), an extension of GF(32): its element e is the root of x^2 + 9x + 23, and
# a number below 1024 stands for a*e + b with a and b of 5 bits.


def _field_tables() -> tuple[list[int], list[int]]:
    """Return the powers of e, and the logarithm of each number (-1 for 0)."""
    powers32 = [1]
    for _ in range(30):
        following = powers32[-1] << 1
        powers32.append(following ^ 41 if following & 32 else following)
    logs32 = {value: power for power, value in enumerate(powers32)}

    def times(a: int, b: int) -> int:
        return powers32[(logs32[a] + logs32[b]) % 31] if a and b else 0

    powers, logs = [1], [-1] * 1024
    for _ in range(_ORDER - 1):
        high, low = powers[-1] >> 5, powers[-1] & 31
        powers.append((times(9, high) ^ low) << 5 | times(23, high))
    for power, value in enumerate(powers):
        logs[value] = power
    return powers, logs


_POWERS, _LOGS = _field_tables()


def _times_power(value: int, power: int) -> int:
    """Return value * e**power."""
    return _POWERS[(_LOGS[value] + power) % _ORDER] if value else 0


def _syndromes(residue: int) -> tuple[int, int, int]:
    """Evaluate the error polynomial, known modulo the generator, at the generator's three roots."""
    coefficients = [residue >> 5 * i & 31 for i in range(6)]
    first, second, third = (_evaluate(coefficients, root) for root in (_FIRST_ROOT, _FIRST_ROOT + 1, _FIRST_ROOT + 2))
    return first, second, third


def _evaluate(coefficients: Sequence[int], root: int) -> int:
    result = 0
    for power, coefficient in enumerate(coefficients):
        result ^= _times_power(coefficient, root * power)
    return result


def _search(residue: int, length: int) -> list[int]:
    """Return the powers, highest first, of one or two terms below `length` that explain the residue; else none."""
    s0, s1, s2 = _syndromes(residue)
    log0, log1, log2 = _LOGS[s0], _LOGS[s1], _LOGS[s2]
    if s0 and s1 and s2 and (2 * log1 - log2 - log0) % _ORDER == 0:
        power = (log1 - log0) % _ORDER
        return [power] if power < length and _in_gf32(log0 - _FIRST_ROOT * power) else []
    for first in range(length):
        # What is left of the syndromes without the first term belongs to the second.
        second_high = s2 ^ _times_power(s1, first)
        second_low = s1 ^ _times_power(s0, first)
        if not second_high or not second_low:
            continue
        second = (_LOGS[second_high] - _LOGS[second_low]) % _ORDER
        if second >= length or second == first:
            continue
        first_low = s1 ^ _times_power(s0, second)
        if not first_low:
            continue
        between = _LOGS[_POWERS[first] ^ _POWERS[second]]
        if _in_gf32(_LOGS[second_low] - between - _FIRST_ROOT * second) and _in_gf32(
            _LOGS[first_low] - between - _FIRST_ROOT * first
        ):
            return sorted((first, second), reverse=True)
    return []


def _in_gf32(power: int) -> bool:
    """Whether e**power lies in GF(32): its non-zero elements are every 33rd power."""
    return power % 33 == 0
