"""JSON of headers and blocks (Core: blockheaderToJSON and blockToJSON in src/rpc/blockchain.cpp)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from node.block_scanner import scan_block
from node.chainstate import BlockMissingError
from primitives.block import Block
from primitives.transaction import Transaction
from primitives.work import bits_to_target, difficulty
from rpc import json
from rpc.errors import RPC_INTERNAL_ERROR, RPC_MISC_ERROR, RpcError
from rpc.help import UNIX_EPOCH_TIME
from rpc.json import Real
from rpc.method import Kind, Result
from rpc.transaction_json import block_transactions_text

if TYPE_CHECKING:
    from node.block_tree import BlockEntry
    from node.chainstate import Chainstate
    from node.coin import Coin
    from rpc.json import Json

TXIDS: Final = 1
DETAILS: Final = 2
PREVOUTS: Final = 3
"""How much of its transactions a block's JSON shows."""

HEADER_DOC: Final = (
    Result(Kind.STR_HEX, "hash", "The hash of the block"),
    Result(Kind.NUM, "confirmations", "How many blocks confirm it, itself included; -1 off the best chain"),
    Result(Kind.NUM, "height", "The height"),
    Result(Kind.NUM, "version", "The version"),
    Result(Kind.STR_HEX, "versionHex", "The version in hex"),
    Result(Kind.STR_HEX, "merkleroot", "The merkle root"),
    Result(Kind.NUM_TIME, "time", f"The time of the block, as {UNIX_EPOCH_TIME}"),
    Result(Kind.NUM_TIME, "mediantime", f"The median time of it and the ten blocks before, as {UNIX_EPOCH_TIME}"),
    Result(Kind.NUM, "nonce", "The nonce"),
    Result(Kind.STR_HEX, "bits", "The target in its compact form"),
    Result(Kind.STR_HEX, "target", "The target"),
    Result(Kind.NUM, "difficulty", "The difficulty"),
    Result(Kind.STR_HEX, "chainwork", "The hashes expected to make the chain up to this block, in hex"),
    Result(Kind.NUM, "nTx", "The number of transactions"),
    Result(Kind.STR_HEX, "previousblockhash", "The hash of the block before, if there is one", optional=True),
    Result(Kind.STR_HEX, "nextblockhash", "The hash of the block after, if there is one", optional=True),
)
COINBASE_DOC: Final = Result(
    Kind.OBJ,
    "coinbase_tx",
    "What is special about the coinbase transaction",
    (
        Result(Kind.NUM, "version", "Its version"),
        Result(Kind.NUM, "locktime", "Its lock time"),
        Result(Kind.NUM, "sequence", "The sequence number of its input"),
        Result(Kind.STR_HEX, "coinbase", "The script of its input"),
        Result(Kind.STR_HEX, "witness", "The one witness item of its input, if there is one", optional=True),
    ),
)


def block_doc(transactions: Result) -> tuple[Result, ...]:
    """Return the members of a block's object, whose member "tx" is `transactions`."""
    return (
        *HEADER_DOC,
        Result(Kind.NUM, "strippedsize", "The size in bytes without witnesses"),
        Result(Kind.NUM, "size", "The size in bytes"),
        Result(Kind.NUM, "weight", "The weight (BIP141)"),
        COINBASE_DOC,
        transactions,
    )


def hash_hex(entry: BlockEntry) -> str:
    """Return a block's hash as people read it."""
    return entry.hash[::-1].hex()


def target_hex(bits: int) -> str:
    """Return the target of compact `bits` as 64 hex digits."""
    return f"{bits_to_target(bits):064x}"


def is_pruned(entry: BlockEntry) -> bool:
    """Whether a block's data were there once and are not any more (Core: IsBlockPruned)."""
    return not entry.status.have_data and entry.tx_count > 0


def check_block_available(entry: BlockEntry) -> None:
    """Raise RpcError with Core's texts unless a block's data are there (Core: CheckBlockDataAvailability)."""
    if not entry.status.have_data:
        if is_pruned(entry):
            raise RpcError(RPC_MISC_ERROR, "Block not available (pruned data)")
        raise RpcError(RPC_MISC_ERROR, "Block not available (not fully downloaded)")


def read_block_checked(chainstate: Chainstate, entry: BlockEntry) -> bytes:
    """Return a block's bytes. Raises RpcError with Core's texts."""
    check_block_available(entry)
    try:
        return chainstate.read_block(entry)
    except BlockMissingError:
        raise RpcError(RPC_MISC_ERROR, "Block not found on disk") from None


def read_undo_checked(chainstate: Chainstate, entry: BlockEntry) -> list[list[Coin]]:
    """Return the coins that each transaction of a block but the coinbase spent. Raises RpcError with Core's texts."""
    if entry.height == 0:
        return []
    if not entry.status.have_undo:
        if is_pruned(entry):
            raise RpcError(RPC_MISC_ERROR, "Undo data not available (pruned data)")
        raise RpcError(RPC_MISC_ERROR, "Undo data not available")
    try:
        return chainstate.read_undo(entry)
    except BlockMissingError:
        raise RpcError(RPC_MISC_ERROR, "Can't read undo data from disk") from None


def _next_and_confirmations(chainstate: Chainstate, entry: BlockEntry) -> tuple[BlockEntry | None, int]:
    tip = chainstate.tip()
    if entry == tip:
        return None, 1
    if entry.height < tip.height and tip.ancestor(entry.height) == entry:
        return tip.ancestor(entry.height + 1), tip.height - entry.height + 1
    return None, -1


def header_json(chainstate: Chainstate, entry: BlockEntry) -> dict[str, Json]:
    """Return what is known of a block without its transactions."""
    header = entry.header
    following, confirmations = _next_and_confirmations(chainstate, entry)
    result: dict[str, Json] = {
        "hash": hash_hex(entry),
        "confirmations": confirmations,
        "height": entry.height,
        "version": header.version,
        "versionHex": f"{header.version & 0xFFFFFFFF:08x}",
        "merkleroot": header.merkle_root[::-1].hex(),
        "time": header.time,
        "mediantime": entry.median_time_past,
        "nonce": header.nonce,
        "bits": f"{header.bits:08x}",
        "target": target_hex(header.bits),
        "difficulty": Real(difficulty(header.bits)),
        "chainwork": f"{entry.chain_work:064x}",
        "nTx": entry.tx_count,
    }
    if entry.height:
        result["previousblockhash"] = header.previous[::-1].hex()
    if following is not None:
        result["nextblockhash"] = hash_hex(following)
    return result


def _coinbase_json(coinbase: Transaction) -> dict[str, Json]:
    first = coinbase.inputs[0]
    result: dict[str, Json] = {
        "version": coinbase.version,
        "locktime": coinbase.lock_time,
        "sequence": first.sequence,
        "coinbase": first.script_sig.hex(),
    }
    if first.witness:
        result["witness"] = first.witness[0].hex()
    return result


def _sizes_json(
    chainstate: Chainstate, entry: BlockEntry, size: int, stripped: int, coinbase: Transaction
) -> dict[str, Json]:
    result = header_json(chainstate, entry)
    result["strippedsize"] = stripped
    result["size"] = size
    result["weight"] = stripped * 3 + size
    result["coinbase_tx"] = _coinbase_json(coinbase)
    return result


def _with_ids(chainstate: Chainstate, entry: BlockEntry, data: bytes) -> dict[str, Json]:
    """Return a block with the ids of its transactions, none of which is made an object."""
    found = scan_block(data)
    stripped = found[0].start + sum([each.stripped_size for each in found])
    coinbase = Transaction.parse(data[found[0].start : found[0].end])
    result = _sizes_json(chainstate, entry, len(data), stripped, coinbase)
    result["tx"] = [each.txid[::-1].hex() for each in found]
    return result


def block_json(chainstate: Chainstate, entry: BlockEntry, data: bytes, verbosity: int) -> dict[str, Json]:
    """Return a block with its transactions: TXIDS, DETAILS, or PREVOUTS. Raises RpcError."""
    if verbosity <= TXIDS:
        return _with_ids(chainstate, entry, data)
    block = Block.parse(data)
    result = _sizes_json(chainstate, entry, len(data), block.stripped_size, block.transactions[0])
    undo = None
    if entry.height and entry.status.have_undo:
        try:
            undo = chainstate.read_undo(entry)
        except BlockMissingError:
            raise RpcError(
                RPC_INTERNAL_ERROR,
                "Undo data expected but can't be read. This could be due to disk corruption or a conflict with a "
                "pruning event.",
            ) from None
    shown = block_transactions_text(block, chainstate.chain, undo, show_prevouts=verbosity >= PREVOUTS)
    result["tx"] = json.Raw(shown)
    return result
