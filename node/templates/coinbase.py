"""The first transaction of a block, as far as the node decides about it (BIP34, BIP141; Core: src/node/miner.cpp)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from interfaces.mining import CoinbaseTx
from primitives.hashes import sha256d
from primitives.merkle import merkle_root
from primitives.script import push_number
from primitives.transaction import OutPoint, Transaction, TxIn, TxOut

_VERSION: Final = 2
_NONFINAL: Final = 0xFFFFFFFE
"""Lets the lock time count."""
_NO_OUTPUT: Final = OutPoint(bytes(32), 0xFFFFFFFF)
_SMALL_HEIGHT: Final = 16
"""Up to here the height takes one byte, which is less than a coinbase must have."""
WITNESS_NONCE: Final = bytes(32)
COMMITMENT: Final = bytes.fromhex("6a24aa21a9ed")
"""What the script of the output begins with that commits to all witnesses."""


@dataclass(frozen=True, slots=True)
class Coinbase:
    """A coinbase that pays everything to one script, and what a miner needs to make his own."""

    transaction: Transaction
    parts: CoinbaseTx


def make_coinbase(height: int, reward: int, script: bytes, wtxids: list[bytes], *, has_witness: bool) -> Coinbase:
    """Make the coinbase of a block at `height` whose other transactions have these ids."""
    prefix = push_number(height)
    padding = b"\0" if height <= _SMALL_HEIGHT else b""
    commitment = TxOut(0, COMMITMENT + witness_commitment(wtxids))
    witness = (WITNESS_NONCE,) if has_witness else ()
    transaction = Transaction(
        _VERSION,
        (TxIn(_NO_OUTPUT, prefix + padding, _NONFINAL, witness),),
        (TxOut(reward, script), commitment),
        height - 1,
    )
    parts = CoinbaseTx(
        _VERSION,
        _NONFINAL,
        prefix,
        WITNESS_NONCE if has_witness else None,
        reward,
        [commitment.serialize()],
        height - 1,
    )
    return Coinbase(transaction, parts)


def witness_commitment(wtxids: list[bytes]) -> bytes:
    """Return what a coinbase says of the witnesses of all other transactions."""
    return sha256d(merkle_root([bytes(32), *wtxids]) + WITNESS_NONCE)
