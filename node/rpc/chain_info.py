"""RPC methods that tell how the chain and its branches are (Core: src/rpc/blockchain.cpp)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from common.chains import CHAINS
from common.consensus import CONSENSUS
from node import kernel_snapshots
from node.block_tree import VALID_SCRIPTS, VALID_TREE
from node.chainstate_options import PRUNE_MANUALLY
from node.rpc.block_arguments import find_active_block
from node.rpc.block_json import hash_hex, target_hex
from primitives.work import difficulty
from rpc.errors import RPC_INVALID_PARAMETER, RpcError
from rpc.help import UNIX_EPOCH_TIME, examples
from rpc.json import Real
from rpc.method import Arg, Kind, Result, method

if TYPE_CHECKING:
    from node.block_tree import BlockEntry
    from node.chainstate import Chainstate
    from node.kernel_snapshots import ChainOfKernel
    from node.rpc.context import RpcContext
    from rpc.json import Json

_MONTH: Final = 30 * 24 * 60 * 60


def _progress(context: RpcContext, entry: BlockEntry) -> Real:
    with context.node.chainstate.symbols() as symbols:
        return Real(symbols.verification_progress(entry.address))


@method(
    "blockchain",
    "getblockchaininfo",
    result=Result(
        Kind.OBJ,
        "",
        "",
        (
            Result(Kind.STR, "chain", f"The name of the chain ({', '.join(CHAINS)})"),
            Result(Kind.NUM, "blocks", "The height of the best block; the genesis block has height 0"),
            Result(Kind.NUM, "headers", "The height of the header with the most work"),
            Result(Kind.STR, "bestblockhash", "The hash of the best block"),
            Result(Kind.STR_HEX, "bits", "Its target in compact form"),
            Result(Kind.STR_HEX, "target", "Its target"),
            Result(Kind.NUM, "difficulty", "Its difficulty"),
            Result(Kind.NUM_TIME, "time", f"Its time, as {UNIX_EPOCH_TIME}"),
            Result(Kind.NUM_TIME, "mediantime", f"The median time of it and the ten before, as {UNIX_EPOCH_TIME}"),
            Result(Kind.NUM, "verificationprogress", "A guess how much of the chain is validated [0..1]"),
            Result(Kind.BOOL, "initialblockdownload", "Whether the node still catches up with the chain"),
            Result(
                Kind.OBJ,
                "backgroundvalidation",
                "How far the blocks below a snapshot are verified (only while they are)",
                (
                    Result(Kind.NUM, "snapshotheight", "The height of the snapshot"),
                    Result(Kind.NUM, "blocks", "The height of the last block verified"),
                    Result(Kind.STR, "bestblockhash", "Its hash"),
                    Result(Kind.NUM_TIME, "mediantime", f"Its median time, as {UNIX_EPOCH_TIME}"),
                    Result(Kind.NUM, "verificationprogress", "A guess how much is verified [0..1]"),
                    Result(Kind.STR_HEX, "chainwork", "The hashes expected to make the chain up to it, in hex"),
                ),
                optional=True,
            ),
            Result(Kind.STR_HEX, "chainwork", "The hashes expected to make the chain, in hex"),
            Result(Kind.NUM, "size_on_disk", "The bytes of all block and undo files"),
            Result(Kind.BOOL, "pruned", "Whether old blocks are deleted"),
            Result(Kind.NUM, "pruneheight", "The first block that is there (only if pruned)", optional=True),
            Result(Kind.BOOL, "automatic_pruning", "Whether the node prunes by itself (only if pruned)", optional=True),
            Result(Kind.NUM, "prune_target_size", "The bytes to keep (only if it prunes by itself)", optional=True),
            Result(Kind.STR_HEX, "signet_challenge", "The script that signs blocks (only on signet)", optional=True),
            Result(
                Kind.ARR,
                "warnings",
                "What is wrong with the network or the chain (one text with -deprecatedrpc=warnings)",
                (Result(Kind.STR, "", "A warning"),),
                skip_type_check=True,
            ),
        ),
    ),
    help="Returns how the chain and its validation are.",
    examples=examples("getblockchaininfo"),
)
def getblockchaininfo(context: RpcContext) -> Json:
    """Return what is known of the chain."""
    node = context.node
    chainstate = node.chainstate
    tip = chainstate.tip()
    result: dict[str, Json] = {
        "chain": node.chain.name,
        "blocks": tip.height,
        "headers": chainstate.best_header().height,
        "bestblockhash": hash_hex(tip),
        "bits": f"{tip.bits:08x}",
        "target": target_hex(tip.bits),
        "difficulty": Real(difficulty(tip.bits)),
        "time": tip.time,
        "mediantime": tip.median_time_past,
        "verificationprogress": _progress(context, tip),
        "initialblockdownload": chainstate.is_initial_block_download(),
    }
    behind, base = chainstate.historical, chainstate.snapshot_base
    snapshot = None if base is None else chainstate.entry(base)
    if behind is not None and snapshot is not None:
        result["backgroundvalidation"] = _background(chainstate, behind.tip(), snapshot)
    result |= {"chainwork": f"{tip.chain_work:064x}", "size_on_disk": _size_on_disk(chainstate)}
    result |= _pruning(chainstate)
    if node.chain.name == "signet":
        with chainstate.symbols() as symbols:
            result["signet_challenge"] = symbols.signet_challenge().hex()
    result["warnings"] = context.server.warnings_result(chainstate.warnings.values())
    return result


def _background(chainstate: Chainstate, tip: BlockEntry, snapshot: BlockEntry) -> Json:
    with chainstate.symbols() as symbols:
        progress = symbols.background_progress(tip.address)
    return {
        "snapshotheight": snapshot.height,
        "blocks": tip.height,
        "bestblockhash": hash_hex(tip),
        "mediantime": tip.median_time_past,
        "chainwork": f"{tip.chain_work:064x}",
        "verificationprogress": Real(progress),
    }


def _size_on_disk(chainstate: Chainstate) -> int:
    with chainstate.symbols() as symbols:
        return symbols.disk_usage()


def _pruning(chainstate: Chainstate) -> dict[str, Json]:
    target = chainstate.options.prune_target
    if not target:
        return {"pruned": False}
    last = chainstate.prune_height()
    result: dict[str, Json] = {"pruned": True, "pruneheight": 0 if last is None else last + 1}
    result["automatic_pruning"] = target != PRUNE_MANUALLY
    if target != PRUNE_MANUALLY:
        result["prune_target_size"] = target
    return result


def _chainstate_doc() -> tuple[Result, ...]:
    return (
        Result(Kind.NUM, "blocks", "The height of its best block"),
        Result(Kind.STR_HEX, "bestblockhash", "The hash of its best block"),
        Result(Kind.STR_HEX, "bits", "Its target in compact form"),
        Result(Kind.STR_HEX, "target", "Its target"),
        Result(Kind.NUM, "difficulty", "Its difficulty"),
        Result(Kind.NUM, "verificationprogress", "A guess how much of the chain is validated"),
        Result(Kind.STR_HEX, "snapshot_blockhash", "The block of the snapshot it started from, if any", optional=True),
        Result(Kind.NUM, "coins_db_cache_bytes", "The size of its database's cache"),
        Result(Kind.NUM, "coins_tip_cache_bytes", "The size of its cache of coins"),
        Result(Kind.BOOL, "validated", "Whether all its blocks were validated"),
    )


@method(
    "blockchain",
    "getchainstates",
    result=Result(
        Kind.OBJ,
        "",
        "",
        (
            Result(Kind.NUM, "headers", "The height of the header with the most work"),
            Result(
                Kind.ARR,
                "chainstates",
                "The chain states by work, the one in use last",
                (Result(Kind.OBJ, "", "", _chainstate_doc()),),
            ),
        ),
    ),
    help="Returns what is known of each chain state; there are two while what is below a snapshot is verified.",
    examples=examples("getchainstates"),
)
def getchainstates(context: RpcContext) -> Json:
    """Return the chain that verifies what is below a snapshot, if there is one, and that in use."""
    chainstate = context.node.chainstate
    with chainstate.processing, chainstate.symbols() as symbols:
        current, behind = kernel_snapshots.chains(symbols)
        states = [(current, chainstate.tip())]
        if behind is not None and chainstate.historical is not None:
            states.insert(0, (behind, chainstate.historical.tip()))
    return {
        "headers": chainstate.best_header().height,
        "chainstates": [_chainstate_json(context, *state) for state in states],
    }


def _chainstate_json(context: RpcContext, state: ChainOfKernel, tip: BlockEntry) -> Json:
    result: dict[str, Json] = {
        "blocks": tip.height,
        "bestblockhash": hash_hex(tip),
        "bits": f"{tip.bits:08x}",
        "target": target_hex(tip.bits),
        "difficulty": Real(difficulty(tip.bits)),
        "verificationprogress": _progress(context, tip),
        "coins_db_cache_bytes": state.database_cache,
        "coins_tip_cache_bytes": state.coins_cache,
    }
    if state.snapshot_base is not None:
        result["snapshot_blockhash"] = state.snapshot_base[::-1].hex()
    result["validated"] = state.validated
    return result


@method(
    "blockchain",
    "getchaintips",
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
                    Result(Kind.NUM, "height", "The height of the tip"),
                    Result(Kind.STR_HEX, "hash", "The hash of the tip"),
                    Result(Kind.NUM, "branchlen", "How many blocks it is off the best chain, 0 for the best one"),
                    Result(
                        Kind.STR,
                        "status",
                        "How the branch is, one of:\n"
                        "invalid: it has a block that is invalid\n"
                        "headers-only: its headers are valid, some of its blocks are not there\n"
                        "valid-headers: its blocks are there, but were never fully validated\n"
                        "valid-fork: it is fully validated, but not the best one\n"
                        "active: it is the best one",
                    ),
                ),
            ),
        ),
    ),
    help="Returns the tips of all branches of the block tree, the best one and all others.",
    examples=examples("getchaintips"),
)
def getchaintips(context: RpcContext) -> Json:
    """Return the tips, the highest first."""
    chainstate = context.node.chainstate
    tips = sorted(chainstate.tips(), key=lambda entry: (-entry.height, entry.address))
    return [
        {
            "height": entry.height,
            "hash": hash_hex(entry),
            "branchlen": entry.height - chainstate.fork_point(entry).height,
            "status": _branch_status(chainstate, entry),
        }
        for entry in tips
    ]


def _branch_status(chainstate: Chainstate, entry: BlockEntry) -> str:
    status = entry.status
    if chainstate.contains(entry):
        return "active"
    if status.failed:
        return "invalid"
    if not entry.chain_tx_count:
        return "headers-only"
    if status.valid_level >= VALID_SCRIPTS:
        return "valid-fork"
    return "valid-headers" if status.valid_level >= VALID_TREE else "unknown"


@method(
    "blockchain",
    "getchaintxstats",
    Arg("nblocks", Kind.NUM, "How many blocks to look at", hint="one month"),
    Arg("blockhash", Kind.STR_HEX, "The hash of the last of them", hint="chain tip"),
    result=Result(
        Kind.OBJ,
        "",
        "",
        (
            Result(Kind.NUM_TIME, "time", f"The time of the last block, as {UNIX_EPOCH_TIME}"),
            Result(Kind.NUM, "txcount", "The number of transactions up to it, if known", optional=True),
            Result(Kind.STR_HEX, "window_final_block_hash", "The hash of the last block"),
            Result(Kind.NUM, "window_final_block_height", "The height of the last block"),
            Result(Kind.NUM, "window_block_count", "How many blocks were looked at"),
            Result(Kind.NUM, "window_interval", "The seconds they took, if there are any", optional=True),
            Result(Kind.NUM, "window_tx_count", "The transactions in them, if known", optional=True),
            Result(Kind.NUM, "txrate", "Transactions a second, if known", optional=True),
        ),
    ),
    help="Computes how many transactions there are in the chain and how fast they come.",
    examples=examples("getchaintxstats") + examples("getchaintxstats", "2016"),
)
def getchaintxstats(context: RpcContext, nblocks: int | None, blockhash: str | None) -> Json:
    """Return counts and rates of transactions."""
    chainstate = context.node.chainstate
    entry = chainstate.tip()
    if blockhash is not None:
        entry = find_active_block(chainstate, blockhash, "blockhash")
    if nblocks is None:
        month = _MONTH // CONSENSUS[context.node.chain.name].target_spacing
        nblocks = max(0, min(month, entry.height - 1))
    elif nblocks < 0 or (nblocks > 0 and nblocks >= entry.height):
        text = "Invalid block count: should be between 0 and the block's height - 1"
        raise RpcError(RPC_INVALID_PARAMETER, text)
    past = entry.ancestor(entry.height - nblocks)
    result: dict[str, Json] = {"time": entry.time}
    total, before = entry.chain_tx_count, past.chain_tx_count
    if total:
        result["txcount"] = total
    result["window_final_block_hash"] = hash_hex(entry)
    result["window_final_block_height"] = entry.height
    result["window_block_count"] = nblocks
    if nblocks:
        seconds = entry.median_time_past - past.median_time_past
        result["window_interval"] = seconds
        if total and before:
            result["window_tx_count"] = total - before
            if seconds > 0:
                result["txrate"] = Real((total - before) / seconds)
    return result


METHODS: Final = (getblockchaininfo, getchainstates, getchaintips, getchaintxstats)
