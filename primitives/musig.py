"""MuSig2: keys that several hold together, and signatures put together from theirs (BIP327, BIP328).

Making nonces and partial signatures is not here: a secret nonce must not outlive its one use, and nothing here lives
that long.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from coincurve import GLOBAL_CONTEXT
from coincurve._libsecp256k1 import ffi, lib

from primitives import secp256k1
from primitives.bip32 import ExtendedKey

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

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
    cache = _aggregate(pubkeys)
    parsed_nonces = [_parse("pubnonce", nonces[pubkey]) for pubkey in pubkeys]
    parts = [_parse("partial_sig", signatures[pubkey]) for pubkey in pubkeys]
    if cache is None or None in parsed_nonces or None in parts:
        return None
    total = ffi.new("secp256k1_musig_aggnonce *")
    if not lib.secp256k1_musig_nonce_agg(_CONTEXT, total, _array("pubnonce", parsed_nonces), len(pubkeys)):
        return None
    for tweak, xonly in tweaks:
        add = lib.secp256k1_musig_pubkey_xonly_tweak_add if xonly else lib.secp256k1_musig_pubkey_ec_tweak_add
        if not add(_CONTEXT, ffi.NULL, cache, tweak):
            return None
    session = ffi.new("secp256k1_musig_session *")
    if not lib.secp256k1_musig_nonce_process(_CONTEXT, session, total, digest, cache):
        return None
    for pubkey, nonce, part in zip(pubkeys, parsed_nonces, parts, strict=True):
        point = secp256k1.parse(pubkey)
        if not lib.secp256k1_musig_partial_sig_verify(_CONTEXT, part, nonce, point, cache, session):
            return None
    out = ffi.new("unsigned char[64]")
    if not lib.secp256k1_musig_partial_sig_agg(_CONTEXT, out, session, _array("partial_sig", parts), len(parts)):
        return None
    return bytes(ffi.buffer(out, 64))


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
