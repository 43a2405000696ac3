"""What the options say of the mempool (Core: src/node/mempool_args.cpp)."""

from __future__ import annotations

import logging
import math
from typing import TYPE_CHECKING, Final

from cli.errors import StartError

if TYPE_CHECKING:
    from cli.arguments import Arguments
    from common.chains import ChainParams
    from node.policy.options import MempoolOptions
    from primitives.fee_rate import FeeRate

log: Final = logging.getLogger()
_MEGABYTE: Final = 1_000_000
_LEAST_CLUSTERS: Final = 40
"""How many of the largest clusters a mempool must have room for."""
_HIGHEST_CHECK_RATIO: Final = 1_000_000
_UINT32: Final = 0xFFFFFFFF


def mempool_options(arguments: Arguments, chain: ChainParams) -> MempoolOptions:
    """Return them. Raises StartError."""
    from node.policy.options import (
        DEFAULT_DUST_RELAY_FEE,
        DEFAULT_RELAY_FEE,
        MAX_CLUSTER_COUNT,
        MempoolOptions,
    )

    number = arguments.get_int
    defaults = MempoolOptions()
    incremental = _fee_rate(arguments, "incrementalrelayfee") or DEFAULT_RELAY_FEE
    min_relay = _fee_rate(arguments, "minrelaytxfee")
    if min_relay is None:
        min_relay = DEFAULT_RELAY_FEE
        if incremental > min_relay:
            min_relay = incremental
            log.info("Increasing minrelaytxfee to %s to match incrementalrelayfee", min_relay)
    dust_relay = _fee_rate(arguments, "dustrelayfee") or DEFAULT_DUST_RELAY_FEE
    require_standard = not arguments.get_bool("acceptnonstdtxn")
    if not require_standard and not chain.is_test_chain:
        raise StartError(f"acceptnonstdtxn is not currently supported for {chain.name} chain")
    cluster_count = number("limitclustercount", defaults.cluster_count) & _UINT32
    if cluster_count > MAX_CLUSTER_COUNT:
        raise StartError(f"limitclustercount must be less than or equal to {MAX_CLUSTER_COUNT}")
    carries = arguments.get_bool("datacarrier", default=True)
    check_ratio = number("checkmempool", defaults.check_ratio)
    return MempoolOptions(
        max_bytes=number("maxmempool", defaults.max_bytes // _MEGABYTE) * _MEGABYTE,
        expiry=number("mempoolexpiry", defaults.expiry // 3600) * 3600,
        min_relay=min_relay,
        incremental=incremental,
        dust_relay=dust_relay,
        permit_bare_multisig=arguments.get_bool("permitbaremultisig", default=True),
        max_datacarrier=number("datacarriersize", defaults.max_datacarrier or 0) & _UINT32 if carries else None,
        require_standard=require_standard,
        bytes_per_sigop=number("bytespersigop", defaults.bytes_per_sigop) & _UINT32,
        cluster_count=cluster_count,
        cluster_size_vbytes=number("limitclustersize", defaults.cluster_size_vbytes // 1000) * 1000,
        ancestor_count=number("limitancestorcount", defaults.ancestor_count),
        descendant_count=number("limitdescendantcount", defaults.descendant_count),
        persist=arguments.get_bool("persistmempool", default=True),
        persist_v1=arguments.get_bool("persistmempoolv1"),
        check_ratio=min(max(check_ratio, 0), _HIGHEST_CHECK_RATIO),
    )


def check_size(options: MempoolOptions) -> None:
    """Raise StartError unless there is room for some clusters, or for nothing at all."""
    least = options.cluster_size_vbytes * _LEAST_CLUSTERS
    if options.max_bytes < 0 or 0 < options.max_bytes < least:
        raise StartError(f"-maxmempool must be at least {math.ceil(least / _MEGABYTE)} MB")


def _fee_rate(arguments: Arguments, name: str) -> FeeRate | None:
    """Return the rate that an option gives in bitcoins for 1,000 virtual bytes. Raises StartError."""
    if not arguments.is_set(name):
        return None
    from primitives.fee_rate import FeeRate
    from primitives.money import parse_money

    satoshis = parse_money(arguments.get(name))
    if satoshis is None:
        raise amount_error(name, arguments.get(name))
    return FeeRate(satoshis)


def amount_error(name: str, text: str) -> StartError:
    """Return the error of an option that is no amount."""
    return StartError(f"Invalid amount for -{name}=<amount>: '{text}'")
