"""RPC methods that read the chain (Core: src/rpc/blockchain.cpp)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from node.rpc.errors import RPC_INVALID_PARAMETER, RpcError
from node.rpc.help import examples
from node.rpc.method import Arg, Kind, Result, method

if TYPE_CHECKING:
    from node.rpc.json import Json
    from node.rpc.request import RpcContext


@method(
    "blockchain",
    "getbestblockhash",
    result=Result(Kind.STR_HEX, "", "The hash of the best block"),
    help="Returns the hash of the best block, the one with the most work that is fully validated.",
    examples=examples("getbestblockhash"),
)
def getbestblockhash(context: RpcContext) -> Json:
    """Return the hash of the tip."""
    return context.node.chainstate.tip().hash[::-1].hex()


@method(
    "blockchain",
    "getblockcount",
    result=Result(Kind.NUM, "", "The height of the best block"),
    help="Returns the height of the best block, which is 0 for the genesis block.",
    examples=examples("getblockcount"),
)
def getblockcount(context: RpcContext) -> Json:
    """Return the height of the tip."""
    return context.node.chainstate.tip().height


@method(
    "blockchain",
    "getblockhash",
    Arg("height", Kind.NUM, "The height of the block"),
    result=Result(Kind.STR_HEX, "", "The hash of the block"),
    help="Returns the hash of the block of the best chain at a height.",
    examples=examples("getblockhash", "1000"),
)
def getblockhash(context: RpcContext, height: int) -> Json:
    """Return the hash at a height."""
    chainstate = context.node.chainstate
    if not 0 <= height <= chainstate.tip().height:
        raise RpcError(RPC_INVALID_PARAMETER, "Block height out of range")
    return chainstate.block_hash(height)[::-1].hex()


METHODS: Final = (getbestblockhash, getblockcount, getblockhash)
