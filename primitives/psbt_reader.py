"""The parts that the maps of a PSBT are read from (Core: src/psbt.h).

Errors are DecodeError with Core's text, without what its exceptions add.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from primitives.bip32 import KeyOrigin
from primitives.encoding import read_bytes, read_compact_size
from primitives.errors import DecodeError
from primitives.keys import COMPRESSED_SIZE, UNCOMPRESSED_SIZE, is_fully_valid
from primitives.psbt import Proprietary
from primitives.transaction import Transaction, TxOut

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

T = TypeVar("T")


class Reader:
    """A place in bytes."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def is_empty(self) -> bool:
        """Whether everything is read."""
        return self._at >= len(self._data)

    def rest(self) -> bytes:
        """Return what is not read yet."""
        return self._data[self._at :]

    def take(self, size: int) -> bytes:
        """Read so many bytes."""
        end = self._at + size
        if end > len(self._data):
            raise DecodeError("end of data")
        found = self._data[self._at : end]
        self._at = end
        return found

    def size(self) -> int:
        """Read a compact size."""
        found, self._at = read_compact_size(self._data, self._at)
        return found

    def vector(self) -> bytes:
        """Read bytes behind their size."""
        found, self._at = read_bytes(self._data, self._at)
        return found

    def number(self, size: int, *, signed: bool = False) -> int:
        """Read a little-endian number of so many bytes."""
        return int.from_bytes(self.take(size), "little", signed=signed)

    def transaction(self, *, allow_witness: bool) -> Transaction:
        """Read a transaction."""
        found, self._at = Transaction.parse_from(self._data, self._at, allow_witness=allow_witness)
        return found

    def stated(self, read: Callable[[], T]) -> T:
        """Read a value behind its size, which must be what the value takes."""
        expected = self.size()
        start = self._at
        value = read()
        if self._at - start != expected:
            raise DecodeError("Size of value was not the stated size")
        return value

    def stated_number(self, size: int, *, signed: bool = False) -> int:
        """Read a number behind its size."""
        return self.stated(lambda: self.number(size, signed=signed))

    def stated_bytes(self, size: int) -> bytes:
        """Read so many bytes behind their size."""
        return self.stated(lambda: self.take(size))

    def output(self) -> TxOut:
        """Read an output."""
        return TxOut(self.number(8, signed=True), self.vector())

    def stack(self) -> tuple[bytes, ...]:
        """Read a witness."""
        return tuple(self.vector() for _ in range(self.size()))


def entries(reader: Reader, name: str, end: str) -> Iterable[tuple[int, bytes]]:
    """Yield type and key of each entry of a map; the caller reads the value."""
    seen = set()
    while not reader.is_empty():
        key = reader.vector()
        if not key:
            return
        if key in seen:
            raise DecodeError(f'Duplicate Key, {name} key "{key.hex()}" already provided')
        seen.add(key)
        yield Reader(key).size(), key
    raise DecodeError(f"Separator is missing at the end of {end} map")


def expect_key(name: str, key: bytes, size: int = 1) -> None:
    """Raise DecodeError unless a key has this size."""
    if len(key) != size:
        raise DecodeError(f"Size of key was not {size} for the type {name}")


def read_proprietary(reader: Reader, key: bytes) -> Proprietary:
    """Read the value of a proprietary key."""
    inner = Reader(key)
    inner.size()
    identifier = inner.vector()
    return Proprietary(identifier, inner.size(), key, reader.vector())


def read_pubkey(key: bytes, text: str) -> bytes:
    """Return the public key in a key; `text` is what it is for."""
    if len(key) not in {UNCOMPRESSED_SIZE + 1, COMPRESSED_SIZE + 1}:
        raise DecodeError(f"Size of key was not the expected size for the type {text}")
    if not is_fully_valid(key[1:]):
        raise DecodeError("Invalid pubkey")
    return key[1:]


def read_origin(reader: Reader, size: int) -> KeyOrigin:
    """Read an origin of so many bytes."""
    if size % 4 or not size:
        raise DecodeError("Invalid length for HD key path")
    fingerprint = reader.take(4)
    return KeyOrigin(fingerprint, tuple(reader.number(4) for _ in range(size // 4 - 1)))


def read_leaf_origin(reader: Reader, name: str) -> tuple[set[bytes], KeyOrigin]:
    """Read leaf hashes and an origin behind their size."""
    size = reader.size()
    before = len(reader.rest())
    leaves = {reader.take(32) for _ in range(reader.size())}
    taken = before - len(reader.rest())
    if taken > size:
        raise DecodeError(f"{name} Taproot BIP32 keypath has an invalid length")
    return leaves, read_origin(reader, size - taken)


def read_participants(reader: Reader, key: bytes, name: str) -> tuple[bytes, tuple[bytes, ...]]:
    """Return an aggregate key and its participants."""
    if not is_fully_valid(key[1:]):
        raise DecodeError(f"{name} musig2 aggregate pubkey is invalid")
    value = reader.vector()
    participants = [value[at : at + COMPRESSED_SIZE] for at in range(0, len(value) - 32, COMPRESSED_SIZE)]
    if not all(map(is_fully_valid, participants)):
        raise DecodeError(f"{name} musig2 participant pubkey is invalid")
    if len(value) % COMPRESSED_SIZE:
        raise DecodeError(f"{name} musig2 participants pubkeys value size is not a multiple of 33")
    return key[1:], tuple(participants)


def read_participant(key: bytes, name: str) -> tuple[bytes, bytes, bytes]:
    """Return aggregate key, leaf hash and participant of a MuSig2 field's key."""
    if len(key) not in {2 * COMPRESSED_SIZE + 1, 2 * COMPRESSED_SIZE + 33}:
        raise DecodeError(f"Input musig2 {name} key is not expected size of 67 or 99 bytes")
    participant, aggregate, leaf = key[1:34], key[34:67], key[67:]
    if not is_fully_valid(aggregate):
        raise DecodeError("musig2 aggregate pubkey is invalid")
    if not is_fully_valid(participant):
        raise DecodeError("musig2 participant pubkey is invalid")
    return aggregate, b"" if leaf == bytes(32) else leaf, participant


def null_if_zero(data: bytes) -> bytes:
    """Return nothing for zeros, which stand for no key and no root."""
    return b"" if not any(data) else data


def require_v2(version: int, name: str) -> None:
    """Raise DecodeError unless the version has this field."""
    if version < 2:
        raise DecodeError(f"{name} is not allowed in PSBTv0")
