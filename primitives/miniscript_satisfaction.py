"""Witnesses for miniscripts: the smallest that nobody else can change into another (BIP379; Core: ProduceInput)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Protocol

from primitives.miniscript import fold
from primitives.miniscript_types import HASHES, Fragment

if TYPE_CHECKING:
    from collections.abc import Sequence

    from primitives.miniscript import Node


class Satisfier(Protocol):
    """What there is to satisfy a miniscript with."""

    def key_bytes(self, key: Any) -> bytes:
        """Return the key as the script hashes it."""

    def sign(self, key: Any) -> bytes | None:
        """Return a signature, None if there is none."""

    def preimage(self, fragment: Fragment, digest: bytes) -> bytes | None:
        """Return what hashes to a digest, None if it is not known."""

    def check_older(self, number: int) -> bool:
        """Whether the input is old enough."""

    def check_after(self, number: int) -> bool:
        """Whether the transaction is late enough."""


@dataclass(frozen=True, slots=True)
class _Stack:
    """Elements of a witness; None where there is no way."""

    items: tuple[bytes, ...] | None
    has_signature: bool = False
    is_malleable: bool = False

    def size(self) -> int:
        return sum(len(item) + 1 for item in self.items or ())

    def __add__(self, other: _Stack) -> _Stack:
        if self.items is None or other.items is None:
            return _NO_WAY
        return _Stack(
            self.items + other.items,
            self.has_signature or other.has_signature,
            self.is_malleable or other.is_malleable,
        )

    def __or__(self, other: _Stack) -> _Stack:
        """Choose: without a signature, what others could choose too; else what cannot be changed; then the smaller."""
        if self.items is None or other.items is None:
            return other if self.items is None else self
        if self.has_signature != other.has_signature:
            return other if self.has_signature else self
        one, two = self, other
        if not one.has_signature:
            one, two = replace(one, is_malleable=True), replace(two, is_malleable=True)
        elif one.is_malleable != two.is_malleable:
            return two if one.is_malleable else one
        return one if one.size() <= two.size() else two

    def changeable(self, *, when: bool = True) -> _Stack:
        return replace(self, is_malleable=when) if self.items is not None else self


@dataclass(frozen=True, slots=True)
class _Ways:
    """How to dissatisfy and to satisfy a node."""

    no: _Stack
    yes: _Stack


_NO_WAY: Final = _Stack(None)
_EMPTY: Final = _Stack(())
_ZERO: Final = _Stack((b"",))
_ONE: Final = _Stack((b"\1",))
_ZERO32: Final = _Stack((bytes(32),), is_malleable=True)


def satisfy(root: Node, satisfier: Satisfier) -> list[bytes] | None:
    """Return a witness's elements that satisfy a miniscript and cannot be changed by others, None if there are none."""
    found = fold(root, lambda node, subs: _ways(node, subs, satisfier)).yes
    if found.items is None or found.is_malleable or not found.has_signature:
        return None
    return list(found.items)


def _signature(key: Any, satisfier: Satisfier) -> _Stack:
    signature = satisfier.sign(key)
    return _NO_WAY if signature is None else _Stack((signature,), has_signature=True)


def _when(condition: bool) -> _Stack:
    return _EMPTY if condition else _NO_WAY


def _ways(node: Node, subs: Sequence[_Ways], satisfier: Satisfier) -> _Ways:
    match node.fragment:
        case Fragment.FALSE:
            return _Ways(_EMPTY, _NO_WAY)
        case Fragment.TRUE:
            return _Ways(_NO_WAY, _EMPTY)
        case Fragment.PK_K:
            return _Ways(_ZERO, _signature(node.keys[0], satisfier))
        case Fragment.PK_H:
            key = _Stack((satisfier.key_bytes(node.keys[0]),))
            return _Ways(_ZERO + key, _signature(node.keys[0], satisfier) + key)
        case Fragment.OLDER:
            return _Ways(_NO_WAY, _when(satisfier.check_older(node.number)))
        case Fragment.AFTER:
            return _Ways(_NO_WAY, _when(satisfier.check_after(node.number)))
        case Fragment.MULTI:
            return _multi(node, satisfier)
        case Fragment.MULTI_A:
            return _multi_a(node, satisfier)
        case Fragment.THRESH:
            return _thresh(node, subs)
        case fragment if fragment in HASHES:
            preimage = satisfier.preimage(fragment, node.data)
            return _Ways(_ZERO32, _NO_WAY if preimage is None else _Stack((preimage,)))
        case Fragment.WRAP_A | Fragment.WRAP_S | Fragment.WRAP_C | Fragment.WRAP_N:
            return subs[0]
        case Fragment.WRAP_D:
            return _Ways(_ZERO, subs[0].yes + _ONE)
        case Fragment.WRAP_J:
            # Another way to dissatisfy it may end in something else than zero; nobody keeps track, so assume it.
            no = subs[0].no
            return _Ways(_ZERO.changeable(when=no.items is not None and not no.has_signature), subs[0].yes)
        case Fragment.WRAP_V:
            return _Ways(_NO_WAY, subs[0].yes)
    return _combined(node, subs)


def _combined(node: Node, subs: Sequence[_Ways]) -> _Ways:
    x, y = subs[0], subs[1]
    match node.fragment:
        case Fragment.AND_V:
            return _Ways(y.no + x.yes, y.yes + x.yes)
        case Fragment.AND_B:
            partly = (y.yes + x.no).changeable() | (y.no + x.yes).changeable()
            return _Ways((y.no + x.no) | partly, y.yes + x.yes)
        case Fragment.OR_B:
            both = (y.yes + x.yes).changeable()
            return _Ways(y.no + x.no, (y.no + x.yes) | (y.yes + x.no) | both)
        case Fragment.OR_C:
            return _Ways(_NO_WAY, x.yes | (y.yes + x.no))
        case Fragment.OR_D:
            return _Ways(y.no + x.no, x.yes | (y.yes + x.no))
        case Fragment.OR_I:
            return _Ways((x.no + _ONE) | (y.no + _ZERO), (x.yes + _ONE) | (y.yes + _ZERO))
        case _:
            z = subs[2]
            return _Ways((y.no + x.yes) | (z.no + x.no), (y.yes + x.yes) | (z.yes + x.no))


def _multi(node: Node, satisfier: Satisfier) -> _Ways:
    """Choose signatures in the order of keys, below the element that CHECKMULTISIG takes too much."""
    sums = [_ZERO]
    for key in node.keys:
        signature = _signature(key, satisfier)
        following = [sums[0]]
        following += (sums[at] | (sums[at - 1] + signature) for at in range(1, len(sums)))
        following.append(sums[-1] + signature)
        sums = following
    return _Ways(_Stack((b"",) * (node.number + 1)), sums[node.number])


def _multi_a(node: Node, satisfier: Satisfier) -> _Ways:
    """Choose a signature or nothing for each key, the first key's on top."""
    sums = [_EMPTY]
    for key in reversed(node.keys):
        signature = _signature(key, satisfier)
        following = [sums[0] + _ZERO]
        following += ((sums[at] + _ZERO) | (sums[at - 1] + signature) for at in range(1, len(sums)))
        following.append(sums[-1] + signature)
        sums = following
    return _Ways(sums[0], sums[node.number])


def _thresh(node: Node, subs: Sequence[_Ways]) -> _Ways:
    sums = [_EMPTY]
    for sub in reversed(subs):
        following = [sums[0] + sub.no]
        following += ((sums[at] + sub.no) | (sums[at - 1] + sub.yes) for at in range(1, len(sums)))
        following.append(sums[-1] + sub.yes)
        sums = following
    no = _NO_WAY
    for count, stack in enumerate(sums):
        if count != node.number:
            no |= stack if count == 0 else stack.changeable()
    return _Ways(no, sums[node.number])
