"""The RPC method that signs messages (Core: src/wallet/rpc/signmessage.cpp)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rpc.errors import RPC_TYPE_ERROR, RPC_WALLET_ERROR, RpcError
from rpc.help import example_cli, example_rpc
from rpc.method import Arg, Kind, Result, method
from wallet.errors import WalletError
from wallet.message_signing import NoKeyAddressError, sign_message
from wallet.rpc.context import MUST_BE_UNLOCKED, ensure_unlocked
from wallet.rpc.labels import read_address

if TYPE_CHECKING:
    from rpc.json import Json
    from wallet.rpc.context import RpcContext

_ADDRESS: Final = '"1D1ZrZNe3JUo7ZycKEYQQiQAWd9y54F4XX"'


@method(
    "wallet",
    "signmessage",
    Arg("address", Kind.STR, "The address whose private key signs"),
    Arg("message", Kind.STR, "The message"),
    result=Result(Kind.STR, "signature", "The signature in base64"),
    help="Signs a message with the private key of an address\n" + MUST_BE_UNLOCKED,
    examples="\nLet the keys be used for 30 seconds\n"
    + example_cli("walletpassphrase", '"mypassphrase" 30')
    + "\nSign\n"
    + example_cli("signmessage", f'{_ADDRESS} "my message"')
    + "\nCheck the signature\n"
    + example_cli("verifymessage", f'{_ADDRESS} "signature" "my message"')
    + "\nSign over HTTP\n"
    + example_rpc("signmessage", f'{_ADDRESS}, "my message"'),
)
def signmessage(context: RpcContext, text: str, message: str) -> Json:
    """Sign."""
    wallet = context.wallet()
    with wallet.lock:
        ensure_unlocked(wallet)
        script = read_address(wallet, text, "Invalid address")
        try:
            return sign_message(wallet, script, message)
        except NoKeyAddressError as error:
            raise RpcError(RPC_TYPE_ERROR, str(error)) from None
        except WalletError as error:
            raise RpcError(RPC_WALLET_ERROR, str(error)) from None


METHODS: Final = (signmessage,)
