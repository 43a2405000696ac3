"""RPC methods by which an operator changes what transactions seem to pay (Core: src/rpc/mining.cpp)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from node.rpc.mempool_access import mempool_of
from rpc.arguments import parse_hash
from rpc.errors import RPC_INVALID_PARAMETER, RpcError
from rpc.help import example_cli, example_rpc, examples
from rpc.method import Arg, Kind, Num, Result, method

if TYPE_CHECKING:
    from node.rpc.context import RpcContext
    from rpc.json import Json


@method(
    "mining",
    "prioritisetransaction",
    Arg("txid", Kind.STR_HEX, "The transaction's id"),
    Arg(
        "dummy",
        Kind.NUM,
        "For callers of old. Must be zero or null.\nDEPRECATED: leave it out by naming the other arguments.",
        optional=True,
        number=Num.REAL,
    ),
    Arg(
        "fee_delta",
        Kind.NUM,
        "The satoshis to add to the fee, or to take from it if negative.\n"
        "It is no fee rate, and nobody pays it: transactions for blocks are chosen as if the fee were that.",
        number=Num.INT64,
    ),
    result=Result(Kind.BOOL, "", "true"),
    help="Has a transaction mined earlier, or later, than for its fee\n",
    examples=example_cli("prioritisetransaction", '"txid" 0.0 10000')
    + example_rpc("prioritisetransaction", '"txid", 0.0, 10000'),
)
def prioritisetransaction(context: RpcContext, txid: str, dummy: float | None, fee_delta: int) -> Json:
    """Change what a transaction seems to pay."""
    wanted = parse_hash(txid, "txid")
    if dummy:
        text = "Priority is no longer supported, dummy argument to prioritisetransaction must be 0."
        raise RpcError(RPC_INVALID_PARAMETER, text)
    pool = mempool_of(context)
    with pool.lock:
        entry = pool.get(wanted)
        if entry is not None and entry.dust:
            raise RpcError(RPC_INVALID_PARAMETER, "Priority is not supported for transactions with dust outputs.")
        pool.prioritise(wanted, fee_delta)
    context.node.miner.mempool_changed()
    return True


@method(
    "mining",
    "getprioritisedtransactions",
    result=Result(
        Kind.OBJ_DYN,
        "",
        "What was added to fees, by txid",
        (
            Result(
                Kind.OBJ,
                "<transactionid>",
                "",
                (
                    Result(Kind.NUM, "fee_delta", "The satoshis added"),
                    Result(Kind.BOOL, "in_mempool", "Whether the mempool has the transaction"),
                    Result(
                        Kind.NUM, "modified_fee", "The fee with them in satoshis, if in_mempool is true", optional=True
                    ),
                ),
            ),
        ),
    ),
    help="Returns all that prioritisetransaction added to fees, and whether the mempool has the transactions.",
    examples=examples("getprioritisedtransactions"),
)
def getprioritisedtransactions(context: RpcContext) -> Json:
    """List fee deltas."""
    pool = mempool_of(context)
    answer: dict[str, Json] = {}
    with pool.lock:
        for txid in sorted(pool.deltas):
            entry = pool.get(txid)
            told: dict[str, Json] = {"fee_delta": pool.deltas[txid], "in_mempool": entry is not None}
            if entry is not None:
                told["modified_fee"] = entry.fee
            answer[txid[::-1].hex()] = told
    return answer


METHODS: Final = (prioritisetransaction, getprioritisedtransactions)
