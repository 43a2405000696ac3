"""RPC methods about what the mempool would have mined together (Core: src/rpc/mempool.cpp)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from node.rpc.mempool_access import mempool_of
from rpc.arguments import parse_hash
from rpc.errors import RPC_INVALID_ADDRESS_OR_KEY, RpcError
from rpc.help import examples
from rpc.json import Amount
from rpc.method import Arg, Kind, Result, method

if TYPE_CHECKING:
    from node.rpc.context import RpcContext
    from rpc.json import Json

_CHUNK: Final = Result(
    Kind.OBJ,
    "chunk",
    "",
    (
        Result(Kind.NUM, "chunkfee", "What its transactions pay, in BTC"),
        Result(Kind.NUM, "chunkweight", "Their weight, with signature operations counted (-bytespersigop)"),
        Result(
            Kind.ARR, "txs", "Its transactions in the order they are mined", (Result(Kind.STR_HEX, "txid", "An id"),)
        ),
    ),
)


@method(
    "blockchain",
    "getmempoolcluster",
    Arg("txid", Kind.STR_HEX, "The id of a transaction of the cluster"),
    result=Result(
        Kind.OBJ,
        "",
        "",
        (
            Result(Kind.NUM, "clusterweight", "The weight of all, with signature operations counted (-bytespersigop)"),
            Result(Kind.NUM, "txcount", "How many transactions there are"),
            Result(Kind.ARR, "chunks", "The chunks, the first to be mined first", (_CHUNK,)),
        ),
    ),
    help="Returns the transactions of the mempool that hang together with one, and which of them are mined together.",
    examples=examples("getmempoolcluster", "txid"),
)
def getmempoolcluster(context: RpcContext, txid: str) -> Json:
    """Describe the cluster of one."""
    wanted = parse_hash(txid, "txid")
    pool = mempool_of(context)
    with pool.lock:
        entry = pool.get(wanted)
        if entry is None:
            raise RpcError(RPC_INVALID_ADDRESS_OR_KEY, "Transaction not in mempool")
        chunks = pool.graph.chunks(entry)
    return {
        "clusterweight": sum(chunk.size for chunk in chunks),
        "txcount": sum(len(chunk.nodes) for chunk in chunks),
        "chunks": [
            {
                "chunkfee": Amount(chunk.fee),
                "chunkweight": chunk.size,
                "txs": [node.txid[::-1].hex() for node in chunk.nodes],
            }
            for chunk in chunks
        ],
    }


@method(
    "hidden",
    "getmempoolfeeratediagram",
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
                    Result(Kind.NUM, "weight", "The weight up to here, with signature operations counted"),
                    Result(Kind.NUM, "fee", "The fees up to here, in BTC"),
                ),
            ),
        ),
        condition="mempool chunks",
    ),
    help="Returns what the mempool pays, chunk by chunk, as it would be mined.",
    examples=examples("getmempoolfeeratediagram", ""),
)
def getmempoolfeeratediagram(context: RpcContext) -> Json:
    """Add up the chunks of the whole mempool."""
    pool = mempool_of(context)
    with pool.lock:
        chunks = [(fee, size) for _, fee, size in pool.graph.mining_order()]
    points: list[Json] = [{"weight": 0, "fee": Amount(0)}]
    fees = weight = 0
    for fee, size in chunks:
        fees += fee
        weight += size
        points.append({"weight": weight, "fee": Amount(fees)})
    return points


METHODS: Final = (getmempoolcluster, getmempoolfeeratediagram)
