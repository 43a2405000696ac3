"""Transactions of version 3, which have at most one unconfirmed parent or child (BIP431; Core: truc_policy.cpp).

Each function returns why a transaction breaks a rule, the debug text of "TRUC-violation".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Generic, NamedTuple, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from collections.abc import Set as AbstractSet

    from primitives.transaction import Transaction

VERSION: Final = 3
MAX_VSIZE: Final = 10_000
CHILD_MAX_VSIZE: Final = 1_000
"""Of one that spends an unconfirmed transaction."""
_FAMILY: Final = 2
"""Transactions with unconfirmed ancestors, or with descendants, themselves included."""


class Member(Protocol):
    """A transaction of the mempool."""

    @property
    def txid(self) -> bytes:
        """Its id."""

    @property
    def wtxid(self) -> bytes:
        """Its id with witnesses."""

    @property
    def version(self) -> int:
        """Its version."""


MemberT = TypeVar("MemberT", bound=Member)


class Violation(NamedTuple, Generic[MemberT]):
    """What is wrong, and the one transaction whose replacement would put it right, if there is one."""

    debug: str
    sibling: MemberT | None = None


def check_single(
    tx: Transaction,
    vsize: int,
    parents: Sequence[MemberT],
    conflicts: AbstractSet[bytes],
    ancestors: Callable[[MemberT], Collection[MemberT]],
    descendants: Callable[[MemberT], Collection[MemberT]],
) -> Violation[MemberT] | None:
    """Check a transaction whose unconfirmed parents are `parents`, and which replaces the txids in `conflicts`.

    `ancestors` and `descendants` of one of the mempool include itself; `vsize` counts signature checks.
    """
    if tx.version != VERSION:
        for parent in parents:
            if parent.version == VERSION:
                return Violation(_mixed(tx, parent))
        return None
    for parent in parents:
        if parent.version != VERSION:
            return Violation(_mixed(tx, parent))
    if vsize > MAX_VSIZE:
        return Violation(f"version=3 tx {_name(tx)} is too big: {vsize} > {MAX_VSIZE} virtual bytes")
    if not parents:
        return None
    parent = parents[0]
    if len(parents) + 1 > _FAMILY or len(ancestors(parent)) + 1 > _FAMILY:
        return Violation(f"tx {_name(tx)} would have too many ancestors")
    if vsize > CHILD_MAX_VSIZE:
        return Violation(f"version=3 child tx {_name(tx)} is too big: {vsize} > {CHILD_MAX_VSIZE} virtual bytes")
    children = [each for each in descendants(parent) if each is not parent]
    if not children or any(child.txid in conflicts for child in children):
        return None
    alone = len(children) == 1 and len(ancestors(children[0])) == _FAMILY
    return Violation(f"tx {_name(parent)} would exceed descendant count limit", children[0] if alone else None)


def check_in_package(
    tx: Transaction,
    vsize: int,
    package: Sequence[Transaction],
    parents: Sequence[MemberT],
    ancestors: Callable[[MemberT], Collection[MemberT]],
    descendants: Callable[[MemberT], Collection[MemberT]],
) -> str | None:
    """Check one of a sorted package, `parents` its parents in the mempool; each transaction of the package needs it."""
    spent = {each.prevout.txid for each in tx.inputs}
    inside: list[Transaction] = []
    for other in package:
        if other is tx:
            break
        if other.txid in spent:
            inside.append(other)
    if tx.version != VERSION:
        both: tuple[Member, ...] = (*parents, *inside)
        for member in both:
            if member.version == VERSION:
                return _mixed(tx, member)
        return None
    if vsize > MAX_VSIZE:
        return f"version=3 tx {_name(tx)} is too big: {vsize} > {MAX_VSIZE} virtual bytes"
    count = len(parents) + len(inside)
    if count + 1 > _FAMILY or (parents and len(ancestors(parents[0])) + len(inside) + 1 > _FAMILY):
        return f"tx {_name(tx)} would have too many ancestors"
    if not count:
        return None
    if vsize > CHILD_MAX_VSIZE:
        return f"version=3 child tx {_name(tx)} is too big: {vsize} > {CHILD_MAX_VSIZE} virtual bytes"
    only: Member = parents[0] if parents else inside[0]
    if only.version != VERSION:
        return _mixed(tx, only)
    for other in package:
        if other is tx:
            continue
        for each in other.inputs:
            if each.prevout.txid == only.txid:
                return f"tx {_name(only)} would exceed descendant count limit"
            if each.prevout.txid == tx.txid:
                return f"tx {_name(other)} would have too many ancestors"
    if parents and len(descendants(parents[0])) > 1:
        return f"tx {_name(only)} would exceed descendant count limit"
    return None


def _mixed(tx: Member, parent: Member) -> str:
    own, other = ("", "non-") if tx.version == VERSION else ("non-", "")
    return f"{own}version=3 tx {_name(tx)} cannot spend from {other}version=3 tx {_name(parent)}"


def _name(tx: Member) -> str:
    return f"{tx.txid[::-1].hex()} (wtxid={tx.wtxid[::-1].hex()})"
