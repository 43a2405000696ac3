"""Reading the proofs that `gettxoutproof` makes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from primitives.errors import DecodeError
from primitives.merkle import MerkleBlock
from rpc.arguments import parse_hex
from rpc.errors import RPC_MISC_ERROR, RpcError

if TYPE_CHECKING:
    from rpc.json import Json


def read_proof(value: Json) -> tuple[MerkleBlock, list[tuple[int, bytes]] | None]:
    """Return a proof given in hex, and the places and ids of the transactions it proves, None if it proves nothing.

    Raises RpcError if it is none.
    """
    data = parse_hex(value, "proof")
    try:
        proof = MerkleBlock.parse(data)
    except DecodeError as error:
        raise RpcError(RPC_MISC_ERROR, error.stream_text()) from error
    try:
        root, matches = proof.tree.extract()
    except DecodeError:
        return proof, None
    return proof, matches if root == proof.header.merkle_root else None
