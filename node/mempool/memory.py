"""How much memory transactions count for: what Core's own structures would take (Core: src/memusage.h).

-maxmempool then holds about as many transactions as in Core, whose operators know that number. What Python takes
in fact is told in docs/mempool.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from primitives.transaction import Transaction

_INPUT: Final = 112
_OUTPUT: Final = 48
_VECTOR: Final = 24
_INSIDE_SCRIPT: Final = 36
"""Scripts up to this size need no memory of their own."""


def allocated(size: int) -> int:
    """Return what malloc takes for `size` bytes."""
    return (size + 31) >> 4 << 4 if size else 0


_SHARED: Final = allocated(128) + allocated(24)
"""A CTransaction and the counter of its shared_ptr."""
ENTRY: Final = allocated(136 + 9 * 8)
"""A CTxMemPoolEntry and its place in three indexes."""
SPENT: Final = allocated(48)
"""An input's place in the map of what is spent."""
DELTA: Final = allocated(72)
"""A fee delta."""
IN_RANDOM_ORDER: Final = 40
"""A place in the vector of all."""


def transaction_usage(transaction: Transaction) -> int:
    """Return the memory of a transaction itself (Core: RecursiveDynamicUsage)."""
    inputs, outputs = transaction.inputs, transaction.outputs
    total = _SHARED + allocated(_INPUT * len(inputs)) + allocated(_OUTPUT * len(outputs))
    for _, script, _, witness in inputs:
        if len(script) > _INSIDE_SCRIPT:
            total += (len(script) + 31) >> 4 << 4
        if witness:
            total += (_VECTOR * len(witness) + 31) >> 4 << 4
            for item in witness:
                if item:
                    total += (len(item) + 31) >> 4 << 4
    for _, script in outputs:
        if len(script) > _INSIDE_SCRIPT:
            total += (len(script) + 31) >> 4 << 4
    return total


class VectorCapacity:
    """How many places a std::vector has that grows at its end, and shrinks when less than half is used."""

    __slots__ = ("places", "used")

    def __init__(self) -> None:
        self.used = 0
        self.places = 0

    def add(self) -> None:
        """Use one more."""
        self.used += 1
        if self.used > self.places:
            self.places = max(1, 2 * self.places)

    def remove(self, count: int = 1) -> None:
        """Use less, one after the other; the last one leaves its place behind."""
        for _ in range(count):
            self.used -= 1
            if self.used and self.used * 2 < self.places:
                self.places = self.used
