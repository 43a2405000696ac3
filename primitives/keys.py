"""Private keys with their WIF text, and what Core asks of public keys (Core: src/key.h, src/pubkey.h, src/key_io.cpp).

Public keys are bytes as scripts carry them: 33 or 65, or 32 where only x counts.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from primitives import base58, secp256k1
from primitives.errors import DecodeError
from primitives.hashes import hash160, tagged_hash

if TYPE_CHECKING:
    from common.chains import ChainParams

COMPRESSED_SIZE: Final = 33
UNCOMPRESSED_SIZE: Final = 65

NUMS_KEY: Final = bytes.fromhex("50929b74c1a04954b78b4b6035e97a5e078a5a0f28ec96d547bfee9ace803ac0")
"""The x-only key nobody has the secret of (BIP341)."""


@dataclass(frozen=True, slots=True)
class PrivateKey:
    """A valid secret of 32 bytes and whether its public key is written compressed. Does not show in a repr."""

    secret: bytes = field(repr=False)
    compressed: bool = True

    def public_key(self) -> bytes:
        """Return the public key, 33 or 65 bytes."""
        return secp256k1.public_key(self.secret, compressed=self.compressed)

    def sign(self, digest: bytes) -> bytes:
        """Return a DER signature of a digest, made as Core makes it."""
        return secp256k1.sign_ecdsa(self.secret, digest)

    def sign_schnorr(self, digest: bytes, merkle_root: bytes | None = None) -> bytes:
        """Return a BIP340 signature of a digest; with a root ("" for no scripts) by the key taproot tweaks to."""
        tweak = None
        if merkle_root is not None:
            tweak = tap_tweak(secp256k1.public_key(self.secret)[1:], merkle_root)
        return secp256k1.sign_schnorr(self.secret, digest, tweak=tweak)


def decode_wif(text: str, chain: ChainParams) -> PrivateKey | None:
    """Read a private key in wallet import format, None if it is none of this chain (Core: DecodeSecret)."""
    prefix = chain.prefixes.secret_key
    try:
        data = base58.decode_check(text, 34)
    except DecodeError:
        return None
    if not data.startswith(prefix):
        return None
    body = data[len(prefix) :]
    compressed = len(body) == 33 and body[32] == 1
    if not compressed and len(body) != 32:
        return None
    secret = body[:32]
    return PrivateKey(secret, compressed) if secp256k1.secret_is_valid(secret) else None


def encode_wif(key: PrivateKey, chain: ChainParams) -> str:
    """Write a private key in wallet import format."""
    return base58.encode_check(chain.prefixes.secret_key + key.secret + (b"\1" if key.compressed else b""))


def has_valid_size(pubkey: bytes) -> bool:
    """Whether the first byte announces this many bytes (Core: CPubKey::IsValid, hybrid keys too)."""
    return bool(pubkey) and len(pubkey) == _size_by_first_byte(pubkey[0])


def is_hybrid(pubkey: bytes) -> bool:
    """Whether the key is written in the form that has both coordinates and says whether y is odd."""
    return len(pubkey) == UNCOMPRESSED_SIZE and pubkey[0] in {6, 7}


def is_fully_valid(pubkey: bytes) -> bool:
    """Whether the key is a point of the curve (Core: CPubKey::IsFullyValid)."""
    return has_valid_size(pubkey) and secp256k1.parse(pubkey) is not None


def is_compressed(pubkey: bytes) -> bool:
    """Whether the key has 33 bytes."""
    return len(pubkey) == COMPRESSED_SIZE


def key_id(pubkey: bytes) -> bytes:
    """Return the hash by which P2PKH and P2WPKH know the key."""
    return hash160(pubkey)


@lru_cache(maxsize=256)  # Those of a few parents are asked for with each of their many children.
def fingerprint(pubkey: bytes) -> bytes:
    """Return the first four bytes of the key's hash, which key origins name (BIP32)."""
    return hash160(pubkey)[:4]


def tap_tweak(internal_key: bytes, merkle_root: bytes) -> bytes:
    """Return what taproot adds to an x-only internal key; the root is empty where there are no scripts (BIP341)."""
    return tagged_hash("TapTweak", internal_key + merkle_root)


def tap_output_key(internal_key: bytes, merkle_root: bytes) -> tuple[bytes, bool] | None:
    """Return the x-only output key of an internal key and whether its y is odd, None if the key is no point."""
    return secp256k1.tweak_xonly(internal_key, tap_tweak(internal_key, merkle_root))


def _size_by_first_byte(first: int) -> int:
    if first in {2, 3}:
        return COMPRESSED_SIZE
    return UNCOMPRESSED_SIZE if first in {4, 6, 7} else 0
