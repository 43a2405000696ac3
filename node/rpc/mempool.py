"""RPC methods about transactions that wait for a block. None does: there is no mempool yet (src/rpc/mempool.cpp)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from node.rpc.errors import RPC_INVALID_PARAMETER, RpcError
from node.rpc.help import examples
from node.rpc.json import Amount
from node.rpc.method import Arg, Kind, Result, method

if TYPE_CHECKING:
    from node.rpc.json import Json
    from node.rpc.request import RpcContext

RELAY_FEE: Final = 100
"""Satoshis per kvB, as Core's default of -minrelaytxfee."""
INCREMENTAL_FEE: Final = 100
_MOST_BYTES: Final = 300_000_000
_MOST_DATA: Final = 100_000
_CLUSTER_COUNT: Final = 64
_CLUSTER_SIZE: Final = 101_000


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
            Result(Kind.STR_AMOUNT, "total_fee", "What they pay, in BTC"),
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
        ),
    ),
    help="Returns the state of the mempool, which stays empty: transactions are not taken yet.",
    examples=examples("getmempoolinfo"),
)
def getmempoolinfo(context: RpcContext) -> Json:
    """Describe the empty mempool, which in Core is loaded after blocks were read from files."""
    return {
        "loaded": not context.node.chainstate.is_loading_blocks,
        "size": 0,
        "bytes": 0,
        "usage": 0,
        "total_fee": Amount(0),
        "maxmempool": _MOST_BYTES,
        "mempoolminfee": Amount(RELAY_FEE),
        "minrelaytxfee": Amount(RELAY_FEE),
        "incrementalrelayfee": Amount(INCREMENTAL_FEE),
        "unbroadcastcount": 0,
        "permitbaremultisig": True,
        "maxdatacarriersize": _MOST_DATA,
        "limitclustercount": _CLUSTER_COUNT,
        "limitclustersize": _CLUSTER_SIZE,
        "optimal": True,
    }


@method(
    "blockchain",
    "getrawmempool",
    Arg("verbose", Kind.BOOL, "Whether to describe each", default=False),
    Arg("mempool_sequence", Kind.BOOL, "Whether to tell the sequence number too", default=False),
    result=(
        Result(
            Kind.ARR, "", "", (Result(Kind.STR_HEX, "", "The id of a transaction"),), condition="for verbose = false"
        ),
        Result(
            Kind.OBJ_DYN,
            "",
            "",
            (Result(Kind.ANY, "txid", "What is known of it"),),
            condition="for verbose = true",
        ),
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
    help="Returns the transactions of the mempool, which stays empty: transactions are not taken yet.",
    examples=examples("getrawmempool", "true"),
)
def getrawmempool(context: RpcContext, verbose: bool, mempool_sequence: bool) -> Json:
    """List the transactions of the empty mempool."""
    del context
    if verbose:
        if mempool_sequence:
            raise RpcError(RPC_INVALID_PARAMETER, "Verbose results cannot contain mempool sequence values.")
        return {}
    return {"txids": [], "mempool_sequence": 1} if mempool_sequence else []


METHODS: Final = (getmempoolinfo, getrawmempool)
