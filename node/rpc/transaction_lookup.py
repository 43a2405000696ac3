"""Where a transaction of the chain is, and what it spent (Core: GetTransaction in src/node/transaction.cpp)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from node.chainstate import BlockMissingError
from primitives.block import Block
from primitives.transaction import Transaction
from rpc.errors import RPC_INTERNAL_ERROR, RPC_INVALID_ADDRESS_OR_KEY, RPC_MISC_ERROR, RpcError

if TYPE_CHECKING:
    from node.block_tree import BlockEntry
    from node.coin import Coin
    from node.context import NodeContext


class Found(NamedTuple):
    """A transaction and its block."""

    transaction: Transaction
    entry: BlockEntry


def find_in_block(node: NodeContext, txid: bytes, entry: BlockEntry) -> Found:
    """Return a transaction of a block. Raises RpcError."""
    try:
        block = Block.parse(node.chainstate.read_block(entry))
    except BlockMissingError:
        if not entry.status.have_data:
            raise RpcError(RPC_MISC_ERROR, "Block not available") from None
        raise _not_found("No such transaction found in the provided block") from None
    for transaction in block.transactions:
        if transaction.txid == txid:
            return Found(transaction, entry)
    raise _not_found("No such transaction found in the provided block")


def find_by_index(node: NodeContext, txid: bytes) -> Found:
    """Return a transaction that the index knows. Raises RpcError."""
    index = node.indexes.transactions if node.indexes else None
    if index is None:
        text = (
            "No such mempool transaction. Use -txindex or provide a block hash to enable blockchain transaction queries"
        )
        raise _not_found(text)
    is_current = index.wait_until_synced()
    with index.reading():
        found = index.index.find(txid, node.chainstate)
    entry = node.chainstate.entry(found.entry.hash) if found else None
    if found is None or entry is None:
        if not is_current:
            text = "No such mempool transaction. Blockchain transactions are still in the process of being indexed"
            raise _not_found(text)
        raise _not_found("No such mempool or blockchain transaction")
    return Found(Transaction.parse(found.data), entry)


def _not_found(text: str) -> RpcError:
    return RpcError(RPC_INVALID_ADDRESS_OR_KEY, f"{text}. Use gettransaction for wallet transactions.")


def spent_coins(node: NodeContext, found: Found) -> list[Coin] | None:
    """Return what a transaction spent; None for a coinbase, or where the block's data are gone. Raises RpcError."""
    status = found.entry.status
    if found.transaction.is_coinbase or not (status.have_data or status.have_undo):
        return None
    reason = "data expected but can't be read. This could be due to disk corruption or a conflict with a pruning event."
    try:
        undo = node.chainstate.read_undo(found.entry)
    except BlockMissingError:
        raise RpcError(RPC_INTERNAL_ERROR, f"Undo {reason}") from None
    try:
        block = Block.parse(node.chainstate.read_block(found.entry))
    except BlockMissingError:
        raise RpcError(RPC_INTERNAL_ERROR, f"Block {reason}") from None
    txids = [transaction.txid for transaction in block.transactions]
    return undo[txids.index(found.transaction.txid) - 1]
