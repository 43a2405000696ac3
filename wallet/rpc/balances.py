"""RPC methods that tell how much a wallet has (Core: src/wallet/rpc/coins.cpp)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rpc.errors import RPC_METHOD_DEPRECATED, RPC_WALLET_ERROR, RpcError
from rpc.help import example_cli, example_rpc, examples
from rpc.json import Amount
from rpc.method import Arg, Kind, Result, method
from wallet.rpc.context import LAST_PROCESSED_BLOCK, last_processed_block

if TYPE_CHECKING:
    from rpc.json import Json
    from wallet.rpc.context import RpcContext


@method(
    "wallet",
    "getbalance",
    Arg("dummy", Kind.STR, 'Left out, or "*"', optional=True, placeholder=True),
    Arg("minconf", Kind.NUM, "Only what was confirmed at least so many times", default=0),
    Arg("include_watchonly", Kind.BOOL, "Without meaning", default=False),
    Arg(
        "avoid_reuse",
        Kind.BOOL,
        "Leave out what is on addresses that were spent from before. Only for wallets with the avoid_reuse flag",
        hint="true",
    ),
    result=Result(Kind.STR_AMOUNT, "amount", "What the wallet can spend, in BTC"),
    help="Returns what the wallet can spend now. Options that say what is not to be spent,\n"
    "such as -spendzeroconfchange, count.",
    examples="\nAll there is\n"
    + example_cli("getbalance")
    + "\nWhat has at least 6 confirmations\n"
    + example_cli("getbalance", '"*" 6')
    + "\nThe same over HTTP\n"
    + example_rpc("getbalance", '"*", 6'),
)
def getbalance(
    context: RpcContext, dummy: str | None, minconf: int, include_watchonly: bool, avoid_reuse: bool | None
) -> Json:
    """Add it up."""
    del include_watchonly
    wallet = context.synced_wallet()
    if dummy not in {None, "*"}:
        raise RpcError(RPC_METHOD_DEPRECATED, 'dummy first argument must be excluded or set to "*".')
    with wallet.lock:
        if avoid_reuse and not wallet.avoids_reuse:
            raise RpcError(RPC_WALLET_ERROR, 'wallet does not have the "avoid reuse" feature enabled')
        wanted = wallet.avoids_reuse if avoid_reuse is None else avoid_reuse
        return Amount(wallet.ledger.balances(minconf, avoid_reuse=wanted).trusted)


@method(
    "wallet",
    "getbalances",
    result=Result(
        Kind.OBJ,
        "",
        "",
        (
            Result(
                Kind.OBJ,
                "mine",
                "What the wallet can sign for",
                (
                    Result(Kind.STR_AMOUNT, "trusted", "Confirmed, or paid by the wallet itself"),
                    Result(Kind.STR_AMOUNT, "untrusted_pending", "Paid by others and waiting in the mempool"),
                    Result(Kind.STR_AMOUNT, "immature", "Of coinbases that are too young"),
                    Result(
                        Kind.STR_AMOUNT,
                        "nonmempool",
                        "What is spent by transactions that are not in the mempool, negative; mostly too much, as\n"
                        "neither their change counts nor that they may exclude each other",
                    ),
                    Result(
                        Kind.STR_AMOUNT,
                        "used",
                        "On addresses that were spent from before. Of wallets with the avoid_reuse flag",
                        optional=True,
                    ),
                ),
            ),
            LAST_PROCESSED_BLOCK,
        ),
    ),
    help="Returns all balances in BTC.",
    examples=examples("getbalances"),
)
def getbalances(context: RpcContext) -> Json:
    """Add them up."""
    wallet = context.synced_wallet()
    with wallet.lock:
        found = wallet.ledger.balances(include_nonmempool=True)
        mine = {
            "trusted": Amount(found.trusted),
            "untrusted_pending": Amount(found.untrusted_pending),
            "immature": Amount(found.immature),
            "nonmempool": Amount(found.nonmempool),
        }
        if wallet.avoids_reuse:
            mine["used"] = Amount(found.used)
        return {"mine": mine, "lastprocessedblock": last_processed_block(wallet)}


METHODS: Final = (getbalance, getbalances)
