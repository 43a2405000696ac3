"""Which outputs are worth less than it costs to spend them (Core: src/policy/policy.cpp)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from primitives.script import is_unspendable, witness_program

if TYPE_CHECKING:
    from primitives.fee_rate import FeeRate

SPEND_SIZE: Final = 32 + 4 + 1 + 107 + 4
_WITNESS_SPEND_SIZE: Final = 32 + 4 + 1 + 107 // 4 + 4


def dust_threshold(script: bytes, rate: FeeRate) -> int:
    """Return the least value in satoshis at which an output with this script is no dust."""
    if is_unspendable(script):
        return 0
    size = len(script)
    length = 1 if size < 0xFD else 3
    spend = _WITNESS_SPEND_SIZE if witness_program(script) is not None else SPEND_SIZE
    return rate.fee_for(8 + length + size + spend)
