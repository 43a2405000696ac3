"""What `pycli -getinfo`, `-addrinfo` and `-generate` ask and show (Core: src/bitcoin-cli.cpp)."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

from cli.errors import StartError
from cli.json_text import text_of
from cli.rpc_conversion import by_position, write_request

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cli.arguments import Arguments
    from cli.rpc_client import RpcClient

_COLORS: Final = {"blue": 34, "green": 32, "yellow": 33, "magenta": 35, "cyan": 36}
_METHOD_NOT_FOUND: Final = -32601
_STEP: Final = 0.05
_UNNAMED: Final = '""'
_NEARLY_DONE: Final = 0.99


def batch(client: RpcClient, methods: Sequence[str], wallet: str | None, words: Sequence[str], name: str) -> list[Any]:
    """Return the replies to several methods without parameters, in their order. Raises StartError."""

    def write() -> str:
        if words:
            raise StartError(f"-{name} takes no arguments")
        return "[" + ",".join(write_request(method, None, i) for i, method in enumerate(methods)) + "]"

    reply = client.ask(write, wallet=wallet)
    if not isinstance(reply, list):
        raise StartError("Batch must be an array")
    replies: list[Any] = [{}] * len(methods)
    for one in reply:
        if not isinstance(one, dict):
            raise StartError("Batch member must be an object")
        place = int(one["id"])
        if not 0 <= place < len(methods):
            raise StartError("Batch member id is larger than batch size")
        replies[place] = one
    return replies


def get_info(client: RpcClient, arguments: Arguments, words: Sequence[str], wallet: str | None) -> dict[str, Any]:
    """Return a reply whose result is the text to show, or the error."""
    methods = ("getnetworkinfo", "getblockchaininfo", "getwalletinfo", "getbalances")
    network, chain, wallet_info, balances = batch(client, methods, wallet, words, "getinfo")
    for reply in (network, chain):
        if reply.get("error") is not None:
            return {"error": reply["error"]}
    color = _colors(arguments)
    facts, peers = chain["result"], network["result"]
    lines = [
        color("blue", f"Chain: {text_of(facts.get('chain'))}"),
        f"Blocks: {text_of(facts.get('blocks'))}",
        f"Headers: {text_of(facts.get('headers'))}",
        f"Verification progress: {_progress(float(facts['verificationprogress']))}",
        f"Difficulty: {text_of(facts.get('difficulty'))}",
        "",
        color(
            "green",
            f"Network: in {text_of(peers.get('connections_in'))}, out {text_of(peers.get('connections_out'))}, "
            f"total {text_of(peers.get('connections'))}",
        ),
        f"Version: {text_of(peers.get('version'))}",
        f"Time offset (s): {text_of(peers.get('timeoffset'))}",
        f"Proxies: {_proxies(peers.get('networks', []))}",
        f"Min tx relay fee rate (BTC/kvB): {text_of(peers.get('relayfee'))}",
        "",
    ]
    found = wallet_info.get("result")
    if found is not None:
        lines.append(color("magenta", "Wallet: " + (text_of(found.get("walletname")) or _UNNAMED)))
        lines.append(f"Keypool size: {text_of(found.get('keypoolsize'))}")
        if found.get("unlocked_until") is not None:
            lines.append(f"Unlocked until: {text_of(found['unlocked_until'])}")
    if balances.get("result") is not None:
        lines += [f"{color('cyan', 'Balance:')} {text_of(balances['result']['mine']['trusted'])}", ""]
    if wallet is None:
        lines += _balances(client, color)
    warnings = peers.get("warnings", "")
    warnings = "; ".join(warnings) if isinstance(warnings, list) else text_of(warnings)
    lines.append(f"{color('yellow', 'Warnings:')} {warnings or '(none)'}")
    return {"result": "\n".join(lines)}


def _balances(client: RpcClient, color: _Colors) -> list[str]:
    """Return a line for each wallet if there are several."""
    wallets = client.ask(lambda: write_request("listwallets", [], "1")).get("result")
    if not wallets or len(wallets) <= 1:
        return []
    amounts = {}
    for name in wallets:
        reply = client.ask(lambda: write_request("getbalances", [], "1"), wallet=name)
        amounts[name] = text_of(((reply.get("result") or {}).get("mine") or {}).get("trusted"))
    width = max(10, *map(len, amounts.values()))
    return [
        color("cyan", "Balances"),
        *(f"{amount:>{width}} {name or _UNNAMED}" for name, amount in amounts.items()),
        "",
    ]


class _Colors:
    """Colours for a terminal, or none."""

    def __init__(self, *, wanted: bool) -> None:
        self._wanted = wanted

    def __call__(self, name: str, text: str) -> str:
        """Return a text in a colour."""
        return f"\x1b[{_COLORS[name]}m{text}\x1b[0m" if self._wanted else text


def _colors(arguments: Arguments) -> _Colors:
    setting = arguments.get("color", "auto")
    if setting not in {"always", "auto", "never"}:
        raise StartError("Invalid value for -color option. Valid values: always, auto, never.")
    return _Colors(wanted=setting == "always" or (setting == "auto" and sys.stdout.isatty()))


def _progress(progress: float) -> str:
    bar = ""
    if progress < _NEARLY_DONE:
        if 0 <= progress <= 1:
            bar = "\u2592" * _steps(progress) + "\u2591" * _steps(1 - progress)
        bar += " "
    return f"{bar}{progress * 100:.4f}%"


def _steps(part: float) -> int:
    """Return how many whole or begun steps a part has."""
    count = 0
    while count < part / _STEP:
        count += 1
    return count


def _proxies(networks: Sequence[dict[str, Any]]) -> str:
    names: dict[str, list[str]] = {}
    for network in networks:
        proxy = text_of(network.get("proxy"))
        if proxy:
            names.setdefault(proxy, []).append(text_of(network.get("name")))
    return ", ".join(f"{proxy} ({', '.join(of)})" for proxy, of in names.items()) or "n/a"


def address_info(client: RpcClient, words: Sequence[str], wallet: str | None) -> dict[str, Any]:
    """Return a reply that tells how many addresses of peers the node knows."""

    def write() -> str:
        if words:
            raise StartError("-addrinfo takes no arguments")
        return write_request("getaddrmaninfo", None, 1)

    reply = client.ask(write, wallet=wallet)
    error = reply.get("error")
    if error is not None:
        if int(error["code"]) == _METHOD_NOT_FOUND:
            raise StartError(
                "-addrinfo requires bitcoind v26.0 or later which supports getaddrmaninfo RPC. "
                "Please upgrade your node or use bitcoin-cli from the same version."
            )
        return {"error": error}
    known = {"total" if name == "all_networks" else name: counts["total"] for name, counts in reply["result"].items()}
    return {"result": {"addresses_known": known}}


def generate(client: RpcClient, words: Sequence[str], wallet: str | None) -> dict[str, Any]:
    """Make blocks that pay a new address of the wallet, and return a reply with their hashes."""
    made = client.ask(lambda: write_request("getnewaddress", [], "1"), wallet=wallet)
    if made.get("error") is not None:
        return {"error": made["error"]}
    if len(words) > 2:
        raise StartError("too many arguments (maximum 2 for nblocks and maxtries)")
    count, *tries = words or ["1"]
    if count == "0":
        raise StartError(
            "the first argument (number of blocks to generate, default: 1) must be an integer value greater than zero"
        )
    address = made["result"]
    given = [count, address, *tries]
    reply = client.ask(
        lambda: write_request("generatetoaddress", by_position("generatetoaddress", given), 1), wallet=wallet
    )
    if reply.get("error") is not None:
        return {"error": reply["error"]}
    return {"result": {"address": address, "blocks": reply["result"]}}
