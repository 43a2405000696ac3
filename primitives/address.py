"""Addresses to scripts and back, with Core's words for what is wrong (Core: src/key_io.cpp, src/addresstype.cpp)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from primitives import base58, bech32
from primitives.errors import AddressError, DecodeError
from primitives.script import TxoutType, pubkey_hash_script, script_hash_script, solve, witness_script

if TYPE_CHECKING:
    from common.chains import ChainParams


def encode(script_pubkey: bytes, chain: ChainParams) -> str | None:
    """Return the address of a script on `chain`, or None if its kind has none."""
    kind, solutions = solve(script_pubkey)
    match kind:
        case TxoutType.PUBKEYHASH:
            return pubkey_hash_address(solutions[0], chain)
        case TxoutType.SCRIPTHASH:
            return script_hash_address(solutions[0], chain)
        case TxoutType.WITNESS_V0_KEYHASH | TxoutType.WITNESS_V0_SCRIPTHASH:
            return witness_address(0, solutions[0], chain)
        case TxoutType.WITNESS_V1_TAPROOT:
            return witness_address(1, solutions[0], chain)
        case TxoutType.ANCHOR:
            return witness_address(1, script_pubkey[2:], chain)
        case TxoutType.WITNESS_UNKNOWN:
            return witness_address(solutions[0][0], solutions[1], chain)
        case _:
            return None


def pubkey_hash_address(key_hash: bytes, chain: ChainParams) -> str:
    """Return the address of P2PKH."""
    return base58.encode_check(chain.prefixes.pubkey + key_hash)


def script_hash_address(script_hash: bytes, chain: ChainParams) -> str:
    """Return the address of P2SH."""
    return base58.encode_check(chain.prefixes.script + script_hash)


def witness_address(version: int, program: bytes, chain: ChainParams) -> str:
    """Return the address of a witness program."""
    return bech32.encode_program(chain.prefixes.bech32, version, program)


def decode(text: str, chain: ChainParams) -> bytes:
    """Return the script an address of `chain` stands for. Raises AddressError."""
    # Core sees bytes: a character of several counts as so many in limits and locations.
    text = text.encode("utf-8", "surrogatepass").decode("latin-1")
    hrp = chain.prefixes.bech32
    if text[: len(hrp)].lower() != hrp:
        return _decode_base58(text, chain)
    try:
        encoding, prefix, values = bech32.decode(text)
    except DecodeError:
        message, locations = bech32.locate_errors(text)
        raise AddressError(message, tuple(locations)) from None
    return _decode_segwit(encoding, prefix, values, hrp)


def _decode_base58(text: str, chain: ChainParams) -> bytes:
    try:
        data = base58.decode_check(text, 21)
    except DecodeError:
        try:
            base58.decode(text, 100)
        except DecodeError:
            raise AddressError("Invalid or unsupported Segwit (Bech32) or Base58 encoding.") from None
        raise AddressError("Invalid checksum or length of Base58 address (P2PKH or P2SH)") from None
    prefixes = chain.prefixes
    for prefix, script in ((prefixes.pubkey, pubkey_hash_script), (prefixes.script, script_hash_script)):
        if data.startswith(prefix):
            if len(data) == len(prefix) + 20:
                return script(data[len(prefix) :])
            raise AddressError("Invalid length for Base58 address (P2PKH or P2SH)")
    raise AddressError("Invalid or unsupported Base58-encoded address.")


def _decode_segwit(encoding: bech32.Encoding, prefix: str, values: list[int], hrp: str) -> bytes:
    if not values:
        raise AddressError("Empty Bech32 data section")
    if prefix != hrp:
        raise AddressError(f"Invalid or unsupported prefix for Segwit (Bech32) address (expected {hrp}, got {prefix}).")
    version = values[0]
    if version == 0 and encoding != bech32.Encoding.BECH32:
        raise AddressError("Version 0 witness address must use Bech32 checksum")
    if version != 0 and encoding != bech32.Encoding.BECH32M:
        raise AddressError("Version 1+ witness address must use Bech32m checksum")
    try:
        program = bech32.from_values(values[1:])
    except DecodeError:
        raise AddressError("Invalid padding in Bech32 data section") from None
    size = f"{len(program)} {'byte' if len(program) == 1 else 'bytes'}"
    if version == 0 and len(program) not in {20, 32}:
        raise AddressError(f"Invalid Bech32 v0 address program size ({size}), per BIP141")
    if version > 16:
        raise AddressError("Invalid Bech32 address witness version")
    if not 2 <= len(program) <= 40:
        raise AddressError(f"Invalid Bech32 address program size ({size})")
    return witness_script(version, program)
