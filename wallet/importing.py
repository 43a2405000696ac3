"""Descriptors that come into a wallet, and its private keys whichever descriptor has them (Core: wallet.cpp)."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from wallet.address_book import Purpose
from wallet.descriptor_setup import import_descriptor, master_key_descriptor, standard_descriptor
from wallet.errors import WalletError
from wallet.flags import BLANK

if TYPE_CHECKING:
    from primitives.bip32 import ExtendedKey
    from primitives.descriptor import Descriptor, OutputType
    from primitives.keys import PrivateKey
    from primitives.signing_data import SigningData
    from wallet.descriptor_keys import DescriptorKeys
    from wallet.wallet import Wallet


def add_descriptor(
    wallet: Wallet,
    descriptor: Descriptor,
    data: SigningData,
    creation_time: int,
    positions: tuple[int, int],
    next_index: int,
    *,
    label: str = "",
    internal: bool = False,
) -> DescriptorKeys:
    """Import a descriptor with its private keys, or again with another range (Core: AddWalletDescriptor).

    `positions` are the first to watch and the one behind the last. What is not ranged gets a label, unless `internal`.
    Raises WalletError. Transactions of the wallet that the scripts concern must be looked at again by the caller.
    """
    with wallet.lock, wallet.database.transaction():
        known = wallet.descriptors.by_id.get(descriptor.id())
        keys = list(data.keys.values())
        if known is None:
            known = import_descriptor(
                wallet.database,
                wallet.params,
                wallet.settings.keypool,
                descriptor,
                creation_time,
                positions,
                next_index,
                keys,
                wallet.encryption.key,
            )
            wallet.database.on_commit(partial(wallet.take_descriptor, known))
        else:
            wallet.log("Update existing descriptor: %s", descriptor.text())
            known.update(creation_time, *positions, next_index, keys)
            wallet.lower_birth_time(creation_time)
        if not descriptor.is_range() and descriptor.has_scripts():
            scripts = list(known.scripts())
            if not scripts:
                raise WalletError("Could not generate scriptPubKeys (cache is empty)")
            if not internal:
                for script in filter(wallet.has_address, scripts):
                    wallet.book.set(script, label, Purpose.RECEIVE)
        return known


def add_standard_descriptor(
    wallet: Wallet, master: ExtendedKey, kind: OutputType, *, internal: bool
) -> DescriptorKeys | None:
    """Make the descriptor for a kind of address of an extended key and let it make the new addresses.

    None if the wallet has it already. The wallet is not locked.
    """
    with wallet.lock, wallet.database.transaction():
        descriptor = standard_descriptor(wallet.params, master, kind, internal)
        if descriptor.id() in wallet.descriptors.by_id:
            return None
        keys = master_key_descriptor(
            wallet.database,
            wallet.params,
            wallet.settings.keypool,
            wallet.clock(),
            wallet.encryption.key,
            master,
            kind,
            internal,
        )
        wallet.database.on_commit(partial(wallet.take_descriptor, keys))
        wallet.descriptors.activate(keys, kind, internal=internal)
        if wallet.flags & BLANK:
            wallet.set_flags(wallet.flags & ~BLANK)
        return keys


def private_key(wallet: Wallet, key: bytes) -> PrivateKey | None:
    """Return the private key of a public key with this hash, if a descriptor has it and the wallet is not locked."""
    with wallet.lock:
        found = (keys.private_key(key) for keys in wallet.descriptors.by_id.values())
        return next((private for private in found if private is not None), None)
