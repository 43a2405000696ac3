"""What it takes to get what some outputs hang on to a fee rate (Core: src/node/mini_miner.cpp).

A block is filled from the clusters of these outputs, always with the transaction whose ancestors pay best, until none
pays the rate. What is left must be bumped by whoever spends from it. What spends one of the outputs is taken to be
replaced, with all that hangs on it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from primitives.fee_rate import FeeRate

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from node.mempool.entry import MempoolEntry
    from node.mempool.mempool import Mempool
    from primitives.transaction import OutPoint

_MAX_TRANSACTIONS: Final = 500
"""More in all clusters are not looked at."""


def individual_bump_fees(pool: Mempool, outpoints: Sequence[OutPoint], rate: FeeRate) -> list[int]:
    """Return the fee in satoshis for each output as if spent alone; 0 for all if there is too much to look at."""
    with pool.lock:
        left = _Leftovers.of(pool, outpoints, rate)
        if left is None:
            return [0] * len(outpoints)
        return [left.bump_fee(entry) if entry is not None else 0 for entry in map(left.wanted, outpoints)]


def combined_bump_fee(pool: Mempool, outpoints: Sequence[OutPoint], rate: FeeRate) -> int | None:
    """Return the fee for all outputs spent together; None if there is too much to look at."""
    with pool.lock:
        left = _Leftovers.of(pool, outpoints, rate)
        if left is None:
            return None
        found = {entry for entry in map(left.wanted, outpoints) if entry is not None}
        together = {each for entry in found for each in left.ancestors[entry]}
        return rate.fee_for(sum(each.vsize for each in together)) - sum(each.fee for each in together)


class _Leftovers:
    """What is too cheap for the block, each with those of its ancestors that are too."""

    def __init__(self, pool: Mempool, entries: Iterable[MempoolEntry], rate: FeeRate) -> None:
        self._pool = pool
        self._rate = rate
        self.ancestors = {entry: pool.graph.ancestors(entry) for entry in entries}
        self._mine()

    @classmethod
    def of(cls, pool: Mempool, outpoints: Sequence[OutPoint], rate: FeeRate) -> _Leftovers | None:
        """Look at the clusters of these outputs; None if they are too large."""
        graph = pool.graph
        wanted = {entry for txid, _ in outpoints if (entry := pool.get(txid)) is not None}
        cluster = {each for entry in wanted for each in graph.cluster_of(entry)}
        if len(cluster) > _MAX_TRANSACTIONS:
            return None
        spenders = {
            spender
            for txid, index in outpoints
            if (spender := pool.spender_of(txid + index.to_bytes(4, "little"))) is not None and spender in cluster
        }
        return cls(pool, cluster - graph.descendants(*spenders), rate)

    def wanted(self, outpoint: OutPoint) -> MempoolEntry | None:
        """Return the transaction of an output if it is left."""
        entry = self._pool.get(outpoint.txid)
        return entry if entry in self.ancestors else None

    def _mine(self) -> None:
        ancestors = self.ancestors
        rates = {entry: self._score(entry) for entry in ancestors}
        while ancestors:
            best = max(rates.values())
            entry = min((each for each, score in rates.items() if score == best), key=lambda each: each.txid)
            package = ancestors[entry]
            if sum(each.fee for each in package) < self._rate.fee_for(sum(each.vsize for each in package)):
                return
            for each in package:
                del ancestors[each], rates[each]
            for each, others in ancestors.items():
                if not others.isdisjoint(package):
                    ancestors[each] = others - package
                    rates[each] = self._score(each)

    def _score(self, entry: MempoolEntry) -> FeeRate:
        """Return what counts for miners: children may pay for parents, but not the other way around."""
        package = self.ancestors[entry]
        together = FeeRate.of(sum(each.fee for each in package), sum(each.vsize for each in package))
        return min(together, FeeRate.of(entry.fee, entry.vsize))

    def bump_fee(self, entry: MempoolEntry) -> int:
        """Return what it takes for one transaction and its ancestors, and for it alone."""
        package = self.ancestors[entry]
        together = self._rate.fee_for(sum(each.vsize for each in package)) - sum(each.fee for each in package)
        return max(together, self._rate.fee_for(entry.vsize) - entry.fee)
