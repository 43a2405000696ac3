"""Where the HTTP server listens and whom it lets in (Core: InitHTTPAllowList and GetBindAddresses)."""

from __future__ import annotations

import ipaddress
import logging
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

log: Final = logging.getLogger("http")
DEFAULT_THREADS: Final = 16
DEFAULT_WORK_QUEUE: Final = 64
DEFAULT_TIMEOUT: Final = 30
MAX_CONNECTIONS: Final = 1024

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_CJDNS: Final = ipaddress.IPv6Network("fc00::/8")
_ALWAYS: Final[tuple[Network, ...]] = (ipaddress.IPv4Network("127.0.0.0/8"), ipaddress.IPv6Network("::1/128"))
_BRACKETS: Final = re.compile(r"^\[(.*?)\]")
_PORT: Final = re.compile(r"[0-9]{1,5}", re.ASCII)


class HttpError(Exception):
    """The server cannot be started; one line for a person, empty if the log has said it all."""


@dataclass(frozen=True, slots=True)
class HttpOptions:
    """What the options say."""

    endpoints: tuple[tuple[str, int], ...]
    allowed: tuple[Network, ...] = _ALWAYS
    threads: int = DEFAULT_THREADS
    work_queue: int = DEFAULT_WORK_QUEUE
    timeout: float = DEFAULT_TIMEOUT
    """Seconds until a silent client is sent away; 0 for never."""
    max_connections: int = MAX_CONNECTIONS


def allow_list(subnets: Iterable[str], *, cjdns_reachable: bool = False) -> tuple[Network, ...]:
    """Return the networks of -rpcallowip and those always allowed. Raises HttpError with Core's text."""
    found = list(_ALWAYS)
    for text in subnets:
        try:
            network = ipaddress.ip_network(_BRACKETS.sub(r"\1", text), strict=False)
        except ValueError:
            network = None
        if network is None or (cjdns_reachable and network.version == 6 and network.overlaps(_CJDNS)):
            raise HttpError(
                f"Invalid -rpcallowip subnet specification: {text}. Valid values are a single IP (e.g. 1.2.3.4), "
                "a network/netmask (e.g. 1.2.3.4/255.255.255.0), a network/CIDR (e.g. 1.2.3.4/24), "
                "all ipv4 (0.0.0.0/0), or all ipv6 (::/0). RFC4193 is allowed only if -cjdnsreachable=0."
            )
        found.append(network)
    log.debug("Allowing HTTP connections from: %s", "".join(f"{network} " for network in found))
    return tuple(found)


def endpoints(binds: Sequence[str], port: int, *, allow_given: bool) -> tuple[tuple[str, int], ...]:
    """Return hosts and ports to listen at; localhost unless -rpcbind and -rpcallowip are both there."""
    if binds and allow_given:
        return tuple(split_host_port(text, port, "-rpcbind") for text in binds)
    if allow_given:
        log.warning("Option -rpcallowip was specified without -rpcbind; this doesn't usually make sense")
    if binds:
        log.warning(
            "Option -rpcbind was ignored because -rpcallowip was not specified, refusing to allow everyone to connect"
        )
    return (("::1", port), ("127.0.0.1", port))


def split_host_port(text: str, port: int, option: str) -> tuple[str, int]:
    """Return the parts of host:port or [host]:port; `port` if none is there. Raises HttpError."""
    host, colon, number = text.rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    if colon and (bracketed or ":" not in host):
        if not _PORT.fullmatch(number) or not 0 < int(number) < 65536:
            raise HttpError(f"Invalid port specified in {option}: '{text}'")
        text, port = host, int(number)
    return text.removeprefix("[").removesuffix("]") if text.startswith("[") else text, port
