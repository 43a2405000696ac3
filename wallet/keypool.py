"""New addresses of a wallet, and the descriptors that make them (Core: src/wallet/wallet.cpp, GetNewDestination)."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from wallet.address_book import Purpose
from wallet.descriptor_setup import import_descriptor, master_key_descriptors, new_master_key
from wallet.errors import KeypoolError, WalletError
from wallet.flags import BLANK, DISABLE_PRIVATE_KEYS, EXTERNAL_SIGNER

if TYPE_CHECKING:
    from primitives.bip32 import ExtendedKey
    from primitives.descriptor import OutputType
    from wallet.descriptor_keys import DescriptorKeys
    from wallet.wallet import Wallet


class Keypool:
    """Makes addresses from the active descriptors. All under the wallet's lock."""

    def __init__(self, wallet: Wallet) -> None:
        """Work for `wallet`."""
        self._wallet = wallet

    def new_address(self, kind: OutputType, label: str) -> bytes:
        """Return the script of a fresh receiving address, which comes into the address book. Raises KeypoolError."""
        wallet = self._wallet
        with wallet.lock, wallet.database.transaction():
            script = self._active(kind, internal=False).new_script()
            wallet.book.set(script, label, Purpose.RECEIVE)
            return script

    def new_change_address(self, kind: OutputType) -> bytes:
        """Return the script of a fresh address for change. Raises KeypoolError."""
        with self._wallet.lock:
            return self._active(kind, internal=True).new_script()

    def _active(self, kind: OutputType, *, internal: bool) -> DescriptorKeys:
        found = self._wallet.descriptors.active(kind, internal=internal)
        if found is None:
            raise KeypoolError(f"Error: No {kind} addresses available.")
        return found

    def can_get_addresses(self, *, internal: bool = False) -> bool:
        """Whether there is a descriptor that has another address."""
        with self._wallet.lock:
            active = self._wallet.descriptors.all_active()
            return any(keys.can_get_addresses() for _, side, keys in active if side == internal)

    def sizes(self) -> tuple[int, int]:
        """Return how many addresses are made ahead: receiving ones, and those of change."""
        with self._wallet.lock:
            sizes = [0, 0]
            for _, internal, keys in self._wallet.descriptors.all_active():
                sizes[internal] += keys.keypool_size
            return sizes[0], sizes[1]

    def top_up(self, size: int = 0) -> bool:
        """Make addresses ahead, so many for each descriptor, or as many as the settings say. False if not all could."""
        with self._wallet.lock, self._wallet.database.transaction():
            results = [keys.top_up(size) for _, _, keys in self._wallet.descriptors.all_active()]
            self._wallet.notices.can_get_addresses.publish(True)
            return all(results)

    def make_own_descriptors(self, encryption_key: bytes | None = None) -> None:
        """Make descriptors of a new random key for all kinds of addresses, unless flags say that there are none.

        Those of a device that signs come from there; raises SignerError. `encryption_key` is that of a wallet that is
        being encrypted.
        """
        wallet = self._wallet
        if wallet.has_flag(EXTERNAL_SIGNER):
            self._take_descriptors_of_signer()
            return
        if wallet.flags & (BLANK | DISABLE_PRIVATE_KEYS):
            return
        self.setup_descriptors(encryption_key)

    def _take_descriptors_of_signer(self) -> None:
        wallet = self._wallet
        database, settings = wallet.database, wallet.settings
        found = list(wallet.context.signers.descriptors())
        with wallet.lock, database.transaction():
            for internal, descriptor in found:
                kind = descriptor.output_type()
                if kind is None:
                    continue
                keys = import_descriptor(
                    database, wallet.params, settings.keypool, descriptor, wallet.clock(), (0, 0), 0, [], None
                )
                database.on_commit(partial(wallet.take_descriptor, keys))
                wallet.descriptors.activate(keys, kind, internal=internal)
            wallet.set_flags(wallet.flags & ~BLANK)

    def setup_descriptors(self, encryption_key: bytes | None = None) -> None:
        """Make descriptors of a new random key for all kinds of addresses, and let them make the addresses."""
        if self._wallet.encryption.is_locked:
            raise WalletError("Wallet is locked, cannot setup new descriptors")
        self.setup_descriptors_of(new_master_key(), encryption_key or self._wallet.encryption.key)

    def setup_descriptors_of(self, master: ExtendedKey, encryption_key: bytes | None) -> None:
        """Do so of a given key. An encrypted wallet's key must be given, though the wallet may be locked."""
        wallet = self._wallet
        database = wallet.database
        with wallet.lock, database.transaction():
            made = master_key_descriptors(
                database, wallet.params, wallet.settings.keypool, wallet.clock(), encryption_key, master
            )
            for kind, internal, keys in made:
                database.on_commit(partial(wallet.take_descriptor, keys))
                wallet.descriptors.activate(keys, kind, internal=internal)
