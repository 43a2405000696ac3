"""Where the descriptors of a wallet come from: its database, a new master key, or an import (Core: wallet.cpp)."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from primitives.bip32 import ExtendedKey, encode_public
from primitives.descriptor import OutputType
from primitives.descriptor_parsing import parse_descriptor
from primitives.errors import DescriptorError
from primitives.secp256k1 import secret_is_valid
from wallet.descriptor_keys import DescriptorKeys
from wallet.descriptor_records import DescriptorRecord, DescriptorRecords, StoredDescriptor
from wallet.errors import RecordError, UnknownDescriptorError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from common.chains import ChainParams
    from primitives.descriptor import Descriptor
    from primitives.keys import PrivateKey
    from wallet.database import WalletDatabase

_SHAPES: Final = {
    OutputType.LEGACY: ("pkh({})", 44),
    OutputType.P2SH_SEGWIT: ("sh(wpkh({}))", 49),
    OutputType.BECH32: ("wpkh({})", 84),
    OutputType.BECH32M: ("tr({})", 86),
}
"""Each kind of address: its descriptor, and the purpose with which paths begin (BIP44, BIP49, BIP84, BIP86)."""
OUTPUT_TYPES: Final = tuple(_SHAPES)
"""The kinds of addresses in the order that gives them their numbers in records."""


def load_descriptors(database: WalletDatabase, chain: ChainParams, keypool: int) -> list[DescriptorKeys]:
    """Return the descriptors of a database, watching their ranges. Raises RecordError.

    UnknownDescriptorError where one cannot be read: the wallet may be of later software.
    """
    loaded = []
    for stored in DescriptorRecords(database).all():
        keys = DescriptorKeys(database, chain, _parse(stored, chain), stored, keypool)
        keys.watch()
        loaded.append(keys)
    return loaded


def _parse(stored: StoredDescriptor, chain: ChainParams) -> Descriptor:
    try:
        descriptors = parse_descriptor(stored.record.descriptor, chain, require_checksum=True).descriptors
    except DescriptorError as error:
        raise UnknownDescriptorError(f"Invalid descriptor: {error}") from error
    if len(descriptors) > 1:
        raise UnknownDescriptorError("Can't load a multipath descriptor from databases")
    if descriptors[0].id() != stored.id:
        raise RecordError("The descriptor ID calculated by the wallet differs from the one in DB")
    record = stored.record
    if not 0 <= record.range_start <= record.next_index <= record.range_end:
        raise RecordError("The next position of a descriptor is not in its range")
    return descriptors[0]


def new_master_key() -> ExtendedKey:
    """Return a random master key."""
    while not secret_is_valid(seed := os.urandom(32)):
        pass
    return ExtendedKey.from_seed(seed)


def master_key_descriptors(
    database: WalletDatabase,
    chain: ChainParams,
    keypool: int,
    now: int,
    encryption_key: bytes | None,
    master: ExtendedKey,
) -> list[tuple[OutputType, bool, DescriptorKeys]]:
    """Make a descriptor for each kind of address of a key, for receiving and (True) for change; write all."""
    return [
        (kind, internal, master_key_descriptor(database, chain, keypool, now, encryption_key, master, kind, internal))
        for internal in (False, True)
        for kind in OUTPUT_TYPES
    ]


def master_key_descriptor(
    database: WalletDatabase,
    chain: ChainParams,
    keypool: int,
    now: int,
    encryption_key: bytes | None,
    master: ExtendedKey,
    kind: OutputType,
    internal: bool,
) -> DescriptorKeys:
    """Make the descriptor for a kind of address of a master key, and write it."""
    private = master.private_key()
    descriptor = standard_descriptor(chain, master, kind, internal)
    return import_descriptor(
        database, chain, keypool, descriptor, now, (0, 0), 0, [private] if private else [], encryption_key
    )


def standard_descriptor(chain: ChainParams, master: ExtendedKey, kind: OutputType, internal: bool) -> Descriptor:
    """Return the descriptor for a kind of address of a master key (Core: GenerateWalletDescriptor)."""
    shape, purpose = _SHAPES[kind]
    coin = 1 if chain.is_test_chain else 0
    path = f"{encode_public(master.neuter(), chain)}/{purpose}h/{coin}h/0h/{int(internal)}/*"
    return parse_descriptor(shape.format(path), chain).descriptors[0]


def import_descriptor(
    database: WalletDatabase,
    chain: ChainParams,
    keypool: int,
    descriptor: Descriptor,
    creation_time: int,
    positions: tuple[int, int],
    next_index: int,
    keys: Iterable[PrivateKey],
    encryption_key: bytes | None,
) -> DescriptorKeys:
    """Add a descriptor that is new to the wallet, with private keys, and write all. Raises WalletError.

    `positions` are the first watched and the one behind the last. An encrypted wallet's key must be given.
    """
    record = DescriptorRecord(descriptor.text(), creation_time, next_index, *positions)
    made = DescriptorKeys(database, chain, descriptor, StoredDescriptor(descriptor.id(), record), keypool)
    no_key = made.encryption_key
    with database.transaction():
        made.encryption_key = lambda: encryption_key
        made.fill(keys)
        made.encryption_key = no_key
    return made
