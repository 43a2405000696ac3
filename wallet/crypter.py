"""Encryption of private keys: AES-256-CBC under a master key, which a passphrase encrypts (Core: crypter.cpp).

The passphrase and a salt, hashed with SHA-512 so often that it takes a while, make the key that encrypts the master
key. Each private key has the hash of its public key for its initialisation vector.
"""

from __future__ import annotations

import os
import time
from hashlib import sha512
from typing import TYPE_CHECKING, Final

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.padding import PKCS7

from primitives.hashes import sha256d
from primitives.keys import PrivateKey
from primitives.secp256k1 import secret_is_valid
from wallet.errors import WalletError
from wallet.records import DEFAULT_ITERATIONS, MasterKeyRecord

if TYPE_CHECKING:
    from collections.abc import Iterable

KEY_SIZE: Final = 32
_SALT_SIZE: Final = 8
_VECTOR_SIZE: Final = 16
_BLOCK_BITS: Final = 128
_TARGET_SECONDS: Final = 0.1
_MOST_ITERATIONS: Final = 0xFFFFFFFF


def new_key() -> bytes:
    """Return a random master key."""
    return os.urandom(KEY_SIZE)


def encrypt_master_key(passphrase: bytes, key: bytes) -> MasterKeyRecord:
    """Encrypt a master key with a new salt, and so that it takes a tenth of a second to decrypt it."""
    salt = os.urandom(_SALT_SIZE)
    iterations = measure_iterations()
    return MasterKeyRecord(_encrypt(*_derive(passphrase, salt, iterations), key), salt, 0, iterations)


def decrypt_master_key(passphrase: bytes, record: MasterKeyRecord) -> bytes | None:
    """Return the master key, None for a passphrase that cannot be right; one time in 256 a wrong one yields a key."""
    if record.method or not record.iterations or len(record.salt) != _SALT_SIZE:
        return None
    key = _decrypt(*_derive(passphrase, record.salt, record.iterations), record.encrypted)
    return key if key is not None and len(key) == KEY_SIZE else None


def measure_iterations() -> int:
    """Return how many iterations take a tenth of a second, at least Core's 25,000."""
    iterations = DEFAULT_ITERATIONS
    start = time.perf_counter()
    _derive(b"", b"", iterations)
    elapsed = max(time.perf_counter() - start, 1e-9)
    return min(max(int(iterations * _TARGET_SECONDS / elapsed), DEFAULT_ITERATIONS), _MOST_ITERATIONS)


def encrypt_private_key(master_key: bytes, key: PrivateKey) -> bytes:
    """Encrypt a private key."""
    return _encrypt(master_key, sha256d(key.public_key())[:_VECTOR_SIZE], key.secret)


def decrypt_private_key(master_key: bytes, pubkey: bytes, encrypted: bytes) -> PrivateKey | None:
    """Decrypt the private key of a public key, None if the master key is wrong."""
    secret = _decrypt(master_key, sha256d(pubkey)[:_VECTOR_SIZE], encrypted)
    if secret is None or not secret_is_valid(secret):
        return None
    key = PrivateKey(secret, compressed=len(pubkey) == 33)
    return key if key.public_key() == pubkey else None


def decrypts(master_key: bytes, keys: Iterable[tuple[bytes, bytes]]) -> bool:
    """Whether a master key decrypts private keys, given with their public ones. Raises WalletError if only some."""
    passed = False
    for pubkey, encrypted in keys:
        if decrypt_private_key(master_key, pubkey, encrypted) is None:
            if passed:
                raise WalletError(
                    "Error unlocking wallet: some keys decrypt but not all. Your wallet file may be corrupt."
                )
            return False
        passed = True
    return True


def _derive(passphrase: bytes, salt: bytes, iterations: int) -> tuple[bytes, bytes]:
    """Return the key and the initialisation vector of a passphrase (OpenSSL's EVP_BytesToKey)."""
    digest = passphrase + salt
    for _ in range(iterations):
        digest = sha512(digest).digest()
    return digest[:KEY_SIZE], digest[KEY_SIZE : KEY_SIZE + _VECTOR_SIZE]


def _encrypt(key: bytes, vector: bytes, plain: bytes) -> bytes:
    padder = PKCS7(_BLOCK_BITS).padder()
    encryptor = Cipher(AES(key), CBC(vector)).encryptor()
    return encryptor.update(padder.update(plain) + padder.finalize()) + encryptor.finalize()


def _decrypt(key: bytes, vector: bytes, encrypted: bytes) -> bytes | None:
    """Return what was encrypted, None where the padding says that the key is wrong."""
    decryptor = Cipher(AES(key), CBC(vector)).decryptor()
    unpadder = PKCS7(_BLOCK_BITS).unpadder()
    try:
        padded = decryptor.update(encrypted) + decryptor.finalize()
        return unpadder.update(padded) + unpadder.finalize()
    except ValueError:
        return None
