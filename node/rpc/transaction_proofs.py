"""RPC methods about proofs that transactions are in a block (Core: src/rpc/txoutproof.cpp)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from node.block_scanner import HEADER_SIZE, scan_block
from node.chainstate import BlockMissingError
from node.rpc.block_arguments import find_block, known_block
from node.rpc.block_json import check_block_available
from node.rpc.index_access import indexes_of, synced_coins
from primitives.block import BlockHeader
from primitives.merkle import MerkleBlock
from rpc import json
from rpc.arguments import parse_hash
from rpc.errors import RPC_INTERNAL_ERROR, RPC_INVALID_ADDRESS_OR_KEY, RPC_INVALID_PARAMETER, RpcError
from rpc.method import Arg, Kind, Result, method
from rpc.transaction_proof import read_proof

if TYPE_CHECKING:
    from node.block_tree import BlockEntry
    from node.rpc.context import RpcContext
    from rpc.json import Json


@method(
    "blockchain",
    "gettxoutproof",
    Arg("txids", Kind.ARR, "Which transactions", (Arg("txid", Kind.STR_HEX, "The id of one", optional=True),)),
    Arg("blockhash", Kind.STR_HEX, "The hash of their block", optional=True),
    result=Result(Kind.STR, "data", "The proof in hex"),
    help="Returns a proof, in hex, that transactions are in a block.\n"
    "\nWithout the hash of the block this works only for transactions with an output that is not spent,\n"
    "unless there is an index of transactions (-txindex).",
)
def gettxoutproof(context: RpcContext, txids: list[Json], blockhash: str | None) -> Json:
    """Return a proof."""
    if not txids:
        raise RpcError(RPC_INVALID_PARAMETER, "Parameter 'txids' cannot be empty")
    wanted: set[bytes] = set()
    for each in txids:
        txid = parse_hash(each, "txid")
        if txid in wanted:
            raise RpcError(RPC_INVALID_PARAMETER, f"Invalid parameter, duplicated txid: {json.to_str(each)}")
        wanted.add(txid)
    entry = (
        _find_block(context, wanted)
        if blockhash is None
        else find_block(context.node.chainstate, blockhash, "blockhash")
    )
    block = _read_block(context, entry)
    found = [transaction.txid for transaction in scan_block(block)]
    if len(wanted.intersection(found)) != len(wanted):
        text = "Not all transactions found in specified or retrieved block"
        raise RpcError(RPC_INVALID_ADDRESS_OR_KEY, text)
    header = BlockHeader.parse(block[:HEADER_SIZE])
    return MerkleBlock.build(header, found, wanted).serialize().hex()


def _find_block(context: RpcContext, txids: set[bytes]) -> BlockEntry:
    chainstate = context.node.chainstate
    coins = synced_coins(context)
    with coins.reading() as best:
        heights = (coins.index.height_of(txid) for txid in sorted(txids))
        height = next((height for height in heights if height is not None), None)
    if height is not None and best is not None:
        return known_block(context.node.chainstate, best.ancestor(height).hash)
    transactions = indexes_of(context).transactions
    if transactions is not None:
        transactions.wait_until_synced()
        with transactions.reading():
            found = transactions.index.find(min(txids), chainstate)
        if found is not None:
            return known_block(context.node.chainstate, found.entry.hash)
    raise RpcError(RPC_INVALID_ADDRESS_OR_KEY, "Transaction not yet in block")


def _read_block(context: RpcContext, entry: BlockEntry) -> bytes:
    check_block_available(entry)
    try:
        return context.node.chainstate.read_block(entry)
    except BlockMissingError as error:
        raise RpcError(RPC_INTERNAL_ERROR, "Can't read block from disk") from error


@method(
    "blockchain",
    "verifytxoutproof",
    Arg("proof", Kind.STR_HEX, "What gettxoutproof returned"),
    result=Result(
        Kind.ARR,
        inner=(Result(Kind.STR_HEX, "txid", "The transactions proven, none if the proof is not valid"),),
    ),
    help="Checks that a proof is about transactions in a block and returns them;\n"
    "fails if the block is not in the best chain.",
)
def verifytxoutproof(context: RpcContext, proof: str) -> Json:
    """Return what is proven."""
    merkle_block, matches = read_proof(proof)
    if matches is None:
        return []
    chainstate = context.node.chainstate
    entry = chainstate.entry(merkle_block.header.hash)
    if entry is None or not chainstate.contains(entry) or not entry.tx_count:
        raise RpcError(RPC_INVALID_ADDRESS_OR_KEY, "Block not found in chain")
    if entry.tx_count != merkle_block.tree.transaction_count:
        return []
    return [txid[::-1].hex() for _, txid in matches]


METHODS: Final = (gettxoutproof, verifytxoutproof)
