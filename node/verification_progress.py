"""Guesses how much of all there is has been verified (Core: GuessVerificationProgress in src/validation.cpp)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from common.chains import ChainParams
    from node.block_tree import BlockEntry

_SPACING: Final = 600
"""Seconds between blocks that every chain aims at."""
_RECENT: Final = 2 * 60 * 60


class _KnownTransactions(NamedTuple):
    """Core's chainTxData: how many transactions there were at a time, and how many come per second."""

    time: int
    transactions: int
    rate: float


_KNOWN: Final = {
    "main": _KnownTransactions(1772055173, 1315805869, 5.40111006496122),
    "test": _KnownTransactions(1772051651, 536108416, 0.02691479016257117),
    "testnet4": _KnownTransactions(1772013387, 14191421, 0.01848579579528412),
    "signet": _KnownTransactions(1772055248, 28676833, 0.06736623436338929),
    "regtest": _KnownTransactions(0, 0, 0.001),
}


def verification_progress(chain: ChainParams, entry: BlockEntry | None, best_header: BlockEntry, now: int) -> float:
    """Return the fraction, from 0 to 1, of all transactions there are `now` (seconds since 1970) up to `entry`."""
    if entry is None:
        return 0.0
    verified = entry.chain_tx_count
    if not verified:
        return 0.0
    known = _KNOWN[chain.name]
    if verified <= known.transactions:
        total = known.transactions + (now - known.time) * known.rate
    else:
        time = entry.time
        if abs(now - time) <= _RECENT and best_header.height >= entry.height:
            # Near the end count blocks, as miners' clocks differ.
            time = now - (best_header.height - entry.height) * _SPACING
        total = verified + (now - time) * known.rate
    return min(verified / total, 1.0) if total > 0 else 1.0
