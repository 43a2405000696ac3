"""Extended keys, their derivation and paths (BIP32; Core: src/key.cpp, src/pubkey.cpp, src/util/bip32.cpp)."""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from primitives import base58, secp256k1
from primitives.errors import DecodeError, DescriptorError
from primitives.keys import PrivateKey, fingerprint, is_fully_valid

if TYPE_CHECKING:
    from collections.abc import Iterable

    from common.chains import ChainParams

HARDENED: Final = 0x80000000
"""The bit of a child number that asks for derivation from the private key."""

_SIZE: Final = 74
_MAX_DEPTH: Final = 255
_MAX_UINT32_DIGITS: Final = 10


@dataclass(frozen=True, slots=True)
class KeyOrigin:
    """Where a key comes from: the fingerprint of a master key and the steps from it."""

    fingerprint: bytes
    path: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class ExtendedKey:
    """An extended public key; with a secret an extended private key, whose secret a repr does not show."""

    depth: int
    parent: bytes
    child_number: int
    chain_code: bytes
    public_key: bytes
    secret: bytes | None = field(default=None, repr=False)

    @staticmethod
    def from_seed(seed: bytes) -> ExtendedKey:
        """Return the master key of a seed of 16 to 64 bytes."""
        digest = hmac.digest(b"Bitcoin seed", seed, "sha512")
        return ExtendedKey(0, bytes(4), 0, digest[32:], secp256k1.public_key(digest[:32]), digest[:32])

    def fingerprint(self) -> bytes:
        """Return the four bytes by which children name this key."""
        return fingerprint(self.public_key)

    def private_key(self) -> PrivateKey | None:
        """Return the private key, None if only the public part is known."""
        return None if self.secret is None else PrivateKey(self.secret)

    def neuter(self) -> ExtendedKey:
        """Return the public part."""
        return ExtendedKey(self.depth, self.parent, self.child_number, self.chain_code, self.public_key)

    def with_secret(self, secret: bytes) -> ExtendedKey:
        """Return this key with the secret of its public key."""
        return ExtendedKey(self.depth, self.parent, self.child_number, self.chain_code, self.public_key, secret)

    def derive(self, number: int) -> ExtendedKey | None:
        """Return a child; None where there is none: hardened without the secret, too deep, or off the curve."""
        if self.depth == _MAX_DEPTH or (number & HARDENED and self.secret is None):
            return None
        data = b"\0" + (self.secret or b"") if number & HARDENED else self.public_key
        digest = self._digest(data, number)
        secret = None
        if self.secret is None:
            public = secp256k1.tweak_public(self.public_key, digest[:32])
        else:
            secret = secp256k1.tweak_secret(self.secret, digest[:32])
            public = None if secret is None else secp256k1.public_key(secret)
        if public is None:
            return None
        return ExtendedKey(self.depth + 1, self.fingerprint(), number, digest[32:], public, secret)

    def tweak(self, number: int) -> bytes:
        """Return what an unhardened child adds to the key."""
        return self._digest(self.public_key, number)[:32]

    def _digest(self, data: bytes, number: int) -> bytes:
        return hmac.digest(self.chain_code, data + number.to_bytes(4, "big"), "sha512")

    def derive_path(self, path: Iterable[int]) -> ExtendedKey | None:
        """Return the descendant a path leads to, None where a step has no child."""
        key: ExtendedKey | None = self
        for number in path:
            if key is None:
                return None
            key = key.derive(number)
        return key

    def to_bytes(self, *, private: bool = False) -> bytes:
        """Return the 74 bytes behind the version; the secret only when asked for."""
        body = b"\0" + (self.secret or b"") if private else self.public_key
        return bytes((self.depth,)) + self.parent + self.child_number.to_bytes(4, "big") + self.chain_code + body


def public_from_bytes(data: bytes) -> ExtendedKey | None:
    """Read the 74 bytes of an extended public key, None if they are none."""
    depth, parent, number, chain_code, pubkey = _split(data)
    if (depth == 0 and (number or parent != bytes(4))) or not is_fully_valid(pubkey):
        return None
    return ExtendedKey(depth, parent, number, chain_code, pubkey)


def decode_public(text: str, chain: ChainParams) -> ExtendedKey | None:
    """Read an xpub of this chain, None if it is none (Core: DecodeExtPubKey)."""
    data = _decode(text, chain.prefixes.extended_public)
    return None if data is None else public_from_bytes(data)


def decode_private(text: str, chain: ChainParams) -> ExtendedKey | None:
    """Read an xprv of this chain, None if it is none (Core: DecodeExtKey)."""
    data = _decode(text, chain.prefixes.extended_secret)
    if data is None:
        return None
    depth, parent, number, chain_code, body = _split(data)
    secret = body[1:]
    if (depth == 0 and (number or parent != bytes(4))) or body[0] or not secp256k1.secret_is_valid(secret):
        return None
    return ExtendedKey(depth, parent, number, chain_code, secp256k1.public_key(secret), secret)


def encode_public(key: ExtendedKey, chain: ChainParams) -> str:
    """Write the public part as an xpub of this chain."""
    return base58.encode_check(chain.prefixes.extended_public + key.to_bytes())


def encode_private(key: ExtendedKey, chain: ChainParams) -> str:
    """Write a key whose secret is known as an xprv of this chain."""
    return base58.encode_check(chain.prefixes.extended_secret + key.to_bytes(private=True))


def parse_path_element(text: str) -> int:
    """Read one step of a path; a final h or ' hardens it. Raises DescriptorError with Core's text."""
    if not text:
        raise DescriptorError(f"Key path value '{text}' is not valid")
    hardened = text[-1] in "'h"
    number = parse_uint32(text[:-1] if hardened else text)
    if number is None:
        raise DescriptorError(f"Key path value '{text}' is not a valid uint32")
    if number >= HARDENED:
        raise DescriptorError(f"Key path value {number} is out of range")
    return number | HARDENED if hardened else number


def parse_uint32(text: str) -> int | None:
    """Read digits and nothing else as a number of 32 bits, None for any other text."""
    if not (text.isascii() and text.isdigit()):
        return None
    digits = text.lstrip("0")
    if len(digits) > _MAX_UINT32_DIGITS or int(digits or "0") > 0xFFFFFFFF:
        return None
    return int(digits or "0")


def format_path(path: Iterable[int], *, apostrophe: bool = False) -> str:
    """Write the steps of a path, each behind a slash."""
    mark = "'" if apostrophe else "h"
    return "".join(f"/{step & ~HARDENED}{mark if step & HARDENED else ''}" for step in path)


def _decode(text: str, version: bytes) -> bytes | None:
    try:
        data = base58.decode_check(text, len(version) + _SIZE)
    except DecodeError:
        return None
    return data[len(version) :] if data.startswith(version) and len(data) == len(version) + _SIZE else None


def _split(data: bytes) -> tuple[int, bytes, int, bytes, bytes]:
    return data[0], data[1:5], int.from_bytes(data[5:9], "big"), data[9:41], data[41:]
