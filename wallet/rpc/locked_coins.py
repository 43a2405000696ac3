"""RPC methods that keep coins from being spent (Core: src/wallet/rpc/coins.cpp)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rpc import json
from rpc.arguments import check_object, parse_hash
from rpc.errors import RPC_INVALID_PARAMETER, RpcError
from rpc.help import example_cli, example_rpc
from rpc.method import Arg, Kind, Result, method

if TYPE_CHECKING:
    from rpc.json import Json
    from wallet.rpc.context import RpcContext
    from wallet.wallet import Wallet

_COIN: Final = '[{"txid":"a08e6907dbbd3d809776dbfc5d82e371b764ed838b5655e72f463568df1aadf0","vout":1}]'
_QUOTED: Final = '"' + _COIN.replace('"', '\\"') + '"'
_EXAMPLES: Final = (
    "\nSee which coins there are\n"
    + example_cli("listunspent")
    + "\nLock one of them\n"
    + example_cli("lockunspent", f"false {_QUOTED}")
    + "\nSee which are locked\n"
    + example_cli("listlockunspent")
    + "\nUnlock it\n"
    + example_cli("lockunspent", f"true {_QUOTED}")
)


@method(
    "wallet",
    "lockunspent",
    Arg("unlock", Kind.BOOL, "Whether to unlock the coins (true) or to lock them (false)"),
    Arg(
        "transactions",
        Kind.ARR,
        "The coins",
        (
            Arg(
                "",
                Kind.OBJ,
                "",
                (
                    Arg("txid", Kind.STR_HEX, "The id of a transaction"),
                    Arg("vout", Kind.NUM, "The number of its output"),
                ),
                optional=True,
            ),
        ),
        hint="[]",
    ),
    Arg(
        "persistent",
        Kind.BOOL,
        "Whether the lock is stored with the wallet or forgotten when it is unloaded. Unlocking does not ask",
        default=False,
    ),
    result=Result(Kind.BOOL, "", "Whether it was done"),
    help="Locks coins or unlocks them; without coins unlocks all.\n"
    "A locked coin is not chosen to be spent, but can be named by hand, which unlocks it.\n"
    "See listunspent.",
    examples=_EXAMPLES
    + "\nLock it for good\n"
    + example_cli("lockunspent", f"false {_QUOTED} true")
    + "\nThe same over HTTP\n"
    + example_rpc("lockunspent", f"false, {_COIN}"),
)
def lockunspent(context: RpcContext, unlock: bool, transactions: list[Json] | None, persistent: bool) -> Json:
    """Lock or unlock all of them, or none."""
    wallet = context.synced_wallet()
    with wallet.lock:
        if transactions is None:
            if unlock:
                wallet.unlock_all_coins()
            return True
        outpoints = [_outpoint(wallet, each, unlock, persistent) for each in transactions]
        with wallet.database.transaction():
            for outpoint in outpoints:
                if unlock:
                    wallet.unlock_coin(outpoint)
                else:
                    wallet.lock_coin(outpoint, persist=persistent)
    return True


def _outpoint(wallet: Wallet, value: Json, unlock: bool, persistent: bool) -> tuple[bytes, int]:
    json.check_type(value, "object")
    check_object(value, {"txid": "string", "vout": "number"})
    txid = parse_hash(value["txid"], "txid")
    index = json.to_int(value["vout"])
    if index < 0:
        raise RpcError(RPC_INVALID_PARAMETER, "Invalid parameter, vout cannot be negative")
    wtx = wallet.history.get(txid)
    if wtx is None:
        raise RpcError(RPC_INVALID_PARAMETER, "Invalid parameter, unknown transaction")
    if index >= len(wtx.tx.outputs):
        raise RpcError(RPC_INVALID_PARAMETER, "Invalid parameter, vout index out of bounds")
    outpoint = (txid, index)
    if wallet.history.is_spent(outpoint):
        raise RpcError(RPC_INVALID_PARAMETER, "Invalid parameter, expected unspent output")
    is_locked = outpoint in wallet.locked_coins
    if unlock and not is_locked:
        raise RpcError(RPC_INVALID_PARAMETER, "Invalid parameter, expected locked output")
    if not unlock and is_locked and not persistent:
        raise RpcError(RPC_INVALID_PARAMETER, "Invalid parameter, output already locked")
    return outpoint


@method(
    "wallet",
    "listlockunspent",
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
                    Result(Kind.STR_HEX, "txid", "The id of the transaction"),
                    Result(Kind.NUM, "vout", "The number of its output"),
                ),
            ),
        ),
    ),
    help="Returns the coins that are locked. See lockunspent.",
    examples=_EXAMPLES + "\nThe same over HTTP\n" + example_rpc("listlockunspent"),
)
def listlockunspent(context: RpcContext) -> Json:
    """Return them."""
    wallet = context.synced_wallet()
    with wallet.lock:
        locked = sorted(wallet.locked_coins)
    return [{"txid": txid[::-1].hex(), "vout": index} for txid, index in locked]


METHODS: Final = (lockunspent, listlockunspent)
