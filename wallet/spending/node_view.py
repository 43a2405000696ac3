"""What spending asks of the node: fee rates, relatives in the mempool, coins of others.

Each answer is a call to another process, so whoever asks holds no lock of a wallet.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from interfaces.chain import BlockParts, Outpoint
from primitives.fee_rate import FeeRate
from primitives.transaction import OutPoint, TxOut
from wallet.spending.choosing import MempoolView
from wallet.spending.groups import Ancestry

if TYPE_CHECKING:
    from collections.abc import Sequence

    from interfaces.chain import Chain
    from primitives.transaction import Transaction


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


class ChainNode:
    """The node behind a Chain."""

    def __init__(self, chain: Chain) -> None:
        """Ask `chain`."""
        self._chain = chain

    def rates(self) -> RelayRates:
        """Return the node's rates."""
        chain = self._chain
        return RelayRates(
            FeeRate(chain.relay_min_fee()),
            FeeRate(chain.relay_incremental_fee()),
            FeeRate(chain.relay_dust_fee()),
            FeeRate(chain.mempool_min_fee()),
        )

    def estimate(self, target: int, *, conservative: bool) -> RateEstimate:
        """Return the rate with which a transaction confirms in time."""
        found = self._chain.estimate_smart_fee(target, conservative)
        return RateEstimate(FeeRate(found.fee_rate), found.target, found.reason)

    def longest_target(self) -> int:
        """Return the highest target there are estimates for."""
        return self._chain.estimate_max_blocks()

    def ancestry(self, txid: bytes) -> Ancestry:
        """Return the relatives of a transaction in the mempool, none if it is not there."""
        found = self._chain.get_transaction_ancestry(txid)
        return Ancestry(found.ancestors, found.cluster_count)

    def bump_fees(self, outpoints: Sequence[OutPoint], rate: FeeRate) -> dict[OutPoint, int]:
        """Return for each output what it takes to get its ancestors to a rate."""
        if not outpoints:
            return {}
        fees = self._chain.calculate_individual_bump_fees(_wire(outpoints), rate.per_kvb)
        return dict(zip(outpoints, fees, strict=True))

    def combined_bump_fee(self, outpoints: Sequence[OutPoint], rate: FeeRate) -> int | None:
        """Return what it takes to get the ancestors of all these to a rate; None if there are too many to tell."""
        return self._chain.calculate_combined_bump_fee(_wire(outpoints), rate.per_kvb)

    def relative_limits(self) -> tuple[int, int]:
        """Return how many ancestors and descendants the mempool allows."""
        found = self._chain.get_package_limits()
        return found.ancestors, found.descendants

    def chain_limit_error(self, transaction: Transaction) -> str:
        """Return why a transaction hangs together with too many, "" if it does not."""
        return self._chain.check_chain_limits(transaction.serialize())

    def find_coins(self, outpoints: Sequence[OutPoint]) -> dict[OutPoint, TxOut]:
        """Return those outputs that the chain or the mempool has."""
        return {
            OutPoint(coin.outpoint.txid, coin.outpoint.index): TxOut(coin.value, coin.script_pubkey)
            for coin in self._chain.find_coins(_wire(outpoints))
        }

    def has_descendants(self, txid: bytes) -> bool:
        """Whether the mempool has a transaction that spends from this one."""
        return self._chain.has_descendants_in_mempool(txid)

    def is_catching_up(self) -> bool:
        """Whether the node knows that its chain is not the latest."""
        return self._chain.is_initial_block_download()

    def block_time(self, block_hash: bytes) -> int:
        """Return the time of a block in seconds since 1970, 0 if it is unknown."""
        found = self._chain.find_block(block_hash, BlockParts())
        return 0 if found is None else found.time

    def broadcast(self, transaction: Transaction, max_fee: int) -> str:
        """Put a transaction into the mempool and relay it; return why not, "" if it was done."""
        return self._chain.broadcast_transaction(transaction.serialize(), max_fee)


def _wire(outpoints: Sequence[OutPoint]) -> list[Outpoint]:
    return [Outpoint(txid, index) for txid, index in outpoints]
