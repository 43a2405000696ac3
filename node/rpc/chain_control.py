"""RPC methods that change which chain is the best one, or check and prune it (Core: src/rpc/blockchain.cpp)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from node.chainstate import ChainstateError
from node.rpc.block_arguments import find_block
from rpc.errors import RPC_DATABASE_ERROR, RPC_INVALID_PARAMETER, RPC_MISC_ERROR, RpcError
from rpc.help import examples
from rpc.method import Arg, Kind, Result, method

if TYPE_CHECKING:
    from collections.abc import Callable

    from node.block_tree import BlockEntry
    from node.chainstate import Chainstate
    from node.rpc.context import RpcContext
    from rpc.json import Json

_CHECK_LEVEL: Final = 3
_CHECK_BLOCKS: Final = 6
_BLOCKS_TO_KEEP: Final = 288
_LEAST_TIMESTAMP: Final = 1_000_000_000
_TIMESTAMP_WINDOW: Final = 2 * 60 * 60


def _change(context: RpcContext, blockhash: Json, change: Callable[[Chainstate, BlockEntry], None]) -> None:
    chainstate = context.node.chainstate
    try:
        change(chainstate, find_block(chainstate, blockhash, "blockhash"))
    except ChainstateError as error:
        raise RpcError(RPC_DATABASE_ERROR, str(error)) from error


@method(
    "hidden",
    "invalidateblock",
    Arg("blockhash", Kind.STR_HEX, "The hash of the block"),
    result=Result(Kind.NONE),
    help="Treats a block for good as if it broke a rule of consensus.",
    examples=examples("invalidateblock", '"blockhash"'),
)
def invalidateblock(context: RpcContext, blockhash: str) -> Json:
    """Leave a block and what builds on it."""
    _change(context, blockhash, lambda chainstate, entry: chainstate.invalidate_block(entry))


@method(
    "hidden",
    "reconsiderblock",
    Arg("blockhash", Kind.STR_HEX, "The hash of the block"),
    result=Result(Kind.NONE),
    help=(
        "Forgets that a block, those before it and those that build on it are invalid, and tries them again.\n"
        "This undoes invalidateblock."
    ),
    examples=examples("reconsiderblock", '"blockhash"'),
)
def reconsiderblock(context: RpcContext, blockhash: str) -> Json:
    """Try a block again."""
    _change(context, blockhash, lambda chainstate, entry: chainstate.reconsider_block(entry))


@method(
    "blockchain",
    "preciousblock",
    Arg("blockhash", Kind.STR_HEX, "The hash of the block"),
    result=Result(Kind.NONE),
    help=(
        "Prefers a block to others with the same work, as if it had come before them.\n"
        "\nA later call may overrule an earlier one.\n"
        "\nA restart forgets it."
    ),
    examples=examples("preciousblock", '"blockhash"'),
)
def preciousblock(context: RpcContext, blockhash: str) -> Json:
    """Prefer a block."""
    _change(context, blockhash, lambda chainstate, entry: chainstate.precious_block(entry))


@method(
    "blockchain",
    "pruneblockchain",
    Arg(
        "height",
        Kind.NUM,
        "Up to which height to delete blocks, or a UNIX epoch time: blocks at least 2 hours older than that",
    ),
    result=Result(Kind.NUM, "", "The height of the last block that is gone"),
    help="Deletes blocks and undo data up to a height, as far as pruning may. Needs -prune.",
    examples=examples("pruneblockchain", "1000"),
)
def pruneblockchain(context: RpcContext, height: int) -> Json:
    """Delete block files."""
    chainstate = context.node.chainstate
    if not chainstate.options.prune_target:
        raise RpcError(RPC_MISC_ERROR, "Cannot prune blocks because node is not in prune mode.")
    if height < 0:
        raise RpcError(RPC_INVALID_PARAMETER, "Negative block height.")
    if height > _LEAST_TIMESTAMP:
        found = _earliest_at_least(chainstate, height - _TIMESTAMP_WINDOW)
        if found is None:
            raise RpcError(RPC_INVALID_PARAMETER, "Could not find block with at least the specified timestamp.")
        height = found.height
    tip = chainstate.tip().height
    with chainstate.symbols() as symbols:
        shortest = symbols.prune_after_height
    if tip < shortest:
        raise RpcError(RPC_MISC_ERROR, "Blockchain is too short for pruning.")
    if height > tip:
        raise RpcError(RPC_INVALID_PARAMETER, "Blockchain is shorter than the attempted prune height.")
    if context.node.prune_lock is not None:
        context.node.prune_lock.refresh()
    chainstate.prune(min(height, max(0, tip - _BLOCKS_TO_KEEP)))
    pruned = chainstate.prune_height()
    return -1 if pruned is None else pruned


def _earliest_at_least(chainstate: Chainstate, time: int) -> BlockEntry | None:
    """Return the first block of the best chain by when some block up to it says `time` or later."""
    low, high = 0, chainstate.tip().height + 1
    found = None
    while low < high:
        middle = (low + high) // 2
        entry = chainstate.at(middle)
        if entry is None or entry.time_max >= time:
            found, high = entry, middle
        else:
            low = middle + 1
    return found


@method(
    "blockchain",
    "verifychain",
    Arg(
        "checklevel",
        Kind.NUM,
        "How thoroughly; each level checks what those below do:\n"
        "- level 0 reads the blocks from disk\n"
        "- level 1 checks that each block is valid\n"
        "- level 2 checks the undo data\n"
        "- level 3 checks that the tip's blocks can be disconnected\n"
        "- level 4 connects them again",
        hint=f"{_CHECK_LEVEL}, range=0-4",
    ),
    Arg("nblocks", Kind.NUM, "How many blocks", hint=f"{_CHECK_BLOCKS}, 0=all"),
    result=Result(Kind.BOOL, "", "Whether all is well. If not, debug.log says what is wrong."),
    help="Checks the databases of the chain.",
    examples=examples("verifychain"),
)
def verifychain(context: RpcContext, checklevel: int | None, nblocks: int | None) -> Json:
    """Check the last blocks."""
    level = _CHECK_LEVEL if checklevel is None else checklevel
    return context.node.chainstate.verify(level, _CHECK_BLOCKS if nblocks is None else nblocks)


METHODS: Final = (invalidateblock, reconsiderblock, preciousblock, pruneblockchain, verifychain)
