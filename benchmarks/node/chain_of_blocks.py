"""Chains of regtest blocks to connect: empty ones, and full ones of signed payments."""

from __future__ import annotations

import struct
import sys
from pathlib import Path
from typing import Final

import coincurve

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests"))

from block_factory import REGTEST_GENESIS_HASH, block_hash, build_block, double_sha256

from primitives.hashes import hash160

_KEY: Final = coincurve.PrivateKey(bytes([7]) * 32)
_PUBLIC: Final = _KEY.public_key.format()
_SCRIPT: Final = b"\x76\xa9\x14" + hash160(_PUBLIC) + b"\x88\xac"
_MATURITY: Final = 100
_PER_BLOCK: Final = 2600
"""Payments that fill a block: each spends two outputs into two, 374 bytes."""
_FEE: Final = 400


class ChainOfBlocks:
    """Blocks on the first one, each on the one before."""

    def __init__(self) -> None:
        """Begin with none."""
        self.blocks: list[bytes] = []
        self._tip = REGTEST_GENESIS_HASH

    def add(self, transactions: list[bytes] | None = None) -> bytes:
        """Append a block and return it."""
        block = build_block(self._tip, len(self.blocks) + 1, transactions=transactions or ())
        self._tip = block_hash(block)
        self.blocks.append(block)
        return block


def empty_blocks(count: int) -> list[bytes]:
    """Return a chain of empty blocks."""
    chain = ChainOfBlocks()
    for _ in range(count):
        chain.add()
    return chain.blocks


def full_blocks(count: int) -> tuple[list[bytes], list[bytes]]:
    """Return the blocks that lead to full ones, and the full ones: P2PKH payments, two inputs and outputs each."""
    chain = ChainOfBlocks()
    first = chain.add()
    for _ in range(_MATURITY):
        chain.add()
    coins = 2 * _PER_BLOCK
    value = 50 * 10**8 // coins
    outputs = [(value, _SCRIPT)] * coins
    coinbase = double_sha256(first[81:])
    fan_out = _transaction([(coinbase + bytes(4), b"")], outputs)
    chain.add([fan_out])
    leading = len(chain.blocks)
    txid = double_sha256(fan_out)
    unspent = [(txid + struct.pack("<I", i), value) for i in range(coins)]
    for _ in range(count):
        payments: list[bytes] = []
        made: list[tuple[bytes, int]] = []
        for (one, mine), (two, yours) in zip(unspent[::2], unspent[1::2], strict=True):
            left = (mine + yours - _FEE) // 2
            payment = _pay([one, two], [(left, _SCRIPT), (left, _SCRIPT)])
            payments.append(payment)
            txid = double_sha256(payment)
            made += [(txid + bytes(4), left), (txid + b"\1\0\0\0", left)]
        chain.add(payments)
        unspent = made
    return chain.blocks[:leading], chain.blocks[leading:]


def _pay(prevouts: list[bytes], outputs: list[tuple[int, bytes]]) -> bytes:
    inputs = []
    for mine in prevouts:
        # Legacy signature hash: the script spent stands where the signature will.
        digest = double_sha256(
            _transaction([(each, _SCRIPT if each == mine else b"") for each in prevouts], outputs) + b"\1\0\0\0"
        )
        signature = _KEY.sign(digest, hasher=None) + b"\1"
        inputs.append((mine, bytes([len(signature)]) + signature + bytes([len(_PUBLIC)]) + _PUBLIC))
    return _transaction(inputs, outputs)


def _transaction(inputs: list[tuple[bytes, bytes]], outputs: list[tuple[int, bytes]]) -> bytes:
    return (
        struct.pack("<i", 2)
        + _count(len(inputs))
        + b"".join(prevout + _count(len(script)) + script + b"\xff\xff\xff\xff" for prevout, script in inputs)
        + _count(len(outputs))
        + b"".join(struct.pack("<q", value) + _count(len(script)) + script for value, script in outputs)
        + bytes(4)
    )


def _count(number: int) -> bytes:
    return bytes([number]) if number < 0xFD else b"\xfd" + struct.pack("<H", number)
