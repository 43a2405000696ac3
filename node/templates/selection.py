"""Which transactions go into a block: the best chunks first, as long as they fit.

(Core: BlockAssembler::addChunks in src/node/miner.cpp.)
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol

from node.templates.options import MAX_SIGOPS_COST
from primitives.transaction import SEQUENCE_FINAL

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from primitives.fee_rate import FeeRate
    from primitives.transaction import Transaction

_MOST_FAILURES: Final = 1000
"""Chunks in a row that do not fit, after which a block that is nearly full is taken for full."""
_NEARLY: Final = 4000
"""Weight units."""
_NO_LOCK_TIME: Final = bytes(4)
_LOCK_TIME_THRESHOLD: Final = 500_000_000
"""From here on a lock time is seconds, before it is a height."""


class Entry(Protocol):
    """What is looked at of a transaction in the mempool."""

    @property
    def data(self) -> bytes:
        """Its bytes, with witnesses."""

    @property
    def txid(self) -> bytes:
        """Its id, internal order."""

    @property
    def wtxid(self) -> bytes:
        """Its id with witnesses."""

    @property
    def prevouts(self) -> tuple[bytes, ...]:
        """What it spends, each an id and an index of 4 bytes."""

    @property
    def weight(self) -> int:
        """Weight units."""

    @property
    def sigop_cost(self) -> int:
        """What its signature checks cost of a block's limit."""

    @property
    def base_fee(self) -> int:
        """What it pays, satoshis."""

    @property
    def fee(self) -> int:
        """What it counts as paying, with what prioritising added."""

    @property
    def vsize(self) -> int:
        """Virtual bytes, of which signature checks may make more."""

    @property
    def cluster(self) -> object:
        """What hangs together with it; None if nothing does."""

    def transaction(self) -> Transaction:
        """Parse it."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a block may hold, and after which one it comes."""

    max_weight: int
    min_fee_rate: FeeRate
    height: int
    median_time: int
    """Of the block before it: what lock times in seconds are measured by."""


@dataclass(slots=True)
class Selection:
    """What was taken, in an order that is valid."""

    weight: int
    """With what is reserved."""
    sigops: int
    """With what is reserved."""
    fees: int = 0
    entries: list[Entry] = field(default_factory=list)


def select(
    chunks: Iterable[tuple[Sequence[Entry], int, int]], limits: Limits, *, weight: int, sigops: int
) -> Selection:
    """Fill a block of which `weight` and `sigops` are taken.

    `chunks` are transactions, their fee with what prioritising added, and the weight it was paid for, the best first;
    what comes later of the same cluster may need what comes earlier.
    """
    taken = Selection(weight, sigops)
    entries = taken.entries
    most = limits.max_weight
    least_fee, for_size = limits.min_fee_rate.fee, limits.min_fee_rate.size
    failures, fees = 0, 0
    left_out: set[object] = set()
    for chunk, fee, size in chunks:
        if fee * for_size < least_fee * ((size + 3) >> 2):
            break
        first = chunk[0]
        if left_out and first.cluster in left_out:
            continue
        cost = first.sigop_cost if len(chunk) == 1 else sum([entry.sigop_cost for entry in chunk])
        if weight + size >= most or sigops + cost >= MAX_SIGOPS_COST or not _are_final(chunk, limits):
            if first.cluster is not None:
                left_out.add(first.cluster)
            failures += 1
            if failures > _MOST_FAILURES and weight + _NEARLY > most:
                break
            continue
        failures = 0
        entries += chunk
        sigops += cost
        for entry in chunk:
            weight += entry.weight
            fees += entry.base_fee
    taken.weight, taken.sigops, taken.fees = weight, sigops, fees
    return taken


def _are_final(chunk: Sequence[Entry], limits: Limits) -> bool:
    """Whether lock times allow all (Core: IsFinalTx). The mempool lets no other in; this only makes sure."""
    for entry in chunk:
        field = entry.data[-4:]
        if field == _NO_LOCK_TIME:
            continue
        lock_time = int.from_bytes(field, "little")
        limit = limits.height if lock_time < _LOCK_TIME_THRESHOLD else limits.median_time
        if lock_time >= limit and any(each.sequence != SEQUENCE_FINAL for each in entry.transaction().inputs):
            return False
    return True
