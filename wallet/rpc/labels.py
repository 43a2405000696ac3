"""RPC methods on labels of addresses (Core: src/wallet/rpc/addresses.cpp)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from primitives import address
from primitives.errors import AddressError
from rpc.errors import RPC_INVALID_ADDRESS_OR_KEY, RPC_INVALID_PARAMETER, RPC_WALLET_INVALID_LABEL_NAME, RpcError
from rpc.help import examples
from rpc.method import Arg, Kind, Result, method
from wallet.address_book import Purpose

if TYPE_CHECKING:
    from rpc.json import Json
    from wallet.rpc.context import RpcContext
    from wallet.wallet import Wallet

EXAMPLE_ADDRESS: Final = '"bc1q09vm5lfy0j5reeulh4x5752q25uqqvz34hufdl"'


def read_label(text: str | None) -> str:
    """Return a label, the empty one for None. Raises RpcError."""
    if text == "*":
        raise RpcError(RPC_WALLET_INVALID_LABEL_NAME, "Invalid label name")
    return text or ""


def read_address(wallet: Wallet, text: str, message: str = "Invalid Bitcoin address") -> bytes:
    """Return the output script of an address. Raises RpcError."""
    try:
        return address.decode(text, wallet.params)
    except AddressError as error:
        raise RpcError(RPC_INVALID_ADDRESS_OR_KEY, message) from error


@method(
    "wallet",
    "setlabel",
    Arg("address", Kind.STR, "The address"),
    Arg("label", Kind.STR, "Its label from now on"),
    result=Result(Kind.NONE),
    help="Labels an address.",
    examples=examples("setlabel", f'{EXAMPLE_ADDRESS} "tabby"', f'{EXAMPLE_ADDRESS}, "tabby"'),
)
def setlabel(context: RpcContext, text: str, label: str) -> Json:
    """Label it."""
    wallet = context.wallet()
    with wallet.lock:
        script = read_address(wallet, text)
        purpose = Purpose.RECEIVE if wallet.is_mine(script) else Purpose.SEND
        wallet.book.set(script, read_label(label), purpose)
    return None


@method(
    "wallet",
    "getaddressesbylabel",
    Arg("label", Kind.STR, "The label"),
    result=Result(
        Kind.OBJ_DYN,
        "",
        "The addresses",
        (
            Result(
                Kind.OBJ,
                "address",
                "What is known of an address",
                (Result(Kind.STR, "purpose", 'What it is for: "receive" is ours, "send" somebody else\'s'),),
            ),
        ),
    ),
    help="Returns the addresses that have a label.",
    examples=examples("getaddressesbylabel", '"tabby"'),
)
def getaddressesbylabel(context: RpcContext, label: str) -> Json:
    """Find them."""
    wallet = context.wallet()
    wanted = read_label(label)
    with wallet.lock:
        found: dict[str, Json] = {
            address.encode(script, wallet.params) or "": {"purpose": str(entry.purpose or "unknown")}
            for script, entry in wallet.book.entries()
            if entry.label == wanted
        }
    if not found:
        raise RpcError(RPC_WALLET_INVALID_LABEL_NAME, f"No addresses with label {wanted}")
    return found


@method(
    "wallet",
    "listlabels",
    Arg("purpose", Kind.STR, 'Only labels of addresses for this: "send" or "receive"; "" is all', optional=True),
    result=Result(Kind.ARR, "", "", (Result(Kind.STR, "label", "A label"),)),
    help="Returns all labels, or those of addresses for one purpose.",
    examples=examples("listlabels") + examples("listlabels", "receive", '"receive"'),
)
def listlabels(context: RpcContext, purpose: str | None) -> Json:
    """Return them."""
    wallet = context.wallet()
    wanted = None
    if purpose:
        try:
            wanted = Purpose(purpose)
        except ValueError as error:
            text = "Invalid 'purpose' argument, must be a known purpose string, typically 'send', or 'receive'."
            raise RpcError(RPC_INVALID_PARAMETER, text) from error
    with wallet.lock:
        return wallet.book.labels(wanted)


METHODS: Final = (setlabel, getaddressesbylabel, listlabels)
