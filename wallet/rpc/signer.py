"""RPC methods about devices that sign (Core: src/rpc/external_signer.cpp, walletdisplayaddress in wallet/rpc)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rpc.errors import RPC_MISC_ERROR, RpcError
from rpc.help import examples
from rpc.method import Arg, Kind, Result, method
from wallet.errors import NoSignerError, SignerError
from wallet.rpc.labels import read_address

if TYPE_CHECKING:
    from rpc.json import Json
    from wallet.rpc.context import RpcContext


@method(
    "signer",
    "enumeratesigners",
    result=Result(
        Kind.OBJ,
        inner=(
            Result(
                Kind.ARR,
                "signers",
                "",
                (
                    Result(
                        Kind.OBJ,
                        inner=(
                            Result(Kind.STR_HEX, "fingerprint", "The fingerprint of its master key"),
                            Result(Kind.STR, "name", "The model"),
                        ),
                    ),
                ),
            ),
        ),
    ),
    help="Lists the devices that the program of -signer finds, each fingerprint once.",
    examples=examples("enumeratesigners"),
)
def enumeratesigners(context: RpcContext) -> Json:
    """Ask the program."""
    try:
        found = context.owner.signers.enumerate()
    except NoSignerError as error:
        raise RpcError(RPC_MISC_ERROR, f"Error: {error}") from error
    except SignerError as error:
        raise RpcError(RPC_MISC_ERROR, str(error)) from error
    return {"signers": [{"fingerprint": each.fingerprint, "name": each.name} for each in found]}


@method(
    "wallet",
    "walletdisplayaddress",
    Arg("address", Kind.STR, "The address"),
    result=Result(Kind.OBJ, "", "", (Result(Kind.STR, "address", "The address, as the device confirmed it"),)),
    help="Shows an address of the wallet on the device that signs for it.",
)
def walletdisplayaddress(context: RpcContext, text: str) -> Json:
    """Show it."""
    wallet = context.wallet()
    script = read_address(wallet, text, "Invalid address")
    try:
        wallet.display_address(script)
    except SignerError as error:
        raise RpcError(RPC_MISC_ERROR, str(error)) from error
    return {"address": text}


METHODS: Final = (enumeratesigners, walletdisplayaddress)
