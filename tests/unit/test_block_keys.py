"""Keys of a block: whoever watches for what it spends or pays is told so, and seldom anybody else."""

import contextlib
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from primitives.block_keys import block_keys, outpoint_key, read_keys, script_key
from primitives.encoding import compact_size
from primitives.errors import DecodeError
from primitives.transaction import OutPoint, Transaction, TxIn, TxOut
from wallet.watch import Watch

outpoints = st.builds(OutPoint, st.binary(min_size=32, max_size=32), st.integers(0, 2**32 - 1))
scripts = st.one_of(st.binary(max_size=40), st.integers(250, 600).map(bytes))
witnesses = st.lists(st.binary(max_size=300), max_size=3).map(tuple)
inputs = st.builds(TxIn, outpoints, scripts, st.just(7), witnesses)
outputs = st.builds(TxOut, st.integers(0, 10**15), scripts)
transactions = st.builds(
    Transaction,
    st.just(2),
    st.lists(inputs, min_size=1, max_size=5).map(tuple),
    st.lists(outputs, min_size=1, max_size=5).map(tuple),
    st.just(0),
)


def block_of(made: list[Transaction]) -> bytes:
    return bytes(80) + compact_size(len(made)) + b"".join(each.serialize() for each in made)


def packed(outpoint: OutPoint) -> bytes:
    return struct.pack("<32sI", *outpoint)


@given(st.lists(transactions, min_size=1, max_size=8))
def test_all_that_is_spent_or_paid_has_its_key(made: list[Transaction]) -> None:
    expected = [
        key
        for each in made
        for key in (
            *(outpoint_key(packed(spent.prevout)) for spent in each.inputs),
            *(script_key(output.script_pubkey) for output in each.outputs),
        )
    ]
    keys = block_keys(block_of(made))
    assert list(read_keys(keys)) == expected
    for each in made:
        for spent in each.inputs:
            watch = Watch()
            watch.add_outpoint(packed(spent.prevout))
            assert watch.may_concern(keys)
        for output in each.outputs:
            watch = Watch()
            watch.add_scripts([output.script_pubkey])
            assert watch.may_concern(keys)


def test_many_transactions_and_outputs() -> None:
    many = Transaction(2, (TxIn(OutPoint(b"\1" * 32, 5), b"\2" * 253, 0),) * 300, (TxOut(1, b"\3" * 30),) * 300, 0)
    assert len(read_keys(block_keys(block_of([many] * 300)))) == 300 * 600


def test_others_have_other_keys() -> None:
    watch = Watch()
    assert not watch.may_concern(block_keys(block_of([])))
    watch.add_scripts([b"\0\x14" + b"\1" * 20, b"", b"\x51"])
    watch.add_outpoint(b"\1" * 32 + bytes(4))
    for script in (b"\0\x14" + b"\1" * 19 + b"\2", b"\x52", b"\x51\x52", b"\x51" * 9):
        for spent in (OutPoint(b"\1" * 32, 1), OutPoint(b"\1" * 31 + b"\2", 0)):
            assert not watch.may_concern(
                block_keys(block_of([Transaction(2, (TxIn(spent, b"", 0),), (TxOut(0, script),), 0)]))
            )


@given(st.binary(max_size=200))
def test_garbage_is_refused(data: bytes) -> None:
    with contextlib.suppress(IndexError, DecodeError, struct.error):
        block_keys(data)


def test_keys_cut_short_are_refused() -> None:
    with pytest.raises(ValueError, match="9 bytes are no keys"):
        Watch().may_concern(bytes(9))
