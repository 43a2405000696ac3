"""A coin that may be spent and what spending it costs (Core: COutput of src/wallet/coinselection.h)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from primitives.fee_rate import FeeRate
    from primitives.transaction import OutPoint, TxOut


@dataclass(frozen=True, slots=True)
class Coin:
    """An unspent output and the costs of an input that spends it, all in satoshis and virtual bytes."""

    outpoint: OutPoint
    output: TxOut
    depth: int
    """Confirmations; 0 for one that waits in the mempool."""
    input_size: int | None
    """The most the signed input takes, None if nobody knows how to spend the coin."""
    safe: bool = True
    """Not so for coins of others that wait, nor for those of replacements and of what was replaced."""
    time: int = 0
    """When the wallet saw the transaction, in seconds since 1970."""
    from_me: bool = False
    fee: int = 0
    """What the input costs, with what it takes to get its unconfirmed ancestors to the same rate."""
    long_term_fee: int = 0
    """What the input would cost at the rate of unhurried times."""
    bump_fee: int = 0
    """The part of `fee` for ancestors."""

    @property
    def value(self) -> int:
        """The satoshis it holds."""
        return self.output.value

    @property
    def effective_value(self) -> int:
        """What it adds to a transaction beyond its own cost; negative for one that costs more than it holds."""
        return self.output.value - self.fee

    @property
    def weight(self) -> int:
        """The weight of the input, 0 if it is not known."""
        return 4 * (self.input_size or 0)

    def at(self, rate: FeeRate, long_term_rate: FeeRate, bump_fee: int = 0) -> Self:
        """Return the coin with its costs at these rates."""
        size = self.input_size or 0
        return type(self)(
            self.outpoint,
            self.output,
            self.depth,
            self.input_size,
            self.safe,
            self.time,
            self.from_me,
            rate.fee_for(size) + bump_fee,
            long_term_rate.fee_for(size),
            bump_fee,
        )
