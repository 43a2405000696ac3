"""What JSON says of an address (Core: DescribeAddress in src/rpc/util.cpp)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from primitives.script import TxoutType, solve, witness_program

if TYPE_CHECKING:
    from rpc.json import Json

_SCRIPTS: Final = frozenset(
    {
        TxoutType.SCRIPTHASH,
        TxoutType.WITNESS_V0_SCRIPTHASH,
        TxoutType.WITNESS_V1_TAPROOT,
        TxoutType.ANCHOR,
    }
)


def describe_address(script: bytes) -> dict[str, Json]:
    """Return what the address of an output script is the hash of."""
    kind, _ = solve(script)
    described: dict[str, Json] = {}
    if kind != TxoutType.WITNESS_UNKNOWN:
        described["isscript"] = kind in _SCRIPTS
    program = witness_program(script)
    described["iswitness"] = program is not None
    if program and kind != TxoutType.ANCHOR:
        described["witness_version"] = program[0]
        described["witness_program"] = program[1].hex()
    return described
