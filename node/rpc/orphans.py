"""The RPC method about transactions whose parents are missing, which only peers bring (Core: src/rpc/mempool.cpp)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rpc.arguments import parse_verbosity
from rpc.errors import RPC_INVALID_PARAMETER, RpcError
from rpc.help import examples
from rpc.method import Arg, Kind, Result, method

if TYPE_CHECKING:
    from node.rpc.context import RpcContext
    from rpc.json import Json

_FIELDS: Final = (
    Result(Kind.STR_HEX, "txid", "The id of a transaction"),
    Result(Kind.STR_HEX, "wtxid", "The id that covers its witnesses"),
    Result(Kind.NUM, "bytes", "Its size"),
    Result(Kind.NUM, "vsize", "vsize_bip141, by its old name (DEPRECATED)"),
    Result(Kind.NUM, "vsize_bip141", "Its virtual size (BIP141)"),
    Result(Kind.NUM, "weight", "Its weight (BIP141)"),
    Result(Kind.ARR, "from", "Who sent it", (Result(Kind.NUM, "peer_id", "A peer"),)),
)
_HEX: Final = Result(Kind.STR_HEX, "hex", "The transaction in hex")


@method(
    "hidden",
    "getorphantxs",
    Arg(
        "verbosity",
        Kind.NUM,
        "0 for ids, which may repeat, 1 for objects, 2 for objects with the transaction",
        default=0,
        skip_type_check=True,
    ),
    result=(
        Result(Kind.ARR, "", "", (Result(Kind.STR_HEX, "txid", "An id"),), condition="for verbosity = 0"),
        Result(Kind.ARR, "", "", (Result(Kind.OBJ, "", "", _FIELDS),), condition="for verbosity = 1"),
        Result(Kind.ARR, "", "", (Result(Kind.OBJ, "", "", (*_FIELDS, _HEX)),), condition="for verbosity = 2"),
    ),
    help="Returns transactions that peers sent before those they spend from. There are no peers yet, so it is empty.",
    examples=examples("getorphantxs", "2"),
)
def getorphantxs(context: RpcContext, verbosity: Json) -> Json:
    """List nothing."""
    del context
    level = parse_verbosity(verbosity, 0, allow_bool=False)
    if level not in {0, 1, 2}:
        raise RpcError(RPC_INVALID_PARAMETER, f"Invalid verbosity value {level}")
    return []


METHODS: Final = (getorphantxs,)
