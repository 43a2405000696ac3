"""`pycli -netinfo`: a table of the node's peers for people (Core: NetinfoRequestHandler in src/bitcoin-cli.cpp)."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from cli.errors import StartError
from cli.node_overview import batch
from common.version import CLIENT_NAME, VERSION

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cli.rpc_client import RpcClient

_MOST_DETAILS: Final = 4
_OLDEST: Final = 209900
_SHORT: Final = {
    "not_publicly_routable": "npr",
    "ipv4": "ipv4",
    "ipv6": "ipv6",
    "onion": "onion",
    "i2p": "i2p",
    "cjdns": "cjdns",
    "internal": "int",
}
_UNREACHABLE: Final = ("not_publicly_routable", "internal")
_TYPES: Final = {
    "outbound-full-relay": "full",
    "block-relay-only": "block",
    "manual": "manual",
    "feeler": "feeler",
    "addr-fetch": "addr",
    "private-broadcast": "priv",
}
_CHAINS: Final = {"main": "", "test": " testnet", "testnet4": " testnet4", "signet": " signet", "regtest": " regtest"}
_MORE: Final = "For more information, run: bitcoin-cli -netinfo help"

HELP: Final = f"""-netinfo (level [outonly]) | help

Shows the node's peers, made of getpeerinfo and getnetworkinfo. It is for people: its layout may change.

level     How much to show (default: 0):
          0  how many peers there are in each network, and our own addresses
          1  each peer too
          2  each peer with its address
          3  each peer with its version
          {_MOST_DETAILS}  each peer with both
outonly   "outonly" or "o": only the peers we went to; after a level from 1 on
help      "help" or "h": this text

Columns of the peers, those we went to last, the quickest first:
  <->      in: the peer came to us; out: we went to it
  type     full (relays all), block (blocks alone), manual (the user chose it), feeler (tests an address),
           addr (asks for addresses), priv (sends our transactions)
  net      its network; npr is one that the public does not reach
  serv     n whole chain, b bloom filters, w witnesses, c compact filters, l last 288 blocks, 2 encrypts, u other
  v        version of the transport
  mping    shortest ping so far, ms
  ping     last ping, ms
  send     seconds since we sent something
  recv     seconds since it sent something
  txn      minutes since it told us a new transaction; * if we relay none to it
  blk      minutes since it told us a new block
  hb       compact blocks without asking: . we asked it to, * it asked us to
  addrp    addresses it sent that we took; . if none are relayed to it
  addrl    addresses it sent that were too many
  age      minutes since we are connected
  asmap    the network (AS) of its address, with -asmap
  id       its number
  address  its address and port
  version  its version and what it calls itself

Examples:
> bitcoin-cli -netinfo
> bitcoin-cli -netinfo 4 outonly
> watch --interval 1 --no-title bitcoin-cli -netinfo 4
"""


@dataclass(frozen=True, slots=True)
class View:
    """What the user wants to see."""

    level: int = 0
    outgoing_only: bool = False

    @property
    def shows_address(self) -> bool:
        """Whether each peer's address is shown."""
        return self.level in {2, 4}

    @property
    def shows_version(self) -> bool:
        """Whether each peer's version is shown."""
        return self.level in {3, 4}


def read_view(words: Sequence[str]) -> View:
    """Read the words after -netinfo. Raises StartError with Core's texts."""
    if not words:
        return View()
    if not (words[0].isascii() and words[0].isdigit() and int(words[0]) < 256):
        raise StartError(f"invalid -netinfo level argument: {words[0]}\n{_MORE}")
    level = min(int(words[0]), _MOST_DETAILS)
    if len(words) == 1:
        return View(level)
    if level and words[1] in {"o", "outonly"}:
        return View(level, outgoing_only=True)
    hint = "" if level else "The outonly argument is only valid for a level greater than 0 (the first argument). "
    raise StartError(f"invalid -netinfo outonly argument: {words[1]}\n{hint}{_MORE}")


def net_info(client: RpcClient, words: Sequence[str], wallet: str | None, chain: str) -> dict[str, Any]:
    """Return a reply whose result is the text to show, or the error. Raises StartError."""
    view = read_view(words)
    peers, network = batch(client, ("getpeerinfo", "getnetworkinfo"), wallet, (), "netinfo")
    for reply in (peers, network):
        if reply.get("error") is not None:
            return {"error": reply["error"]}
    if int(network["result"]["version"]) < _OLDEST:
        raise StartError("-netinfo requires bitcoind server to be running v0.21.0 and up")
    return {"result": show(view, peers["result"], network["result"], chain, int(time.time()))}


def show(view: View, peers: Sequence[dict[str, Any]], network: dict[str, Any], chain: str, now: int) -> str:
    """Return the table."""
    known = [peer for peer in peers if peer["network"] in _SHORT]
    services = network["localservicesnames"]
    details = f" - services {_letters(services)}" if view.level else ""
    text = (
        f"{CLIENT_NAME} client v{VERSION}{_CHAINS[chain]} - server "
        f"{int(network['protocolversion'])}{network['subversion']}{details}\n\n"
    )
    if view.level:
        text += _peer_table(view, known, now)
    text += _counts(known, network)
    if not view.level:
        text += f"\n\nLocal services: {', '.join(name.replace('_', ' ').lower() for name in services)}"
    text += "\n\nLocal addresses"
    addresses = network["localaddresses"]
    if not addresses:
        return f"{text}: n/a\n"
    width = max(len(address["address"]) + 1 for address in addresses)
    for address in addresses:
        text += f"\n{address['address']:<{width}}    port {int(address['port']):6}    score {int(address['score']):6}"
    return text


def _counts(peers: Sequence[dict[str, Any]], network: dict[str, Any]) -> str:
    """Return how many peers there are by direction and network."""
    shown = [net["name"] for net in network["networks"] if net["reachable"] and net["name"] in _SHORT]
    titles = list(shown)
    for name in _UNREACHABLE:
        if any(peer["network"] == name for peer in peers):
            shown.append(name)
            titles.append(_SHORT[name])
    manual = sum(peer["connection_type"] == "manual" for peer in peers)
    block = sum(peer["connection_type"] == "block-relay-only" for peer in peers)
    text = "     " + "".join(f"{title:>8}" for title in titles) + "   total   block" + ("  manual" if manual else "")
    for title, chosen in (
        ("in", [peer for peer in peers if peer["inbound"]]),
        ("out", [peer for peer in peers if not peer["inbound"]]),
        ("total", peers),
    ):
        text += f"\n{title:<5}" + "".join(f"{sum(p['network'] == name for p in chosen):8}" for name in shown)
        text += f"   {len(chosen):5}"
        if title == "out":
            text += f"   {block:5}" + (f"   {manual:5}" if manual else "")
    return text


def _peer_table(view: View, peers: Sequence[dict[str, Any]], now: int) -> str:
    chosen = [peer for peer in peers if not (view.outgoing_only and peer["inbound"])]
    if not chosen:
        return ""
    chosen.sort(key=lambda peer: (not peer["inbound"], _ping(peer, "minping")))
    columns = list(_columns(view, chosen, now))
    rows = [
        "".join(f"{cell:{align}{width}}" for (align, width), cell in zip(forms, cells, strict=True)).rstrip()
        for forms, cells in [(columns[0][0], columns[0][1]), *columns[1:]]
    ]
    services, age = _width(chosen, "serv", now), _width(chosen, "age", now)
    units = f"                {'':>{services}}         ms     ms  sec  sec  min  min                {'min':>{age}}\n\n"
    return "\n".join(rows) + "\n" + units


Forms = tuple[tuple[str, int], ...]


def _columns(view: View, peers: Sequence[dict[str, Any]], now: int) -> Iterator[tuple[Forms, tuple[str, ...]]]:
    """Yield the layout and the cells of the title and of each peer."""
    with_as = any(int(peer.get("mapped_as", 0)) for peer in peers)
    names = ["serv", "addrp", "addrl", "age", "id"]
    width = {name: _width(peers, name, now) for name in names}
    address = max(len(peer["addr"]) + 1 for peer in peers) if view.shows_address else 0
    forms: Forms = (
        *((">", 3), (">", 7), (">", 6), (">", width["serv"] + 1), (">", 3), (">", 7), (">", 7)),
        *((">", 5), (">", 5), (">", 5), (">", 5), (">", 4)),
        *((">", width["addrp"] + 1), (">", width["addrl"]), (">", width["age"])),
        *((">", 7 if with_as else 0), (">", width["id"] + 1), ("<", 1), ("<", address), ("<", 0)),
    )
    yield (
        forms,
        (
            *("<->", "type", "net", "serv", "v", "mping", "ping", "send", "recv", "txn", "blk", "hb"),
            *("addrp", "addrl", "age", "asmap" if with_as else "", "id", ""),
            *("address" if view.shows_address else "", "version" if view.shows_version else ""),
        ),
    )
    for peer in peers:
        version = f"{int(peer['version'])}{peer['subver']}"
        yield (
            forms,
            (
                "in" if peer["inbound"] else "out",
                _TYPES.get(peer["connection_type"], ""),
                _SHORT[peer["network"]],
                _letters(peer["servicesnames"]),
                _transport(peer),
                _milliseconds(_ping(peer, "minping")),
                _milliseconds(_ping(peer, "pingtime")),
                _since(now, peer["lastsend"], 1),
                _since(now, peer["lastrecv"], 1),
                _since(now, peer["last_transaction"], 60) or ("" if peer.get("relaytxes", True) else "*"),
                _since(now, peer["last_block"], 60),
                ("." if peer["bip152_hb_to"] else " ") + ("*" if peer["bip152_hb_from"] else " "),
                _cell(peer, "addrp", now),
                _cell(peer, "addrl", now),
                _cell(peer, "age", now),
                str(int(peer["mapped_as"])) if int(peer.get("mapped_as", 0)) else "",
                _cell(peer, "id", now),
                "",
                peer["addr"] if view.shows_address else "",
                version if view.shows_version and version != "0" else "",
            ),
        )


def _cell(peer: dict[str, Any], name: str, now: int) -> str:
    """Return what stands in a column whose width depends on it."""
    if name == "serv":
        return _letters(peer["servicesnames"])
    if name == "age":
        return _since(now, peer["conntime"], 60)
    if name == "id":
        return str(int(peer["id"]))
    if name == "addrp":
        count = int(peer.get("addr_processed", 0))
        return str(count) if count else "" if peer.get("addr_relay_enabled", False) else "."
    count = int(peer.get("addr_rate_limited", 0))
    return str(count) if count else ""


_LEAST: Final = {"serv": 6, "addrp": 5, "addrl": 6, "age": 5, "id": 2}


def _width(peers: Sequence[dict[str, Any]], name: str, now: int) -> int:
    return max(_LEAST[name], *(len(_cell(peer, name, now)) for peer in peers))


def _letters(services: Sequence[str]) -> str:
    special = {"NETWORK_LIMITED": "l", "P2P_V2": "2"}
    return "".join(special.get(name, name[:1].lower()) for name in services)


def _transport(peer: dict[str, Any]) -> str:
    kind = peer.get("transport_protocol_type", "v1")
    return kind[1] if len(kind) == 2 and kind[0] == "v" else " "


def _ping(peer: dict[str, Any], name: str) -> float:
    return float(peer[name]) if name in peer else -1


def _milliseconds(seconds: float) -> str:
    if seconds < 0:
        return ""
    milliseconds = round(1000 * seconds)
    return "-" if milliseconds > 999999 else str(milliseconds)


def _since(now: int, then: Any, unit: int) -> str:
    return str((now - int(then)) // unit) if int(then) else ""
