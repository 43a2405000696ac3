"""RPC methods about compact block filters (Core: getblockfilter, scanblocks in src/rpc/blockchain.cpp)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from node.block_scanner import scan_block, script_of
from node.block_tree import VALID_SCRIPTS
from node.chainstate import BlockMissingError
from node.rpc.block_arguments import known_block
from node.rpc.coin_scan import (
    SCAN_ABORTED,
    SCAN_ACTION,
    SCAN_NONE,
    SCAN_OBJECTS,
    SCAN_PROGRESS,
    SCAN_RUNS,
    SCAN_STARTED,
    check_start,
)
from node.rpc.index_access import filters_of, indexes_of
from primitives import gcs
from rpc.arguments import parse_hash
from rpc.descriptor_arguments import scanned_scripts
from rpc.errors import RPC_INTERNAL_ERROR, RPC_INVALID_ADDRESS_OR_KEY, RPC_INVALID_PARAMETER, RPC_MISC_ERROR, RpcError
from rpc.help import example_cli, example_rpc, examples
from rpc.method import Arg, Kind, Result, method

if TYPE_CHECKING:
    from node.block_tree import BlockEntry
    from node.chainstate import Chainstate
    from node.indexes.filters import FilterIndex
    from node.indexes.scan import Scan
    from node.indexes.thread import IndexThread
    from node.rpc.context import RpcContext
    from rpc.json import Json

_CHUNK: Final = 10_000
_EXAMPLE_HASH: Final = "00000000c937983704a73af28acdec37b049d214adbda81d7e2a3dd146f6ed09"
_EXAMPLE_DESCRIPTOR: Final = "addr(bcrt1q4u4nsgk6ug0sqz7r3rj9tykjxrsl0yy4d0wwte)"


@method(
    "blockchain",
    "getblockfilter",
    Arg("blockhash", Kind.STR_HEX, "The hash of the block"),
    Arg("filtertype", Kind.STR, "The type of filter", default="basic"),
    result=Result(
        Kind.OBJ,
        inner=(
            Result(Kind.STR_HEX, "filter", "The filter in hex"),
            Result(Kind.STR_HEX, "header", "The filter's header in hex"),
        ),
    ),
    help="Returns the compact filter of a block (BIP157).",
    examples=examples("getblockfilter", f'"{_EXAMPLE_HASH}" "basic"', f'"{_EXAMPLE_HASH}", "basic"'),
)
def getblockfilter(context: RpcContext, blockhash: str, filtertype: str) -> Json:
    """Return a filter."""
    block_hash = parse_hash(blockhash, "blockhash")
    filters = filters_of(context, filtertype)
    entry = known_block(context.node.chainstate, block_hash)
    ready = filters.wait_until_synced()
    with filters.reading():
        data, header = filters.index.filter_of(entry), filters.index.header_of(entry)
    if data is None or header is None:
        raise RpcError(*filter_missing(entry, ready=ready))
    return {"filter": data.hex(), "header": header[::-1].hex()}


def filter_missing(entry: BlockEntry, *, ready: bool) -> tuple[int, str]:
    """Return code and text that say why a block has no filter."""
    if entry.status.valid_level < VALID_SCRIPTS:
        return RPC_INVALID_ADDRESS_OR_KEY, "Filter not found. Block was not connected to active chain."
    if not ready:
        return RPC_MISC_ERROR, "Filter not found. Block filters are still in the process of being indexed."
    return RPC_INTERNAL_ERROR, "Filter not found. This error is unexpected and indicates index corruption."


@method(
    "blockchain",
    "scanblocks",
    SCAN_ACTION,
    SCAN_OBJECTS,
    Arg("start_height", Kind.NUM, "The height to start at", default=0),
    Arg("stop_height", Kind.NUM, "The height to stop at", hint="chain tip"),
    Arg("filtertype", Kind.STR, "The type of filter", default="basic"),
    Arg(
        "options",
        Kind.OBJ_NAMED_PARAMS,
        "",
        (
            Arg(
                "filter_false_positives",
                Kind.BOOL,
                "Look into the blocks that match, which is slower and needs blocks that are not pruned",
                default=False,
            ),
        ),
        optional=True,
        oneline="options",
    ),
    result=(
        SCAN_NONE,
        Result(
            Kind.OBJ,
            inner=(
                Result(Kind.NUM, "from_height", "The height of the first block"),
                Result(Kind.NUM, "to_height", "The height of the last block"),
                Result(
                    Kind.ARR,
                    "relevant_blocks",
                    "Blocks that may hold what was looked for",
                    (Result(Kind.STR_HEX, "blockhash", "The hash of the block"),),
                ),
                Result(Kind.BOOL, "completed", "Whether the scan went to the end"),
            ),
            condition=SCAN_STARTED,
        ),
        Result(
            Kind.OBJ,
            inner=(SCAN_PROGRESS, Result(Kind.NUM, "current_height", "The height it is at")),
            condition=SCAN_RUNS,
        ),
        SCAN_ABORTED,
    ),
    help="Returns the hashes of blocks that may hold something of the given descriptors (needs blockfilterindex).\n"
    "This may take minutes, so let the client wait without end (pycli -rpcclienttimeout=0).",
    examples=example_cli("scanblocks", f"start '[\"{_EXAMPLE_DESCRIPTOR}\"]' 300000")
    + example_cli("scanblocks", f"start '[\"{_EXAMPLE_DESCRIPTOR}\"]' 100 150 basic")
    + example_cli("scanblocks", "status")
    + example_rpc("scanblocks", f'"start", ["{_EXAMPLE_DESCRIPTOR}"], 300000')
    + example_rpc("scanblocks", f'"start", ["{_EXAMPLE_DESCRIPTOR}"], 100, 150, "basic"')
    + example_rpc("scanblocks", '"status"'),
)
def scanblocks(
    context: RpcContext,
    action: str,
    scanobjects: Json,
    start_height: int,
    stop_height: int | None,
    filtertype: str,
    options: Json,
) -> Json:
    """Look for blocks, or at the scan that runs."""
    scan = indexes_of(context).filter_scan
    match action:
        case "status":
            return {"progress": scan.progress, "current_height": scan.height} if scan.running else None
        case "abort":
            return scan.abort()
        case "start":
            with scan.reserved() as reserved:
                check_start(scanobjects, reserved=reserved)
                filters = filters_of(context, filtertype)
                start, stop = _span(context.node.chainstate, start_height, stop_height)
                wanted: set[bytes] = set()
                for each in scanobjects:
                    wanted.update(scanned_scripts(each, context.node.chain)[0])
                exact = bool((options or {}).get("filter_false_positives", False))
                return _Search(context, scan, filters, wanted, exact=exact).run(start, stop)
        case _:
            raise RpcError(RPC_INVALID_PARAMETER, f"Invalid action '{action}'")


def _span(chainstate: Chainstate, start_height: int, stop_height: int | None) -> tuple[BlockEntry, BlockEntry]:
    start = chainstate.at(start_height)
    if start is None:
        raise RpcError(RPC_MISC_ERROR, "Invalid start_height")
    stop = chainstate.tip() if stop_height is None else chainstate.at(stop_height)
    if stop is None or stop.height < start.height:
        raise RpcError(RPC_MISC_ERROR, "Invalid stop_height")
    return start, stop


class _Search:
    """A scan of blocks."""

    def __init__(
        self, context: RpcContext, scan: Scan, filters: IndexThread[FilterIndex], wanted: set[bytes], *, exact: bool
    ) -> None:
        self._context = context
        self._scan = scan
        self._filters = filters
        self._wanted = wanted
        self._exact = exact

    def run(self, start: BlockEntry, stop: BlockEntry) -> Json:
        """Look at the blocks from one to the other."""
        scan, found = self._scan, []
        scan.height = start.height
        total = stop.height - start.height
        begin, reached, completed = start.height, start.height, True
        while True:
            self._context.server.check_interrupt()
            if scan.aborted:
                completed = False
                break
            end = min(begin + _CHUNK, stop.height)
            found += self._look(begin, stop.ancestor(end))
            reached = scan.height = end
            scan.progress = (end - start.height) * 100 // total if total else 100
            if end == stop.height:
                break
            begin = end + 1
        return {
            "from_height": start.height,
            "to_height": reached,
            "relevant_blocks": [block_hash[::-1].hex() for block_hash in found],
            "completed": completed,
        }

    def _look(self, begin: int, end: BlockEntry) -> list[bytes]:
        """Return the blocks that match; none if a filter of the span is not there."""
        found = []
        for height in range(begin, end.height + 1):
            entry = end.ancestor(height)
            with self._filters.reading():
                data = self._filters.index.filter_of(entry)
            if data is None:
                return []
            if gcs.match_any(data, entry.hash, self._wanted) and (not self._exact or self._holds(entry)):
                found.append(entry.hash)
        return found

    def _holds(self, entry: BlockEntry) -> bool:
        chainstate = self._context.node.chainstate
        try:
            block = chainstate.read_block(entry)
            undo = chainstate.read_undo(entry) if entry.height else []
        except BlockMissingError as error:
            raise RpcError(RPC_MISC_ERROR, str(error)) from error
        outputs = (script_of(output) for transaction in scan_block(block) for output in transaction.outputs)
        spent = (coin.script_pubkey for coins in undo for coin in coins)
        return not self._wanted.isdisjoint(outputs) or not self._wanted.isdisjoint(spent)


METHODS: Final = (getblockfilter, scanblocks)
