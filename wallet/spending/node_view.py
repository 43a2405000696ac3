"""What spending asks of the node: fee rates, relatives in the mempool, coins of others.

Each answer is a call to another process, so whoever asks holds no lock of a wallet.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from wallet.spending.choosing import MempoolView

if TYPE_CHECKING:
    from collections.abc import Sequence

    from primitives.fee_rate import FeeRate
    from primitives.transaction import OutPoint, Transaction, TxOut


@dataclass(frozen=True, slots=True)
class RelayRates:
    """The least that the node relays."""

    relay: FeeRate
    incremental: FeeRate
    """By how much a replacement must pay more."""
    dust: FeeRate
    mempool: FeeRate
    """What its mempool asks for at the moment."""


@dataclass(frozen=True, slots=True)
class RateEstimate:
    """A fee rate, 0 if there is none, and how it came about in Core's words."""

    rate: FeeRate
    target: int
    reason: str


class NodeView(MempoolView, Protocol):
    """What spending asks of the node."""

    def rates(self) -> RelayRates:
        """Return the node's rates."""

    def estimate(self, target: int, *, conservative: bool) -> RateEstimate:
        """Return the rate with which a transaction confirms in time."""

    def longest_target(self) -> int:
        """Return the highest target there are estimates for."""

    def bump_fees(self, outpoints: Sequence[OutPoint], rate: FeeRate) -> dict[OutPoint, int]:
        """Return for each output what it takes to get its ancestors to a rate."""

    def relative_limits(self) -> tuple[int, int]:
        """Return how many ancestors and descendants the mempool allows."""

    def chain_limit_error(self, transaction: Transaction) -> str:
        """Return why a transaction hangs together with too many, "" if it does not."""

    def find_coins(self, outpoints: Sequence[OutPoint]) -> dict[OutPoint, TxOut]:
        """Return those outputs that the chain or the mempool has."""

    def has_descendants(self, txid: bytes) -> bool:
        """Whether the mempool has a transaction that spends from this one."""

    def is_catching_up(self) -> bool:
        """Whether the node knows that its chain is not the latest."""

    def block_time(self, block_hash: bytes) -> int:
        """Return the time of a block in seconds since 1970, 0 if it is unknown."""

    def broadcast(self, transaction: Transaction, max_fee: int) -> str:
        """Put a transaction into the mempool and relay it; return why not, "" if it was done."""
