"""The keys that a descriptor's text names, before any derivation (Core: Descriptor::GetPubKeys)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from primitives.descriptor_keys import ConstantKey, ExtendedKeyExpression, KeyWithOrigin

if TYPE_CHECKING:
    from primitives.bip32 import ExtendedKey
    from primitives.descriptor import Descriptor
    from primitives.descriptor_keys import KeyExpression


def root_keys(descriptor: Descriptor) -> tuple[set[bytes], set[ExtendedKey]]:
    """Return the constant public keys and the extended ones; aggregates of several keys count as neither."""
    constant: set[bytes] = set()
    extended: set[ExtendedKey] = set()
    todo = [descriptor]
    while todo:
        each = todo.pop()
        todo += each.subdescriptors()
        for key in map(_without_origin, each.keys()):
            if isinstance(key, ConstantKey):
                constant.add(key.key)
            elif isinstance(key, ExtendedKeyExpression):
                extended.add(key.root.neuter())
    return constant, extended


def _without_origin(key: KeyExpression) -> KeyExpression:
    while isinstance(key, KeyWithOrigin):
        key = key.inner
    return key
