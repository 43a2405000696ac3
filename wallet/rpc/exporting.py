"""The RPC method that makes a copy of a wallet that only watches (Core: src/wallet/rpc/wallet.cpp)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from rpc.errors import RPC_WALLET_ERROR, RpcError
from rpc.help import examples
from rpc.method import Arg, Kind, Result, method
from wallet.errors import WalletError
from wallet.export import export_watch_only

if TYPE_CHECKING:
    from rpc.json import Json
    from wallet.rpc.context import RpcContext


@method(
    "wallet",
    "exportwatchonlywallet",
    Arg("destination", Kind.STR, "The path of the new file"),
    result=Result(Kind.OBJ, "", "", (Result(Kind.STR, "exported_file", "The path of the file"),)),
    help="Writes a wallet that only watches to a file: the public descriptors of this one, its transactions and its\n"
    "address book. Descriptors whose last step is hardened have only those positions there that were derived already.\n"
    "Another program can take it with 'restorewallet'.",
    examples=examples("exportwatchonlywallet", '"/path/to/export.dat"'),
)
def exportwatchonlywallet(context: RpcContext, destination: str) -> Json:
    """Write it."""
    wallet = context.synced_wallet()
    if not destination:
        raise RpcError(RPC_WALLET_ERROR, "Error: Export destination cannot be empty")
    with wallet.lock:
        wallet.keypool.top_up()
        try:
            export_watch_only(wallet, Path(destination))
        except WalletError as error:
            raise RpcError(RPC_WALLET_ERROR, str(error)) from error
    return {"exported_file": destination}


METHODS: Final = (exportwatchonlywallet,)
