"""MuHash3072: a hash of a set that can be kept up to date as elements come and go (Core: src/crypto/muhash.h)."""

from __future__ import annotations

import hashlib
from typing import Final

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms

_MODULUS: Final = 2**3072 - 1103717
_SIZE: Final = 384
_NONCE: Final = bytes(16)
_ZEROS: Final = bytes(_SIZE)


def _element(data: bytes) -> int:
    """Map bytes to a number below 2**3072: the ChaCha20 key stream of their SHA256."""
    key = hashlib.sha256(data).digest()
    stream = Cipher(algorithms.ChaCha20(key, _NONCE), None).encryptor().update(_ZEROS)
    return int.from_bytes(stream, "little")


class MuHash3072:
    """The hash of a multiset of byte strings; the order of insertions and removals does not matter."""

    __slots__ = ("_denominator", "_numerator")

    def __init__(self, numerator: int = 1, denominator: int = 1) -> None:
        """Start with the empty set, or with what an earlier `to_bytes` holds."""
        self._numerator = numerator
        self._denominator = denominator

    def insert(self, data: bytes) -> None:
        """Add an element."""
        self._numerator = self._numerator * _element(data) % _MODULUS

    def remove(self, data: bytes) -> None:
        """Take an element away; it may be added later."""
        self._denominator = self._denominator * _element(data) % _MODULUS

    def digest(self) -> bytes:
        """Return the 32-byte hash."""
        value = self._numerator * pow(self._denominator, -1, _MODULUS) % _MODULUS
        self._numerator, self._denominator = value, 1
        return hashlib.sha256(value.to_bytes(_SIZE, "little")).digest()

    def to_bytes(self) -> bytes:
        """Return the state, 768 bytes, for `from_bytes`."""
        return self._numerator.to_bytes(_SIZE, "little") + self._denominator.to_bytes(_SIZE, "little")

    @classmethod
    def from_bytes(cls, data: bytes) -> MuHash3072:
        """Return the set whose state `to_bytes` gave. Raises ValueError."""
        if len(data) != 2 * _SIZE:
            raise ValueError(f"a MuHash3072 takes {2 * _SIZE} bytes, not {len(data)}")
        return cls(
            int.from_bytes(data[:_SIZE], "little") % _MODULUS,
            int.from_bytes(data[_SIZE:], "little") % _MODULUS,
        )
