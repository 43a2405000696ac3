"""Miniscript's fragments and its type system (BIP379).

A type is a set of letters, kept as bits: one of B, V, K, W, then the properties z o n d u f e m s x, and g h i j k
which tell of time locks (relative time, relative height, absolute time, absolute height, no mix of both).
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

_LETTERS: Final = "BVKWzondufemsxghijk"
_BITS: Final = {letter: 1 << index for index, letter in enumerate(_LETTERS)}

SEQUENCE_TYPE_FLAG: Final = 1 << 22
LOCKTIME_THRESHOLD: Final = 500_000_000


class Fragment(Enum):
    """The kinds of nodes; the values are their names, of wrappers the letters."""

    FALSE = "0"
    TRUE = "1"
    PK_K = "pk_k"
    PK_H = "pk_h"
    OLDER = "older"
    AFTER = "after"
    SHA256 = "sha256"
    HASH256 = "hash256"
    RIPEMD160 = "ripemd160"
    HASH160 = "hash160"
    WRAP_A = "a"
    WRAP_S = "s"
    WRAP_C = "c"
    WRAP_D = "d"
    WRAP_V = "v"
    WRAP_J = "j"
    WRAP_N = "n"
    AND_V = "and_v"
    AND_B = "and_b"
    OR_B = "or_b"
    OR_C = "or_c"
    OR_D = "or_d"
    OR_I = "or_i"
    ANDOR = "andor"
    THRESH = "thresh"
    MULTI = "multi"
    MULTI_A = "multi_a"


HASHES: Final = {Fragment.SHA256: 32, Fragment.HASH256: 32, Fragment.RIPEMD160: 20, Fragment.HASH160: 20}
"""How long the digest of each hash is."""

WRAPPERS: Final = {
    Fragment.WRAP_A,
    Fragment.WRAP_S,
    Fragment.WRAP_C,
    Fragment.WRAP_D,
    Fragment.WRAP_V,
    Fragment.WRAP_J,
    Fragment.WRAP_N,
}


def letters(text: str) -> int:
    """Return the bits of letters."""
    bits = 0
    for letter in text:
        bits |= _BITS[letter]
    return bits


def has(kind: int, wanted: int) -> bool:
    """Whether a type has all the wanted letters."""
    return kind & wanted == wanted


_KIND: Final = letters("BVKW")
_LOCKS: Final = letters("ghij")
_ALL_LOCKS: Final = letters("ghijk")
B, V, K, W, Z, O, N, D, U, F, E, M, S, X, _G, _H, _I, _J, _NO_MIX = (letters(each) for each in "BVKWzondufemsxghijk")  # noqa: E741

_CONSTANT: Final = {
    Fragment.PK_K: letters("Konudemsxk"),
    Fragment.PK_H: letters("Knudemsxk"),
    Fragment.SHA256: letters("Bonudmk"),
    Fragment.HASH256: letters("Bonudmk"),
    Fragment.RIPEMD160: letters("Bonudmk"),
    Fragment.HASH160: letters("Bonudmk"),
    Fragment.TRUE: letters("Bzufmxk"),
    Fragment.FALSE: letters("Bzudemsxk"),
    Fragment.MULTI: letters("Bnudemsk"),
    Fragment.MULTI_A: letters("Budemsk"),
}


def node_type(fragment: Fragment, number: int, subs: Sequence[int], *, tapscript: bool) -> int:
    """Return the type of a node whose children have the types `subs`; 0 if it has none."""
    kind = _CONSTANT.get(fragment)
    if kind is None:
        kind = _locks_type(fragment, number) or _wrapper_type(fragment, subs, tapscript=tapscript)
    if kind is None:
        kind = _thresh_type(number, subs) if fragment is Fragment.THRESH else _combined_type(fragment, subs)
    return kind if kind & _KIND else 0


def _when(condition: object, bits: int) -> int:
    return bits if condition else 0


def _locks_type(fragment: Fragment, number: int) -> int | None:
    if fragment is Fragment.OLDER:
        return letters("Bzfmxk") | (_G if number & SEQUENCE_TYPE_FLAG else _H)
    if fragment is Fragment.AFTER:
        return letters("Bzfmxk") | (_I if number >= LOCKTIME_THRESHOLD else _J)
    return None


def _wrapper_type(fragment: Fragment, subs: Sequence[int], *, tapscript: bool) -> int | None:
    x = subs[0]
    locks = x & _ALL_LOCKS
    match fragment:
        case Fragment.WRAP_A:
            return _when(x & B, W) | locks | x & letters("udfems") | X
        case Fragment.WRAP_S:
            return _when(has(x, B | O), W) | locks | x & letters("udfemsx")
        case Fragment.WRAP_C:
            return _when(x & K, B) | locks | x & letters("ondfem") | U | S
        case Fragment.WRAP_D:
            # Only tapscript holds everybody to an argument of IF that is 0 or 1.
            kind = _when(has(x, V | Z), B) | _when(x & Z, O) | _when(x & F, E)
            return kind | locks | x & (M | S) | _when(tapscript, U) | N | D | X
        case Fragment.WRAP_V:
            return _when(x & B, V) | locks | x & letters("zonms") | F | X
        case Fragment.WRAP_J:
            return _when(has(x, B | N), B) | _when(x & F, E) | locks | x & letters("oums") | N | D | X
        case Fragment.WRAP_N:
            return locks | x & letters("Bzondfems") | U | X
        case _:
            return None


def _one_takes_all(x: int, y: int) -> int:
    """Return o if one of two parts takes one element and the other none."""
    return _when(has(x | y, Z), (x | y) & O)


def _mixes(x: int, y: int) -> bool:
    return any((x & a and y & b) or (x & b and y & a) for a, b in ((_G, _H), (_I, _J)))


def _combined_type(fragment: Fragment, subs: Sequence[int]) -> int:
    x, y = subs[0], subs[1]
    either, both = x | y, x & y
    locks = either & _LOCKS
    conjoined = locks | _when(both & _NO_MIX and not _mixes(x, y), _NO_MIX)
    disjoined = locks | both & _NO_MIX
    match fragment:
        case Fragment.AND_V:
            kind = _when(x & V, y & (K | V | B)) | x & N | _when(x & Z, y & N) | _one_takes_all(x, y)
            return kind | both & (M | Z) | either & S | _when(y & F or x & S, F) | y & (U | X) | conjoined
        case Fragment.AND_B:
            kind = _when(y & W, x & B) | _one_takes_all(x, y) | x & N | _when(x & Z, y & N)
            kind |= _when(both & S, both & E) | both & (D | Z | M) | either & S | U | X
            return kind | _when(both & F or has(x, S | F) or has(y, S | F), F) | conjoined
        case Fragment.OR_B:
            kind = _when(has(x, B | D) and has(y, W | D), B) | _one_takes_all(x, y)
            kind |= _when(either & S and both & E, both & M) | both & (Z | S | E)
            return kind | D | U | X | disjoined
        case Fragment.OR_D:
            kind = _when(has(x, B | D | U), y & B) | _when(y & Z, x & O)
            kind |= _when(x & E and either & S, both & M) | both & (Z | S)
            return kind | y & letters("ufde") | X | disjoined
        case Fragment.OR_C:
            kind = _when(has(x, B | D | U), y & V) | _when(y & Z, x & O)
            kind |= _when(x & E and either & S, both & M) | both & (Z | S)
            return kind | F | X | disjoined
        case Fragment.OR_I:
            kind = both & letters("VBKufs") | _when(both & Z, O) | _when(either & F, either & E)
            return kind | _when(either & S, both & M) | either & D | X | disjoined
        case _:
            return _andor_type(x, y, subs[2])


def _andor_type(x: int, y: int, z: int) -> int:
    kind = _when(has(x, B | D | U), y & z & (B | K | V)) | x & y & z & Z
    kind |= _when(has(x | (y & z), Z), (x | (y & z)) & O) | y & z & U
    kind |= _when(x & S or y & F, z & (F | E)) | z & D
    kind |= _when(x & E and (x | y | z) & S, x & y & z & M) | z & (x | y) & S | X
    return kind | (x | y | z) & _LOCKS | _when(x & y & z & _NO_MIX and not _mixes(x, y), _NO_MIX)


def _thresh_type(number: int, subs: Sequence[int]) -> int:
    count = len(subs)
    taken = 0
    locks = _NO_MIX
    for index, each in enumerate(subs):
        if not has(each, (W if index else B) | D | U):
            return 0
        taken += 0 if each & Z else 1 if each & O else 2
        unmixed = locks & each & _NO_MIX and (number <= 1 or not _mixes(locks, each))
        locks = (locks | each) & _LOCKS | _when(unmixed, _NO_MIX)
    signed = sum(1 for each in subs if each & S)
    all_e = all(each & E for each in subs)
    all_m = all(each & M for each in subs)
    return (
        letters("Bdu")
        | _when(taken == 0, Z)
        | _when(taken == 1, O)
        | _when(all_e and signed == count, E)
        | _when(all_e and all_m and signed >= count - number, M)
        | _when(signed >= count - number + 1, S)
        | locks
    )
