"""A wallet's private keys under a passphrase: encrypting, unlocking for a while, locking (Core: src/wallet/wallet.cpp).

One random key encrypts all private keys and lies in the database encrypted itself, by a key made of the passphrase.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from wallet.crypter import decrypt_master_key, encrypt_master_key, new_key
from wallet.errors import DatabaseError, WalletError
from wallet.flags import DISABLE_PRIVATE_KEYS

if TYPE_CHECKING:
    from wallet.wallet import Wallet


class Encryption:
    """Holds the key that decrypts, as long as the wallet is unlocked. All but the timer under the wallet's lock."""

    def __init__(self, wallet: Wallet) -> None:
        """Read the master keys. Raises RecordError."""
        self._wallet = wallet
        self._records = wallet.records.master_keys()
        self._key: bytes | None = None
        self._timer: threading.Timer | None = None
        self.relock_time = 0
        """When the wallet locks itself, seconds since 1970; 0 if it does not."""
        self.relocking = threading.RLock()
        """Held by who needs the wallet to stay unlocked longer than it holds the wallet's lock; taken before that."""

    @property
    def is_encrypted(self) -> bool:
        """Whether there is a passphrase."""
        return bool(self._records)

    @property
    def is_locked(self) -> bool:
        """Whether private keys cannot be used."""
        return self.is_encrypted and self._key is None

    @property
    def key(self) -> bytes | None:
        """The key that decrypts private keys; None if the wallet is locked or not encrypted."""
        return self._key

    def drop_needless(self) -> None:
        """Remove master keys of a wallet that has no private keys, which older programs made by mistake."""
        wallet = self._wallet
        keys = wallet.descriptors.by_id.values()
        if self._records and wallet.has_flag(DISABLE_PRIVATE_KEYS) and not any(each.is_encrypted for each in keys):
            wallet.log(
                "Detected extraneous encryption keys in this wallet without private keys. "
                "Removing extraneous encryption keys."
            )
            for number in list(self._records):
                wallet.records.erase_master_key(number)
            self._records.clear()

    def encrypt(self, passphrase: str) -> None:
        """Encrypt all private keys, and make new ones that never were on disk otherwise. Locks the wallet.

        All or nothing: it never is encrypted without the new keys.
        """
        wallet = self._wallet
        with self.relocking, wallet.lock:
            if self.is_encrypted:
                raise WalletError("Error: running with an encrypted wallet, but encryptwallet was called.")
            key = new_key()
            record = encrypt_master_key(_bytes(passphrase), key)
            wallet.log("Encrypting Wallet with an nDeriveIterations of %i", record.iterations)
            number = 1
            with wallet.database.transaction(leave_no_trace=True):
                wallet.records.write_master_key(number, record)
                for each in wallet.descriptors.by_id.values():
                    each.encrypt(key)
                wallet.database.on_commit(lambda: self._records.update({number: record}))
                wallet.keypool.make_own_descriptors(key)
            self.lock_keys()
            try:  # What was erased is overwritten; once more, as Core does.
                wallet.database.rewrite()
            except DatabaseError as error:
                wallet.log("The file is not written anew: %s", error)

    def unlock(self, passphrase: str, seconds: int | None = None) -> bool:
        """Decrypt the key, for some seconds or until `lock_keys`; whether the passphrase is right."""
        wallet = self._wallet
        with wallet.lock:
            for record in self._records.values():
                key = decrypt_master_key(_bytes(passphrase), record)
                if key is not None and all(each.check_key(key) for each in wallet.descriptors.by_id.values()):
                    self._key = key
                    wallet.keypool.top_up()
                    self._set_timer(seconds)
                    wallet.notices.status.publish(True)
                    return True
        return False

    def _set_timer(self, seconds: int | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self.relock_time = 0
        if seconds is not None:
            timer = self._timer = threading.Timer(seconds, lambda: self._relock(timer))
            self._timer.daemon = True
            self.relock_time = self._wallet.clock() + seconds
            self._timer.start()

    def _relock(self, timer: threading.Timer) -> None:
        with self.relocking, self._wallet.lock:
            if self._timer is timer:
                self.lock_keys()

    def lock_keys(self) -> None:
        """Forget the key."""
        with self.relocking, self._wallet.lock:
            self._key = None
            self._set_timer(None)
            self._wallet.notices.status.publish(True)

    def change_passphrase(self, old: str, new: str) -> bool:
        """Encrypt the key with another passphrase; whether the old one is right.

        The wallet stays locked if it was, and is locked if the old one is wrong.
        """
        wallet = self._wallet
        with self.relocking, wallet.lock:
            for number, record in self._records.items():
                key = decrypt_master_key(_bytes(old), record)
                if key is not None and all(each.check_key(key) for each in wallet.descriptors.by_id.values()):
                    changed = encrypt_master_key(_bytes(new), key)
                    wallet.log("Wallet passphrase changed to an nDeriveIterations of %i", changed.iterations)
                    with wallet.database.transaction(leave_no_trace=True):
                        wallet.records.write_master_key(number, changed)
                    self._records[number] = changed
                    return True
            self.lock_keys()
        return False

    def close(self) -> None:
        """Forget the key and end the timer."""
        self.lock_keys()


def _bytes(passphrase: str) -> bytes:
    return passphrase.encode(errors="surrogateescape")
