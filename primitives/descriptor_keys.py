"""Key expressions of output descriptors: constant keys, extended keys with paths, origins, MuSig2 (BIP380, BIP390)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import TYPE_CHECKING

from primitives import musig
from primitives.bip32 import (
    HARDENED,
    ExtendedKey,
    KeyOrigin,
    encode_private,
    encode_public,
    format_path,
)
from primitives.keys import encode_wif, fingerprint, key_id

if TYPE_CHECKING:
    from common.chains import ChainParams
    from primitives.keys import PrivateKey
    from primitives.signing_data import SigningData


class Wildcard(Enum):
    """How the last step of a path varies."""

    NONE = auto()
    UNHARDENED = auto()
    HARDENED = auto()


class TextForm(Enum):
    """Which text of a descriptor is asked for."""

    PUBLIC = auto()
    COMPAT = auto()
    """As older versions wrote it: hardened steps marked by apostrophes."""


class KeyExpression(ABC):
    """A key, or one for each position of a range. Immutable."""

    @abstractmethod
    def pubkey(self, position: int, known: SigningData, found: SigningData) -> bytes | None:
        """Return the key at a position, and tell `found` of it and its origin; None without private keys it needs."""

    @abstractmethod
    def is_range(self) -> bool:
        """Whether positions matter."""

    @abstractmethod
    def size(self) -> int:
        """Return how many bytes the key takes in a script."""

    @abstractmethod
    def text(self, form: TextForm = TextForm.PUBLIC) -> str:
        """Return the public text."""

    @abstractmethod
    def private_text(self, known: SigningData) -> str | None:
        """Return the text with private keys, None if none is known."""

    @abstractmethod
    def normalized_text(self, known: SigningData) -> str | None:
        """Return the text with an xpub at the last hardened step, None if that takes an unknown private key."""

    @abstractmethod
    def private_keys(self, position: int, known: SigningData) -> list[PrivateKey]:
        """Return the private keys at a position, as far as they are known."""

    @abstractmethod
    def is_bip32(self) -> bool:
        """Whether this is an extended key."""

    def has_private_keys(self, known: SigningData) -> bool:
        """Whether the private keys are known."""
        return bool(self.private_keys(0, known))


@dataclass(frozen=True, slots=True)
class ConstantKey(KeyExpression):
    """A key in hex or WIF; `xonly` if it is written with 32 bytes (and `key` then has an even y)."""

    key: bytes
    xonly: bool
    chain: ChainParams

    def pubkey(self, position: int, known: SigningData, found: SigningData) -> bytes:
        """Return the key."""
        learn(self.key, KeyOrigin(fingerprint(self.key)), found)
        return self.key

    def is_range(self) -> bool:
        """Whether positions matter."""
        return False

    def size(self) -> int:
        """Return how many bytes the key takes."""
        return len(self.key)

    def text(self, form: TextForm = TextForm.PUBLIC) -> str:
        """Return hex."""
        return (self.key[1:] if self.xonly else self.key).hex()

    def private_text(self, known: SigningData) -> str | None:
        """Return WIF."""
        key = self._private_key(known)
        return encode_wif(key, self.chain) if key else None

    def normalized_text(self, known: SigningData) -> str:
        """Return hex."""
        return self.text()

    def private_keys(self, position: int, known: SigningData) -> list[PrivateKey]:
        """Return the private key if it is known."""
        key = self._private_key(known)
        return [key] if key else []

    def is_bip32(self) -> bool:
        """Whether this is an extended key."""
        return False

    def _private_key(self, known: SigningData) -> PrivateKey | None:
        return known.private_key_by_xonly(self.key[1:]) if self.xonly else known.private_key(key_id(self.key))


@dataclass(frozen=True, slots=True)
class ExtendedKeyExpression(KeyExpression):
    """A path from an xpub or xprv, whose secret lies with the signing data, and perhaps a wildcard behind it."""

    root: ExtendedKey
    path: tuple[int, ...]
    wildcard: Wildcard
    apostrophe: bool
    chain: ChainParams
    _parents: dict[bool, ExtendedKey | None] = field(default_factory=dict, compare=False, repr=False)

    def pubkey(self, position: int, known: SigningData, found: SigningData) -> bytes | None:
        """Return the key at a position."""
        derived = self._known_child(position, known) or self._derive(position, known, private=self._is_hardened())
        if derived is None:
            return None
        learn(derived.public_key, KeyOrigin(self.root.fingerprint(), self._steps(position)), found)
        return derived.public_key

    def is_range(self) -> bool:
        """Whether positions matter."""
        return self.wildcard is not Wildcard.NONE

    def size(self) -> int:
        """Return how many bytes the key takes."""
        return 33

    def text(self, form: TextForm = TextForm.PUBLIC) -> str:
        """Return the xpub and its path."""
        apostrophe = self.apostrophe or form is TextForm.COMPAT
        return encode_public(self.root, self.chain) + self._path_text(apostrophe=apostrophe)

    def private_text(self, known: SigningData) -> str | None:
        """Return the xprv and its path."""
        root = self._private_root(known)
        if root is None:
            return None
        return encode_private(root, self.chain) + self._path_text(apostrophe=self.apostrophe)

    def normalized_text(self, known: SigningData) -> str | None:
        """Return the xpub at the last hardened step, its origin and the path behind it."""
        if self.wildcard is Wildcard.HARDENED:
            return encode_public(self.root, self.chain) + self._path_text(apostrophe=False)
        hardened = next((at for at in range(len(self.path), 0, -1) if self.path[at - 1] & HARDENED), 0)
        if not hardened:
            return self.text()
        last = known.extended_keys.get((self.root, self.path[:hardened]))
        if last is None:
            root = self._private_root(known)
            last = root.derive_path(self.path[:hardened]) if root else None
        if last is None:
            return None
        origin = self.root.fingerprint().hex() + format_path(self.path[:hardened])
        end = "/*" if self.is_range() else ""
        return f"[{origin}]{encode_public(last, self.chain)}{format_path(self.path[hardened:])}{end}"

    def private_keys(self, position: int, known: SigningData) -> list[PrivateKey]:
        """Return the private key at a position."""
        derived = self._derive(position, known, private=True)
        key = derived.private_key() if derived else None
        return [key] if key else []

    def is_bip32(self) -> bool:
        """Whether this is an extended key."""
        return True

    def derive_path(self, path: tuple[int, ...], known: SigningData) -> ExtendedKey | None:
        """Return the extended public key at a path from the root; None if that takes an unknown private key."""
        hardened = any(step & HARDENED for step in path)
        root = self._private_root(known) if hardened else self.root
        derived = root.derive_path(path) if root else None
        return derived.neuter() if derived else None

    def _known_child(self, position: int, known: SigningData) -> ExtendedKey | None:
        """Return the key at a position from extended keys that are known, None if that does not do."""
        if not known.extended_keys:
            return None
        if self.wildcard is not Wildcard.UNHARDENED:
            return known.extended_keys.get((self.root, self._steps(position)))
        parent = known.extended_keys.get((self.root, self.path))
        return parent.derive(position) if parent else None

    def _derive(self, position: int, known: SigningData, *, private: bool) -> ExtendedKey | None:
        root = self._private_root(known) if private else self.root
        if root is None:
            return None
        if private not in self._parents:  # What it was derived from, the only secret that fits, does not change.
            self._parents[private] = root.derive_path(self.path)
        parent = self._parents[private]
        if parent is None or not self.is_range():
            return parent
        return parent.derive(position | (HARDENED if self.wildcard is Wildcard.HARDENED else 0))

    def _private_root(self, known: SigningData) -> ExtendedKey | None:
        key = known.private_key(key_id(self.root.public_key))
        return self.root.with_secret(key.secret) if key else None

    def _is_hardened(self) -> bool:
        return self.wildcard is Wildcard.HARDENED or any(step & HARDENED for step in self.path)

    def _steps(self, position: int) -> tuple[int, ...]:
        match self.wildcard:
            case Wildcard.NONE:
                return self.path
            case Wildcard.UNHARDENED:
                return (*self.path, position)
            case Wildcard.HARDENED:
                return (*self.path, position | HARDENED)

    def _path_text(self, *, apostrophe: bool) -> str:
        end = "/*" if self.is_range() else ""
        if self.wildcard is Wildcard.HARDENED:
            end += "'" if apostrophe else "h"
        return format_path(self.path, apostrophe=apostrophe) + end


@dataclass(frozen=True, slots=True)
class KeyWithOrigin(KeyExpression):
    """A key expression behind its origin in square brackets."""

    origin: KeyOrigin
    inner: KeyExpression
    apostrophe: bool

    def pubkey(self, position: int, known: SigningData, found: SigningData) -> bytes | None:
        """Return the key at a position; its origin starts at ours."""
        pubkey = self.inner.pubkey(position, known, found)
        if pubkey is not None:
            _, inner = found.origins[key_id(pubkey)]
            found.origins[key_id(pubkey)] = (pubkey, KeyOrigin(self.origin.fingerprint, self.origin.path + inner.path))
        return pubkey

    def is_range(self) -> bool:
        """Whether positions matter."""
        return self.inner.is_range()

    def size(self) -> int:
        """Return how many bytes the key takes."""
        return self.inner.size()

    def text(self, form: TextForm = TextForm.PUBLIC) -> str:
        """Return origin and key."""
        return self._prefix(apostrophe=self.apostrophe or form is TextForm.COMPAT) + "]" + self.inner.text(form)

    def private_text(self, known: SigningData) -> str | None:
        """Return origin and private key."""
        inner = self.inner.private_text(known)
        return None if inner is None else f"{self._prefix(apostrophe=self.apostrophe)}]{inner}"

    def normalized_text(self, known: SigningData) -> str | None:
        """Return the text with our origin before the one the key now has."""
        inner = self.inner.normalized_text(known)
        if inner is None:
            return None
        prefix = self._prefix(apostrophe=False)
        return prefix + inner[9:] if inner.startswith("[") else f"{prefix}]{inner}"

    def private_keys(self, position: int, known: SigningData) -> list[PrivateKey]:
        """Return the private keys at a position."""
        return self.inner.private_keys(position, known)

    def is_bip32(self) -> bool:
        """Whether this is an extended key."""
        return self.inner.is_bip32()

    def _prefix(self, *, apostrophe: bool) -> str:
        return f"[{self.origin.fingerprint.hex()}{format_path(self.origin.path, apostrophe=apostrophe)}"


@dataclass(frozen=True, slots=True)
class AggregateKey(KeyExpression):
    """musig(): the aggregate of its participants, or what a path from it leads to."""

    participants: tuple[KeyExpression, ...]
    path: tuple[int, ...]
    wildcard: Wildcard
    chain: ChainParams

    def pubkey(self, position: int, known: SigningData, found: SigningData) -> bytes | None:
        """Return the key at a position."""
        pubkeys = [each.pubkey(position, known, found) for each in self.participants]
        if None in pubkeys:
            return None
        ordered = tuple(sorted(pubkey for pubkey in pubkeys if pubkey))
        aggregate = musig.aggregate(ordered)
        if aggregate is None:
            return None
        found.aggregates.setdefault(aggregate, ordered)
        key: KeyExpression
        if self.path or self._is_ranged():
            root = musig.synthetic_key(aggregate)
            key = ExtendedKeyExpression(root, self.path, self.wildcard, apostrophe=False, chain=self.chain)
        else:
            key = ConstantKey(aggregate, xonly=False, chain=self.chain)
        return key.pubkey(position, known, found)

    def is_range(self) -> bool:
        """Whether positions matter."""
        return self._is_ranged() or any(each.is_range() for each in self.participants)

    def size(self) -> int:
        """Return how many bytes the key takes: aggregates are for taproot only."""
        return 32

    def text(self, form: TextForm = TextForm.PUBLIC) -> str:
        """Return participants and path."""
        return self._wrap([each.text(form) for each in self.participants])

    def private_text(self, known: SigningData) -> str | None:
        """Return the text with the private keys of those participants that have one."""
        texts = [each.private_text(known) for each in self.participants]
        if not any(texts):
            return None
        return self._wrap([text or each.text() for text, each in zip(texts, self.participants, strict=True)])

    def normalized_text(self, known: SigningData) -> str | None:
        """Return the text with each participant normalized."""
        texts = [each.normalized_text(known) for each in self.participants]
        return None if None in texts else self._wrap([text for text in texts if text])

    def private_keys(self, position: int, known: SigningData) -> list[PrivateKey]:
        """Return the participants' private keys that are known."""
        return [key for each in self.participants for key in each.private_keys(position, known)]

    def has_private_keys(self, known: SigningData) -> bool:
        """Whether all participants' are known."""
        return all(each.has_private_keys(known) for each in self.participants)

    def is_bip32(self) -> bool:
        """Whether all participants are extended keys."""
        return all(each.is_bip32() for each in self.participants)

    def _is_ranged(self) -> bool:
        return self.wildcard is not Wildcard.NONE

    def _wrap(self, texts: list[str]) -> str:
        return f"musig({','.join(texts)}){format_path(self.path)}{'/*' if self._is_ranged() else ''}"


def learn(pubkey: bytes, origin: KeyOrigin, found: SigningData) -> None:
    """Tell signing data of a key and its origin, unless it knows them."""
    key = key_id(pubkey)
    found.origins.setdefault(key, (pubkey, origin))
    found.pubkeys.setdefault(key, pubkey)
