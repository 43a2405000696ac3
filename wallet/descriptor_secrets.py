"""The private keys of a descriptor, as they are or encrypted, in memory as in the database."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from primitives.keys import key_id
from wallet.crypter import decrypt_private_key, decrypts, encrypt_private_key
from wallet.errors import RecordError, WalletError

if TYPE_CHECKING:
    from collections.abc import Callable

    from primitives.keys import PrivateKey
    from wallet.descriptor_records import DescriptorRecords, StoredDescriptor


def _no_key() -> bytes | None:
    return None


class DescriptorSecrets:
    """Keys by the hash of their public keys. `master_key` returns what decrypts them, None while the wallet is locked.

    A wallet has either plain or encrypted keys.
    """

    def __init__(self, stored: StoredDescriptor, records: DescriptorRecords) -> None:
        if stored.keys and stored.encrypted_keys:
            raise RecordError("Wallet contains both unencrypted and encrypted keys")
        self.master_key: Callable[[], bytes | None] = _no_key
        self._descriptor = stored.id
        self._records = records
        self._plain = stored.keys
        self._encrypted = stored.encrypted_keys
        self._thoroughly_checked = False

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self._plain or self._encrypted)

    def __contains__(self, key: bytes) -> bool:
        """Whether there is a key, encrypted or not."""
        return key in self._plain or key in self._encrypted

    @property
    def are_encrypted(self) -> bool:
        """Whether there are encrypted keys."""
        return bool(self._encrypted)

    def get(self, key: bytes) -> PrivateKey | None:
        """Return a key; None if there is none or the wallet is locked."""
        if key in self._plain:
            return self._plain[key]
        master_key = self.master_key() if key in self._encrypted else None
        return None if master_key is None else decrypt_private_key(master_key, *self._encrypted[key])

    def all(self) -> dict[bytes, PrivateKey]:
        """Return all keys, none while the wallet is locked."""
        if not self._encrypted:
            return dict(self._plain)
        found = {key: self.get(key) for key in self._encrypted}
        return {key: private for key, private in found.items() if private is not None}

    def add(self, private: PrivateKey, *, wallet_is_encrypted: bool) -> None:
        """Keep a key, if it is new, and write it, encrypted in an encrypted wallet."""
        pubkey = private.public_key()
        key = key_id(pubkey)
        if key in self:
            return
        if not wallet_is_encrypted:
            self._records.write_key(self._descriptor, private)
            self._plain[key] = private
            return
        master_key = self.master_key()
        if master_key is None:
            raise WalletError("AddDescriptorKey: writing descriptor private key failed")
        encrypted = encrypt_private_key(master_key, private)
        self._records.write_encrypted_key(self._descriptor, pubkey, encrypted)
        self._encrypted[key] = pubkey, encrypted
        self._thoroughly_checked = True

    def check(self, master_key: bytes) -> bool:
        """Whether a master key decrypts the keys: all, the first time it does. Raises WalletError if only some."""
        if self._plain:
            return False
        if not decrypts(master_key, islice(self._encrypted.values(), 1 if self._thoroughly_checked else None)):
            return False
        self._thoroughly_checked = True
        return True

    def encrypt(self, master_key: bytes) -> None:
        """Encrypt all keys, in memory once the database's transaction is made."""
        if self._encrypted:
            raise WalletError("Wallet is already encrypted")
        encrypted = {}
        for key, private in self._plain.items():
            pubkey = private.public_key()
            encrypted[key] = pubkey, encrypt_private_key(master_key, private)
            self._records.write_encrypted_key(self._descriptor, *encrypted[key])

        def forget_plain() -> None:
            self._encrypted.update(encrypted)
            self._plain.clear()

        self._records.database.on_commit(forget_plain)
