"""What the options say of the way to peers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

NETWORKS: Final = ("ipv4", "ipv6", "onion", "i2p", "cjdns")


@dataclass(frozen=True, slots=True)
class Proxy:
    """Where connections go through: host:port or unix:<path>."""

    address: str
    randomize_credentials: bool = True


@dataclass(frozen=True, slots=True)
class NetworkOptions:
    """How a node is to reach peers and present itself to them."""

    user_agent: str = ""
    """What it calls itself (BIP14)."""
    reachable: tuple[str, ...] = ("ipv4", "ipv6")
    """Of NETWORKS, those it may connect to."""
    proxies: dict[str, Proxy] = field(default_factory=dict)
    """By network."""
    services: int = 0
    """What it could give to peers: bits of SERVICES."""


NODE_NETWORK: Final = 1 << 0
NODE_BLOOM: Final = 1 << 2
NODE_WITNESS: Final = 1 << 3
NODE_COMPACT_FILTERS: Final = 1 << 6
NODE_NETWORK_LIMITED: Final = 1 << 10
SERVICES: Final = {
    NODE_NETWORK: "NETWORK",
    NODE_BLOOM: "BLOOM",
    NODE_WITNESS: "WITNESS",
    NODE_COMPACT_FILTERS: "COMPACT_FILTERS",
    NODE_NETWORK_LIMITED: "NETWORK_LIMITED",
}


def service_names(services: int) -> list[str]:
    """Return the names of the bits that are set."""
    return [name for bit, name in SERVICES.items() if services & bit]
