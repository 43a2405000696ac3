"""RPC methods about the mempool as a whole (Core: src/rpc/mempool.cpp)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from node.rpc.mempool_access import mempool_of
from node.rpc.mempool_entries import ENTRY_RESULT, entries_json
from rpc.errors import RPC_INVALID_PARAMETER, RpcError
from rpc.help import examples
from rpc.json import Amount
from rpc.method import Arg, Kind, Result, method

if TYPE_CHECKING:
    from node.rpc.context import RpcContext
    from rpc.json import Json


@method(
    "blockchain",
    "getmempoolinfo",
    result=Result(
        Kind.OBJ,
        "",
        "",
        (
            Result(Kind.BOOL, "loaded", "Whether what was kept over the restart was loaded"),
            Result(Kind.NUM, "size", "How many transactions there are"),
            Result(Kind.NUM, "bytes", "Their virtual size (BIP141)"),
            Result(Kind.NUM, "usage", "How much memory they take"),
            Result(Kind.STR_AMOUNT, "total_fee", "What they pay, in BTC, without what prioritisetransaction adds"),
            Result(Kind.NUM, "maxmempool", "How much memory they may take"),
            Result(Kind.STR_AMOUNT, "mempoolminfee", "The least fee rate to get in, in BTC/kvB"),
            Result(Kind.STR_AMOUNT, "minrelaytxfee", "The least fee rate of what is relayed, in BTC/kvB"),
            Result(Kind.NUM, "incrementalrelayfee", "By how much a replacement must pay more, in BTC/kvB"),
            Result(Kind.NUM, "unbroadcastcount", "How many were not sent to a peer yet"),
            Result(Kind.BOOL, "permitbaremultisig", "Whether outputs to several keys may be bare"),
            Result(Kind.NUM, "maxdatacarriersize", "How many bytes of data a transaction may carry"),
            Result(Kind.NUM, "limitclustercount", "How many may hang together"),
            Result(Kind.NUM, "limitclustersize", "The virtual size of those that hang together"),
            Result(Kind.BOOL, "optimal", "Whether their order is known to be the best"),
            Result(Kind.BOOL, "fullrbf", "True, with -deprecatedrpc=fullrbf", optional=True),
        ),
    ),
    help="Returns the state of the mempool.",
    examples=examples("getmempoolinfo"),
)
def getmempoolinfo(context: RpcContext) -> Json:
    """Describe the mempool."""
    pool = mempool_of(context)
    options = pool.options
    with pool.lock:
        info: dict[str, Json] = {
            "loaded": pool.loaded,
            "size": len(pool),
            "bytes": pool.total_vsize,
            "usage": pool.usage,
            "total_fee": Amount(pool.total_fee),
            "maxmempool": options.max_bytes,
            "mempoolminfee": Amount(max(pool.min_fee(), options.min_relay).per_kvb),
            "minrelaytxfee": Amount(options.min_relay.per_kvb),
            "incrementalrelayfee": Amount(options.incremental.per_kvb),
            "unbroadcastcount": len(pool.unbroadcast),
            "permitbaremultisig": options.permit_bare_multisig,
            "maxdatacarriersize": options.max_datacarrier or 0,
            "limitclustercount": options.cluster_count,
            "limitclustersize": options.cluster_size_vbytes,
            "optimal": True,
        }
    if context.server.is_deprecated_enabled("fullrbf"):
        info["fullrbf"] = True
    return info


@method(
    "blockchain",
    "getrawmempool",
    Arg("verbose", Kind.BOOL, "Whether to describe each", default=False),
    Arg("mempool_sequence", Kind.BOOL, "Whether to tell the sequence number too", default=False),
    result=(
        Result(
            Kind.ARR, "", "", (Result(Kind.STR_HEX, "", "The id of a transaction"),), condition="for verbose = false"
        ),
        Result(Kind.OBJ_DYN, "", "", (ENTRY_RESULT,), condition="for verbose = true"),
        Result(
            Kind.OBJ,
            "",
            "",
            (
                Result(Kind.ARR, "txids", "", (Result(Kind.STR_HEX, "", "The id of a transaction"),)),
                Result(Kind.NUM, "mempool_sequence", "The sequence number"),
            ),
            condition="for verbose = false and mempool_sequence = true",
        ),
    ),
    help="Returns the transactions of the mempool in the order in which they should be mined.",
    examples=examples("getrawmempool", "true"),
)
def getrawmempool(context: RpcContext, verbose: bool, mempool_sequence: bool) -> Json:
    """List the transactions of the mempool."""
    if verbose and mempool_sequence:
        raise RpcError(RPC_INVALID_PARAMETER, "Verbose results cannot contain mempool sequence values.")
    pool = mempool_of(context)
    with pool.lock:
        if verbose:
            return entries_json(context, pool, pool.in_mining_order())
        txids = [entry.txid[::-1].hex() for entry in pool.in_mining_order()]
        sequence = pool.sequence
    return {"txids": txids, "mempool_sequence": sequence} if mempool_sequence else txids


METHODS: Final = (getmempoolinfo, getrawmempool)
