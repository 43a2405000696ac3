"""The RPC method that says what spends an output (Core: gettxspendingprevout in src/rpc/mempool.cpp)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from node.rpc.mempool_access import mempool_of
from node.store import StoreError
from primitives.transaction import Transaction
from rpc import json
from rpc.arguments import check_object, parse_hash
from rpc.errors import RPC_INVALID_PARAMETER, RPC_MISC_ERROR, RpcError
from rpc.help import example_cli_named, examples
from rpc.method import Arg, Kind, Result, method

if TYPE_CHECKING:
    from node.indexes.chain import Chain
    from node.indexes.thread import IndexThread
    from node.indexes.transactions import SpenderIndex
    from node.rpc.context import RpcContext
    from rpc.json import Json

_EXAMPLE: Final = '[{"txid":"a08e6907dbbd3d809776dbfc5d82e371b764ed838b5655e72f463568df1aadf0","vout":3}]'


@method(
    "blockchain",
    "gettxspendingprevout",
    Arg(
        "outputs",
        Kind.ARR,
        "The outputs to look for",
        (
            Arg(
                "",
                Kind.OBJ,
                optional=True,
                inner=(
                    Arg("txid", Kind.STR_HEX, "The id of the transaction"),
                    Arg("vout", Kind.NUM, "The index of the output"),
                ),
            ),
        ),
    ),
    Arg(
        "options",
        Kind.OBJ_NAMED_PARAMS,
        "",
        (
            Arg(
                "mempool_only",
                Kind.BOOL,
                "Whether to look at the mempool alone; if not, -txospenderindex knows of blocks, or the method fails",
                hint="true without -txospenderindex, else false",
            ),
            Arg("return_spending_tx", Kind.BOOL, "Whether to return whole transactions too", hint="false"),
        ),
        optional=True,
    ),
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
                    Result(Kind.STR_HEX, "txid", "The id of the transaction that made the output"),
                    Result(Kind.NUM, "vout", "The index of the output"),
                    Result(Kind.STR_HEX, "spendingtxid", "The id of what spends it, if anything does", optional=True),
                    Result(Kind.STR_HEX, "spendingtx", "That transaction, if it is wanted", optional=True),
                    Result(Kind.STR_HEX, "blockhash", "The hash of its block, if it is in one", optional=True),
                ),
            ),
        ),
    ),
    help="Looks for transactions that spend outputs: in the mempool, then in blocks where -txospenderindex is on.",
    examples=examples("gettxspendingprevout", f"'{_EXAMPLE}'", _EXAMPLE)
    + example_cli_named("gettxspendingprevout", {"outputs": _EXAMPLE, "return_spending_tx": True}),
)
def gettxspendingprevout(context: RpcContext, outputs: list[Json], options: dict[str, Json] | None) -> Json:
    """Ask the mempool, then the index."""
    if not outputs:
        raise RpcError(RPC_INVALID_PARAMETER, "Invalid parameter, outputs are missing")
    options = options or {}
    check_object(options, {"mempool_only": "bool", "return_spending_tx": "bool"}, allow_null=True, strict=True)
    indexes = context.node.indexes
    index = indexes.spenders if indexes is not None else None
    whole = bool(options.get("return_spending_tx"))
    mempool_only = options.get("mempool_only")
    if mempool_only is None:
        mempool_only = index is None
    outpoints = [_outpoint(each) for each in outputs]
    shown: list[dict[str, Json]] = [dict(each) for each in outputs]
    missing = []
    pool = mempool_of(context)
    with pool.lock:
        for place, outpoint in enumerate(outpoints):
            entry = pool.spender_of(outpoint)
            if entry is not None:
                _show(shown[place], entry.txid, entry.data, whole=whole)
            elif not mempool_only:
                missing.append(place)
    if missing and (index is None or not index.wait_until_synced()):
        text = "Mempool lacks a relevant spend, and txospenderindex is unavailable."
        raise RpcError(RPC_MISC_ERROR, text)
    if index is not None:
        for place in missing:
            _ask_index(context, index, outpoints[place], shown[place], whole=whole)
    return shown


def _outpoint(value: Json) -> bytes:
    json.check_type(value, "object")
    check_object(value, {"txid": "string", "vout": "number"}, strict=True)
    txid = parse_hash(value["txid"], "txid")
    index = json.to_int(value["vout"])
    if index < 0:
        raise RpcError(RPC_INVALID_PARAMETER, "Invalid parameter, vout cannot be negative")
    return txid + index.to_bytes(4, "little")


def _ask_index(
    context: RpcContext, index: IndexThread[SpenderIndex], outpoint: bytes, shown: dict[str, Json], *, whole: bool
) -> None:
    try:
        with index.reading():
            found = index.index.find(outpoint, cast("Chain", context.node.chainstate))
    except StoreError as error:
        index.report(error)
        place = f"{outpoint[31::-1].hex()}:{int.from_bytes(outpoint[32:], 'little')}"
        raise RpcError(RPC_MISC_ERROR, f"IO error finding spending tx for outpoint {place}.") from error
    if found is not None:
        _show(shown, Transaction.parse(found.data).txid, found.data, whole=whole)
        shown["blockhash"] = found.entry.hash[::-1].hex()


def _show(shown: dict[str, Json], txid: bytes, data: bytes, *, whole: bool) -> None:
    shown["spendingtxid"] = txid[::-1].hex()
    if whole:
        shown["spendingtx"] = data.hex()


METHODS: Final = (gettxspendingprevout,)
