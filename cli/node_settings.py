"""Where the options of a node become the values that its parts work with."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from cli.errors import StartError

if TYPE_CHECKING:
    from pathlib import Path

    from cli.arguments import Arguments
    from cli.startup import Place
    from common.chains import ChainParams
    from node.clock import Clock
    from node.indexes.indexes import IndexOptions
    from node.templates.options import MiningPolicy

_UNSAFE_COMMENT: Final = re.compile(r"[^A-Za-z0-9 .,;\-_?@]")
_LONGEST_USER_AGENT: Final = 256


def blocks_dir(arguments: Arguments, place: Place) -> Path:
    """Return the directory that holds the folder `blocks`. Raises StartError."""
    given = arguments.get_path("blocksdir") if arguments.is_set("blocksdir") else None
    if not arguments.is_set("blocksdir"):
        return place.network_dir
    if given is None or not given.is_dir():
        raise StartError(f'Specified blocks directory "{arguments.get("blocksdir")}" does not exist.')
    return given.absolute() / place.chain.data_dir_suffix


def index_options(arguments: Arguments) -> IndexOptions:
    """Return which indexes to keep. Raises StartError."""
    from cli.checks import filter_types
    from node.indexes.indexes import IndexOptions

    return IndexOptions(
        transactions=arguments.get_bool("txindex"),
        filters=bool(filter_types(arguments)),
        coin_stats=arguments.get_bool("coinstatsindex"),
        spenders=arguments.get_bool("txospenderindex"),
        wipe=arguments.get_bool("reindex"),
    )


def mining_policy(arguments: Arguments, chain: ChainParams) -> MiningPolicy:
    """Return how blocks are to be filled; `check_options` has found the options good."""
    from node.templates.options import MiningPolicy
    from primitives.fee_rate import FeeRate
    from primitives.money import parse_money

    default = MiningPolicy()
    rate = parse_money(arguments.get("blockmintxfee")) if arguments.is_set("blockmintxfee") else None
    version = (arguments.get_int("blockversion", 0) + 2**31) % 2**32 - 2**31
    may_be_given = chain.name == "regtest" and arguments.is_set("blockversion")
    return MiningPolicy(
        max_weight=arguments.get_int("blockmaxweight", default.max_weight),
        reserved_weight=arguments.get_int("blockreservedweight", default.reserved_weight),
        min_fee_rate=default.min_fee_rate if rate is None else FeeRate(rate),
        version=version if may_be_given else None,
        log_fees=arguments.get_bool("printpriority"),
    )


def apply_mock_time(arguments: Arguments, clock: Clock) -> None:
    """Stop the clock where -mocktime says. Raises StartError."""
    from node.kernel_symbols import KernelSymbolsError

    seconds = arguments.get_int("mocktime", 0)
    if seconds:
        try:
            clock.set_mock(seconds)
        except KernelSymbolsError as error:
            raise StartError(f"-mocktime cannot be served. {error}") from error
