"""How the keys and values of a wallet's database are written: Core's serialisation (src/serialize.h, src/key.cpp).

A key starts with the name of its kind, a sized string, and may go on with what it is about.
"""

from __future__ import annotations

from typing import Final

from primitives.encoding import read_compact_size, sized
from primitives.errors import DecodeError
from primitives.keys import PrivateKey
from primitives.secp256k1 import secret_is_valid
from wallet.errors import RecordError


def text(value: str) -> bytes:
    """Write a string. What was no UTF-8 when it was read is written as it was."""
    return sized(value.encode(errors="surrogateescape"))


def uint32(value: int) -> bytes:
    """Write an unsigned number of 32 bits."""
    return value.to_bytes(4, "little")


def int32(value: int) -> bytes:
    """Write a signed number of 32 bits."""
    return value.to_bytes(4, "little", signed=True)


def uint64(value: int) -> bytes:
    """Write an unsigned number of 64 bits."""
    return value.to_bytes(8, "little")


def int64(value: int) -> bytes:
    """Write a signed number of 64 bits."""
    return value.to_bytes(8, "little", signed=True)


class Reader:
    """Reads a key or value from its start. All methods raise RecordError where the bytes end or are wrong."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._offset = 0

    def take(self, size: int) -> bytes:
        """Read so many bytes."""
        end = self._offset + size
        if end > len(self._data):
            raise RecordError("end of data")
        part = self._data[self._offset : end]
        self._offset = end
        return part

    def size(self) -> int:
        """Read a compact size."""
        try:
            size, self._offset = read_compact_size(self._data, self._offset)
        except DecodeError as error:
            raise RecordError(str(error)) from error
        return size

    def sized(self) -> bytes:
        """Read bytes behind their compact size."""
        return self.take(self.size())

    def text(self) -> str:
        """Read a string."""
        return self.sized().decode(errors="surrogateescape")

    def unsigned(self, size: int) -> int:
        """Read an unsigned number of so many bytes."""
        return int.from_bytes(self.take(size), "little")

    def signed(self, size: int) -> int:
        """Read a signed number of so many bytes."""
        return int.from_bytes(self.take(size), "little", signed=True)

    def at_end(self) -> bool:
        """Whether nothing is left."""
        return self._offset == len(self._data)

    def rest(self) -> bytes:
        """Read all that is left."""
        return self.take(len(self._data) - self._offset)


def _tlv(tag: int, *content: bytes) -> bytes:
    """Write a value in DER."""
    body = b"".join(content)
    size = len(body)
    if size < 0x80:
        return bytes((tag, size)) + body
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + body


_GENERATOR: Final = bytes.fromhex(
    "79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798"
    "483ada7726a3c4655da4fbfc0e1108a8fd17b448a68554199c47d08ffb10d4b8"
)
_FIELD: Final = bytes.fromhex("00fffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc2f")
_ORDER: Final = bytes.fromhex("00fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141")
_ONE: Final = _tlv(0x02, b"\1")
_PRIME_FIELD: Final = _tlv(0x06, bytes.fromhex("2a8648ce3d0101"))


def encode_private_key(key: PrivateKey) -> bytes:
    """Write a key as SEC1's ECPrivateKey in DER, the curve spelled out (Core: ec_seckey_export_der)."""
    generator = b"\2" + _GENERATOR[:32] if key.compressed else b"\4" + _GENERATOR
    curve = _tlv(
        0x30,
        _ONE,
        _tlv(0x30, _PRIME_FIELD, _tlv(0x02, _FIELD)),
        _tlv(0x30, _tlv(0x04, b"\0"), _tlv(0x04, b"\7")),
        _tlv(0x04, generator),
        _tlv(0x02, _ORDER),
        _ONE,
    )
    public = _tlv(0x03, b"\0" + key.public_key())
    return _tlv(0x30, _ONE, _tlv(0x04, key.secret), _tlv(0xA0, curve), _tlv(0xA1, public))


def decode_private_key(data: bytes, *, compressed: bool) -> PrivateKey | None:
    """Read the secret of an ECPrivateKey; what stands behind it is not looked at (Core: ec_seckey_import_der)."""
    if len(data) < 2 or data[0] != 0x30:
        return None
    at = 2 + (data[1] & 0x7F if data[1] & 0x80 else 0)
    head = data[at : at + 5]
    if not 2 < at <= 4 or head[:4] != _ONE + b"\4" or len(head) < 5 or head[4] > 32:
        return None
    secret = data[at + 5 : at + 5 + head[4]]
    padded = secret.rjust(32, b"\0")
    return PrivateKey(padded, compressed) if len(secret) == head[4] and secret_is_valid(padded) else None
