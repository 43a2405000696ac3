"""Coins in few bytes, as chain state databases and UTXO snapshots hold them (Core: src/compressor.cpp, serialize.h)."""

from __future__ import annotations

from coincurve import PublicKey

_SPECIAL_SCRIPTS = 6
_MAX_SCRIPT_SIZE = 10_000
_P2PK_SIZES = {35: 33, 67: 65}


def varint(number: int) -> bytes:
    """Return a number in base 128, most significant digit first, each but the last marked and one less (VARINT)."""
    digits = [number & 0x7F]
    while number > 0x7F:
        number = (number >> 7) - 1
        digits.append(number & 0x7F | 0x80)
    return bytes(reversed(digits))


def compress_amount(satoshis: int) -> int:
    """Return a number that is small for round amounts."""
    if not satoshis:
        return 0
    exponent = 0
    while satoshis % 10 == 0 and exponent < 9:
        satoshis //= 10
        exponent += 1
    if exponent == 9:
        return 1 + (satoshis - 1) * 10 + 9
    rest, digit = divmod(satoshis, 10)
    return 1 + (rest * 9 + digit - 1) * 10 + exponent


def decompress_amount(number: int) -> int:
    """Return what `compress_amount` was given."""
    if not number:
        return 0
    rest, exponent = divmod(number - 1, 10)
    if exponent == 9:
        return (rest + 1) * 10**9
    rest, digit = divmod(rest, 9)
    return (rest * 10 + digit + 1) * int(10**exponent)


def _compressed_key(script: bytes) -> bytes | None:
    """Return the special form of a script that pays to a public key."""
    size = _P2PK_SIZES.get(len(script))
    if size is None or script[0] != size or script[-1] != 0xAC:
        return None
    key = script[1:-1]
    if size == 33:
        return key if key[0] in {2, 3} else None
    if key[0] != 4:
        return None
    try:
        PublicKey(key)
    except ValueError:
        return None  # Not on the curve, so it could not be found again from its x.
    return bytes((4 | key[-1] & 1,)) + key[1:33]


def compress_script(script: bytes) -> bytes:
    """Return a script, hashes and keys alone where it is of a common kind."""
    size = len(script)
    if size == 25 and script[:3] == b"\x76\xa9\x14" and script[23:] == b"\x88\xac":
        return b"\x00" + script[3:23]
    if size == 23 and script[:2] == b"\xa9\x14" and script[22] == 0x87:
        return b"\x01" + script[2:22]
    return _compressed_key(script) or varint(size + _SPECIAL_SCRIPTS) + script


def compress_coin(value: int, script: bytes, code: int) -> bytes:
    """Return a coin; `code` is twice its height, and one more if a coinbase made it."""
    return varint(code) + varint(compress_amount(value)) + compress_script(script)


def script_size(kind: int) -> int:
    """Return how many bytes follow the number that begins a compressed script."""
    return (20, 20, 32, 32, 32, 32)[kind] if kind < _SPECIAL_SCRIPTS else kind - _SPECIAL_SCRIPTS


def decompress_script(kind: int, data: bytes) -> bytes:
    """Return a script; an overlong one, and a key that is not on the curve, are made unspendable, as Core does."""
    if kind >= _SPECIAL_SCRIPTS:
        return data if len(data) <= _MAX_SCRIPT_SIZE else b"\x6a"
    if kind == 0:
        return b"\x76\xa9\x14" + data + b"\x88\xac"
    if kind == 1:
        return b"\xa9\x14" + data + b"\x87"
    if kind in {2, 3}:
        return bytes((33, kind)) + data + b"\xac"
    try:
        key = PublicKey(bytes((kind - 2,)) + data)
    except ValueError:
        return b""
    return b"\x41" + key.format(compressed=False) + b"\xac"
