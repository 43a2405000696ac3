"""Extended public keys of a descriptor, kept so that a locked wallet makes addresses too (Core: DescriptorCache).

Core numbers the key expressions of a descriptor in the order of its text, a musig() after its participants, and wants
a kept key for each extended one, also where it could be derived.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from primitives import musig
from primitives.bip32 import HARDENED
from primitives.descriptor_keys import AggregateKey, ExtendedKeyExpression, KeyWithOrigin, Wildcard
from primitives.signing_data import SigningData
from wallet.descriptor_records import DescriptorCache

if TYPE_CHECKING:
    from collections.abc import Iterator

    from primitives.bip32 import ExtendedKey
    from primitives.descriptor import Descriptor
    from primitives.descriptor_keys import KeyExpression

_Number = TypeVar("_Number", int, tuple[int, int])


class DescriptorCaching:
    """Fills the cache of a descriptor, and makes it known to those who expand the descriptor."""

    def __init__(self, descriptor: Descriptor, cache: DescriptorCache) -> None:
        """Read and fill `cache`."""
        self.cache = cache
        numbered = list(enumerate(_expressions(descriptor)))
        self._extended = [(number, key) for number, key in numbered if isinstance(key, ExtendedKeyExpression)]
        self._aggregates = [(number, key) for number, key in numbered if isinstance(key, AggregateKey)]

    def known(self) -> SigningData:
        """Return what the cache knows."""
        data = SigningData()
        for number, key in self._extended:
            if number in self.cache.parents:
                data.extended_keys[key.root, key.path] = self.cache.parents[number]
            if number in self.cache.last_hardened:
                data.extended_keys[key.root, last_hardened(key)] = self.cache.last_hardened[number]
        by_number = dict(self._extended)
        for (number, position), child in self.cache.derived.items():
            if number in by_number:
                key = by_number[number]
                data.extended_keys[key.root, (*key.path, position | HARDENED)] = child
        return data

    def roots(self) -> list[ExtendedKey]:
        """Return the extended public keys that the descriptor names."""
        return [key.root for _, key in self._extended]

    def is_public(self) -> bool:
        """Whether every position can be expanded without private keys and cache (Core: CanSelfExpand)."""
        return all(key.wildcard is not Wildcard.HARDENED and not last_hardened(key) for _, key in self._extended)

    def wants(self, position: int) -> bool:
        """Whether something is not kept yet that belongs to a position."""
        return any(
            (number, position) not in self.cache.derived
            if key.wildcard is Wildcard.HARDENED
            else number not in self.cache.parents
            for number, key in self._extended
        )

    def extend(self, position: int, known: SigningData) -> DescriptorCache:
        """Keep what it takes to expand a position, as far as `known` allows; return what is new. `known` learns it."""
        new = DescriptorCache()
        for number, key in self._extended:
            if key.wildcard is not Wildcard.HARDENED:
                _keep(new.parents, self.cache.parents, number, key, key.path, known)
                hardened = last_hardened(key)
                if hardened:
                    _keep(new.last_hardened, self.cache.last_hardened, number, key, hardened, known)
            else:
                path = (*key.path, position | HARDENED)
                _keep(new.derived, self.cache.derived, (number, position), key, path, known)
        for number, aggregate in self._aggregates:
            if number not in self.cache.parents:
                parent = _aggregate_parent(aggregate, known)
                if parent is not None:
                    self.cache.parents[number] = new.parents[number] = parent
        return new


def _keep(
    new: dict[_Number, ExtendedKey],
    kept: dict[_Number, ExtendedKey],
    number: _Number,
    key: ExtendedKeyExpression,
    path: tuple[int, ...],
    known: SigningData,
) -> None:
    if number in kept:
        return
    derived = key.derive_path(path, known)
    if derived is not None:
        kept[number] = new[number] = known.extended_keys[key.root, path] = derived


def last_hardened(key: ExtendedKeyExpression) -> tuple[int, ...]:
    """Return the path up to its last hardened step; empty if it has none."""
    end = next((at for at in range(len(key.path), 0, -1) if key.path[at - 1] & HARDENED), 0)
    return key.path[:end]


def _aggregate_parent(key: AggregateKey, known: SigningData) -> ExtendedKey | None:
    """Return the key above the wildcard of a musig() that has a path and the same participants at all positions."""
    if any(each.is_range() for each in key.participants) or not (key.path or key.wildcard is not Wildcard.NONE):
        return None
    found = SigningData()
    pubkeys = [each.pubkey(0, known, found) for each in key.participants]
    aggregate = None if None in pubkeys else musig.aggregate(sorted(pubkey for pubkey in pubkeys if pubkey))
    return None if aggregate is None else musig.synthetic_key(aggregate).derive_path(key.path)


def _expressions(descriptor: Descriptor) -> Iterator[KeyExpression]:
    keys = descriptor.keys()
    for key in keys:
        yield from _members(key)
    for each in descriptor.subdescriptors():
        yield from _expressions(each)


def _members(key: KeyExpression) -> Iterator[KeyExpression]:
    if isinstance(key, KeyWithOrigin):
        yield from _members(key.inner)
        return
    if isinstance(key, AggregateKey):
        for each in key.participants:
            yield from _members(each)
    yield key
