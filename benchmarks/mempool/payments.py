"""A recent regtest chain with many coins, and signed payments that spend them."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import coincurve

from node.block_builder import commit, solve, with_root
from primitives.block import Block, BlockHeader
from primitives.hashes import hash160
from primitives.script import pubkey_hash_script, push_number
from primitives.sighash import Sighashes
from primitives.transaction import OutPoint, Transaction, TxIn, TxOut

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_FIRST: Final = bytes.fromhex("0f9188f13cb7b2c71f2a335e3a4fc328bf5beb436012afca590b1a11466e2206")[::-1]
SECRET: Final = bytes([7]) * 32
_KEY: Final = coincurve.PrivateKey(SECRET)
PUBLIC: Final = _KEY.public_key.format()
_HASH: Final = hash160(PUBLIC)
SCRIPT: Final = b"\0\x14" + _HASH
"""P2WPKH, of everything here."""
_CODE: Final = pubkey_hash_script(_HASH)
_BITS: Final = 0x207FFFFF
_SUBSIDY: Final = 50 * 10**8
_MATURITY: Final = 100
_PER_FAN: Final = 10_000
_SPACING: Final = 60
_ALL: Final = 1
_FINAL: Final = 0xFFFFFFFE
_NO_OUTPUT: Final = OutPoint(bytes(32), 0xFFFFFFFF)
_SIZE: Final = 141
"""Virtual bytes of a payment from one output to two."""


@dataclass(frozen=True, slots=True)
class Coin:
    """What can be spent: where it is and satoshis."""

    outpoint: OutPoint
    value: int


class RecentChain:
    """Blocks on regtest's first one, the last of them made now."""

    def __init__(self, coins: int) -> None:
        """Make so many equal coins, all confirmed."""
        fans = -(-coins // _PER_FAN)
        self._time = int(time.time()) - _SPACING * (_MATURITY + 2 * fans + 10)
        self._tip = _FIRST
        self.blocks: list[bytes] = []
        firsts = [self.add().transactions[0] for _ in range(fans)]
        for _ in range(_MATURITY):
            self.add()
        self.coins: list[Coin] = []
        for coinbase in firsts:
            value = coinbase.outputs[0].value // _PER_FAN
            # One transaction makes coins until a block is nearly full.
            fan = pay([Coin(OutPoint(coinbase.txid, 0), coinbase.outputs[0].value)], [value] * _PER_FAN)
            self.add([fan])
            self.coins += [Coin(OutPoint(fan.txid, index), value) for index in range(_PER_FAN)]
        self.coins = self.coins[:coins]

    def add(self, transactions: Sequence[Transaction] = (), fees: int = 0) -> Block:
        """Append a block that holds these."""
        height = len(self.blocks) + 1
        script = push_number(height) + b"\0"
        coinbase = Transaction(2, (TxIn(_NO_OUTPUT, script, _FINAL),), (TxOut(self._reward(height) + fees, SCRIPT),), 0)
        self._time += _SPACING
        header = BlockHeader(0x20000000, self._tip, bytes(32), self._time, _BITS, 0)
        block = with_root(commit(Block(header, (coinbase, *transactions)), has_witness=True))
        solved, _ = solve(block, 1 << 30)
        assert solved is not None
        self._tip = solved.header.hash
        self.blocks.append(solved.serialize())
        return solved

    def _reward(self, height: int) -> int:
        return _SUBSIDY >> height // 150


def payments(coins: Sequence[Coin]) -> Iterator[Transaction]:
    """Spend each coin alone into two, at fee rates from 1 to 50 satoshis per virtual byte."""
    for number, coin in enumerate(coins):
        left = coin.value - _SIZE * (1 + number * 7919 % 50)
        yield pay([coin], [left // 2, left - left // 2])


def chains(coins: Sequence[Coin], length: int) -> Iterator[Transaction]:
    """Spend each coin in a row of payments, each from the one before."""
    for number, coin in enumerate(coins):
        last = coin
        for step in range(length):
            left = last.value - _SIZE * (1 + (number + step) * 7919 % 50)
            payment = pay([last], [left // 2, left - left // 2])
            last = Coin(OutPoint(payment.txid, 0), left // 2)
            yield payment


def pay(coins: Sequence[Coin], values: Sequence[int]) -> Transaction:
    """Return a signed transaction from our coins to ourselves."""
    inputs = tuple(TxIn(coin.outpoint, b"", _FINAL) for coin in coins)
    outputs = tuple(TxOut(value, SCRIPT) for value in values)
    unsigned = Transaction(2, inputs, outputs, 0)
    digests = Sighashes(unsigned)
    signed = []
    for index, (coin, each) in enumerate(zip(coins, inputs, strict=True)):
        signature = _KEY.sign(digests.segwit_v0(index, _CODE, coin.value, _ALL), hasher=None)
        signed.append(each._replace(witness=(signature + bytes([_ALL]), PUBLIC)))
    return Transaction(2, tuple(signed), outputs, 0)
