"""Signed messages: a compact signature in base64, from which an address's key recovers.

Core: src/common/signmessage.cpp.
"""

from __future__ import annotations

import base64
import binascii
import re
from enum import Enum, auto
from typing import TYPE_CHECKING, Final

from primitives import secp256k1
from primitives.encoding import sized
from primitives.hashes import hash160, sha256d

if TYPE_CHECKING:
    from primitives.keys import PrivateKey

_MAGIC: Final = b"Bitcoin Signed Message:\n"
_BASE64: Final = re.compile(r"[A-Za-z0-9+/]*={0,2}")


class MessageCheck(Enum):
    """What came of checking a signed message."""

    VALID = auto()
    MALFORMED = auto()
    """The signature is no base64."""
    NOT_SIGNED = auto()
    """No key, or another key, recovers from it."""


def message_hash(message: bytes) -> bytes:
    """Return what is signed for a message."""
    return sha256d(sized(_MAGIC) + sized(message))


def sign_message(key: PrivateKey, message: bytes) -> str:
    """Sign a message; base64 of 65 bytes."""
    signature, recovery = secp256k1.sign_recoverable(key.secret, message_hash(message))
    return base64.b64encode(bytes((27 + recovery + (4 if key.compressed else 0),)) + signature).decode()


def check_message(key_hash: bytes, signature: str, message: bytes) -> MessageCheck:
    """Tell whether the key with this hash (of a P2PKH address) signed the message."""
    data = decode_base64(signature)
    if data is None:
        return MessageCheck.MALFORMED
    if len(data) != 65:
        return MessageCheck.NOT_SIGNED
    header = data[0] - 27
    pubkey = secp256k1.recover(data[1:], header & 3, message_hash(message), compressed=bool(header & 4))
    if pubkey is None or hash160(pubkey) != key_hash:
        return MessageCheck.NOT_SIGNED
    return MessageCheck.VALID


def decode_base64(text: str) -> bytes | None:
    """Read base64 with its padding and nothing else in it, None for any other text (Core: DecodeBase64)."""
    if len(text) % 4 or _BASE64.fullmatch(text) is None:
        return None
    try:
        data = base64.b64decode(text, validate=True)
    except binascii.Error:
        return None
    return data if base64.b64encode(data).decode() == text else None
