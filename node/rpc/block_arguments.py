"""Arguments that name a block (Core: ParseHashOrHeight and LookupBlockIndex in src/rpc/blockchain.cpp)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rpc import json
from rpc.arguments import parse_hash
from rpc.errors import RPC_INVALID_ADDRESS_OR_KEY, RPC_INVALID_PARAMETER, RpcError

if TYPE_CHECKING:
    from node.block_tree import BlockEntry
    from node.chainstate import Chainstate
    from rpc.json import Json


def known_block(chainstate: Chainstate, block_hash: bytes) -> BlockEntry:
    """Return the block with a hash (internal order). Raises RpcError."""
    entry = chainstate.entry(block_hash)
    if entry is None:
        raise RpcError(RPC_INVALID_ADDRESS_OR_KEY, "Block not found")
    return entry


def find_block(chainstate: Chainstate, value: Json, name: str) -> BlockEntry:
    """Return the block whose hash is the argument called `name`. Raises RpcError."""
    return known_block(chainstate, parse_hash(value, name))


def find_active_block(chainstate: Chainstate, value: Json, name: str) -> BlockEntry:
    """Return a block as `find_block` does, if it is in the best chain. Raises RpcError."""
    entry = find_block(chainstate, value, name)
    if not chainstate.contains(entry):
        raise RpcError(RPC_INVALID_PARAMETER, "Block is not in main chain")
    return entry


def block_at(chainstate: Chainstate, value: Json) -> BlockEntry:
    """Return the block of a height of the best chain, or of any hash. Raises RpcError."""
    if json.type_name(value) != "number":
        return find_block(chainstate, value, "hash_or_height")
    height = json.to_int(value)
    if height < 0:
        raise RpcError(RPC_INVALID_PARAMETER, f"Target block height {height} is negative")
    entry = chainstate.at(height)
    if entry is None:
        tip = chainstate.tip().height
        raise RpcError(RPC_INVALID_PARAMETER, f"Target block height {height} after current tip {tip}")
    return entry
