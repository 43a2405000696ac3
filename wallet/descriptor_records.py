"""The records of descriptors: each with its caches of extended keys and its private keys (Core: walletdb.cpp)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from primitives.bip32 import ExtendedKey, public_from_bytes
from primitives.encoding import sized
from primitives.hashes import sha256d
from primitives.keys import has_valid_size, key_id
from wallet.errors import RecordError, UnknownDescriptorError
from wallet.record_encoding import (
    Reader,
    decode_private_key,
    encode_private_key,
    int32,
    text,
    uint32,
    uint64,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from primitives.keys import PrivateKey
    from wallet.database import WalletDatabase


@dataclass(slots=True)
class DescriptorCache:
    """Extended public keys that it takes private keys to derive, by the number of the key in the descriptor.

    Core: DescriptorCache. `parents` are those above an unhardened wildcard, `last_hardened` those below the last
    hardened step, `derived` those at the positions of a hardened wildcard.
    """

    parents: dict[int, ExtendedKey] = field(default_factory=dict)
    derived: dict[tuple[int, int], ExtendedKey] = field(default_factory=dict)
    last_hardened: dict[int, ExtendedKey] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DescriptorRecord:
    """A descriptor's public text with its checksum, and where in its range the wallet is (Core: WalletDescriptor).

    `creation_time` in seconds; positions from `range_start` to before `range_end` are watched, `next_index` is the
    next to give out.
    """

    descriptor: str
    creation_time: int
    next_index: int
    range_start: int
    range_end: int

    def serialize(self) -> bytes:
        """Return the record's value."""
        numbers = b"".join(map(int32, (self.next_index, self.range_start, self.range_end)))
        return text(self.descriptor) + uint64(self.creation_time) + numbers


@dataclass(slots=True)
class StoredDescriptor:
    """All that is written of a descriptor. Private keys are by their public keys' hash; encrypted ones stay so."""

    id: bytes
    record: DescriptorRecord
    cache: DescriptorCache = field(default_factory=DescriptorCache)
    keys: dict[bytes, PrivateKey] = field(default_factory=dict)
    encrypted_keys: dict[bytes, tuple[bytes, bytes]] = field(default_factory=dict)
    """Public key and encrypted secret."""


class DescriptorRecords:
    """Reads and writes them. Writes are part of the database's transaction, if there is one."""

    def __init__(self, database: WalletDatabase) -> None:
        """Leave the database to its owner."""
        self.database = database

    def all(self) -> Iterator[StoredDescriptor]:
        """Return all descriptors. Raises RecordError for what cannot be read."""
        prefix = text("walletdescriptor")
        for key, value in self.database.items(prefix):
            name = Reader(key[len(prefix) :]).take(32)
            try:
                stored = StoredDescriptor(name, _read_record(value))
            except RecordError as error:
                raise UnknownDescriptorError(str(error)) from error
            self._read_cache(stored)
            self._read_keys(stored)
            yield stored

    def _read_cache(self, stored: StoredDescriptor) -> None:
        for key, value in self._items("walletdescriptorcache", stored.id):
            number = key.unsigned(4)
            if key.at_end():
                stored.cache.parents[number] = _read_extended_key(value)
            else:
                stored.cache.derived[number, key.unsigned(4)] = _read_extended_key(value)
        for key, value in self._items("walletdescriptorlhcache", stored.id):
            stored.cache.last_hardened[key.unsigned(4)] = _read_extended_key(value)

    def _read_keys(self, stored: StoredDescriptor) -> None:
        for key, value in self._items("walletdescriptorkey", stored.id):
            pubkey = _read_pubkey(key, "unencrypted")
            reader = Reader(value)
            encoded = reader.sized()
            if sha256d(pubkey + encoded) != reader.take(32):
                raise RecordError("Error reading wallet database: descriptor unencrypted key CPubKey/CPrivKey corrupt")
            private = decode_private_key(encoded, compressed=len(pubkey) == 33)
            if private is None:
                raise RecordError("Error reading wallet database: descriptor unencrypted key CPrivKey corrupt")
            stored.keys[key_id(pubkey)] = private
        for key, value in self._items("walletdescriptorckey", stored.id):
            pubkey = _read_pubkey(key, "encrypted")
            stored.encrypted_keys[key_id(pubkey)] = pubkey, Reader(value).sized()

    def write(self, descriptor: bytes, record: DescriptorRecord) -> None:
        """Write a descriptor; `descriptor` is its id."""
        self.database.put(text("walletdescriptor") + descriptor, record.serialize())

    def write_cache(self, descriptor: bytes, cache: DescriptorCache) -> None:
        """Write what a cache holds, beside what is there already."""
        parents = text("walletdescriptorcache") + descriptor
        for number, key in cache.parents.items():
            self.database.put(parents + uint32(number), sized(key.to_bytes()))
        for (number, position), key in cache.derived.items():
            self.database.put(parents + uint32(number) + uint32(position), sized(key.to_bytes()))
        last_hardened = text("walletdescriptorlhcache") + descriptor
        for number, key in cache.last_hardened.items():
            self.database.put(last_hardened + uint32(number), sized(key.to_bytes()))

    def write_key(self, descriptor: bytes, key: PrivateKey) -> None:
        """Write a private key as it is."""
        pubkey = key.public_key()
        encoded = encode_private_key(key)
        self.database.put(
            text("walletdescriptorkey") + descriptor + sized(pubkey), sized(encoded) + sha256d(pubkey + encoded)
        )

    def write_encrypted_key(self, descriptor: bytes, pubkey: bytes, encrypted: bytes) -> None:
        """Write a private key encrypted, and remove it as it was."""
        self.database.put(text("walletdescriptorckey") + descriptor + sized(pubkey), sized(encrypted))
        self.database.erase(text("walletdescriptorkey") + descriptor + sized(pubkey))

    def _items(self, kind: str, descriptor: bytes) -> Iterator[tuple[Reader, bytes]]:
        prefix = text(kind) + descriptor
        for key, value in self.database.items(prefix):
            yield Reader(key[len(prefix) :]), value


def _read_record(value: bytes) -> DescriptorRecord:
    reader = Reader(value)
    return DescriptorRecord(reader.text(), reader.unsigned(8), reader.signed(4), reader.signed(4), reader.signed(4))


def _read_pubkey(key: Reader, kind: str) -> bytes:
    pubkey = key.sized()
    if not has_valid_size(pubkey):
        raise RecordError(f"Error reading wallet database: descriptor {kind} key CPubKey corrupt")
    return pubkey


def _read_extended_key(value: bytes) -> ExtendedKey:
    data = Reader(value).sized()
    key = public_from_bytes(data) if len(data) == 74 else None
    if key is None:
        raise RecordError("Error reading wallet database: descriptor cache corrupt")
    return key
