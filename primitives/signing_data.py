"""What somebody who signs may know: keys, where they come from, scripts behind hashes (Core: FlatSigningProvider)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from primitives.hashes import hash160

if TYPE_CHECKING:
    from primitives.bip32 import ExtendedKey, KeyOrigin
    from primitives.keys import PrivateKey
    from primitives.musig import NonceStore
    from primitives.taproot import SpendData, TapTree


@dataclass(slots=True)
class SigningData:
    """Lookups by hash. Keys are known by the HASH160 of their bytes, scripts too, trees by their output key."""

    keys: dict[bytes, PrivateKey] = field(default_factory=dict)
    pubkeys: dict[bytes, bytes] = field(default_factory=dict)
    origins: dict[bytes, tuple[bytes, KeyOrigin]] = field(default_factory=dict)
    scripts: dict[bytes, bytes] = field(default_factory=dict)
    trees: dict[bytes, TapTree] = field(default_factory=dict)
    aggregates: dict[bytes, tuple[bytes, ...]] = field(default_factory=dict)
    """The participants, in order, of each MuSig2 aggregate key."""
    extended_keys: dict[tuple[ExtendedKey, tuple[int, ...]], ExtendedKey] = field(default_factory=dict)
    """Extended public keys that it takes a private key to derive, by the public root and the path from it."""
    nonces: NonceStore | None = None
    """Where secret nonces for MuSig2 lie until they are used; without it nobody takes part in such signatures."""

    def add_key(self, key: PrivateKey) -> None:
        """Learn a private key and its public key."""
        pubkey = key.public_key()
        self.keys.setdefault(hash160(pubkey), key)
        self.pubkeys.setdefault(hash160(pubkey), pubkey)

    def add_private_key(self, key: PrivateKey) -> None:
        """Learn a private key alone."""
        self.keys.setdefault(hash160(key.public_key()), key)

    def add_script(self, script: bytes) -> None:
        """Learn the script behind a hash."""
        self.scripts.setdefault(hash160(script), script)

    def private_key(self, key_id: bytes) -> PrivateKey | None:
        """Return the private key of a hash."""
        return self.keys.get(key_id)

    def private_key_by_xonly(self, pubkey: bytes) -> PrivateKey | None:
        """Return the private key of an x-only key."""
        return next((key for each in _key_ids(pubkey) if (key := self.keys.get(each))), None)

    def origin(self, key_id: bytes) -> KeyOrigin | None:
        """Return where the key of a hash comes from."""
        found = self.origins.get(key_id)
        return found[1] if found else None

    def origin_by_xonly(self, pubkey: bytes) -> KeyOrigin | None:
        """Return where an x-only key comes from."""
        return next((origin for each in _key_ids(pubkey) if (origin := self.origin(each))), None)

    def spend_data(self, output_key: bytes) -> SpendData | None:
        """Return how to spend a taproot output."""
        tree = self.trees.get(output_key)
        return tree.spend_data() if tree else None

    def merge(self, other: SigningData) -> None:
        """Learn what the other knows; where both know something, ours stays."""
        for ours, theirs in (
            (self.keys, other.keys),
            (self.pubkeys, other.pubkeys),
            (self.origins, other.origins),
            (self.scripts, other.scripts),
            (self.trees, other.trees),
            (self.aggregates, other.aggregates),
            (self.extended_keys, other.extended_keys),
        ):
            _merge(ours, theirs)
        if self.nonces is None:
            self.nonces = other.nonces


def _merge(ours: dict[Any, Any], theirs: dict[Any, Any]) -> None:
    for key, value in theirs.items():
        ours.setdefault(key, value)


def _key_ids(xonly: bytes) -> tuple[bytes, bytes]:
    return hash160(b"\2" + xonly), hash160(b"\3" + xonly)
