"""The hash functions of Bitcoin. All take and return bytes; hashes are in internal order."""

from __future__ import annotations

import hashlib
from functools import cache
from hashlib import sha256 as _sha256


def sha256(data: bytes) -> bytes:
    """Return SHA-256."""
    return _sha256(data).digest()


def sha256d(data: bytes) -> bytes:
    """Return SHA-256 of SHA-256: ids of transactions and blocks, checksums of base58."""
    return _sha256(_sha256(data).digest()).digest()


def ripemd160(data: bytes) -> bytes:
    """Return RIPEMD-160, 20 bytes."""
    return hashlib.new("ripemd160", data).digest()


def hash160(data: bytes) -> bytes:
    """Return RIPEMD-160 of SHA-256: what P2PKH, P2SH and P2WPKH commit to, 20 bytes."""
    return hashlib.new("ripemd160", _sha256(data).digest()).digest()


@cache
def _tagged(tag: str) -> hashlib._Hash:
    digest = _sha256(tag.encode()).digest()
    return _sha256(digest + digest)


def tagged_hash(tag: str, data: bytes) -> bytes:
    """Return BIP340's tagged hash. Tags are few and fixed: each is remembered."""
    state = _tagged(tag).copy()
    state.update(data)
    return state.digest()
