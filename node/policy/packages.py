"""The shape of packages, transactions that are judged together (Core: src/policy/packages.cpp)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from primitives.hashes import sha256

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from primitives.transaction import OutPoint, Transaction

MAX_COUNT: Final = 25
MAX_WEIGHT: Final = 404_000


def package_reason(package: Sequence[Transaction]) -> str | None:
    """Return why transactions make no package at all, None if they do."""
    if len(package) > MAX_COUNT:
        return "package-too-many-transactions"
    if len(package) > 1 and sum(tx.weight for tx in package) > MAX_WEIGHT:
        return "package-too-large"
    if len({tx.txid for tx in package}) < len(package):
        return "package-contains-duplicates"
    if not is_sorted(package):
        return "package-not-sorted"
    return None if is_consistent(package) else "conflict-in-package"


def is_sorted(package: Sequence[Transaction]) -> bool:
    """Whether no transaction comes before one that it spends."""
    later = {tx.txid for tx in package}
    for tx in package:
        if any(each.prevout.txid in later for each in tx.inputs):
            return False
        later.discard(tx.txid)
    return True


def is_consistent(package: Sequence[Transaction]) -> bool:
    """Whether no two transactions spend the same output, and each spends something."""
    spent: set[OutPoint] = set()
    for tx in package:
        if not tx.inputs or any(each.prevout in spent for each in tx.inputs):
            return False
        spent.update(each.prevout for each in tx.inputs)
    return True


def is_child_with_parents(package: Sequence[Transaction]) -> bool:
    """Whether the last of at least two transactions spends each of the others."""
    if len(package) < 2:
        return False
    spent = {each.prevout.txid for each in package[-1].inputs}
    return all(tx.txid in spent for tx in package[:-1])


def is_child_with_parents_tree(package: Sequence[Transaction]) -> bool:
    """Whether it is a child with parents of which none spends another."""
    if not is_child_with_parents(package):
        return False
    parents = {tx.txid for tx in package[:-1]}
    return not any(each.prevout.txid in parents for tx in package[:-1] for each in tx.inputs)


def package_hash(wtxids: Iterable[bytes]) -> bytes:
    """Return what names a package: SHA-256 of its wtxids in ascending order, as numbers."""
    return sha256(b"".join(reversed_[::-1] for reversed_ in sorted(wtxid[::-1] for wtxid in wtxids)))
