"""MuSig2: keys that several hold together, and signatures put together from theirs (BIP327, BIP328).

A secret nonce must never be used twice, as that tells the private key. `NonceStore` keeps them in memory alone and
gives each out once.
"""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from coincurve import GLOBAL_CONTEXT
from coincurve._libsecp256k1 import ffi, lib

from primitives import secp256k1
from primitives.bip32 import ExtendedKey
from primitives.encoding import sized
from primitives.hashes import sha256

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from primitives.keys import PrivateKey

_CONTEXT: Final[Any] = GLOBAL_CONTEXT.ctx
_CHAIN_CODE: Final = bytes.fromhex("868087ca02a6f974c4598924c36b57762d32cb45717167e300622c7167e38965")


def aggregate(pubkeys: Sequence[bytes]) -> bytes | None:
    """Return the compressed aggregate of keys in this order, None if a key is invalid."""
    cache = _aggregate(pubkeys)
    return None if cache is None else _aggregate_key(cache)


def synthetic_key(aggregate_key: bytes) -> ExtendedKey:
    """Return the extended key that paths from an aggregate key begin at (BIP328)."""
    return ExtendedKey(0, bytes(4), 0, _CHAIN_CODE, aggregate_key)


def aggregate_signature(
    pubkeys: Sequence[bytes],
    tweaks: Sequence[tuple[bytes, bool]],
    digest: bytes,
    nonces: Mapping[bytes, bytes],
    signatures: Mapping[bytes, bytes],
) -> bytes | None:
    """Return the signature of 64 bytes that the participants' nonces and partial signatures make, None if they do not.

    `tweaks` were added to the aggregate key, in this order; True for those of x-only keys.
    """
    if set(nonces) != set(pubkeys) or set(signatures) != set(pubkeys):
        return None
    parts = [_parse("partial_sig", signatures[pubkey]) for pubkey in pubkeys]
    session = None if None in parts else _begin_session(pubkeys, tweaks, digest, nonces)
    if session is None:
        return None
    if not all(session.verify(pubkey, part) for pubkey, part in zip(pubkeys, parts, strict=True)):
        return None
    out = ffi.new("unsigned char[64]")
    if not lib.secp256k1_musig_partial_sig_agg(
        _CONTEXT, out, session.session, _array("partial_sig", parts), len(parts)
    ):
        return None
    return bytes(ffi.buffer(out, 64))


class SecretNonce:
    """The secret part of a nonce, for one signature."""

    def __init__(self, secret: Any) -> None:
        """Take over the library's object."""
        self._secret = secret

    def take(self) -> Any | None:
        """Return the library's object the first time, None ever after."""
        secret, self._secret = self._secret, None
        return secret


class NonceStore:
    """Secret nonces by what they are for, the latest ones. Each is given out once."""

    def __init__(self, size: int = 10_000) -> None:
        """Keep at most `size`."""
        self._size = size
        self._nonces: dict[bytes, SecretNonce] = {}
        self._lock = threading.Lock()

    def put(self, session: bytes, nonce: SecretNonce) -> None:
        """Keep a nonce, instead of the oldest if there are too many."""
        with self._lock:
            while len(self._nonces) >= self._size:
                del self._nonces[next(iter(self._nonces))]
            self._nonces[session] = nonce

    def take(self, session: bytes) -> SecretNonce | None:
        """Return a nonce and forget it."""
        with self._lock:
            return self._nonces.pop(session, None)


def session_id(signed_for: bytes, pubkey: bytes, digest: bytes, nonce: bytes) -> bytes:
    """Return what a participant's nonce is known by: the key that is signed for, the participant, what is signed."""
    return sha256(sized(signed_for) + sized(pubkey) + digest + sized(nonce))


def make_nonce(key: PrivateKey, pubkeys: Sequence[bytes], digest: bytes) -> tuple[SecretNonce, bytes] | None:
    """Return a nonce of a participant, secret and public (66 bytes), to sign a digest; None if a key is invalid."""
    cache = _aggregate(pubkeys)
    point = secp256k1.parse(key.public_key())
    if cache is None or point is None:
        return None
    secret = ffi.new("secp256k1_musig_secnonce *")
    public = ffi.new("secp256k1_musig_pubnonce *")
    random = ffi.new("unsigned char[32]", os.urandom(32))
    if not lib.secp256k1_musig_nonce_gen(_CONTEXT, secret, public, random, key.secret, point, digest, cache, ffi.NULL):
        return None
    out = ffi.new("unsigned char[66]")
    lib.secp256k1_musig_pubnonce_serialize(_CONTEXT, out, public)
    return SecretNonce(secret), bytes(ffi.buffer(out, 66))


def sign_part(
    key: PrivateKey,
    secret: SecretNonce,
    pubkeys: Sequence[bytes],
    tweaks: Sequence[tuple[bytes, bool]],
    digest: bytes,
    nonces: Mapping[bytes, bytes],
) -> bytes | None:
    """Return a participant's partial signature (32 bytes) with a nonce that nothing else may use; None if it fails."""
    if set(nonces) != set(pubkeys):
        return None
    session = _begin_session(pubkeys, tweaks, digest, nonces)
    pair = ffi.new("secp256k1_keypair *")
    if session is None or not lib.secp256k1_keypair_create(_CONTEXT, pair, key.secret):
        return None
    part = ffi.new("secp256k1_musig_partial_sig *")
    nonce = secret.take()
    if nonce is None or not lib.secp256k1_musig_partial_sign(
        _CONTEXT, part, nonce, pair, session.cache, session.session
    ):
        return None
    if not session.verify(key.public_key(), part):
        return None
    out = ffi.new("unsigned char[32]")
    lib.secp256k1_musig_partial_sig_serialize(_CONTEXT, out, part)
    return bytes(ffi.buffer(out, 32))


@dataclass(frozen=True, slots=True)
class _Session:
    """What participants who know all nonces agree on."""

    cache: Any
    session: Any
    nonces: dict[bytes, Any]

    def verify(self, pubkey: bytes, part: Any) -> bool:
        """Whether a partial signature is the participant's."""
        point = secp256k1.parse(pubkey)
        return bool(
            lib.secp256k1_musig_partial_sig_verify(_CONTEXT, part, self.nonces[pubkey], point, self.cache, self.session)
        )


def _begin_session(
    pubkeys: Sequence[bytes], tweaks: Sequence[tuple[bytes, bool]], digest: bytes, nonces: Mapping[bytes, bytes]
) -> _Session | None:
    cache = _aggregate(pubkeys)
    parsed = [_parse("pubnonce", nonces[pubkey]) for pubkey in pubkeys]
    if cache is None or None in parsed:
        return None
    total = ffi.new("secp256k1_musig_aggnonce *")
    if not lib.secp256k1_musig_nonce_agg(_CONTEXT, total, _array("pubnonce", parsed), len(pubkeys)):
        return None
    for tweak, xonly in tweaks:
        add = lib.secp256k1_musig_pubkey_xonly_tweak_add if xonly else lib.secp256k1_musig_pubkey_ec_tweak_add
        if not add(_CONTEXT, ffi.NULL, cache, tweak):
            return None
    session = ffi.new("secp256k1_musig_session *")
    if not lib.secp256k1_musig_nonce_process(_CONTEXT, session, total, digest, cache):
        return None
    return _Session(cache, session, dict(zip(pubkeys, parsed, strict=True)))


def _aggregate(pubkeys: Sequence[bytes]) -> Any | None:
    points = [secp256k1.parse(pubkey) for pubkey in pubkeys]
    if not points or None in points:
        return None
    cache = ffi.new("secp256k1_musig_keyagg_cache *")
    array = ffi.new("secp256k1_pubkey *[]", points)
    return cache if lib.secp256k1_musig_pubkey_agg(_CONTEXT, ffi.NULL, cache, array, len(points)) else None


def _aggregate_key(cache: Any) -> bytes | None:
    out = ffi.new("secp256k1_pubkey *")
    return secp256k1.serialize(out) if lib.secp256k1_musig_pubkey_get(_CONTEXT, out, cache) else None


def _parse(kind: str, data: bytes) -> Any | None:
    out = ffi.new(f"secp256k1_musig_{kind} *")
    parse = lib.secp256k1_musig_pubnonce_parse if kind == "pubnonce" else lib.secp256k1_musig_partial_sig_parse
    return out if parse(_CONTEXT, out, data) else None


def _array(kind: str, items: Sequence[Any]) -> Any:
    return ffi.new(f"secp256k1_musig_{kind} *[]", list(items))
