"""A wallet's transactions: their states, what is stored of them, and how they lie in the history."""

from dataclasses import replace

import pytest
from block_factory import build_block, spend
from hypothesis import given
from hypothesis import strategies as st

from primitives.encoding import compact_size, sized
from primitives.errors import DecodeError
from primitives.transaction import OutPoint, Transaction, TxIn, TxOut
from wallet.block_scan import concerning
from wallet.history import History
from wallet.transaction import (
    ABANDONED,
    IN_MEMPOOL,
    INACTIVE,
    BlockConflicted,
    Confirmed,
    Inactive,
    State,
    Unrecognized,
    WalletTx,
)
from wallet.watch import Watch

BLOCK = bytes(range(32))
MINE = b"\x51\x51"


def make_tx(
    *prevouts: tuple[bytes, int], outputs: int = 1, witness: tuple[bytes, ...] = (), salt: int = 0
) -> Transaction:
    inputs = tuple(TxIn(OutPoint(*each), b"", 0xFFFFFFFD, witness) for each in prevouts)
    return Transaction(2, inputs, tuple(TxOut(1000 + index, MINE) for index in range(outputs)), salt)


def signed(tx: Transaction, *witness: bytes) -> Transaction:
    return replace(tx, inputs=tuple(each._replace(witness=witness) for each in tx.inputs))


@pytest.mark.parametrize(
    ("state", "loaded"),
    [
        (Confirmed(BLOCK, 7, 3), Confirmed(BLOCK, -1, 3)),
        (BlockConflicted(BLOCK, 7), BlockConflicted(BLOCK, -1)),
        (IN_MEMPOOL, INACTIVE),
        (INACTIVE, INACTIVE),
        (ABANDONED, ABANDONED),
        (Unrecognized(BLOCK, -5), Unrecognized(BLOCK, -5)),
        (Unrecognized(bytes(32), 4), Unrecognized(bytes(32), 4)),
    ],
)
def test_states_are_stored_without_heights(state: State, loaded: State) -> None:
    stored = WalletTx(make_tx((BLOCK, 1)), state).serialize()
    assert WalletTx.parse(stored).state == loaded


texts = st.none() | st.text(max_size=20)
txids = st.none() | st.binary(min_size=32, max_size=32)


@given(
    *(st.builds(lambda value: value, each) for each in (texts, texts, texts, texts, txids, txids)),
    st.lists(st.text(max_size=9), max_size=3),
    st.lists(st.text(max_size=9), max_size=3),
    st.integers(-1, 2**62),
    st.integers(0, 2**32 - 1),
    st.integers(0, 2**32 - 1),
)
def test_all_that_is_noted_is_stored(
    sender: str | None,
    message: str | None,
    comment: str | None,
    comment_to: str | None,
    replaces: bytes | None,
    replaced_by: bytes | None,
    messages: list[str],
    payment_requests: list[str],
    position: int,
    received: int,
    smart: int,
) -> None:
    wtx = WalletTx(
        make_tx((BLOCK, 1), witness=(b"a", b"")), INACTIVE, received, smart, position, sender, message, comment,
        comment_to, replaces, replaced_by, messages, payment_requests,
    )  # fmt: skip
    stored = wtx.serialize()
    again = WalletTx.parse(stored)
    assert again.serialize() == stored
    for name in ("tx", "state", "time_received", "time_smart", "position", "sender", "message", "comment", "comment_to",
                 "replaces", "replaced_by", "messages", "payment_requests"):  # fmt: skip
        assert getattr(again, name) == getattr(wtx, name)


def test_parents_of_old_wallets_are_passed_over() -> None:
    tx = make_tx((BLOCK, 1))
    parent = make_tx((BLOCK, 0)).serialize() + bytes(32) + b"\1" + bytes(32) + b"\xff\xff\xff\xff"
    fields = [("fromaccount", "x"), ("n", "12"), ("spent", "1"), ("timesmart", "junk")]
    pairs = compact_size(len(fields)) + b"".join(sized(text.encode()) for pair in fields for text in pair)
    stored = tx.serialize() + BLOCK + b"\0" + b"\2\0\0\0" + b"\1" + parent + pairs + b"\0" + bytes(4) + b"\5\0\0\0\0\0"
    wtx = WalletTx.parse(stored)
    assert (wtx.tx, wtx.state, wtx.position, wtx.time, wtx.time_smart) == (tx, Confirmed(BLOCK, -1, 2), 12, 5, 0)


def test_what_is_unknown_or_cut_short_is_refused() -> None:
    stored = WalletTx(make_tx((BLOCK, 1)), INACTIVE, position=1).serialize()
    with pytest.raises(DecodeError, match="Unexpected value in CWalletTx strings value map"):
        WalletTx.parse(stored.replace(b"fromaccount", b"fromAccount"))
    for size in range(len(stored)):
        with pytest.raises(DecodeError):
            WalletTx.parse(stored[:size])
    with pytest.raises(DecodeError, match="variant txid does not match wallet txid"):
        WalletTx.parse(stored, {b"x": make_tx((BLOCK, 2))})


def test_the_lightest_form_with_witnesses_counts_until_one_confirms() -> None:
    bare = make_tx((BLOCK, 1))
    heavy, light = signed(bare, b"heavy one"), signed(bare, b"light")
    wtx = WalletTx(heavy, INACTIVE)
    assert not wtx.update(heavy, INACTIVE)
    assert wtx.update(bare, INACTIVE)
    assert wtx.tx == heavy
    assert wtx.update(light, IN_MEMPOOL)
    assert wtx.tx == light
    assert wtx.update(heavy, Confirmed(BLOCK, 5, 1))
    assert wtx.tx == heavy
    assert set(wtx.others) == {bare.wtxid, light.wtxid}
    assert not wtx.choose_canonical()
    again = WalletTx.parse(wtx.serialize(), {tx.wtxid: tx for tx in (heavy, *wtx.others.values())})
    assert set(again.others) == {bare.wtxid, light.wtxid}
    assert wtx.update(heavy, Inactive())
    assert wtx.tx == light


def test_the_same_but_for_signatures_is_equivalent() -> None:
    one = make_tx((BLOCK, 1))
    other = replace(one, inputs=(one.inputs[0]._replace(script_sig=b"\1\1"),))
    assert WalletTx(one, INACTIVE).is_equivalent(WalletTx(other, INACTIVE))
    changed = replace(one, inputs=(one.inputs[0]._replace(sequence=1),))
    assert not WalletTx(one, INACTIVE).is_equivalent(WalletTx(changed, INACTIVE))


def history_of(*transactions: WalletTx) -> History:
    history = History(lambda script: script == MINE, Watch())
    for position, wtx in enumerate(transactions):
        wtx.position = position
        history.add(wtx)
    return history


def test_history_knows_who_spends_what() -> None:
    first = WalletTx(make_tx((BLOCK, 1), outputs=2), Confirmed(BLOCK, 10, 0))
    spender = WalletTx(make_tx((first.txid, 0)), INACTIVE)
    rival = WalletTx(make_tx((first.txid, 0), (BLOCK, 9), salt=1), ABANDONED)
    history = history_of(first, spender, rival)
    history.height = 12
    assert history.conflicts(spender) == {rival.txid}
    assert (history.depth(first), history.depth(spender)) == (3, 0)
    assert history.is_spent((first.txid, 0))
    assert not history.is_spent((first.txid, 1))
    assert history.has_spent_output(first)
    assert {wtx.txid for wtx in history.children(first)} == {spender.txid, rival.txid}
    assert history.debit(rival.tx) == 1000
    assert history.is_from_me(rival.tx)
    assert history.own_output((first.txid, 1)) == TxOut(1001, MINE)
    spender.mempool_conflicts.add(rival.txid)
    assert not history.is_spent((first.txid, 0))
    spender.state = BlockConflicted(BLOCK, 11)
    assert history.depth(spender) == -2
    before = dict(history.spends), set(history.own), set(history.watched)
    extra = WalletTx(make_tx((spender.txid, 0), (first.txid, 1), salt=2), INACTIVE, position=9)
    history.add(extra)
    history.remove(extra)
    assert (dict(history.spends), set(history.own), set(history.watched)) == before
    assert history.ordered == [first, spender, rival]


def test_a_coinbase_matures() -> None:
    coinbase = WalletTx(make_tx((bytes(32), 0xFFFFFFFF)), Confirmed(BLOCK, 10, 0))
    history = history_of(coinbase)
    for height, blocks in ((10, 100), (108, 2), (109, 1), (110, 0), (200, 0)):
        history.height = height
        assert history.blocks_to_maturity(coinbase) == blocks
    assert not history.spends


def test_a_block_is_searched_for_scripts_and_outpoints_that_may_grow() -> None:
    scripts, outpoints = {b"\x52"}, {b"\7" * 36}
    first = spend(b"\1" * 36, 5, script=b"\x52")
    second = spend(Transaction.parse(first).txid + bytes(4), 4)
    third = spend(b"\7" * 36, 3)
    others = [spend(bytes((9, number)) * 18, *[1] * number) for number in range(1, 250, 40)]
    block = build_block(bytes(32), 1, transactions=[*others, first, second, *others[:3], third])
    found = []
    for index, tx in concerning(block, scripts, outpoints):
        outpoints.add(tx.txid + bytes(4))
        found.append((index, tx))
    start = 1 + len(others)
    assert found == [
        (start, Transaction.parse(first)),
        (start + 1, Transaction.parse(second)),
        (start + 5, Transaction.parse(third)),
    ]


@given(st.integers(0, 300), st.integers(1, 300), st.lists(st.binary(max_size=600), max_size=3), st.integers(0, 300))
def test_a_search_passes_over_any_transaction(inputs: int, outputs: int, witness: list[bytes], size: int) -> None:
    odd = Transaction(
        2,
        tuple(TxIn(OutPoint(BLOCK, index), b"\1" * size, 0, tuple(witness)) for index in range(inputs or 1)),
        tuple(TxOut(index, b"\2" * size) for index in range(outputs)),
        0,
    )
    last = make_tx((BLOCK, 1000))
    block = bytes(80) + b"\2" + odd.serialize() + last.serialize()
    assert [number for number, _ in concerning(block, {MINE}, set())] == [1]
