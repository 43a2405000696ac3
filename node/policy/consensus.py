"""What consensus asks of a transaction that is in no block yet, scripts apart (Core: src/consensus/tx_*.cpp)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from node.policy.reject import Rejection, TxResult
from primitives.money import format_money
from primitives.transaction import MAX_MONEY, SEQUENCE_FINAL

if TYPE_CHECKING:
    from collections.abc import Sequence

    from node.coin import Coin
    from primitives.transaction import Transaction

COINBASE_MATURITY: Final = 100
MEMPOOL_HEIGHT: Final = 0x7FFFFFFF
"""The height of a coin whose transaction is itself in the mempool."""

_MAX_STRIPPED_SIZE: Final = 1_000_000
_LOCKTIME_THRESHOLD: Final = 500_000_000
_SEQUENCE_DISABLE: Final = 1 << 31
_SEQUENCE_IS_TIME: Final = 1 << 22
_SEQUENCE_MASK: Final = 0xFFFF
_SEQUENCE_GRANULARITY: Final = 9


class Block(Protocol):
    """What is asked of a block of the chain."""

    @property
    def hash(self) -> bytes:
        """Its hash."""

    @property
    def height(self) -> int:
        """Its height."""

    @property
    def median_time_past(self) -> int:
        """The median time of it and the ten before it."""

    def ancestor(self, height: int) -> Block:
        """Return its ancestor at a height."""


class LockPoints(NamedTuple):
    """The last block height and median time at which relative locks still hold; -1 for none (BIP68)."""

    height: int
    time: int
    block: bytes | None
    """They are right while this block is in the chain; None if they are so always."""

    def allow(self, next_height: int, median_time_past: int) -> bool:
        """Whether a block of that height may hold the transaction; the time is that of its parent."""
        return self.height < next_height and self.time < median_time_past


NO_LOCKS: Final = LockPoints(-1, -1, None)


def check_transaction(tx: Transaction) -> Rejection | None:
    """Check what can be seen from the transaction alone; a coinbase may pass."""
    inputs, outputs = tx.inputs, tx.outputs
    if not inputs:
        return _invalid("bad-txns-vin-empty")
    if not outputs:
        return _invalid("bad-txns-vout-empty")
    if tx.stripped_size > _MAX_STRIPPED_SIZE:
        return _invalid("bad-txns-oversize")
    total = 0
    for value, _ in outputs:
        if value < 0:
            return _invalid("bad-txns-vout-negative")
        if value > MAX_MONEY:
            return _invalid("bad-txns-vout-toolarge")
        total += value
        if total > MAX_MONEY:
            return _invalid("bad-txns-txouttotal-toolarge")
    if len(inputs) > 1 and len({each.prevout for each in inputs}) < len(inputs):
        return _invalid("bad-txns-inputs-duplicate")
    if tx.is_coinbase:
        return None if 2 <= len(inputs[0].script_sig) <= 100 else _invalid("bad-cb-length")
    if any(each.prevout.index == 0xFFFFFFFF and each.prevout.is_null for each in inputs):
        return _invalid("bad-txns-prevout-null")
    return None


def is_final(tx: Transaction, height: int, time: int) -> bool:
    """Whether the lock time allows a block of that height; `time` is its parent's median time (BIP113)."""
    lock_time = tx.lock_time
    if lock_time < (height if lock_time < _LOCKTIME_THRESHOLD else time):
        return True
    return not lock_time or all(each.sequence == SEQUENCE_FINAL for each in tx.inputs)


def sequence_locks(tx: Transaction, coins: Sequence[Coin], tip: Block) -> LockPoints:
    """Return what relative locks wait for, if `coins` are spent in a block upon `tip` or later (BIP68).

    Coins at MEMPOOL_HEIGHT count as those of the next block.
    """
    if tx.version < 2:
        return NO_LOCKS
    locked = [
        (each.sequence, coin.height)
        for each, coin in zip(tx.inputs, coins, strict=True)
        if not each.sequence & _SEQUENCE_DISABLE
    ]
    if not locked:
        return NO_LOCKS
    next_height = tip.height + 1
    least_height = least_time = -1
    for sequence, height in locked:
        mined = next_height if height == MEMPOOL_HEIGHT else height
        wait = sequence & _SEQUENCE_MASK
        if sequence & _SEQUENCE_IS_TIME:
            since = tip.ancestor(max(mined - 1, 0)).median_time_past
            least_time = max(least_time, since + (wait << _SEQUENCE_GRANULARITY) - 1)
        else:
            least_height = max(least_height, mined + wait - 1)
    # Coins of the mempool do not matter: with a lock that waits at all, they are refused.
    latest = max((coin.height for coin in coins if coin.height < next_height), default=0)
    return LockPoints(least_height, least_time, tip.ancestor(latest).hash)


def check_inputs(tx: Transaction, coins: Sequence[Coin | None], spend_height: int) -> int | Rejection:
    """Return the fee in satoshis; `coins` are what the inputs spend, None where there is no such coin."""
    found = [coin for coin in coins if coin is not None]
    if len(found) < len(coins):
        return Rejection(
            TxResult.MISSING_INPUTS, "bad-txns-inputs-missingorspent", "CheckTxInputs: inputs missing/spent"
        )
    value_in = 0
    for coin in found:
        if coin.is_coinbase and spend_height - coin.height < COINBASE_MATURITY:
            return Rejection(
                TxResult.PREMATURE_SPEND,
                "bad-txns-premature-spend-of-coinbase",
                f"tried to spend coinbase at depth {spend_height - coin.height}",
            )
        value_in += coin.value
        if not 0 <= coin.value <= MAX_MONEY or value_in > MAX_MONEY:
            return _invalid("bad-txns-inputvalues-outofrange")
    value_out = 0
    for value, _ in tx.outputs:
        value_out += value
    if value_in < value_out:
        debug = f"value in ({format_money(value_in)}) < value out ({format_money(value_out)})"
        return _invalid("bad-txns-in-belowout", debug)
    return value_in - value_out


def _invalid(reason: str, debug: str = "") -> Rejection:
    return Rejection(TxResult.CONSENSUS, reason, debug)
