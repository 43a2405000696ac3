"""The descriptor of a script about which nothing else is known (Core: InferDescriptor without keys and scripts).

Whole blocks are printed with one for each output, so its checksum is computed three characters at a time.
"""

from __future__ import annotations

from functools import reduce
from operator import xor
from typing import TYPE_CHECKING, Any, Final

from coincurve import GLOBAL_CONTEXT
from coincurve._libsecp256k1 import ffi, lib

from primitives import address
from primitives.script import TxoutType, solve

if TYPE_CHECKING:
    from common.chains import ChainParams

_CONTEXT: Final[Any] = GLOBAL_CONTEXT.ctx
_INPUT: Final = "0123456789()[],'/*abcdefgh@:$%{}IJKLMNOPQRSTUVWXYZ&+-.;<=>?!^_|~ijklmnopqrstuvwxyzABCDEFGH`#\"\\ "
_OUTPUT: Final = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_GENERATOR: Final = (0xF5DEE51989, 0xA9FDCA3312, 0x1BAB10E32D, 0x3706B1677A, 0x644D626FFD)


def infer(script: bytes, chain: ChainParams) -> str:
    """Return `pk`, `multi`, `rawtr`, else `addr` where the script has an address, else `raw`; with checksum."""
    kind, solutions = solve(script)
    if kind == TxoutType.PUBKEY and _is_plain(solutions[0]):
        return add_checksum(f"pk({solutions[0].hex()})")
    if kind == TxoutType.MULTISIG and all(map(_is_plain, solutions[1:-1])):
        return add_checksum(f"multi({solutions[0][0]},{','.join(key.hex() for key in solutions[1:-1])})")
    if kind == TxoutType.WITNESS_V1_TAPROOT and is_xonly_key(solutions[0]):
        return add_checksum(f"rawtr({solutions[0].hex()})")
    found = address.encode(script, chain)
    return add_checksum(f"raw({script.hex()})" if found is None else f"addr({found})")


def _is_plain(pubkey: bytes) -> bool:
    """Whether the first byte says compressed or uncompressed, not hybrid."""
    return pubkey[0] in {2, 3, 4}


def is_xonly_key(data: bytes) -> bool:
    """Whether 32 bytes are the x coordinate of a point of the curve."""
    return bool(lib.secp256k1_xonly_pubkey_parse(_CONTEXT, ffi.new("secp256k1_xonly_pubkey *"), data))


def add_checksum(payload: str) -> str:
    """Return a descriptor, whose characters are known to be allowed, with its checksum (BIP380)."""
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
    return (
        f"{payload}#{_PAIRS[state >> 30]}{_PAIRS[state >> 20 & 1023]}{_PAIRS[state >> 10 & 1023]}{_PAIRS[state & 1023]}"
    )


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
