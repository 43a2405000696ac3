"""Options that follow from other options (Core: InitParameterInteraction in src/init.cpp)."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from cli.arguments import Arguments

log: Final = logging.getLogger()
_BLOCKS_ONLY_MEMPOOL: Final = "5"
_CLEAR_NETWORKS: Final = frozenset({"ipv4", "ipv6"})


def apply_interactions(arguments: Arguments) -> None:
    """Set what the user left open and what he set decides, and log it."""
    for applies, reason, consequences in _RULES:
        if applies(arguments):
            for name, value in consequences:
                if arguments.set_unless_set(name, value):
                    log.info("parameter interaction: %s -> setting -%s=%s", reason, name, value)
    _apply_to_wallets(arguments)


def _apply_to_wallets(arguments: Arguments) -> None:
    """Set what follows for wallets (Core: WalletInit::ParameterInteraction in src/wallet/init.cpp)."""
    if arguments.get_bool("disablewallet"):
        for name in arguments.get_list("wallet"):
            log.info("Parameter interaction: -disablewallet -> ignoring -wallet=%s", name)
    elif arguments.get_bool("blocksonly") and arguments.set_unless_set("walletbroadcast", "0"):
        log.info("Parameter interaction: -blocksonly=1 -> setting -walletbroadcast=0")


def _any(name: str) -> Callable[[Arguments], bool]:
    return lambda arguments: bool(arguments.get_list(name))


def _no_connections(arguments: Arguments) -> bool:
    return (
        bool(arguments.get_list("connect"))
        or arguments.is_negated("connect")
        or arguments.get_int("maxconnections", 200) <= 0
    )


def _only_hidden_networks(arguments: Arguments) -> bool:
    networks = {name.lower() for name in arguments.get_list("onlynet")}
    return bool(networks) and not networks & _CLEAR_NETWORKS


_RULES: Final[tuple[tuple[Callable[[Arguments], bool], str, tuple[tuple[str, str], ...]], ...]] = (
    (_any("bind"), "-bind set", (("listen", "1"),)),
    (_any("whitebind"), "-whitebind set", (("listen", "1"),)),
    (_no_connections, "-connect or -maxconnections=0 set", (("dnsseed", "0"), ("listen", "0"))),
    (
        lambda arguments: arguments.get("proxy") not in {"", "0"},
        "-proxy set",
        (("listen", "0"), ("natpmp", "0"), ("discover", "0")),
    ),
    (
        lambda arguments: not arguments.get_bool("listen", default=True),
        "-listen=0",
        (("natpmp", "0"), ("discover", "0"), ("listenonion", "0"), ("i2pacceptincoming", "0")),
    ),
    (_any("externalip"), "-externalip set", (("discover", "0"),)),
    (
        lambda arguments: arguments.get_bool("blocksonly"),
        "-blocksonly=1",
        (("whitelistrelay", "0"), ("maxmempool", _BLOCKS_ONLY_MEMPOOL)),
    ),
    (
        lambda arguments: arguments.get_bool("whitelistforcerelay"),
        "-whitelistforcerelay=1",
        (("whitelistrelay", "1"),),
    ),
    (_only_hidden_networks, "-onlynet excludes IPv4 and IPv6", (("dnsseed", "0"),)),
)
"""In Core's order: when a rule applies, what the log says of it, and what it sets."""
