"""The RPC method about indexes themselves (Core: getindexinfo in src/rpc/node.cpp)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from node.rpc.index_access import indexes_of
from rpc.help import example_cli, example_rpc
from rpc.method import Arg, Kind, Result, method

if TYPE_CHECKING:
    from node.rpc.context import RpcContext
    from rpc.json import Json


@method(
    "util",
    "getindexinfo",
    Arg(
        "index_name",
        Kind.STR,
        "Only the index of this name; 'coin index' is the one that is always there",
        optional=True,
    ),
    result=Result(
        Kind.OBJ_DYN,
        inner=(
            Result(
                Kind.OBJ,
                "name",
                "The name of the index",
                (
                    Result(Kind.BOOL, "synced", "Whether it has caught up with the chain"),
                    Result(Kind.NUM, "best_block_height", "The height up to which it goes"),
                ),
            ),
        ),
    ),
    help="Returns how far the indexes that options ask for are, or one of them.",
    examples=example_cli("getindexinfo")
    + example_rpc("getindexinfo")
    + example_cli("getindexinfo", "txindex")
    + example_rpc("getindexinfo", "txindex"),
)
def getindexinfo(context: RpcContext, index_name: str | None) -> Json:
    """Return the state of indexes."""
    indexes = indexes_of(context)
    threads = [*indexes.optional, indexes.coins] if index_name else indexes.optional
    return {
        thread.index.name: {
            "synced": thread.synced,
            "best_block_height": 0 if thread.best is None else thread.best.height,
        }
        for thread in threads
        if not index_name or thread.index.name == index_name
    }


METHODS: Final = (getindexinfo,)
