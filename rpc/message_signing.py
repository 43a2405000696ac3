"""RPC methods that sign messages and check signed ones (Core: src/rpc/signmessage.cpp)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from primitives import address
from primitives.errors import AddressError
from primitives.keys import decode_wif
from primitives.message_signing import MessageCheck, check_message, sign_message
from primitives.script import TxoutType, solve
from rpc.errors import RPC_INVALID_ADDRESS_OR_KEY, RPC_TYPE_ERROR, RpcError
from rpc.help import example_cli, example_rpc
from rpc.method import Arg, Kind, Result, method

if TYPE_CHECKING:
    from rpc.context import AnyContext
    from rpc.json import Json

_ADDRESS: Final = '"1D1ZrZNe3JUo7ZycKEYQQiQAWd9y54F4XX"'
_CHECK_EXAMPLES: Final = (
    "\nCheck the signature\n"
    + example_cli("verifymessage", f'{_ADDRESS} "signature" "my message"')
    + "\nThe same over HTTP\n"
    + example_rpc("verifymessage", f'{_ADDRESS}, "signature", "my message"')
)


@method(
    "util",
    "verifymessage",
    Arg("address", Kind.STR, "The address whose key is to have signed."),
    Arg("signature", Kind.STR, "The signature in base 64, as signmessage returns it."),
    Arg("message", Kind.STR, "The message that is to be signed."),
    result=Result(Kind.BOOL, help="Whether the signature is the address's on this message."),
    help="Check a signed message.",
    examples=_CHECK_EXAMPLES,
)
def verifymessage(context: AnyContext, text: str, signature: str, message: str) -> Json:
    """Check a signed message."""
    try:
        kind, solutions = solve(address.decode(text, context.chain))
    except AddressError:
        raise RpcError(RPC_INVALID_ADDRESS_OR_KEY, "Invalid address") from None
    if kind is not TxoutType.PUBKEYHASH:
        raise RpcError(RPC_TYPE_ERROR, "Address does not refer to key")
    check = check_message(solutions[0], signature, message.encode("utf-8", "surrogatepass"))
    if check is MessageCheck.MALFORMED:
        raise RpcError(RPC_TYPE_ERROR, "Malformed base64 encoding")
    return check is MessageCheck.VALID


@method(
    "util",
    "signmessagewithprivkey",
    Arg("privkey", Kind.STR, "The private key to sign with."),
    Arg("message", Kind.STR, "The message to sign."),
    result=Result(Kind.STR, "signature", "The signature in base 64"),
    help="Sign a message with a private key.",
    examples="\nSign a message\n"
    + example_cli("signmessagewithprivkey", '"privkey" "my message"')
    + _CHECK_EXAMPLES
    + "\nSign over HTTP\n"
    + example_rpc("signmessagewithprivkey", '"privkey", "my message"'),
)
def signmessagewithprivkey(context: AnyContext, privkey: str, message: str) -> Json:
    """Sign a message."""
    key = decode_wif(privkey, context.chain)
    if key is None:
        raise RpcError(RPC_INVALID_ADDRESS_OR_KEY, "Invalid private key")
    return sign_message(key, message.encode("utf-8", "surrogatepass"))


METHODS: Final = (verifymessage, signmessagewithprivkey)
