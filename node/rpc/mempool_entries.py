"""RPC methods about single transactions of the mempool and those that hang on them (Core: src/rpc/mempool.cpp)."""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, Final, cast

from node.mempool.questions import signals_replacement
from node.rpc.mempool_access import mempool_of
from primitives.transaction import WITNESS_SCALE_FACTOR
from rpc.arguments import parse_hash
from rpc.errors import RPC_INVALID_ADDRESS_OR_KEY, RpcError
from rpc.help import examples
from rpc.json import Amount
from rpc.method import Arg, Kind, Result, method

if TYPE_CHECKING:
    from collections.abc import Iterable

    from node.mempool.entry import MempoolEntry
    from node.mempool.mempool import Mempool
    from node.rpc.context import RpcContext
    from rpc.json import Json

_FIELDS: Final = (
    Result(Kind.NUM, "vsize", "vsize_adjusted, by its old name (DEPRECATED)"),
    Result(Kind.NUM, "vsize_bip141", "The virtual size (BIP141)"),
    Result(Kind.NUM, "vsize_adjusted", "The virtual size with its signature operations counted (-bytespersigop)"),
    Result(Kind.NUM, "weight", "The weight (BIP141)"),
    Result(Kind.NUM_TIME, "time", "When it came"),
    Result(Kind.NUM, "height", "The height of the tip then"),
    Result(Kind.NUM, "descendantcount", "How many transactions hang on it, itself counted"),
    Result(Kind.NUM, "descendantsize", "Their adjusted virtual size"),
    Result(Kind.NUM, "ancestorcount", "How many transactions it hangs on, itself counted"),
    Result(Kind.NUM, "ancestorsize", "Their adjusted virtual size"),
    Result(Kind.NUM, "chunkweight", "The adjusted weight of those it should be mined with"),
    Result(Kind.STR_HEX, "wtxid", "The id that covers its witnesses"),
    Result(
        Kind.OBJ,
        "fees",
        "",
        (
            Result(Kind.STR_AMOUNT, "base", "What it pays, in BTC"),
            Result(Kind.STR_AMOUNT, "modified", "That, with what prioritisetransaction adds, as below"),
            Result(Kind.STR_AMOUNT, "ancestor", "What those it hangs on pay, itself counted"),
            Result(Kind.STR_AMOUNT, "descendant", "What those that hang on it pay, itself counted"),
            Result(Kind.STR_AMOUNT, "chunk", "What those pay that it should be mined with"),
        ),
    ),
    Result(
        Kind.ARR,
        "depends",
        "What it spends from that is in the mempool",
        (Result(Kind.STR_HEX, "transactionid", "The id of a parent"),),
    ),
    Result(Kind.ARR, "spentby", "What spends from it", (Result(Kind.STR_HEX, "transactionid", "The id of a child"),)),
    Result(Kind.BOOL, "unbroadcast", "Whether it was not sent to a peer yet"),
    Result(
        Kind.BOOL,
        "bip125-replaceable",
        "Whether it or one it hangs on says that it may be replaced (BIP125), with -deprecatedrpc=bip125",
        optional=True,
    ),
)
ENTRY_RESULT: Final = Result(Kind.OBJ, "transactionid", "", _FIELDS)
_TXID: Final = Arg("txid", Kind.STR_HEX, "The id of a transaction of the mempool")
_VERBOSE: Final = Arg("verbose", Kind.BOOL, "Whether to describe each", default=False)


def _relatives(what: str) -> tuple[Result, ...]:
    inner = Result(Kind.STR_HEX, "", f"The id of {what}")
    return (
        Result(Kind.ARR, "", "", (inner,), condition="for verbose = false"),
        Result(Kind.OBJ_DYN, "", "", (ENTRY_RESULT,), condition="for verbose = true"),
    )


@method(
    "blockchain",
    "getmempoolentry",
    _TXID,
    result=Result(Kind.OBJ, "", "", _FIELDS),
    help="Describes a transaction of the mempool.",
    examples=examples("getmempoolentry", '"mytxid"'),
)
def getmempoolentry(context: RpcContext, txid: str) -> Json:
    """Describe one."""
    wanted = parse_hash(txid, "txid")
    pool = mempool_of(context)
    with pool.lock:
        return entry_json(context, pool, _find(pool, wanted))


@method(
    "blockchain",
    "getmempoolancestors",
    _TXID,
    _VERBOSE,
    result=_relatives("what it hangs on"),
    help="Returns all transactions of the mempool that a transaction of it hangs on.",
    examples=examples("getmempoolancestors", '"mytxid"'),
)
def getmempoolancestors(context: RpcContext, txid: str, verbose: bool) -> Json:
    """List what it spends from, over any number of steps."""
    wanted = parse_hash(txid, "txid")
    pool = mempool_of(context)
    with pool.lock:
        entry = _find(pool, wanted)
        return _list(context, pool, pool.graph.ancestors(entry) - {entry}, verbose=verbose)


@method(
    "blockchain",
    "getmempooldescendants",
    _TXID,
    _VERBOSE,
    result=_relatives("what hangs on it"),
    help="Returns all transactions of the mempool that hang on a transaction of it.",
    examples=examples("getmempooldescendants", '"mytxid"'),
)
def getmempooldescendants(context: RpcContext, txid: str, verbose: bool) -> Json:
    """List what spends from it, over any number of steps."""
    wanted = parse_hash(txid, "txid")
    pool = mempool_of(context)
    with pool.lock:
        entry = _find(pool, wanted)
        return _list(context, pool, pool.graph.descendants(entry) - {entry}, verbose=verbose)


def _find(pool: Mempool, txid: bytes) -> MempoolEntry:
    entry = pool.get(txid)
    if entry is None:
        raise RpcError(RPC_INVALID_ADDRESS_OR_KEY, "Transaction not in mempool")
    return entry


def _list(context: RpcContext, pool: Mempool, found: Iterable[object], *, verbose: bool) -> Json:
    entries = sorted(cast("Iterable[MempoolEntry]", found), key=attrgetter("txid"))
    return entries_json(context, pool, entries) if verbose else [entry.txid[::-1].hex() for entry in entries]


def entries_json(context: RpcContext, pool: Mempool, entries: Iterable[MempoolEntry]) -> dict[str, Json]:
    """Describe several by their ids; the mempool must be held."""
    return {entry.txid[::-1].hex(): entry_json(context, pool, entry) for entry in entries}


def entry_json(context: RpcContext, pool: Mempool, entry: MempoolEntry) -> dict[str, Json]:
    """Describe one; the mempool must be held (Core: entryToJSON)."""
    ancestors = pool.graph.ancestors(entry)
    descendants = pool.graph.descendants(entry)
    chunk_fee, chunk_weight = pool.graph.chunk_feerate(entry)
    vsize = entry.vsize
    shown: dict[str, Json] = {
        "vsize_adjusted": vsize,
        "vsize": vsize,
        "vsize_bip141": (entry.weight + WITNESS_SCALE_FACTOR - 1) // WITNESS_SCALE_FACTOR,
        "weight": entry.weight,
        "time": entry.time,
        "height": entry.height,
        "descendantcount": len(descendants),
        "descendantsize": sum(each.vsize for each in descendants),
        "ancestorcount": len(ancestors),
        "ancestorsize": sum(each.vsize for each in ancestors),
        "wtxid": entry.wtxid[::-1].hex(),
        "chunkweight": chunk_weight,
        "fees": {
            "base": Amount(entry.base_fee),
            "modified": Amount(entry.fee),
            "ancestor": Amount(sum(each.fee for each in ancestors)),
            "descendant": Amount(sum(each.fee for each in descendants)),
            "chunk": Amount(chunk_fee),
        },
        "depends": sorted({prevout[31::-1].hex() for prevout in entry.prevouts if prevout[:32] in pool}),
        "spentby": [txid[::-1].hex() for txid in sorted(child.txid for child in entry.children)],
        "unbroadcast": entry.txid in pool.unbroadcast,
    }
    if context.server.is_deprecated_enabled("bip125"):
        shown["bip125-replaceable"] = any(signals_replacement(each.transaction()) for each in ancestors)
    return shown


METHODS: Final = (getmempoolentry, getmempoolancestors, getmempooldescendants)
