"""The RPC method that has a device show an address (Core: walletdisplayaddress). No wallet here has one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rpc.errors import RPC_MISC_ERROR, RpcError
from rpc.method import Arg, Kind, Result, method
from wallet.rpc.labels import read_address

if TYPE_CHECKING:
    from rpc.json import Json
    from wallet.rpc.context import RpcContext


@method(
    "wallet",
    "walletdisplayaddress",
    Arg("address", Kind.STR, "The address"),
    result=Result(Kind.OBJ, "", "", (Result(Kind.STR, "address", "The address, as the device confirmed it"),)),
    help="Would show an address on a device that signs. Such wallets are not supported: it always fails.",
)
def walletdisplayaddress(context: RpcContext, text: str) -> Json:
    """Refuse, as Core does for the addresses of other wallets."""
    read_address(context.wallet(), text, "Invalid address")
    raise RpcError(RPC_MISC_ERROR, "There is no ScriptPubKeyManager for this address")


METHODS: Final = (walletdisplayaddress,)
