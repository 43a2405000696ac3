"""Completing blocks: what commits to their transactions, and a nonce (Core: src/validation.cpp, src/rpc/mining.cpp)."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Final

from node.templates.coinbase import COMMITMENT, WITNESS_NONCE
from primitives.block import Block, BlockHeader
from primitives.hashes import sha256d
from primitives.transaction import Transaction, TxIn, TxOut
from primitives.work import bits_to_target

_COMMITMENT_SIZE: Final = 38
_LAST_NONCE: Final = 0xFFFFFFFF


def commit(block: Block, *, has_witness: bool) -> Block:
    """Add to the coinbase what it must say of the witnesses (BIP141)."""
    coinbase = block.transactions[0]
    root = sha256d(block.witness_merkle_root() + WITNESS_NONCE)
    inputs = coinbase.inputs
    if has_witness:
        inputs = _with_nonce(inputs)
    outputs = (*coinbase.outputs, TxOut(0, COMMITMENT + root))
    coinbase = Transaction(coinbase.version, inputs, outputs, coinbase.lock_time)
    return Block(block.header, (coinbase, *block.transactions[1:]))


def add_witness_nonce(block: Block) -> Block:
    """Give a coinbase that commits to witnesses the witness it needs, if it has none (BIP141).

    (Core: UpdateUncommittedBlockStructures in src/validation.cpp.)
    """
    coinbase = block.transactions[0] if block.transactions else None
    if coinbase is None or coinbase.has_witness or not coinbase.inputs or not _commits(coinbase):
        return block
    inputs = _with_nonce(coinbase.inputs)
    coinbase = Transaction(coinbase.version, inputs, coinbase.outputs, coinbase.lock_time)
    return Block(block.header, (coinbase, *block.transactions[1:]))


def _with_nonce(inputs: tuple[TxIn, ...]) -> tuple[TxIn, ...]:
    first = inputs[0]
    return (TxIn(first.prevout, first.script_sig, first.sequence, (WITNESS_NONCE,)), *inputs[1:])


def _commits(coinbase: Transaction) -> bool:
    scripts = (output.script_pubkey for output in coinbase.outputs)
    return any(len(script) >= _COMMITMENT_SIZE and script.startswith(COMMITMENT) for script in scripts)


def with_root(block: Block) -> Block:
    """Put the merkle root of its transactions into the header."""
    header = block.header
    root = block.merkle_root()
    return Block(
        BlockHeader(header.version, header.previous, root, header.time, header.bits, header.nonce),
        block.transactions,
    )


def solve(block: Block, tries: int) -> tuple[Block | None, int]:
    """Look for a nonce; return the block with it, None if there was none, and how many tries are left."""
    header, left = solve_header(block.header, tries)
    return None if header is None else Block(header, block.transactions), left


def solve_header(header: BlockHeader, tries: int) -> tuple[BlockHeader | None, int]:
    """Look for a nonce from the header's own on; return the header with it, as `solve` does."""
    target = bits_to_target(header.bits)
    fixed = header.serialize()
    start = hashlib.sha256(fixed[:64])
    tail = fixed[64:76]
    for nonce in range(header.nonce, _LAST_NONCE):
        if not tries:
            return None, 0
        first = start.copy()
        first.update(tail + nonce.to_bytes(4, "little"))
        if int.from_bytes(hashlib.sha256(first.digest()).digest(), "little") <= target:
            return replace(header, nonce=nonce), tries
        tries -= 1
    return None, tries
