"""RPC methods that write all coins to a file and go on from one (Core: src/rpc/blockchain.cpp)."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING, Final

from node.chainstate import BlockMissingError
from node.coin_statistics import CoinHash, Coins, compute
from node.kernel_snapshots import SnapshotError
from node.rpc.block_arguments import block_at, known_block
from node.rpc.block_json import hash_hex
from node.rpc.index_access import all_coins, indexes_of
from node.snapshot_loading import load_snapshot
from node.snapshot_reader import SnapshotFormatError
from node.utxo_snapshot import RolledBackCoins, message_start, write_snapshot
from rpc.errors import RPC_DESERIALIZATION_ERROR, RPC_INTERNAL_ERROR, RPC_INVALID_PARAMETER, RPC_MISC_ERROR, RpcError
from rpc.help import example_cli
from rpc.method import Arg, Kind, Result, method

if TYPE_CHECKING:
    from pathlib import Path

    from node.block_tree import BlockEntry
    from node.rpc.context import RpcContext
    from rpc.json import Json

_SNAPSHOT_HEIGHTS: Final = {"main": 935_000, "test": 4_840_000, "testnet4": 120_000, "signet": 290_000, "regtest": 299}
"""The last snapshot of each chain that Core loads."""


@method(
    "blockchain",
    "dumptxoutset",
    Arg("path", Kind.STR, "The file to write, relative to the network's directory"),
    Arg(
        "type",
        Kind.STR,
        '"latest" for the coins of now, "rollback" for those of an earlier block: that of the option `rollback`, or '
        "else the last one that Core's loadtxoutset knows. With the option it may be left out.",
        default="",
    ),
    Arg(
        "options",
        Kind.OBJ_NAMED_PARAMS,
        "",
        (
            Arg(
                "rollback",
                Kind.NUM,
                "The height or hash of the block to go back to; the further, the longer it takes.",
                optional=True,
                skip_type_check=True,
                type_text=("", "string or numeric"),
            ),
            Arg(
                "in_memory",
                Kind.BOOL,
                "Taken for Core's sake: what is undone is always held in memory.",
                default=False,
            ),
        ),
        optional=True,
    ),
    result=Result(
        Kind.OBJ,
        "",
        "",
        (
            Result(Kind.NUM, "coins_written", "The number of coins in the file"),
            Result(Kind.STR_HEX, "base_hash", "The hash of the block they are of"),
            Result(Kind.NUM, "base_height", "The height of that block"),
            Result(Kind.STR, "path", "The file"),
            Result(Kind.STR_HEX, "txoutset_hash", "The hash over all coins"),
            Result(Kind.NUM, "nchaintx", "The number of transactions up to that block"),
        ),
    ),
    help="Writes all coins to a file, which Core's loadtxoutset can load if it knows the block.\n"
    "For a block far back let the client wait without end (bitcoin-cli -rpcclienttimeout=0).",
    examples=example_cli("-rpcclienttimeout=0 dumptxoutset", "utxo.dat latest")
    + example_cli("-rpcclienttimeout=0 dumptxoutset", "utxo.dat rollback")
    + example_cli("-rpcclienttimeout=0 -named dumptxoutset", "utxo.dat rollback=853456"),
)
def dumptxoutset(context: RpcContext, path: str, type_: str, options: dict[str, Json] | None) -> Json:
    """Write a snapshot."""
    target = _target(context, type_, options or {})
    place = context.node.network_dir / path
    is_pipe = place.exists() and stat.S_ISFIFO(place.stat().st_mode)
    if place.exists() and not is_pipe:
        text = f"{place} already exists. If you are sure this is what you want, move it out of the way first"
        raise RpcError(RPC_INVALID_PARAMETER, text)
    unfinished = place if is_pipe else place.with_name(place.name + ".incomplete")
    result = _write(context, target, unfinished)
    if not is_pipe:
        unfinished.rename(place)
    result["path"] = str(place)
    return result


def _target(context: RpcContext, kind: str, options: dict[str, Json]) -> BlockEntry:
    chainstate = context.node.chainstate
    wanted = options.get("rollback")
    if wanted is not None:
        if kind not in {"", "rollback"}:
            raise RpcError(RPC_INVALID_PARAMETER, f'Invalid snapshot type "{kind}" specified with rollback option')
    elif kind == "rollback":
        wanted = _SNAPSHOT_HEIGHTS[context.node.chain.name]
    elif kind == "latest":
        return chainstate.tip()
    else:
        text = f'Invalid snapshot type "{kind}" specified. Please specify "rollback" or "latest"'
        raise RpcError(RPC_INVALID_PARAMETER, text)
    target = block_at(chainstate, wanted)
    if not chainstate.contains(target):
        raise RpcError(RPC_INVALID_PARAMETER, "Block is not in main chain")
    return target


def _write(context: RpcContext, target: BlockEntry, path: Path) -> dict[str, Json]:
    check = context.server.check_interrupt
    with context.node.chainstate.symbols() as symbols:
        challenge = symbols.signet_challenge()
    try:
        file = path.open("wb")
    except OSError:
        raise RpcError(RPC_INVALID_PARAMETER, f"Couldn't open file {path} for writing.") from None
    with file, all_coins(context) as (best, coins):
        wanted: Coins = coins
        if best.hash != target.hash:
            wanted = _rolled_back(context, coins, known_block(context.node.chainstate, best.hash), target)
        summary = compute(wanted, CoinHash.SERIALIZED, check)
        start = message_start(context.node.chain.name, challenge)
        written = write_snapshot(file, start, target.hash, summary.coins, wanted, check)
    return {
        "coins_written": written,
        "base_hash": hash_hex(target),
        "base_height": target.height,
        "path": "",
        "txoutset_hash": summary.hash[::-1].hex(),
        "nchaintx": target.chain_tx_count,
    }


def _rolled_back(context: RpcContext, coins: Coins, best: BlockEntry, target: BlockEntry) -> RolledBackCoins:
    chainstate = context.node.chainstate
    if best.height < target.height or best.ancestor(target.height) != target:
        raise RpcError(RPC_INTERNAL_ERROR, "The chain changed meanwhile; try again")
    pruned = chainstate.prune_height()
    if pruned is not None and pruned >= target.height:
        text = "Could not roll back to requested height since necessary block data is already pruned."
        raise RpcError(RPC_MISC_ERROR, text)
    rolled = RolledBackCoins(coins)
    try:
        rolled.undo(chainstate, best, target, context.server.check_interrupt)
    except BlockMissingError as error:
        raise RpcError(RPC_MISC_ERROR, str(error)) from error
    return rolled


@method(
    "blockchain",
    "loadtxoutset",
    Arg("path", Kind.STR, "The file to read, relative to the network's directory"),
    result=Result(
        Kind.OBJ,
        "",
        "",
        (
            Result(Kind.NUM, "coins_loaded", "The number of coins in the file"),
            Result(Kind.STR_HEX, "tip_hash", "The hash of the block they are of"),
            Result(Kind.NUM, "base_height", "The height of that block"),
            Result(Kind.STR, "path", "The file"),
        ),
    ),
    help="Goes on from the coins in a file that dumptxoutset wrote, if they are those known for their block.\n"
    "The node is at that block at once; blocks below it are verified behind it as they come, until they lead to those "
    "coins.\nGive the client all the time it takes (bitcoin-cli -rpcclienttimeout=0).",
    examples=example_cli("-rpcclienttimeout=0 loadtxoutset", "utxo.dat"),
)
def loadtxoutset(context: RpcContext, path: str) -> Json:
    """Load a snapshot."""
    place = context.node.network_dir / path
    try:
        entry, count = load_snapshot(
            context.node.chainstate,
            indexes_of(context),
            place,
            context.server.check_interrupt,
            lambda: not context.node.mempool,
        )
    except SnapshotFormatError as error:
        text = f"Unable to parse metadata: {error}: iostream error"
        raise RpcError(RPC_DESERIALIZATION_ERROR, text) from error
    except SnapshotError as error:
        raise RpcError(RPC_INTERNAL_ERROR, f"Unable to load UTXO snapshot: {error}. ({place})") from error
    except OSError as error:
        raise RpcError(RPC_INVALID_PARAMETER, f"Couldn't open file {place} for reading.") from error
    return {"coins_loaded": count, "tip_hash": hash_hex(entry), "base_height": entry.height, "path": str(place)}


METHODS: Final = (dumptxoutset, loadtxoutset)
