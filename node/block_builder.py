"""Building and solving blocks on the tip (Core: src/node/miner.cpp, GenerateBlock in src/rpc/mining.cpp).

What consensus wants of a block's header and coinbase comes from the kernel, so it needs the pinned one.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

from primitives.block import Block, BlockHeader
from primitives.hashes import sha256d
from primitives.script import push_number
from primitives.transaction import OutPoint, Transaction, TxIn, TxOut
from primitives.work import bits_to_target

if TYPE_CHECKING:
    from collections.abc import Sequence

    from node.chainstate import Chainstate
    from node.clock import Clock

_COINBASE_VERSION: Final = 2
_NONFINAL: Final = 0xFFFFFFFE
_NO_OUTPUT: Final = OutPoint(bytes(32), 0xFFFFFFFF)
_WITNESS_NONCE: Final = bytes(32)
_COMMITMENT: Final = bytes.fromhex("6a24aa21a9ed")
_COMMITMENT_SIZE: Final = 38
_SMALL_HEIGHT: Final = 16
_MAX_TIMEWARP: Final = 600
_DIFFICULTY_INTERVAL: Final = 2016
_DIFFICULTY_INTERVALS: Final = {"regtest": 144}
_LAST_NONCE: Final = 0xFFFFFFFF


def build_block(
    chainstate: Chainstate,
    clock: Clock,
    script_pubkey: bytes,
    transactions: Sequence[Transaction] = (),
    fees: int = 0,
    version: int | None = None,
) -> Block:
    """Return a block on the tip, unsolved, whose coinbase pays subsidy and `fees` to `script_pubkey`.

    `version` overrides what BIP9 asks for. Raises ClosedError, KernelSymbolsError.
    """
    tip = chainstate.tip()
    height = tip.height + 1
    time = next_time(chainstate, clock)
    with chainstate.symbols() as symbols:
        subsidy = symbols.subsidy(height)
        bits = symbols.next_bits(tip.address, time)
        if version is None:
            version = symbols.block_version(tip.address)
        has_witness = height >= symbols.segwit_height
    script = push_number(height) + (b"\0" if height <= _SMALL_HEIGHT else b"")
    coinbase = Transaction(
        _COINBASE_VERSION,
        (TxIn(_NO_OUTPUT, script, _NONFINAL),),
        (TxOut(subsidy + fees, script_pubkey),),
        height - 1,
    )
    block = Block(BlockHeader(version, tip.hash, bytes(32), time, bits, 0), (coinbase, *transactions))
    return with_root(commit(block, has_witness=has_witness))


def next_time(chainstate: Chainstate, clock: Clock) -> int:
    """Return what time a block on the tip should say: the present, if consensus lets it."""
    tip = chainstate.tip()
    least = tip.median_time_past + 1
    if (tip.height + 1) % _DIFFICULTY_INTERVALS.get(chainstate.chain.name, _DIFFICULTY_INTERVAL) == 0:
        least = max(least, tip.time - _MAX_TIMEWARP)
    return max(least, clock.now())


def commit(block: Block, *, has_witness: bool) -> Block:
    """Add to the coinbase what it must say of the witnesses (BIP141)."""
    coinbase = block.transactions[0]
    root = sha256d(block.witness_merkle_root() + _WITNESS_NONCE)
    inputs = coinbase.inputs
    if has_witness:
        inputs = _with_nonce(inputs)
    outputs = (*coinbase.outputs, TxOut(0, _COMMITMENT + root))
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
    return (TxIn(first.prevout, first.script_sig, first.sequence, (_WITNESS_NONCE,)), *inputs[1:])


def _commits(coinbase: Transaction) -> bool:
    scripts = (output.script_pubkey for output in coinbase.outputs)
    return any(len(script) >= _COMMITMENT_SIZE and script.startswith(_COMMITMENT) for script in scripts)


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
    header = block.header
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
            solved = BlockHeader(
                header.version, header.previous, header.merkle_root, header.time, header.bits, nonce
            )  # fmt: skip
            return Block(solved, block.transactions), tries
        tries -= 1
    return None, tries
