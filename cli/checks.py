"""What options of a node may say together (Core: AppInitParameterInteraction in src/init.cpp, src/node/*_args.cpp)."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING, Final

from cli.errors import StartError
from cli.mempool_settings import amount_error, mempool_options

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cli.arguments import Arguments
    from common.chains import ChainParams

log: Final = logging.getLogger()
_HEX_256: Final = re.compile(r"(?:0x)?[0-9a-fA-F]{0,64}")
_LEAST_PRUNE: Final = 550
_BLOCK_WEIGHT: Final = 4_000_000
_LEAST_RESERVED: Final = 2000
_RESERVED: Final = 8000
TEST_OPTIONS: Final = frozenset({"addrman", "reindex_after_failure_noninteractive_yes", "bip94"})
FILTER_TYPES: Final = ("basic",)
_UNIX: Final = frozenset({"onion", "proxy", *(f"zmqpub{t}" for t in ("hashblock", "hashtx", "rawblock", "rawtx"))})
_SUFFIXED: Final = frozenset({"proxy", "bind"})
_ADDRESSES: Final = ("i2psam", "onion", "proxy", "bind", "rpcbind", "torcontrol", "whitebind")
_UPLOAD: Final = re.compile(r"[0-9]+[kKmMgGtT]?")


def check_options(arguments: Arguments, chain: ChainParams) -> list[str]:
    """Return what the user is to be warned of. Raises StartError with Core's text where the options cannot be."""
    warnings = list(_without_effect(arguments))
    _check_sections(arguments, chain)
    if chain.name == "test":
        log.info(
            "Warning: Support for testnet3 is deprecated and will be removed in an upcoming release. "
            "Consider switching to testnet4."
        )
    unknown = arguments.config.unknown_sections()
    if unknown:
        warnings.append(unknown)
    _check_indexes(arguments)
    _check_peers(arguments)
    _check_mining(arguments)
    warnings += _check_testing(arguments, chain)
    _check_chainstate(arguments)
    _check_mempool(arguments, chain)
    _refuse_unserved(arguments)
    return warnings


def _without_effect(arguments: Arguments) -> Iterator[str]:
    if arguments.is_set("checkpoints"):
        yield "Option '-checkpoints' is set but checkpoints were removed. This option has no effect."
    for kind in ("ancestor", "descendant"):
        if arguments.is_set(f"limit{kind}size"):
            yield (
                f"Option '-limit{kind}size' is given but {kind} size limits have been replaced with cluster size "
                "limits (see -limitclustersize). This option has no effect."
            )


def _check_sections(arguments: Arguments, chain: ChainParams) -> None:
    lines = [
        f"Config setting for -{name} only applied on {chain.name} network when in [{chain.name}] section."
        for name in arguments.only_outside_sections()
    ]
    if lines:
        raise StartError("\n".join(lines))


def _check_indexes(arguments: Arguments) -> None:
    filters = filter_types(arguments)
    if arguments.get_bool("peerblockfilters") and "basic" not in filters:
        raise StartError("Cannot set -peerblockfilters without -blockfilterindex.")
    if arguments.get_int("prune", 0):
        for name in ("txindex", "txospenderindex"):
            if arguments.get_bool(name):
                raise StartError(f"Prune mode is incompatible with -{name}.")
        if arguments.get_bool("reindex-chainstate"):
            raise StartError("Prune mode is incompatible with -reindex-chainstate. Use full -reindex instead.")


def filter_types(arguments: Arguments) -> tuple[str, ...]:
    """Return the types of -blockfilterindex. Raises StartError."""
    value = arguments.get("blockfilterindex", "0")
    if value in {"", "1"}:
        return FILTER_TYPES
    if value == "0":
        return ()
    names = arguments.get_list("blockfilterindex")
    for name in names:
        if name not in FILTER_TYPES:
            raise StartError(f"Unknown -blockfilterindex value {name}.")
    return tuple(dict.fromkeys(names))


def _check_peers(arguments: Arguments) -> None:
    get = arguments.get_bool
    listen = get("listen", default=True)
    if get("forcednsseed") and not get("dnsseed", default=True):
        raise StartError("Cannot set -forcednsseed to true when setting -dnsseed to false.")
    if not listen and (arguments.get_list("bind") or arguments.get_list("whitebind")):
        raise StartError("Cannot set -bind or -whitebind together with -listen=0")
    if not listen and get("listenonion", default=True):
        raise StartError("Cannot set -listen=0 together with -listenonion=1")
    if arguments.get_int("maxconnections", 200) < 0:
        raise StartError("-maxconnections must be greater or equal than zero")
    if arguments.get_int("peertimeout", 60) <= 0:
        raise StartError("peertimeout must be a positive integer.")
    upload = arguments.get("maxuploadtarget", "0M")
    if not _UPLOAD.fullmatch(upload):
        raise StartError(f"Unable to parse -maxuploadtarget: '{upload}'")
    networks = arguments.get_list("onlynet")
    for network in networks:
        if network.lower() not in {"ipv4", "ipv6", "onion", "i2p", "cjdns"}:
            raise StartError(f"Unknown network specified in -onlynet: '{network}'")
    if networks and get("dnsseed") and not {"ipv4", "ipv6"} & {network.lower() for network in networks}:
        raise StartError(
            "Incompatible options: -dnsseed=1 was explicitly specified, but -onlynet forbids connections to IPv4/IPv6"
        )
    if "cjdns" in (network.lower() for network in networks) and not arguments.is_set("cjdnsreachable"):
        raise StartError(
            "Outbound connections restricted to CJDNS (-onlynet=cjdns) but -cjdnsreachable is not provided"
        )


def check_late(arguments: Arguments, chain: ChainParams) -> None:
    """Raise StartError for what Core finds wrong only once the log is open: ports that are none, old estimates."""
    stale = arguments.get_bool("acceptstalefeeestimates") and not arguments.get_bool("blocksonly")
    if stale and chain.name != "regtest":
        raise StartError(f"acceptstalefeeestimates is not supported on {chain.name} chain.")
    for name in ("port", "rpcport"):
        value = arguments.get(name) if arguments.is_set(name) else None
        if value is not None and not _is_port(value):
            raise StartError(f"Invalid port specified in -{name}: '{value}'")
    for name in _ADDRESSES:
        for value in arguments.get_list(name):
            place = value.rpartition("=")[0] or value if name in _SUFFIXED else value
            if not _has_good_port(place) and not (name in _UNIX and value.startswith("unix:")):
                raise StartError(f"Invalid port specified in -{name}: '{value}'")


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdigit() and 0 < int(text) <= 0xFFFF


def _has_good_port(place: str) -> bool:
    """Whether the port in "host:port" is one, or there is none (Core: SplitHostPort)."""
    host, colon, port = place.rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    if colon and (not host or bracketed or ":" not in host):
        return _is_port(port)
    return True


def _check_mining(arguments: Arguments) -> None:
    reserved = arguments.get_int("blockreservedweight", _RESERVED)
    most = arguments.get_int("blockmaxweight", _BLOCK_WEIGHT)
    if reserved < _LEAST_RESERVED:
        raise StartError(f"-blockreservedweight ({reserved}) is lower than minimum safety value of ({_LEAST_RESERVED})")
    for name, value in (("blockreservedweight", reserved), ("blockmaxweight", most)):
        if value > _BLOCK_WEIGHT:
            raise StartError(f"-{name} ({value}) exceeds consensus maximum block weight ({_BLOCK_WEIGHT})")
    if reserved > most:
        raise StartError(f"-blockreservedweight ({reserved}) exceeds -blockmaxweight ({most})")


def _check_testing(arguments: Arguments, chain: ChainParams) -> Iterator[str]:
    options = arguments.get_list("test")
    if options and chain.name != "regtest":
        raise StartError("-test=<option> can only be used with regtest")
    for option in options:
        if option not in TEST_OPTIONS:
            yield f'Unrecognised option "{option}" provided in -test=<option>.'
    if chain.name == "main":
        for name in ("testactivationheight", "vbparams"):
            if arguments.is_set(name):
                raise StartError(f"The -{name} option may not be used on mainnet.")


def _check_chainstate(arguments: Arguments) -> None:
    for name, what, hint in (
        ("minimumchainwork", "minimum work", ""),
        ("assumevalid", "assumevalid block hash", " (or 0 to disable)"),
    ):
        value = arguments.get(name) if arguments.is_set(name) else ""
        if not _HEX_256.fullmatch(value):
            raise StartError(f"Invalid {what} specified ({value}), must be up to 64 hex digits{hint}")
    threads = arguments.get_int("prevoutfetchthreads", 0)
    if threads < 0:
        raise StartError(
            f"-prevoutfetchthreads must be non-negative (got {threads}). Use 0 to disable parallel input fetching."
        )
    prune = arguments.get_int("prune", 0)
    if prune < 0:
        raise StartError("Prune cannot be configured with a negative value.")
    if 1 < prune < _LEAST_PRUNE:
        raise StartError(f"Prune configured below the minimum of {_LEAST_PRUNE} MiB.  Please use a higher number.")


def _check_mempool(arguments: Arguments, chain: ChainParams) -> None:
    from primitives.money import parse_money

    if arguments.is_set("blockmintxfee") and parse_money(arguments.get("blockmintxfee")) is None:
        raise amount_error("blockmintxfee", arguments.get("blockmintxfee"))
    mempool_options(arguments, chain)


def _refuse_unserved(arguments: Arguments) -> None:
    """Raise StartError for what would promise something nobody keeps yet, and log what has no effect yet."""
    for option in arguments.program.options:
        if not option.waits_for or arguments.get(option.name, "0") == "0":
            continue
        what = option.waits_for.partition(";")[0].removeprefix("a ")
        if option.refused:
            raise StartError(f"-{option.name} is not served yet: pynode has no {what}")
        log.debug("-%s has no effect yet: pynode has no %s", option.name, what)
