"""RPC methods that read the chain (Core: src/rpc/blockchain.cpp)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from node.rpc.block_arguments import find_block
from node.rpc.block_json import (
    DETAILS,
    HEADER_DOC,
    PREVOUTS,
    TXIDS,
    block_doc,
    block_json,
    hash_hex,
    header_json,
    read_block_checked,
)
from primitives.work import difficulty
from rpc.arguments import parse_verbosity
from rpc.errors import RPC_INVALID_PARAMETER, RpcError
from rpc.help import examples
from rpc.json import Real
from rpc.method import Arg, Kind, Result, method
from rpc.transaction_doc import transaction_doc

if TYPE_CHECKING:
    from node.rpc.context import RpcContext
    from rpc.json import Json

_EXAMPLE: Final = '"00000000c937983704a73af28acdec37b049d214adbda81d7e2a3dd146f6ed09"'


@method(
    "blockchain",
    "getbestblockhash",
    result=Result(Kind.STR_HEX, "", "The hash of the best block"),
    help="Returns the hash of the best block, the one with the most work that is fully validated.",
    examples=examples("getbestblockhash"),
    quick=True,
)
def getbestblockhash(context: RpcContext) -> Json:
    """Return the hash of the tip."""
    return hash_hex(context.node.chainstate.tip())


@method(
    "blockchain",
    "getblockcount",
    result=Result(Kind.NUM, "", "The height of the best block"),
    help="Returns the height of the best block, which is 0 for the genesis block.",
    examples=examples("getblockcount"),
    quick=True,
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


@method(
    "blockchain",
    "getdifficulty",
    result=Result(Kind.NUM, "", "How much harder the target is than the easiest one"),
    help="Returns the difficulty of the proof of work, as a multiple of the smallest one.",
    examples=examples("getdifficulty"),
)
def getdifficulty(context: RpcContext) -> Json:
    """Return the difficulty of the tip."""
    return Real(difficulty(context.node.chainstate.tip().bits))


@method(
    "blockchain",
    "getblockheader",
    Arg("blockhash", Kind.STR_HEX, "The hash of the block"),
    Arg("verbose", Kind.BOOL, "true for an object, false for the header's bytes in hex", default=True),
    result=(
        Result(Kind.OBJ, "", "", HEADER_DOC, condition="for verbose = true"),
        Result(Kind.STR_HEX, "", "The header's 80 bytes in hex", condition="for verbose=false"),
    ),
    help="Returns the header of a block, as an object or as its bytes in hex.",
    examples=examples("getblockheader", _EXAMPLE),
)
def getblockheader(context: RpcContext, blockhash: str, verbose: bool) -> Json:
    """Return a header."""
    chainstate = context.node.chainstate
    entry = find_block(chainstate, blockhash, "hash")
    return header_json(chainstate, entry) if verbose else entry.header_bytes.hex()


@method(
    "blockchain",
    "getblock",
    Arg("blockhash", Kind.STR_HEX, "The hash of the block"),
    Arg(
        "verbosity|verbose",
        Kind.NUM,
        "0 for the block's bytes in hex, 1 for an object, 2 for one that shows each transaction, 3 for one that shows "
        "the outputs they spend too",
        default=1,
        skip_type_check=True,
    ),
    result=(
        Result(Kind.STR_HEX, "", "The block's bytes in hex", condition="for verbosity = 0"),
        Result(
            Kind.OBJ,
            "",
            "",
            block_doc(Result(Kind.ARR, "tx", "The transactions", (Result(Kind.STR_HEX, "", "The transaction's id"),))),
            condition="for verbosity = 1",
        ),
        Result(
            Kind.OBJ,
            "",
            "",
            block_doc(
                Result(Kind.ARR, "tx", "", (Result(Kind.OBJ, "", "", transaction_doc(fee=True, hex_=True)),)),
            ),
            condition="for verbosity = 2",
        ),
        Result(
            Kind.OBJ,
            "",
            "",
            block_doc(
                Result(
                    Kind.ARR,
                    "tx",
                    "",
                    (Result(Kind.OBJ, "", "", transaction_doc(prevout=True, fee=True, hex_=True)),),
                ),
            ),
            condition="for verbosity = 3",
        ),
    ),
    help="Returns a block.\n"
    "With verbosity 0 it is the block's bytes in hex.\n"
    "With verbosity 1 it is an object that names the transactions.\n"
    "With verbosity 2 it shows each transaction.\n"
    "With verbosity 3 it shows the outputs that the transactions spend too, where the block's undo data is there.",
    examples=examples("getblock", _EXAMPLE),
)
def getblock(context: RpcContext, blockhash: str, verbosity: Json) -> Json:
    """Return a block."""
    chainstate = context.node.chainstate
    entry = find_block(chainstate, blockhash, "blockhash")
    level = parse_verbosity(verbosity, TXIDS)
    data = read_block_checked(chainstate, entry)
    if level <= 0:
        return data.hex()
    return block_json(chainstate, entry, data, min(level, PREVOUTS) if level > DETAILS else level)


METHODS: Final = (getbestblockhash, getblockcount, getblockhash, getblockheader, getblock, getdifficulty)
