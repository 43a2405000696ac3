"""What a legacy wallet holds: keys, scripts, what it only watches, and its seeds (Core: LegacyDataSPKM).

Keys and scripts are known by the HASH160 of their bytes. A wallet has either plain or encrypted keys.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from primitives.bip32 import KeyOrigin
from primitives.hashes import hash160
from primitives.keys import fingerprint, is_compressed, is_fully_valid, key_id
from primitives.script import TxoutType, solve, witness_script
from primitives.signing_data import SigningData
from wallet.crypter import decrypt_private_key, decrypts

if TYPE_CHECKING:
    from primitives.keys import PrivateKey

CHAIN_SPLIT: Final = 2
"""The version of a chain of keys from which on change has keys of its own."""


@dataclass(slots=True)
class HdChain:
    """How many keys were derived of a seed, which is a private key of the wallet (Core: CHDChain)."""

    seed: bytes
    version: int = CHAIN_SPLIT
    external: int = 0
    internal: int = 0


@dataclass(frozen=True, slots=True)
class KeyMeta:
    """When a key was made, seconds since 1970 or 0, and how it was derived (Core: CKeyMetadata)."""

    version: int
    creation_time: int
    path: str = ""
    """ "s" or "m" for a seed."""
    seed: bytes = b""
    """The hash of the seed, empty if there is none."""
    origin: KeyOrigin | None = None

    @property
    def is_seed(self) -> bool:
        """Whether it is the key of a seed."""
        return self.path in {"s", "m"}


@dataclass(slots=True)
class LegacyKeys:
    """All of it. `chain` is None where keys are not derived."""

    is_encrypted: bool = False
    keys: dict[bytes, PrivateKey] = field(default_factory=dict)
    encrypted: dict[bytes, tuple[bytes, bytes]] = field(default_factory=dict)
    """Public keys and encrypted secrets."""
    scripts: dict[bytes, bytes] = field(default_factory=dict)
    watched: set[bytes] = field(default_factory=set)
    """Output scripts that count though the keys may be missing."""
    watched_pubkeys: dict[bytes, bytes] = field(default_factory=dict)
    metadata: dict[bytes, tuple[bytes, KeyMeta]] = field(default_factory=dict)
    """Public keys and what is known of them."""
    script_times: dict[bytes, int] = field(default_factory=dict)
    """When watched scripts came, by their hashes."""
    chain: HdChain | None = None
    inactive_chains: dict[bytes, HdChain] = field(default_factory=dict)
    """Chains of earlier seeds, by those."""
    has_unchecked: bool = False
    """Whether encrypted keys have no checksum, as older software wrote them."""
    is_empty: bool = True
    """Whether there is no record of any of these."""

    def add_key(self, pubkey: bytes, key: PrivateKey) -> None:
        """Take a private key."""
        self.keys[key_id(pubkey)] = key
        self._learn_scripts(pubkey)

    def add_encrypted_key(self, pubkey: bytes, secret: bytes) -> None:
        """Take an encrypted private key."""
        self.encrypted[key_id(pubkey)] = pubkey, secret
        self._learn_scripts(pubkey)

    def add_script(self, script: bytes) -> None:
        """Take a script that may stand behind a hash."""
        self.scripts[hash160(script)] = script

    def watch(self, script: bytes) -> None:
        """Let an output script count as the wallet's."""
        self.watched.add(script)
        kind, solutions = solve(script)
        if kind is TxoutType.PUBKEY and is_fully_valid(solutions[0]):
            self.watched_pubkeys[key_id(solutions[0])] = solutions[0]
            self._learn_scripts(solutions[0])

    def _learn_scripts(self, pubkey: bytes) -> None:
        if is_compressed(pubkey):
            self.add_script(witness_script(0, key_id(pubkey)))

    def key_ids(self) -> list[bytes]:
        """Return the hashes of all private keys, sorted."""
        return sorted({*self.keys, *self.encrypted})

    def has_key(self, key: bytes) -> bool:
        """Whether there is a private key."""
        return key in (self.encrypted if self.is_encrypted else self.keys)

    def pubkey(self, key: bytes) -> bytes | None:
        """Return the public key of a hash, watched ones too."""
        if self.is_encrypted:
            if key in self.encrypted:
                return self.encrypted[key][0]
        elif key in self.keys:
            return self.keys[key].public_key()
        return self.watched_pubkeys.get(key)

    def pubkeys(self) -> dict[bytes, bytes]:
        """Return the public keys of all private ones."""
        plain = {key: private.public_key() for key, private in self.keys.items()}
        return plain | {key: pubkey for key, (pubkey, _) in self.encrypted.items()}

    def creation_time(self, key: bytes) -> int:
        """Return when a key was made."""
        found = self.metadata.get(key)
        return found[1].creation_time if found else 0

    def origin(self, key: bytes) -> KeyOrigin | None:
        """Return where a key comes from; one of its own is its own master, if anything is known of it."""
        found = self.metadata.get(key)
        if found is None:
            return None
        pubkey, meta = found
        return meta.origin or KeyOrigin(fingerprint(pubkey))

    def check(self, encryption_key: bytes) -> bool:
        """Whether this key decrypts the private keys. Raises WalletError if it does only some."""
        if not decrypts(encryption_key, self.encrypted.values()):
            return False
        if self.has_unchecked:
            # Core notes so, by accident, that nothing is known of keys; their descriptors then name an origin.
            for key, (pubkey, _) in self.encrypted.items():
                self.metadata.setdefault(key, (pubkey, KeyMeta(0, 0)))
        return True

    def private_keys(self, encryption_key: bytes | None) -> dict[bytes, PrivateKey]:
        """Return all private keys; `check` passed the key that decrypts them, None where they are plain."""
        if not self.is_encrypted or encryption_key is None:
            return dict(self.keys)
        found = {key: decrypt_private_key(encryption_key, *pair) for key, pair in self.encrypted.items()}
        return {key: private for key, private in found.items() if private is not None}

    def solving_data(self) -> SigningData:
        """Return public keys, their origins, and scripts."""
        origins = {key: (pubkey, self.origin(key)) for key, (pubkey, _) in self.metadata.items()}
        return SigningData(
            pubkeys={**self.watched_pubkeys, **self.pubkeys()},
            origins={key: (pubkey, origin) for key, (pubkey, origin) in origins.items() if origin},
            scripts=dict(self.scripts),
        )
