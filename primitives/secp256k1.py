"""The curve: public keys, ECDSA and Schnorr signatures, on libsecp256k1 as coincurve ships it.

Keys and signatures are `bytes` in and out; nothing here knows of scripts or addresses. The low-level functions are
called because Bitcoin needs what coincurve's classes leave out: signatures with a small R, DER as lax as the chain has
it, x-only tweaks. `primitives.musig` has MuSig2.
"""

from __future__ import annotations

from typing import Any, Final

from coincurve import GLOBAL_CONTEXT
from coincurve._libsecp256k1 import ffi, lib

from primitives.errors import SecretError

ORDER: Final = 0xFFFFFFFF_FFFFFFFF_FFFFFFFF_FFFFFFFE_BAAEDCE6_AF48A03B_BFD25E8C_D0364141
"""How many points the group has; secrets and the parts of a signature are below it."""

_CONTEXT: Final[Any] = GLOBAL_CONTEXT.ctx


def secret_is_valid(secret: bytes) -> bool:
    """Whether `secret` (32 bytes) is a private key: not zero and below the order."""
    return len(secret) == 32 and bool(lib.secp256k1_ec_seckey_verify(_CONTEXT, secret))


def parse(pubkey: bytes) -> Any | None:
    """Return the point `pubkey` encodes (33 or 65 bytes, hybrid too) for the functions here, None if there is none."""
    point = ffi.new("secp256k1_pubkey *")
    return point if lib.secp256k1_ec_pubkey_parse(_CONTEXT, point, pubkey, len(pubkey)) else None


def serialize(point: Any, *, compressed: bool = True) -> bytes:
    """Encode a point as 33 or 65 bytes."""
    out = ffi.new("unsigned char[65]")
    length = ffi.new("size_t *", 65)
    flag = lib.SECP256K1_EC_COMPRESSED if compressed else lib.SECP256K1_EC_UNCOMPRESSED
    lib.secp256k1_ec_pubkey_serialize(_CONTEXT, out, length, point, flag)
    return bytes(ffi.buffer(out, length[0]))


def public_key(secret: bytes, *, compressed: bool = True) -> bytes:
    """Return the public key of a valid secret."""
    point = ffi.new("secp256k1_pubkey *")
    if not lib.secp256k1_ec_pubkey_create(_CONTEXT, point, secret):
        raise SecretError("Secret is not a private key")
    return serialize(point, compressed=compressed)


def tweak_secret(secret: bytes, tweak: bytes) -> bytes | None:
    """Return `secret + tweak`, None where that is no key."""
    out = ffi.new("unsigned char[32]", secret)
    return bytes(ffi.buffer(out, 32)) if lib.secp256k1_ec_seckey_tweak_add(_CONTEXT, out, tweak) else None


def tweak_public(pubkey: bytes, tweak: bytes) -> bytes | None:
    """Return the compressed key `pubkey + tweak*G`, None where that is no key."""
    point = parse(pubkey)
    if point is None or not lib.secp256k1_ec_pubkey_tweak_add(_CONTEXT, point, tweak):
        return None
    return serialize(point)


def parse_xonly(pubkey: bytes) -> Any | None:
    """Return the point with the x coordinate `pubkey` (32 bytes) and even y, None if there is none."""
    point = ffi.new("secp256k1_xonly_pubkey *")
    return point if len(pubkey) == 32 and lib.secp256k1_xonly_pubkey_parse(_CONTEXT, point, pubkey) else None


def tweak_xonly(pubkey: bytes, tweak: bytes) -> tuple[bytes, bool] | None:
    """Return the x coordinate of `pubkey + tweak*G` and whether its y is odd; None if there is no such point."""
    point = parse_xonly(pubkey)
    out = ffi.new("secp256k1_pubkey *")
    if point is None or not lib.secp256k1_xonly_pubkey_tweak_add(_CONTEXT, out, point, tweak):
        return None
    full = serialize(out)
    return full[1:], full[0] == 3


def sign_ecdsa(secret: bytes, digest: bytes) -> bytes:
    """Sign a digest with RFC 6979 and low S, trying further nonces until R is small (Core: CKey::Sign); DER."""
    signature = ffi.new("secp256k1_ecdsa_signature *")
    compact = ffi.new("unsigned char[64]")
    counter = 0
    while True:
        entropy = ffi.new("unsigned char[32]", counter.to_bytes(32, "little")) if counter else ffi.NULL
        if not lib.secp256k1_ecdsa_sign(
            _CONTEXT, signature, digest, secret, lib.secp256k1_nonce_function_rfc6979, entropy
        ):
            raise SecretError("Secret is not a private key")
        lib.secp256k1_ecdsa_signature_serialize_compact(_CONTEXT, compact, signature)
        if compact[0] < 0x80:
            break
        counter += 1
    out = ffi.new("unsigned char[72]")
    length = ffi.new("size_t *", 72)
    lib.secp256k1_ecdsa_signature_serialize_der(_CONTEXT, out, length, signature)
    return bytes(ffi.buffer(out, length[0]))


def verify_ecdsa(pubkey: bytes, signature: bytes, digest: bytes) -> bool:
    """Whether a DER signature of any laxness and any S is the key's on the digest (Core: CPubKey::Verify)."""
    point = parse(pubkey)
    compact = lax_der(signature)
    if point is None or compact is None:
        return False
    parsed = ffi.new("secp256k1_ecdsa_signature *")
    if not lib.secp256k1_ecdsa_signature_parse_compact(_CONTEXT, parsed, compact):
        return False
    lib.secp256k1_ecdsa_signature_normalize(_CONTEXT, parsed, parsed)
    return bool(lib.secp256k1_ecdsa_verify(_CONTEXT, parsed, digest, point))


def lax_der(signature: bytes) -> bytes | None:
    """Read R and S of a signature (64 bytes) from anything OpenSSL once took for DER; None if nothing can be read."""
    try:
        if signature[0] != 0x30:
            return None
        position = 1
        length = signature[position]
        position += 1 + (length & 0x7F if length & 0x80 else 0)
        parts = []
        for _ in range(2):
            if signature[position] != 0x02:
                return None
            length, position = _der_length(signature, position + 1)
            if position + length > len(signature):
                return None
            parts.append(signature[position : position + length].lstrip(b"\0"))
            position += length
    except IndexError:
        return None
    if any(len(part) > 32 or int.from_bytes(part, "big") >= ORDER for part in parts):
        return bytes(64)
    return b"".join(part.rjust(32, b"\0") for part in parts)


def _der_length(data: bytes, position: int) -> tuple[int, int]:
    length = data[position]
    position += 1
    if not length & 0x80:
        return length, position
    count = length & 0x7F
    if position + count > len(data):
        raise IndexError
    digits = data[position : position + count].lstrip(b"\0")
    if len(digits) >= 8:
        raise IndexError
    return int.from_bytes(digits, "big"), position + count


def sign_recoverable(secret: bytes, digest: bytes) -> tuple[bytes, int]:
    """Sign a digest; return the 64 bytes of the signature and which of four keys it recovers to."""
    signature = ffi.new("secp256k1_ecdsa_recoverable_signature *")
    if not lib.secp256k1_ecdsa_sign_recoverable(
        _CONTEXT, signature, digest, secret, lib.secp256k1_nonce_function_rfc6979, ffi.NULL
    ):
        raise SecretError("Secret is not a private key")
    out = ffi.new("unsigned char[64]")
    recovery = ffi.new("int *")
    lib.secp256k1_ecdsa_recoverable_signature_serialize_compact(_CONTEXT, out, recovery, signature)
    return bytes(ffi.buffer(out, 64)), int(recovery[0])


def recover(signature: bytes, recovery: int, digest: bytes, *, compressed: bool) -> bytes | None:
    """Return the public key that made a signature of 64 bytes, None if there is none."""
    parsed = ffi.new("secp256k1_ecdsa_recoverable_signature *")
    if not lib.secp256k1_ecdsa_recoverable_signature_parse_compact(_CONTEXT, parsed, signature, recovery):
        return None
    point = ffi.new("secp256k1_pubkey *")
    if not lib.secp256k1_ecdsa_recover(_CONTEXT, point, parsed, digest):
        return None
    return serialize(point, compressed=compressed)


def sign_schnorr(secret: bytes, digest: bytes, *, tweak: bytes | None = None, auxiliary: bytes = bytes(32)) -> bytes:
    """Sign a digest as BIP340 says, with the key tweaked as BIP341 says if `tweak` is given; 64 bytes."""
    pair = ffi.new("secp256k1_keypair *")
    if not lib.secp256k1_keypair_create(_CONTEXT, pair, secret):
        raise SecretError("Secret is not a private key")
    if tweak is not None and not lib.secp256k1_keypair_xonly_tweak_add(_CONTEXT, pair, tweak):
        raise SecretError("Tweaked secret is not a private key")
    out = ffi.new("unsigned char[64]")
    lib.secp256k1_schnorrsig_sign32(_CONTEXT, out, digest, pair, auxiliary)
    return bytes(ffi.buffer(out, 64))


def verify_schnorr(pubkey: bytes, signature: bytes, digest: bytes) -> bool:
    """Whether a signature of 64 bytes is the x-only key's on the digest (BIP340)."""
    point = parse_xonly(pubkey)
    if point is None or len(signature) != 64:
        return False
    return bool(lib.secp256k1_schnorrsig_verify(_CONTEXT, signature, digest, len(digest), point))
