"""RPC methods that wait for blocks (Core: src/rpc/blockchain.cpp)."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from interfaces import cancellation
from rpc.arguments import parse_hash
from rpc.errors import RPC_MISC_ERROR, RpcError
from rpc.help import examples
from rpc.method import Arg, Kind, Result, method

if TYPE_CHECKING:
    from collections.abc import Callable

    from node.block_tree import BlockEntry
    from node.rpc.context import RpcContext
    from rpc.json import Json

_TIMEOUT: Final = Arg(
    "timeout", Kind.NUM, "How many milliseconds to wait at most; 0 for as long as it takes", default=0
)
_RESULT: Final = Result(
    Kind.OBJ,
    "",
    "",
    (Result(Kind.STR_HEX, "hash", "The hash of the best block"), Result(Kind.NUM, "height", "Its height")),
)
_NOTES: Final = (
    "\n\nReturns the best block too when the time is over or the node ends."
    "\n\nThe client should have no timeout of its own (pycli -rpcclienttimeout=0)."
)
_HASH: Final = '"0000000000079f8ef3d2c688c244eb7a4570b24c9ed7b4a8c619eb02596f8862"'


def _wait(context: RpcContext, timeout: int, seen: bytes | None, enough: Callable[[BlockEntry], bool]) -> Json:
    """Wait until a tip that is not `seen` is enough, and return the tip."""
    if timeout < 0:
        raise RpcError(RPC_MISC_ERROR, "Negative timeout")
    chainstate, server = context.node.chainstate, context.server
    end = time.monotonic() + timeout / 1000 if timeout else None
    gone = cancellation.current()
    tip = chainstate.tip()
    with gone.wakes(chainstate.wake):
        while tip.hash == seen or not enough(tip):
            left = float("inf") if end is None else (end - time.monotonic()) * 1000
            if left <= 0:
                break
            found = chainstate.wait_for_change(tip.hash, left, lambda: server.interrupted or gone.cancelled)
            if found is None:
                break
            tip = found
    return {"hash": tip.hash[::-1].hex(), "height": tip.height}


@method(
    "blockchain",
    "waitfornewblock",
    _TIMEOUT,
    Arg("current_tip", Kind.STR_HEX, "Wait until the best block is not this one", optional=True),
    result=_RESULT,
    help="Waits for any new best block and returns it." + _NOTES,
    examples=examples("waitfornewblock", "1000"),
)
def waitfornewblock(context: RpcContext, timeout: int, current_tip: str | None) -> Json:
    """Wait for another tip."""
    if timeout < 0:
        raise RpcError(RPC_MISC_ERROR, "Negative timeout")
    seen = context.node.chainstate.tip().hash if current_tip is None else parse_hash(current_tip, "current_tip")
    return _wait(context, timeout, seen, lambda _: True)


@method(
    "blockchain",
    "waitforblock",
    Arg("blockhash", Kind.STR_HEX, "The hash of the block to wait for"),
    _TIMEOUT,
    result=_RESULT,
    help="Waits until a block is the best one and returns it." + _NOTES,
    examples=examples("waitforblock", f"{_HASH} 1000", f"{_HASH}, 1000"),
)
def waitforblock(context: RpcContext, blockhash: str, timeout: int) -> Json:
    """Wait for a block."""
    wanted = parse_hash(blockhash, "blockhash")
    return _wait(context, timeout, None, lambda tip: tip.hash == wanted)


@method(
    "blockchain",
    "waitforblockheight",
    Arg("height", Kind.NUM, "The height to wait for"),
    _TIMEOUT,
    result=_RESULT,
    help="Waits until the best block has at least a height and returns it." + _NOTES,
    examples=examples("waitforblockheight", "100 1000", "100, 1000"),
)
def waitforblockheight(context: RpcContext, height: int, timeout: int) -> Json:
    """Wait for a height."""
    return _wait(context, timeout, None, lambda tip: tip.height >= height)


@method(
    "hidden",
    "syncwithvalidationinterfacequeue",
    result=Result(Kind.NONE),
    help="Waits until all who follow the chain have heard of what happened before, indexes in their first run apart.",
    examples=examples("syncwithvalidationinterfacequeue"),
)
def syncwithvalidationinterfacequeue(context: RpcContext) -> Json:
    """Wait for listeners and indexes."""
    context.node.chainstate.sync()
    indexes = context.node.indexes
    if indexes is not None:
        for index in (indexes.coins, *indexes.optional):
            index.wait_until_synced()
    return None


METHODS: Final = (waitfornewblock, waitforblock, waitforblockheight, syncwithvalidationinterfacequeue)
