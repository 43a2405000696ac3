"""The order in which Core lists addresses: by kind, then by what they are the hash of (Core: CTxDestination)."""

from __future__ import annotations

from typing import Final

from primitives.script import TxoutType, solve

_KINDS: Final = (
    TxoutType.PUBKEYHASH,
    TxoutType.SCRIPTHASH,
    TxoutType.WITNESS_V0_SCRIPTHASH,
    TxoutType.WITNESS_V0_KEYHASH,
    TxoutType.WITNESS_V1_TAPROOT,
    TxoutType.ANCHOR,
    TxoutType.WITNESS_UNKNOWN,
)


def destination_order(script: bytes) -> tuple[int, list[bytes]]:
    """Return what to sort the output scripts of addresses by; those of none come first."""
    kind, solutions = solve(script)
    return (_KINDS.index(kind) + 1 if kind in _KINDS else 0), solutions
