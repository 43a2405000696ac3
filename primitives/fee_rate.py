"""Fee rates: what a transaction pays for its virtual size, compared exactly (Core: src/policy/feerate.cpp)."""

from __future__ import annotations

from math import gcd
from typing import Final, Self

from primitives.transaction import COIN


class FeeRate:
    """A fee in satoshis for a number of virtual bytes; no size means no fee. Never changes."""

    __slots__ = ("fee", "size")

    fee: int
    size: int

    def __init__(self, sat_per_kvb: int) -> None:
        """Take satoshis per 1,000 virtual bytes."""
        self.fee = sat_per_kvb
        self.size = 1000

    @classmethod
    def of(cls, fee: int, vsize: int) -> Self:
        """Return the rate of a transaction, or of several, that pay `fee` for `vsize`; 0 if `vsize` is not positive."""
        rate = cls(0)
        if vsize > 0:
            rate.fee, rate.size = fee, vsize
        return rate

    def fee_for(self, vsize: int) -> int:
        """Return the fee of a size in satoshis, rounded up; -1 where a negative rate rounds to nothing."""
        fee = -(-self.fee * vsize // self.size)
        return -1 if not fee and vsize and self.fee < 0 else fee

    @property
    def per_kvb(self) -> int:
        """Satoshis per 1,000 virtual bytes, rounded down."""
        return self.fee * 1000 // self.size

    def __eq__(self, other: object) -> bool:
        return isinstance(other, FeeRate) and self.fee * other.size == other.fee * self.size

    def __hash__(self) -> int:
        factor = gcd(self.fee, self.size)
        return hash((self.fee // factor, self.size // factor))

    def __lt__(self, other: FeeRate) -> bool:
        return self.fee * other.size < other.fee * self.size

    def __le__(self, other: FeeRate) -> bool:
        return self.fee * other.size <= other.fee * self.size

    def __gt__(self, other: FeeRate) -> bool:
        return self.fee * other.size > other.fee * self.size

    def __ge__(self, other: FeeRate) -> bool:
        return self.fee * other.size >= other.fee * self.size

    def __add__(self, other: FeeRate) -> FeeRate:
        """Add what both pay for 1,000 virtual bytes."""
        return FeeRate(self.per_kvb + other.per_kvb)

    def __repr__(self) -> str:
        return f"<FeeRate {self.fee} sat / {self.size} vB>"

    def __str__(self) -> str:
        """Return it as Core's logs and errors do: "0.00000100 BTC/kvB"."""
        whole, rest = _split(self.per_kvb, COIN)
        return f"{whole}.{rest:08d} BTC/kvB"

    def text_per_vbyte(self) -> str:
        """Return it as "0.100 sat/vB"."""
        whole, rest = _split(self.per_kvb, 1000)
        return f"{whole}.{rest:03d} sat/vB"


def _split(value: int, unit: int) -> tuple[int, int]:
    """Divide as C++ does, towards zero."""
    whole, rest = divmod(abs(value), unit)
    return (whole, rest) if value >= 0 else (-whole, -rest)


ZERO: Final = FeeRate(0)
