"""What consensus asks of a transaction outside blocks, in Core's words."""

from dataclasses import dataclass

import pytest

from node.coin import Coin
from node.policy.consensus import (
    MEMPOOL_HEIGHT,
    NO_LOCKS,
    LockPoints,
    check_inputs,
    check_transaction,
    is_final,
    sequence_locks,
)
from node.policy.reject import Rejection, TxResult
from primitives.transaction import COIN, MAX_MONEY, OutPoint, Transaction, TxIn, TxOut

KEY_HASH = b"\x00\x14" + bytes(20)


def transaction(
    *,
    inputs: tuple[TxIn, ...] = (TxIn(OutPoint(bytes([1]) * 32, 0), b"", 0xFFFFFFFF),),
    values: tuple[int, ...] = (COIN,),
    version: int = 2,
    lock_time: int = 0,
) -> Transaction:
    return Transaction(version, inputs, tuple(TxOut(value, KEY_HASH) for value in values), lock_time)


def spend(number: int = 1, sequence: int = 0xFFFFFFFF) -> TxIn:
    return TxIn(OutPoint(bytes([number]) * 32, 0), b"", sequence)


@pytest.mark.parametrize(
    ("tx", "reason"),
    [
        (transaction(inputs=()), "bad-txns-vin-empty"),
        (transaction(values=()), "bad-txns-vout-empty"),
        (transaction(inputs=(TxIn(OutPoint(bytes(32), 1), bytes(1_000_000), 0),)), "bad-txns-oversize"),
        (transaction(values=(-1,)), "bad-txns-vout-negative"),
        (transaction(values=(MAX_MONEY + 1,)), "bad-txns-vout-toolarge"),
        (transaction(values=(MAX_MONEY, 1)), "bad-txns-txouttotal-toolarge"),
        (transaction(inputs=(spend(), spend())), "bad-txns-inputs-duplicate"),
        (transaction(inputs=(TxIn(OutPoint(bytes(32), 0xFFFFFFFF), b"1", 0),)), "bad-cb-length"),
        (transaction(inputs=(TxIn(OutPoint(bytes(32), 0xFFFFFFFF), b"", 0), spend())), "bad-txns-prevout-null"),
    ],
)
def test_a_transaction_that_is_wrong_in_itself_is_refused(tx: Transaction, reason: str) -> None:
    assert check_transaction(tx) == Rejection(TxResult.CONSENSUS, reason)


def test_a_transaction_that_is_right_in_itself_passes() -> None:
    assert check_transaction(transaction(values=(0, MAX_MONEY))) is None
    coinbase = transaction(inputs=(TxIn(OutPoint(bytes(32), 0xFFFFFFFF), b"12", 0),))
    assert check_transaction(coinbase) is None


@pytest.mark.parametrize(
    ("lock_time", "sequence", "final"),
    [
        (0, 0, True),
        (99, 0, True),
        (100, 0, False),
        (100, 0xFFFFFFFF, True),
        (500_000_000 - 1, 0, False),
        (1_600_000_000 - 1, 0, True),
        (1_600_000_000, 0, False),
        (1_600_000_000, 0xFFFFFFFF, True),
    ],
)
def test_a_lock_time_is_a_height_or_a_time(lock_time: int, sequence: int, final: bool) -> None:
    tx = transaction(inputs=(spend(1, 0xFFFFFFFF), spend(2, sequence)), lock_time=lock_time)
    assert is_final(tx, 100, 1_600_000_000) is final


@dataclass(frozen=True)
class Block:
    """A chain in which the block at height h has the median time 1000 * h."""

    height: int

    @property
    def hash(self) -> bytes:
        return self.height.to_bytes(32, "little")

    @property
    def median_time_past(self) -> int:
        return 1000 * self.height

    def ancestor(self, height: int) -> "Block":
        assert 0 <= height <= self.height
        return Block(height)


def coin(height: int, value: int = COIN, *, coinbase: bool = False) -> Coin:
    return Coin(value, KEY_HASH, height, coinbase)


TIME = 1 << 22


@pytest.mark.parametrize(
    ("sequence", "height", "locks"),
    [
        (5, 90, LockPoints(94, -1, Block(90).hash)),
        (TIME | 3, 90, LockPoints(-1, 89_000 + 3 * 512 - 1, Block(90).hash)),
        (TIME | 3, 0, LockPoints(-1, 3 * 512 - 1, Block(0).hash)),
        (0xFFFF | 1 << 16, 90, LockPoints(90 + 65535 - 1, -1, Block(90).hash)),
        (0, MEMPOOL_HEIGHT, LockPoints(100, -1, Block(0).hash)),
        (1, MEMPOOL_HEIGHT, LockPoints(101, -1, Block(0).hash)),
        (TIME, MEMPOOL_HEIGHT, LockPoints(-1, 99_999, Block(0).hash)),
        (1 << 31 | 5, 90, NO_LOCKS),
    ],
)
def test_relative_locks_count_from_the_block_of_the_coin(sequence: int, height: int, locks: LockPoints) -> None:
    tx = transaction(inputs=(spend(1, sequence),))
    assert sequence_locks(tx, [coin(height)], Block(100)) == locks


def test_relative_locks_need_version_2() -> None:
    assert sequence_locks(transaction(inputs=(spend(1, 5),), version=1), [coin(100)], Block(100)) == NO_LOCKS


def test_the_latest_lock_of_all_inputs_counts_and_the_latest_coin_carries_it() -> None:
    tx = transaction(inputs=(spend(1, 5), spend(2, 7), spend(3, TIME | 1), spend(4)))
    coins = [coin(90), coin(80), coin(85), coin(99)]
    assert sequence_locks(tx, coins, Block(100)) == LockPoints(94, 84_000 + 511, Block(99).hash)


def test_locks_allow_a_block_once_their_height_and_time_are_behind() -> None:
    locks = LockPoints(99, 5000, None)
    assert locks.allow(100, 5001)
    assert not locks.allow(99, 5001)
    assert not locks.allow(100, 5000)
    assert NO_LOCKS.allow(0, 0)


def test_the_fee_is_what_inputs_are_worth_more_than_outputs() -> None:
    tx = transaction(inputs=(spend(1), spend(2)), values=(COIN, COIN // 2))
    assert check_inputs(tx, [coin(1), coin(1)], 10) == COIN // 2


def test_inputs_that_are_gone_young_or_too_poor_are_refused() -> None:
    tx = transaction(inputs=(spend(1), spend(2)), values=(3 * COIN,))
    missing = check_inputs(tx, [coin(1), None], 10)
    assert isinstance(missing, Rejection)
    assert missing.text == "bad-txns-inputs-missingorspent, CheckTxInputs: inputs missing/spent"
    young = check_inputs(tx, [coin(1, coinbase=True), coin(1)], 100)
    debug = "tried to spend coinbase at depth 99"
    assert young == Rejection(TxResult.PREMATURE_SPEND, "bad-txns-premature-spend-of-coinbase", debug)
    assert check_inputs(tx, [coin(1, MAX_MONEY), coin(1)], 10) == Rejection(
        TxResult.CONSENSUS, "bad-txns-inputvalues-outofrange"
    )
    assert check_inputs(tx, [coin(1, coinbase=True), coin(1, COIN // 100)], 101) == Rejection(
        TxResult.CONSENSUS, "bad-txns-in-belowout", "value in (1.01) < value out (3.00)"
    )
