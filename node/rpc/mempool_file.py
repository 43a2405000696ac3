"""RPC methods that write and read mempool.dat (Core: savemempool, importmempool in src/rpc/mempool.cpp)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from node.mempool.persist import MEMPOOL_FILE, ImportOptions, dump_mempool, load_mempool
from node.rpc.mempool_access import acceptance_of, mempool_of
from rpc import json
from rpc.errors import RPC_CLIENT_IN_INITIAL_DOWNLOAD, RPC_MISC_ERROR, RpcError
from rpc.help import examples
from rpc.method import Arg, Kind, Result, method

if TYPE_CHECKING:
    from node.rpc.context import RpcContext
    from rpc.json import Json


@method(
    "blockchain",
    "importmempool",
    Arg("filepath", Kind.STR, "The file"),
    Arg(
        "options",
        Kind.OBJ_NAMED_PARAMS,
        "",
        (
            Arg(
                "use_current_time",
                Kind.BOOL,
                "Whether the transactions count as coming now, not when the file says.\n"
                "Files of others may say anything.",
                default=True,
            ),
            Arg(
                "apply_fee_delta_priority",
                Kind.BOOL,
                "Whether to add what prioritisetransaction added to fees to what it adds here.\n"
                "Files of others may say anything; have it only if you know what it does.",
                default=False,
            ),
            Arg(
                "apply_unbroadcast_set",
                Kind.BOOL,
                "Whether what was not sent to a peer there counts as not sent here.\nFiles of others may say anything.",
                default=False,
            ),
        ),
        optional=True,
        oneline="options",
    ),
    result=Result(Kind.OBJ, "", "", ()),
    help="Takes in the transactions of a mempool.dat that the rules allow.\n"
    "Files of others are dangerous, above all where you believe more of them than the transactions.",
    examples=examples("importmempool", "/path/to/mempool.dat"),
)
def importmempool(context: RpcContext, filepath: str, options: dict[str, Json] | None) -> Json:
    """Take a file in."""
    pool, acceptance = mempool_of(context), acceptance_of(context)
    if context.node.chainstate.is_initial_block_download():
        text = "Can only import the mempool after the block download and sync is done."
        raise RpcError(RPC_CLIENT_IN_INITIAL_DOWNLOAD, text)
    wanted = ImportOptions(
        use_current_time=_flag(options, "use_current_time", default=True),
        apply_fee_delta_priority=_flag(options, "apply_fee_delta_priority", default=False),
        apply_unbroadcast_set=_flag(options, "apply_unbroadcast_set", default=False),
    )
    chainstate = context.node.chainstate
    if not load_mempool(pool, acceptance, Path(filepath), wanted, lambda: chainstate.is_stopping):
        raise RpcError(RPC_MISC_ERROR, "Unable to import mempool file, see debug log for details.")
    return {}


def _flag(options: dict[str, Json] | None, name: str, *, default: bool) -> bool:
    value = (options or {}).get(name)
    return default if value is None else json.to_bool(value)


@method(
    "blockchain",
    "savemempool",
    result=Result(Kind.OBJ, "", "", (Result(Kind.STR, "filename", "Where it was written"),)),
    help="Writes the mempool to disk, once what was kept over the restart is loaded.",
    examples=examples("savemempool"),
)
def savemempool(context: RpcContext) -> Json:
    """Write mempool.dat."""
    pool = mempool_of(context)
    if not pool.loaded:
        raise RpcError(RPC_MISC_ERROR, "The mempool was not loaded yet")
    path = context.node.network_dir / MEMPOOL_FILE
    if not dump_mempool(pool, path):
        raise RpcError(RPC_MISC_ERROR, "Unable to dump mempool to disk")
    return {"filename": str(path)}


METHODS: Final = (importmempool, savemempool)
