"""The options about the chain, read as Core reads them (Core: src/chainparams.cpp and *_args.cpp in src/node)."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cli.errors import StartError

if TYPE_CHECKING:
    from collections.abc import Callable

    from cli.arguments import Arguments
    from cli.startup import Place
    from node.chainstate_options import ChainstateOptions, Deployment

_MEBIBYTE: Final = 1024 * 1024
_INTEGER: Final = re.compile(r"-?[0-9]+\Z")
_BURIED: Final = ("segwit", "bip34", "dersig", "cltv", "csv")
_DEPLOYMENTS: Final = ("testdummy",)


def chainstate_options(
    arguments: Arguments,
    place: Place,
    stop: Callable[[], bool],
    on_stop: Callable[[], None],
    on_failure: Callable[[str], None],
) -> ChainstateOptions:
    """Return how to load the chain, after `check_options`. Raises StartError with Core's texts."""
    from cli.node_settings import blocks_dir
    from node.chainstate_options import ChainstateOptions

    is_regtest = place.chain.name == "regtest"
    return ChainstateOptions(
        blocks_dir=blocks_dir(arguments, place),
        reindex=arguments.get_bool("reindex"),
        reindex_chainstate=arguments.get_bool("reindex-chainstate"),
        load_blocks=tuple(Path(name).absolute() for name in arguments.get_list("loadblock")),
        prune_target=_prune_target(arguments),
        fast_prune=is_regtest and arguments.get_bool("fastprune"),
        cache=_cache(arguments, "dbcache", 4),
        signature_cache=_cache(arguments, "maxsigcachesize"),
        batch_size=_number(arguments, "dbbatchsize"),
        crash_ratio=arguments.get_int("dbcrashratio", 0),
        workers=_workers(arguments.get_int("par", 0)),
        blocks_xor=arguments.get_bool("blocksxor") if arguments.is_set("blocksxor") else None,
        check_blocks=_number(arguments, "checkblocks"),
        check_level=_number(arguments, "checklevel"),
        check_block_index=_check_block_index(arguments),
        max_tip_age=_number(arguments, "maxtipage"),
        minimum_chain_work=_minimum_chain_work(arguments),
        assume_valid=_assume_valid(arguments),
        signet_challenge=_signet_challenge(arguments) if place.chain.name == "signet" else None,
        activation_heights=tuple(map(_activation_height, arguments.get_list("testactivationheight"))),
        deployments=tuple(map(_deployment, arguments.get_list("vbparams"))),
        enforce_bip94=is_regtest and "bip94" in arguments.get_list("test"),
        stop_at_height=arguments.get_int("stopatheight", 0),
        stop=stop,
        on_stop=on_stop,
        on_failure=on_failure,
    )


def _number(arguments: Arguments, name: str) -> int | None:
    return arguments.get_int(name, 0) if arguments.is_set(name) else None


def _cache(arguments: Arguments, name: str, least: int = 0) -> int | None:
    return max(least, arguments.get_int(name, 0)) * _MEBIBYTE if arguments.is_set(name) else None


def _prune_target(arguments: Arguments) -> int:
    from node.chainstate_options import PRUNE_MANUALLY

    given = arguments.get_int("prune", 0)
    return PRUNE_MANUALLY if given == 1 else given * _MEBIBYTE


def _workers(given: int) -> int:
    return (given if given > 0 else given + (os.cpu_count() or 1)) - 1


def _check_block_index(arguments: Arguments) -> int | None:
    if not arguments.is_set("checkblockindex"):
        return None
    return arguments.get_int("checkblockindex", 0) if arguments.get("checkblockindex") else 1


def _minimum_chain_work(arguments: Arguments) -> int | None:
    return int(arguments.get("minimumchainwork") or "0", 16) if arguments.is_set("minimumchainwork") else None


def _assume_valid(arguments: Arguments) -> bytes | None:
    if not arguments.is_set("assumevalid"):
        return None
    return int(arguments.get("assumevalid") or "0", 16).to_bytes(32, "little")


def _signet_challenge(arguments: Arguments) -> bytes | None:
    given = arguments.get_list("signetchallenge")
    if not given:
        return None
    if len(given) != 1:
        raise StartError("-signetchallenge cannot be multiple values.")
    try:
        return bytes.fromhex(given[0])
    except ValueError:
        raise StartError(f"-signetchallenge must be hex, not '{given[0]}'.") from None


def _activation_height(text: str) -> tuple[str, int]:
    name, at, height = text.partition("@")
    form = f"({text}) for -testactivationheight=name@height."
    if not at:
        raise StartError(f"Invalid format {form}")
    if not _INTEGER.match(height) or not 0 <= int(height) < 2**31 - 1:
        raise StartError(f"Invalid height value {form}")
    if name not in _BURIED:
        raise StartError(f"Invalid name {form}")
    return name, int(height)


def _deployment(text: str) -> tuple[str, Deployment]:
    from node.chainstate_options import Deployment

    parts = text.split(":")
    if len(parts) not in (3, 4):
        raise StartError("Version bits parameters malformed, expecting deployment:start:end[:min_activation_height]")
    for value, name in zip(parts[1:], ("nStartTime", "nTimeout", "min_activation_height"), strict=False):
        if not _INTEGER.match(value) or not -(2**63) <= int(value) < 2**63:
            raise StartError(f"Invalid {name} ({value})")
    if parts[0] not in _DEPLOYMENTS:
        raise StartError(f"Invalid deployment ({parts[0]})")
    return parts[0], Deployment(*map(int, parts[1:]))
