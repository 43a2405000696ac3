"""RPC methods that tell what addresses and labels received (Core: src/wallet/rpc/coins.cpp, transactions.cpp)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from primitives import address
from primitives.errors import AddressError
from rpc.errors import RPC_WALLET_ERROR, RpcError
from rpc.help import example_cli, example_rpc
from rpc.json import Amount
from rpc.method import Arg, Kind, Result, method
from wallet.rpc.labels import EXAMPLE_ADDRESS, read_address, read_label

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rpc.json import Json
    from wallet.rpc.context import RpcContext
    from wallet.transaction import WalletTx
    from wallet.wallet import Wallet

_MIN_CONF: Final = Arg("minconf", Kind.NUM, "Only what was confirmed at least so many times", default=1)
_IMMATURE: Final = Arg(
    "include_immature_coinbase", Kind.BOOL, "Whether coinbases that are too young count", default=False
)
_WATCH_ONLY: Final = Arg("include_watchonly", Kind.BOOL, "(DEPRECATED) Without meaning", default=False)


def _counted(wallet: Wallet, min_depth: int, *, immature: bool) -> Iterator[tuple[WalletTx, int]]:
    """Return the transactions that are deep enough, with their depths."""
    history = wallet.history
    for wtx in history.transactions.values():
        depth = history.depth(wtx)
        if depth < min_depth:
            continue
        if wtx.tx.is_coinbase and (depth < 1 or (not immature and history.blocks_to_maturity(wtx))):
            continue
        yield wtx, depth


def _received(wallet: Wallet, scripts: list[bytes], min_depth: int, *, immature: bool) -> Json:
    mine = {script for script in scripts if wallet.is_mine(script)}
    if not mine:
        raise RpcError(RPC_WALLET_ERROR, "Address not found in wallet")
    return Amount(
        sum(
            output.value
            for wtx, _ in _counted(wallet, min_depth, immature=immature)
            for output in wtx.tx.outputs
            if output.script_pubkey in mine
        )
    )


@method(
    "wallet",
    "getreceivedbyaddress",
    Arg("address", Kind.STR, "The address"),
    _MIN_CONF,
    _IMMATURE,
    result=Result(Kind.STR_AMOUNT, "amount", "What the address received in all, in BTC"),
    help="Returns what an address received in transactions with at least minconf confirmations.",
    examples="\nWith at least 1 confirmation\n"
    + example_cli("getreceivedbyaddress", EXAMPLE_ADDRESS)
    + "\nWithout any too\n"
    + example_cli("getreceivedbyaddress", f"{EXAMPLE_ADDRESS} 0")
    + "\nWith at least 6\n"
    + example_cli("getreceivedbyaddress", f"{EXAMPLE_ADDRESS} 6")
    + "\nWith at least 6, and young coinbases\n"
    + example_cli("getreceivedbyaddress", f"{EXAMPLE_ADDRESS} 6 true")
    + "\nOver HTTP\n"
    + example_rpc("getreceivedbyaddress", f"{EXAMPLE_ADDRESS}, 6"),
)
def getreceivedbyaddress(context: RpcContext, text: str, minconf: int, immature: bool) -> Json:
    """Add it up."""
    wallet = context.synced_wallet()
    with wallet.lock:
        return _received(wallet, [read_address(wallet, text)], minconf, immature=immature)


@method(
    "wallet",
    "getreceivedbylabel",
    Arg("label", Kind.STR, 'The label; "" is the default one'),
    _MIN_CONF,
    _IMMATURE,
    result=Result(Kind.STR_AMOUNT, "amount", "What addresses of the label received in all, in BTC"),
    help="Returns what addresses of a label received in transactions with at least minconf confirmations.",
    examples="\nOf the default label, with at least 1 confirmation\n"
    + example_cli("getreceivedbylabel", '""')
    + "\nOf another one, without any confirmations too\n"
    + example_cli("getreceivedbylabel", '"tabby" 0')
    + "\nWith at least 6\n"
    + example_cli("getreceivedbylabel", '"tabby" 6')
    + "\nWith at least 6, and young coinbases\n"
    + example_cli("getreceivedbylabel", '"tabby" 6 true')
    + "\nOver HTTP\n"
    + example_rpc("getreceivedbylabel", '"tabby", 6, true'),
)
def getreceivedbylabel(context: RpcContext, label: str, minconf: int, immature: bool) -> Json:
    """Add it up."""
    wallet = context.synced_wallet()
    with wallet.lock:
        scripts = wallet.book.scripts(read_label(label))
        if not scripts:
            raise RpcError(RPC_WALLET_ERROR, "Label not found in wallet")
        return _received(wallet, scripts, minconf, immature=immature)


@dataclass(slots=True)
class _Tally:
    amount: int = 0
    depth: int | None = None
    """The least one."""
    txids: list[bytes] = field(default_factory=list)

    def add(self, amount: int, depth: int | None) -> None:
        """Count one more."""
        self.amount += amount
        if depth is not None:
            self.depth = depth if self.depth is None else min(self.depth, depth)


def _tallies(wallet: Wallet, min_depth: int, only: bytes | None, *, immature: bool) -> dict[bytes, _Tally]:
    """Return what each address of the wallet received."""
    found: dict[bytes, _Tally] = {}
    for wtx, depth in _counted(wallet, min_depth, immature=immature):
        for value, script in wtx.tx.outputs:
            if (only is None or script == only) and wallet.is_mine(script):
                tally = found.setdefault(script, _Tally())
                tally.add(value, depth)
                tally.txids.append(wtx.txid)
    return found


def _listed(
    wallet: Wallet, tallies: dict[bytes, _Tally], only: bytes | None, *, empty: bool
) -> Iterator[tuple[bytes, str, _Tally]]:
    """Return the addresses in the book that received something, or with `empty` all of the wallet's own."""
    filtered = [only] if only is not None and wallet.book.is_known(only) else []
    for script in wallet.book.scripts() if only is None else filtered:
        tally = tallies.get(script)
        if tally is None and empty and wallet.is_mine(script):
            tally = _Tally()
        if tally is not None:
            entry = wallet.book.entry(script)
            yield script, (entry and entry.label) or "", tally


@method(
    "wallet",
    "listreceivedbyaddress",
    _MIN_CONF,
    Arg("include_empty", Kind.BOOL, "Whether to list addresses that received nothing", default=False),
    _WATCH_ONLY,
    Arg("address_filter", Kind.STR, "If not empty, list this address only", optional=True),
    _IMMATURE,
    result=Result(
        Kind.ARR,
        "",
        "",
        (
            Result(
                Kind.OBJ,
                "",
                "",
                (
                    Result(Kind.STR, "address", "The address"),
                    Result(Kind.STR_AMOUNT, "amount", "What it received in all, in BTC"),
                    Result(Kind.NUM, "confirmations", "The confirmations of the youngest transaction that counts"),
                    Result(Kind.STR, "label", 'The label of the address; "" is the default one'),
                    Result(
                        Kind.ARR,
                        "txids",
                        "",
                        (Result(Kind.STR_HEX, "txid", "The id of a transaction that paid the address"),),
                    ),
                ),
            ),
        ),
    ),
    help="Lists what each address received.",
    examples=example_cli("listreceivedbyaddress")
    + example_cli("listreceivedbyaddress", "6 true")
    + example_cli("listreceivedbyaddress", '6 true true "" true')
    + example_rpc("listreceivedbyaddress", "6, true, true")
    + example_rpc("listreceivedbyaddress", f"6, true, true, {EXAMPLE_ADDRESS}, true"),
)
def listreceivedbyaddress(
    context: RpcContext, minconf: int, empty: bool, watch_only: bool, text: str | None, immature: bool
) -> Json:
    """List them."""
    del watch_only
    wallet = context.synced_wallet()
    with wallet.lock:
        only = None
        if text:
            try:
                only = address.decode(text, wallet.params)
            except AddressError as error:
                raise RpcError(RPC_WALLET_ERROR, "address_filter parameter was invalid") from error
        tallies = _tallies(wallet, minconf, only, immature=immature)
        return [
            {
                "address": address.encode(script, wallet.params),
                "amount": Amount(tally.amount),
                "confirmations": tally.depth or 0,
                "label": label,
                "txids": [txid[::-1].hex() for txid in tally.txids],
            }
            for script, label, tally in _listed(wallet, tallies, only, empty=empty)
        ]


@method(
    "wallet",
    "listreceivedbylabel",
    _MIN_CONF,
    Arg("include_empty", Kind.BOOL, "Whether to list labels that received nothing", default=False),
    _WATCH_ONLY,
    _IMMATURE,
    result=Result(
        Kind.ARR,
        "",
        "",
        (
            Result(
                Kind.OBJ,
                "",
                "",
                (
                    Result(Kind.STR_AMOUNT, "amount", "What addresses of the label received in all"),
                    Result(Kind.NUM, "confirmations", "The confirmations of the youngest transaction that counts"),
                    Result(Kind.STR, "label", 'The label; "" is the default one'),
                ),
            ),
        ),
    ),
    help="Lists what each label received.",
    examples=example_cli("listreceivedbylabel")
    + example_cli("listreceivedbylabel", "6 true")
    + example_rpc("listreceivedbylabel", "6, true, true, true"),
)
def listreceivedbylabel(context: RpcContext, minconf: int, empty: bool, watch_only: bool, immature: bool) -> Json:
    """List them."""
    del watch_only
    wallet = context.synced_wallet()
    with wallet.lock:
        labels: dict[str, _Tally] = {}
        tallies = _tallies(wallet, minconf, None, immature=immature)
        for _, label, tally in _listed(wallet, tallies, None, empty=empty):
            labels.setdefault(label, _Tally()).add(tally.amount, tally.depth)
    return [
        {"amount": Amount(tally.amount), "confirmations": tally.depth or 0, "label": label}
        for label, tally in sorted(labels.items())
    ]


METHODS: Final = (getreceivedbyaddress, getreceivedbylabel, listreceivedbyaddress, listreceivedbylabel)
