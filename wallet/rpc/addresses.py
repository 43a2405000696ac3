"""RPC methods that make addresses (Core: src/wallet/rpc/addresses.cpp)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from primitives import address
from primitives.descriptor import OutputType
from rpc.errors import (
    RPC_INVALID_ADDRESS_OR_KEY,
    RPC_INVALID_PARAMETER,
    RPC_WALLET_ERROR,
    RPC_WALLET_KEYPOOL_RAN_OUT,
    RpcError,
)
from rpc.help import examples
from rpc.method import Arg, Kind, Num, Result, method
from wallet.errors import WalletError
from wallet.rpc.context import MUST_BE_UNLOCKED
from wallet.rpc.labels import read_label

if TYPE_CHECKING:
    from rpc.json import Json
    from wallet.rpc.context import RpcContext

TYPES_HELP: Final = ", ".join(f'"{kind}"' for kind in OutputType)
_NO_KEYS: Final = "Error: This wallet has no available keys"


def parse_output_type(text: str | None, default: str) -> OutputType:
    """Return a type of addresses. Raises RpcError."""
    if text is None:
        return OutputType(default)
    if text not in set(OutputType):
        raise RpcError(RPC_INVALID_ADDRESS_OR_KEY, f"Unknown address type '{text}'")
    return OutputType(text)


@method(
    "wallet",
    "getnewaddress",
    Arg("label", Kind.STR, "The label to give to the address; it need not be there yet", default=""),
    Arg("address_type", Kind.STR, f"The type of the address: {TYPES_HELP}", hint="set by -addresstype"),
    result=Result(Kind.STR, "address", "The address"),
    help="Returns an address to be paid at that was never returned before, and labels it.",
    examples=examples("getnewaddress"),
)
def getnewaddress(context: RpcContext, label: str, address_type: str | None) -> Json:
    """Take the next one."""
    wallet = context.wallet()
    with wallet.lock:
        if not wallet.keypool.can_get_addresses():
            raise RpcError(RPC_WALLET_ERROR, _NO_KEYS)
        label = read_label(label)
        kind = parse_output_type(address_type, wallet.settings.address_type)
        try:
            return address.encode(wallet.keypool.new_address(kind, label), wallet.params)
        except WalletError as error:
            raise RpcError(RPC_WALLET_KEYPOOL_RAN_OUT, str(error)) from error


@method(
    "wallet",
    "getrawchangeaddress",
    Arg("address_type", Kind.STR, f"The type of the address: {TYPES_HELP}", hint="set by -changetype"),
    result=Result(Kind.STR, "address", "The address"),
    help="Returns an address for change, for who makes a transaction by hand.",
    examples=examples("getrawchangeaddress"),
)
def getrawchangeaddress(context: RpcContext, address_type: str | None) -> Json:
    """Take the next one."""
    wallet = context.wallet()
    with wallet.lock:
        if not wallet.keypool.can_get_addresses(internal=True):
            raise RpcError(RPC_WALLET_ERROR, _NO_KEYS)
        settings = wallet.settings
        kind = parse_output_type(address_type, settings.change_type or settings.address_type)
        try:
            return address.encode(wallet.keypool.new_change_address(kind), wallet.params)
        except WalletError as error:
            raise RpcError(RPC_WALLET_KEYPOOL_RAN_OUT, str(error)) from error


@method(
    "wallet",
    "keypoolrefill",
    Arg("newsize", Kind.NUM, "How many keys to have ahead", hint="1000, or as set by -keypool", number=Num.INT),
    result=Result(Kind.NONE),
    help="Makes keys ahead for each active descriptor, of which there are four for receiving by default\n"
    f"({TYPES_HELP}), and four for change.\n{MUST_BE_UNLOCKED}",
    examples=examples("keypoolrefill"),
)
def keypoolrefill(context: RpcContext, newsize: int | None) -> Json:
    """Make them."""
    from wallet.rpc.context import ensure_unlocked

    wallet = context.wallet()
    with wallet.lock:
        if newsize is not None and newsize < 0:
            raise RpcError(RPC_INVALID_PARAMETER, "Invalid parameter, expected valid size.")
        ensure_unlocked(wallet)
        wallet.keypool.top_up(newsize or 0)
        wallet.history.find_all_own()
        wallet.ledger.forget()
        if sum(wallet.keypool.sizes()) < (newsize or 0):
            raise RpcError(RPC_WALLET_ERROR, "Error refreshing keypool.")
    return None


METHODS: Final = (getnewaddress, getrawchangeaddress, keypoolrefill)
