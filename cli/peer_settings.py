"""Where the options about peers become values (Core: AppInitMain in src/init.cpp)."""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING, Final

from cli.checks import filter_types
from cli.errors import StartError
from common.version import CLIENT_NAME, VERSION
from node.network_options import (
    NETWORKS,
    NODE_BLOOM,
    NODE_COMPACT_FILTERS,
    NODE_NETWORK,
    NODE_NETWORK_LIMITED,
    NODE_WITNESS,
    NetworkOptions,
    Proxy,
)

if TYPE_CHECKING:
    from cli.arguments import Arguments

_UNSAFE_COMMENT: Final = re.compile(r"[^A-Za-z0-9 .,;\-_?@]")
_LONGEST_USER_AGENT: Final = 256
_SOCKS_PORT: Final = 9050
_SAM_PORT: Final = 7656
_BY_PROXY: Final = ("ipv4", "ipv6", "onion", "cjdns")


def network_options(arguments: Arguments) -> NetworkOptions:
    """Return what the options say. Raises StartError with Core's texts."""
    proxies = _proxies(arguments)
    return NetworkOptions(_user_agent(arguments), _reachable(arguments, proxies), proxies, _services(arguments))


def _user_agent(arguments: Arguments) -> str:
    comments = arguments.get_list("uacomment")
    for comment in comments:
        if _UNSAFE_COMMENT.search(comment):
            raise StartError(f"User Agent comment ({comment}) contains unsafe characters.")
    text = f"/{CLIENT_NAME}:{VERSION}{'(' + '; '.join(comments) + ')' if comments else ''}/"
    if len(text) > _LONGEST_USER_AGENT:
        raise StartError(
            f"Total length of network version string ({len(text)}) exceeds maximum length ({_LONGEST_USER_AGENT}). "
            "Reduce the number or size of uacomments."
        )
    return text


def _proxies(arguments: Arguments) -> dict[str, Proxy]:
    randomize = arguments.get_bool("proxyrandomize", default=True)
    found: dict[str, Proxy] = {}

    def put(networks: tuple[str, ...], text: str, option: str) -> None:
        for network in networks:
            if text in {"", "0"}:
                found.pop(network, None)
            else:
                found[network] = Proxy(_address(text, _SOCKS_PORT, option), randomize)

    for value in arguments.get_list("proxy"):
        text, equals, network = value.rpartition("=") if "=" in value else (value, "", "")
        if equals and not network:
            raise StartError(f"Invalid -proxy address or hostname, ends with '=': '{value}'")
        chosen = {"": _BY_PROXY, "ipv4": ("ipv4",), "ipv6": ("ipv6",), "tor": ("onion",), "onion": ("onion",)}
        chosen["cjdns"] = ("cjdns",)
        if network.lower() not in chosen:
            raise StartError(f"Unrecognized network in -proxy='{value}': '{network}'")
        put(chosen[network.lower()], text, "proxy")
    if arguments.is_set("onion"):
        put(("onion",), arguments.get("onion"), "onion")
    sam = arguments.get("i2psam")
    if sam not in {"", "0"}:
        found["i2p"] = Proxy(_address(sam, _SAM_PORT, "i2psam"), randomize_credentials=False)
    return found


def _address(text: str, port: int, option: str) -> str:
    """Return host and port as Core shows them. Raises StartError."""
    if text.startswith("unix:") and len(text) > 5:
        return text
    host, colon, number = text.rpartition(":")
    if colon and (":" not in host or host.endswith("]")):
        text, port = host, int(number) if number.isdigit() else 0
    bare = text.removeprefix("[").removesuffix("]")
    try:
        address = ipaddress.ip_address(bare)
    except ValueError:
        if not re.fullmatch(r"[A-Za-z0-9.-]+", bare):
            raise StartError(f"Invalid -{option} address or hostname: '{text}'") from None
        return f"{bare}:{port}"
    return f"[{address}]:{port}" if address.version == 6 else f"{address}:{port}"


def _reachable(arguments: Arguments, proxies: dict[str, Proxy]) -> tuple[str, ...]:
    only = {name.lower().replace("tor", "onion") for name in arguments.get_list("onlynet")}
    chosen = [name for name in NETWORKS if not only or name in only]
    if not arguments.is_set("cjdnsreachable") and "cjdns" in chosen:
        chosen.remove("cjdns")
    return tuple(name for name in chosen if name not in {"onion", "i2p"} or name in proxies)


def _services(arguments: Arguments) -> int:
    services = NODE_NETWORK_LIMITED | NODE_WITNESS
    if not arguments.get_int("prune", 0):
        services |= NODE_NETWORK
    if arguments.get_bool("peerbloomfilters"):
        services |= NODE_BLOOM
    if arguments.get_bool("peerblockfilters") and "basic" in filter_types(arguments):
        services |= NODE_COMPACT_FILTERS
    return services
