"""The eight characters behind the # of an output descriptor (BIP380).

Blocks are printed with a descriptor for each output, so three characters are taken at a time.
"""

from __future__ import annotations

from functools import reduce
from operator import xor
from typing import Final

from primitives.errors import DescriptorError

_INPUT: Final = "0123456789()[],'/*abcdefgh@:$%{}IJKLMNOPQRSTUVWXYZ&+-.;<=>?!^_|~ijklmnopqrstuvwxyzABCDEFGH`#\"\\ "
_OUTPUT: Final = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_GENERATOR: Final = (0xF5DEE51989, 0xA9FDCA3312, 0x1BAB10E32D, 0x3706B1677A, 0x644D626FFD)
_SIZE: Final = 8
_ALLOWED: Final = frozenset(_INPUT)


def split_checksum(text: str, *, required: bool = False) -> tuple[str, str]:
    """Return a descriptor's payload and checksum, whether it was given or not. Raises DescriptorError."""
    payload, *given = text.split("#")
    if len(given) > 1:
        raise DescriptorError("Multiple '#' symbols")
    if not given and required:
        raise DescriptorError("Missing checksum")
    size = len(given[0].encode("utf-8", "surrogatepass")) if given else _SIZE
    if size != _SIZE:
        raise DescriptorError(f"Expected 8 character checksum, not {size} characters")
    if not _ALLOWED.issuperset(payload):
        raise DescriptorError("Invalid characters in payload")
    computed = checksum(payload)
    if given and given[0] != computed:
        raise DescriptorError(f"Provided checksum '{given[0]}' does not match computed checksum '{computed}'")
    return payload, computed


def add_checksum(payload: str) -> str:
    """Return a descriptor, whose characters are known to be allowed, with its checksum."""
    return f"{payload}#{checksum(payload)}"


def checksum(payload: str) -> str:
    """Return the checksum of a descriptor, whose characters are known to be allowed."""
    codes = payload.encode()
    state = 1
    for first, second, third in zip(codes[::3], codes[1::3], codes[2::3], strict=False):
        state = (
            (state & 0xFFFFF) << 20
            ^ _OVERFLOW_HIGH[state >> 30]
            ^ _OVERFLOW_LOW[state >> 20 & 1023]
            ^ _FIRST[first] + _SECOND[second] + _THIRD[third]
        )
    group = 0
    rest = codes[len(codes) - len(codes) % 3 :]
    for code in rest:
        position = _POSITIONS[code]
        state = _step(state, position & 31)
        group = group * 3 + (position >> 5)
    if rest:
        state = _step(state, group)
    for _ in range(2):
        state = (state & 0xFFFFF) << 20 ^ _OVERFLOW_HIGH[state >> 30] ^ _OVERFLOW_LOW[state >> 20 & 1023]
    state ^= 1
    return f"{_PAIRS[state >> 30]}{_PAIRS[state >> 20 & 1023]}{_PAIRS[state >> 10 & 1023]}{_PAIRS[state & 1023]}"


def _step(state: int, symbol: int) -> int:
    return (state & 0x7FFFFFFFF) << 5 ^ _OVERFLOW_STEP[state >> 35] ^ symbol


def _overflow(state: int) -> int:
    """Return what four steps make of the 20 highest bits alone."""
    for _ in range(4):
        state = _step(state, 0)
    return state


_OVERFLOW_STEP: Final = [
    reduce(xor, (factor for bit, factor in enumerate(_GENERATOR) if top >> bit & 1), 0) for top in range(32)
]
# Three characters are four symbols of five bits: the low bits of each position, then their groups as one number.
_POSITIONS: Final = {ord(character): position for position, character in enumerate(_INPUT)}
_FIRST: Final = {code: (position & 31) << 15 | 9 * (position >> 5) for code, position in _POSITIONS.items()}
_SECOND: Final = {code: (position & 31) << 10 | 3 * (position >> 5) for code, position in _POSITIONS.items()}
_THIRD: Final = {code: (position & 31) << 5 | position >> 5 for code, position in _POSITIONS.items()}
_OVERFLOW_HIGH: Final = [_overflow(top << 30) for top in range(1024)]
_OVERFLOW_LOW: Final = [_overflow(top << 20) for top in range(1024)]
_PAIRS: Final = [_OUTPUT[value >> 5] + _OUTPUT[value & 31] for value in range(1024)]
