"""What a node's operator decides about the mempool, with Core's defaults (Core: src/kernel/mempool_options.h)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from primitives.fee_rate import FeeRate

DEFAULT_RELAY_FEE: Final = FeeRate(100)
"""Of -minrelaytxfee and -incrementalrelayfee."""
DEFAULT_DUST_RELAY_FEE: Final = FeeRate(3000)
MAX_CLUSTER_COUNT: Final = 64
"""The highest -limitclustercount."""


@dataclass(frozen=True, slots=True)
class MempoolOptions:
    """Limits and rules of a mempool."""

    max_bytes: int = 300_000_000
    """Memory for transactions (-maxmempool, in units of 1,000,000)."""
    expiry: int = 336 * 3600
    """Seconds after which a transaction is dropped (-mempoolexpiry, in hours)."""
    min_relay: FeeRate = DEFAULT_RELAY_FEE
    """What pays less is not taken (-minrelaytxfee)."""
    incremental: FeeRate = DEFAULT_RELAY_FEE
    """How much more a replacement pays for its own size (-incrementalrelayfee)."""
    dust_relay: FeeRate = DEFAULT_DUST_RELAY_FEE
    """An output worth less than spending it costs at this rate is dust (-dustrelayfee)."""
    permit_bare_multisig: bool = True
    max_datacarrier: int | None = 100_000
    """Bytes of all OP_RETURN outputs together (-datacarriersize); None allows no such output (-datacarrier=0)."""
    require_standard: bool = True
    """Off with -acceptnonstdtxn."""
    bytes_per_sigop: int = 20
    cluster_count: int = 64
    """Transactions in a cluster (-limitclustercount)."""
    cluster_size_vbytes: int = 101_000
    """Virtual bytes of a cluster (-limitclustersize, in units of 1,000)."""
    ancestor_count: int = 25
    """Ancestors of a transaction and itself (-limitancestorcount): what wallets are told, no rule of the mempool."""
    descendant_count: int = 25
    """As `ancestor_count`, for descendants (-limitdescendantcount)."""
    persist: bool = True
    """Whether mempool.dat is read at start and written at the end (-persistmempool)."""
    persist_v1: bool = False
    """Whether it is written in its old form (-persistmempoolv1)."""
    check_ratio: int = 0
    """The mempool is checked with a chance of one in so many after a change; 0 for never (-checkmempool)."""
