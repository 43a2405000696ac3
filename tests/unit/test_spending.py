"""Transactions that a wallet makes: the node takes them, they pay whom they should, and the fee is as asked for."""

import random
import re
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from mempool_chain import spend
from spending_wallet import ELSEWHERE, FALLBACK, SpendingWallet, rate, spending_wallet

from primitives.descriptor import OutputType
from primitives.encoding import sized
from primitives.fee_rate import FeeRate
from primitives.hashes import hash160
from primitives.keys import PrivateKey
from primitives.transaction import COIN, OutPoint, Transaction, TxIn, TxOut
from wallet.settings import WalletSettings
from wallet.spending.bump import BumpError, make_replacement
from wallet.spending.coin_control import CoinControl, Recipient
from wallet.spending.commit import commit
from wallet.spending.create import RBF_SEQUENCE, Created, create_transaction, fund_transaction
from wallet.spending.errors import SpendError
from wallet.spending.signing import sign_own

KINDS = [OutputType.LEGACY, OutputType.P2SH_SEGWIT, OutputType.BECH32, OutputType.BECH32M]


@pytest.fixture
def spender(tmp_path: Path, no_leaks: None) -> Iterator[SpendingWallet]:  # noqa: ARG001 - checked around everything else
    with spending_wallet(tmp_path) as spender:
        yield spender


def check(spender: SpendingWallet, made: Created, paid: list[TxOut], fee_rate: FeeRate = FeeRate(FALLBACK)) -> None:  # noqa: B008
    """See that a transaction is valid, pays what it should and nothing else but the wallet, at the fee rate."""
    tx, wallet = made.transaction, spender.wallet
    others = [output for output in tx.outputs if not wallet.is_mine(output.script_pubkey)]
    assert sorted(others) == sorted(paid)
    spent = sum(wallet.history.own[each.prevout].output.value for each in tx.inputs)
    assert spent - sum(output.value for output in tx.outputs) == made.fee
    assert made.fee >= fee_rate.fee_for(tx.vsize)
    if made.change_position is not None:
        # A signature may be a byte shorter than expected.
        assert made.fee <= fee_rate.fee_for(tx.vsize + len(tx.inputs))
        assert wallet.is_mine(tx.outputs[made.change_position].script_pubkey)
    assert len(tx.outputs) - len(paid) == (made.change_position is not None)
    assert spender.accepts(tx)


@pytest.mark.parametrize("kind", KINDS)
def test_coins_of_each_kind_are_spent(spender: SpendingWallet, kind: OutputType) -> None:
    spender.receive([300_000, 400_000], kind)
    check(spender, spender.pay(500_000), [TxOut(500_000, ELSEWHERE)])


def test_a_payment_is_sent_and_its_change_spent(spender: SpendingWallet) -> None:
    spender.receive([1_000_000])
    made = spender.pay(200_000)
    commit(spender.wallet, spender.view, made.transaction, comment="pizza", comment_to="baker")
    assert spender.node.mempool.txids() == {made.transaction.txid}
    wtx = spender.wallet.transactions[made.transaction.txid]
    assert (wtx.comment, wtx.comment_to, wtx.in_mempool) == ("pizza", "baker", True)
    again = spender.pay(200_000)
    assert again.transaction.inputs[0].prevout.txid == made.transaction.txid
    commit(spender.wallet, spender.view, again.transaction)
    spender.mine()
    with spender.wallet.lock:
        assert spender.wallet.ledger.balances().trusted == 600_000 - made.fee - again.fee


def test_fees_come_off_the_amounts_of_those_who_pay_them(spender: SpendingWallet) -> None:
    spender.receive([1_000_000])
    other = b"\0\x14" + bytes([1]) * 20
    recipients = [Recipient(ELSEWHERE, 300_000, True), Recipient(other, 200_000), Recipient(ELSEWHERE, 400_000, True)]
    made = create_transaction(spender.wallet, spender.view, recipients, rate(7), change_position=0)
    first, half = made.fee - made.fee // 2, made.fee // 2
    check(
        spender,
        made,
        [TxOut(300_000 - first, ELSEWHERE), TxOut(200_000, other), TxOut(400_000 - half, ELSEWHERE)],
        FeeRate(7000),
    )
    assert made.change_position == 0
    assert made.transaction.outputs[0].value == 100_000
    everything = spender.pay(1_000_000, rate(7), subtract_fee=True)
    assert everything.change_position is None
    check(spender, everything, [TxOut(1_000_000 - everything.fee, ELSEWHERE)], FeeRate(7000))


def test_amounts_at_the_limits(spender: SpendingWallet) -> None:
    spender.receive([100_000])
    with pytest.raises(SpendError, match=r"^Transaction amount too small$"):
        spender.pay(293)
    check(spender, spender.pay(294), [TxOut(294, ELSEWHERE)])
    with pytest.raises(SpendError, match=r"^Transaction amounts must not be negative$"):
        spender.pay(-1)
    with pytest.raises(SpendError, match=r"^Insufficient funds$"):
        spender.pay(100_001)
    with pytest.raises(SpendError, match=r"^Insufficient funds$"):
        spender.pay(21_000_000 * COIN)
    fee = r"0\.0000\d+ transaction fee is included"
    with pytest.raises(SpendError, match=rf"^The total exceeds your balance when the {fee}\.$"):
        spender.pay(100_000)
    # The most that can be paid leaves no change, and one satoshi more cannot be paid.
    whole = spender.pay(100_000, subtract_fee=True)
    most = 100_000 - FeeRate(FALLBACK).fee_for(10 + 1 + 31) - FeeRate(FALLBACK).fee_for(68)
    assert abs(most - (100_000 - whole.fee)) <= 2 * 20
    check(spender, spender.pay(most), [TxOut(most, ELSEWHERE)])
    with pytest.raises(SpendError, match="exceeds your balance"):
        spender.pay(most + 1)
    with pytest.raises(SpendError, match=r"^The transaction amount is too small to pay the fee$"):
        create_transaction(spender.wallet, spender.view, [Recipient(ELSEWHERE, 300, True)], rate(20))
    with pytest.raises(SpendError, match=r"^The transaction amount is too small to send after the fee"):
        create_transaction(spender.wallet, spender.view, [Recipient(ELSEWHERE, 1_500, True)], rate(10))
    with pytest.raises(SpendError, match=r"^Transaction must have at least one recipient$"):
        create_transaction(spender.wallet, spender.view, [], CoinControl())


def test_change_that_is_not_worth_it_goes_to_the_miner(spender: SpendingWallet) -> None:
    spender.receive([100_000])
    without_change = 100_000 - FeeRate(1000).fee_for(42) - FeeRate(1000).fee_for(68)
    for left in (0, 293, 710, 1200):
        made = spender.pay(without_change - left, rate(1))
        paid = [TxOut(without_change - left, ELSEWHERE)]
        check(spender, made, paid, FeeRate(1000))
        if made.change_position is not None:
            assert made.transaction.outputs[made.change_position].value > 680  # What it costs to spend one day.
        else:
            assert made.fee < 110 + 680 + 31 + 2


def test_fee_rates_at_the_limits(spender: SpendingWallet) -> None:
    spender.receive([900_000, 900_000])
    with pytest.raises(SpendError, match=r"^Fee rate \(0\.099 sat/vB\) is lower than the minimum fee rate setting"):
        spender.pay(100_000, rate(0.099))
    low = CoinControl(fee_rate=FeeRate(0), override_fee_rate=True)
    made = spender.pay(100_000, low)
    assert made.fee == 0
    wallet = spender.wallet
    wallet.settings = replace(wallet.settings, max_fee=1000)
    with pytest.raises(SpendError, match=r"^Fee exceeds maximum configured by user"):
        spender.pay(100_000, rate(50))


def test_nothing_is_sent_while_no_fee_is_known(tmp_path: Path) -> None:
    with spending_wallet(tmp_path, WalletSettings(keypool=5)) as spender:
        spender.receive([100_000])
        with pytest.raises(SpendError, match=r"^Fee estimation failed\. Fallbackfee is disabled\."):
            spender.pay(1_000)
        check(spender, spender.pay(1_000, rate(3)), [TxOut(1_000, ELSEWHERE)], FeeRate(3000))


def test_change_is_of_the_kind_that_is_paid(spender: SpendingWallet) -> None:
    spender.receive([500_000])
    scripts = {kind: spender.wallet.keypool.new_change_address(kind) for kind in KINDS}
    for kind, script in scripts.items():
        made = create_transaction(spender.wallet, spender.view, [Recipient(script, 100_000)], CoinControl())
        assert made.change_position is not None
        change = made.transaction.outputs[made.change_position].script_pubkey
        assert (len(change), change[:1]) == (len(script), script[:1])
        wanted = CoinControl(change_type=OutputType.LEGACY)
        made = create_transaction(spender.wallet, spender.view, [Recipient(script, 100_000)], wanted)
        assert made.change_position is not None
        assert len(made.transaction.outputs[made.change_position].script_pubkey) == 25
        del kind
    own = CoinControl(change_script=ELSEWHERE)
    made = spender.pay(100_000, own)
    assert {output.script_pubkey for output in made.transaction.outputs} == {ELSEWHERE}


def test_a_failed_attempt_takes_no_address(spender: SpendingWallet) -> None:
    spender.receive([100_000])
    keys = spender.wallet.active(OutputType.BECH32, internal=True)
    assert keys is not None
    before = keys.next_index
    with pytest.raises(SpendError):
        spender.pay(200_000)
    assert keys.next_index == before
    spender.pay(50_000)
    assert keys.next_index == before + 1


def test_signals_and_lock_times(spender: SpendingWallet) -> None:
    spender.receive([100_000])
    plain = spender.pay(10_000).transaction
    assert {each.sequence for each in plain.inputs} == {RBF_SEQUENCE}
    assert plain.lock_time <= spender.node.chainstate.tip().height
    final = spender.pay(10_000, CoinControl(signal_rbf=False, lock_time=7)).transaction
    assert {each.sequence for each in final.inputs} == {RBF_SEQUENCE + 1}
    assert final.lock_time == 7


def test_locked_coins_and_those_of_others_stay(spender: SpendingWallet) -> None:
    tx = spender.receive([100_000, 60_000])
    spender.wallet.lock_coin((tx.txid, 1))
    assert spender.pay(40_000).transaction.inputs[0].prevout == OutPoint(tx.txid, 2)
    with pytest.raises(SpendError, match="Insufficient funds"):
        spender.pay(90_000)
    pending = spender.receive([500_000], depth=0)
    with pytest.raises(SpendError, match="Insufficient funds"):
        spender.pay(90_000)
    made = spender.pay(90_000, CoinControl(include_unsafe=True))
    assert made.transaction.inputs[0].prevout.txid == pending.txid


def test_a_replacement_pays_more_for_the_same(spender: SpendingWallet) -> None:
    spender.receive([500_000, 400_000])
    wallet, view = spender.wallet, spender.view
    old = spender.pay(100_000, rate(5))
    commit(wallet, view, old.transaction, comment="first")
    made = make_replacement(wallet, view, old.transaction.txid, CoinControl(signal_rbf=True), require_own=True)
    assert made.old_fee == old.fee
    assert made.new_fee > made.old_fee
    assert {each.prevout for each in old.transaction.inputs} <= {each.prevout for each in made.transaction.inputs}
    signed = sign_own(wallet, made.transaction)
    assert signed is not None
    wtx = wallet.transactions[old.transaction.txid]
    commit(wallet, view, signed, replaces=wtx)
    wallet.tracker.mark_replaced(old.transaction.txid, signed.txid)
    assert spender.node.mempool.txids() == {signed.txid}
    new = wallet.transactions[signed.txid]
    assert (new.comment, new.replaces, wtx.replaced_by) == ("first", old.transaction.txid, signed.txid)
    paid = [output for output in signed.outputs if not wallet.is_mine(output.script_pubkey)]
    assert paid == [TxOut(100_000, ELSEWHERE)]
    wallet.wait_until_synced()
    with pytest.raises(BumpError, match="already bumped by transaction"):
        make_replacement(wallet, view, old.transaction.txid, CoinControl(), require_own=True)
    with pytest.raises(BumpError, match="Insufficient total fee"):
        make_replacement(wallet, view, signed.txid, rate(6), require_own=True)
    with pytest.raises(BumpError, match="Invalid or non-wallet transaction id"):
        make_replacement(wallet, view, bytes(32), rate(60), require_own=True)
    spender.mine()
    with pytest.raises(BumpError, match="is already spent"):
        make_replacement(wallet, view, signed.txid, rate(60), require_own=True)


def test_a_replacement_may_pay_otherwise(spender: SpendingWallet) -> None:
    spender.receive([500_000])
    wallet, view = spender.wallet, spender.view
    old = spender.pay(100_000, rate(5)).transaction
    commit(wallet, view, old)
    wanted = [TxOut(70_000, b"\0\x14" + bytes([7]) * 20)]
    made = make_replacement(wallet, view, old.txid, rate(30), require_own=True, outputs=wanted)
    signed = sign_own(wallet, made.transaction)
    assert signed is not None
    assert spender.accepts(signed)
    assert [output for output in signed.outputs if not wallet.is_mine(output.script_pubkey)] == wanted
    paid = next(place for place, output in enumerate(old.outputs) if output.script_pubkey == ELSEWHERE)
    recycled = make_replacement(wallet, view, old.txid, rate(30), require_own=True, original_change=paid)
    kept = next(output for output in old.outputs if output.script_pubkey != ELSEWHERE)
    assert kept in recycled.transaction.outputs
    with pytest.raises(BumpError, match="are incompatible"):
        make_replacement(wallet, view, old.txid, rate(30), require_own=True, outputs=wanted, original_change=0)


def test_change_never_goes_to_what_nobody_can_spend(spender: SpendingWallet) -> None:
    spender.receive([200_000] * 3)
    wallet, view = spender.wallet, spender.view
    note = b"\x6a\x02hi"
    recipients = [Recipient(note, 0), Recipient(ELSEWHERE, 100_000)]
    old = create_transaction(wallet, view, recipients, rate(5), change_position=2).transaction
    commit(wallet, view, old)
    made = make_replacement(wallet, view, old.txid, rate(30), require_own=True, original_change=0).transaction
    scripts = {output.script_pubkey for output in made.outputs}
    assert note not in scripts
    assert all(wallet.is_mine(script) for script in scripts - {ELSEWHERE})


def test_given_inputs_come_first_and_in_order(spender: SpendingWallet) -> None:
    tx = spender.receive([50_000, 60_000, 70_000, 80_000])
    outpoints = [OutPoint(tx.txid, index) for index in (3, 1)]
    inputs = tuple(TxIn(outpoint, b"", 5) for outpoint in outpoints)
    bare = Transaction(2, inputs, (), 99)
    recipients = [Recipient(ELSEWHERE, 180_000)]
    made = fund_transaction(spender.wallet, spender.view, bare, recipients, rate(2), lock_coins=True)
    assert [each.prevout for each in made.transaction.inputs][:2] == outpoints
    sequences = [each.sequence for each in made.transaction.inputs]
    assert sequences[:2] == [5, 5]
    assert set(sequences[2:]) == {RBF_SEQUENCE}
    assert made.transaction.lock_time == 99
    assert {each.prevout for each in made.transaction.inputs} == set(spender.wallet.locked_coins)
    signed = sign_own(spender.wallet, made.transaction)
    assert signed is not None
    assert made.fee >= FeeRate(2000).fee_for(signed.vsize)
    control = rate(2)
    control.allow_other_inputs = False
    with pytest.raises(SpendError, match="does not cover the transaction target"):
        fund_transaction(spender.wallet, spender.view, bare, recipients, control)
    foreign = Transaction(2, (TxIn(OutPoint(bytes([9]) * 32, 0), b"", 0),), (), 0)
    with pytest.raises(SpendError, match=r"^Unable to find UTXO for external input$"):
        fund_transaction(spender.wallet, spender.view, foreign, recipients, rate(2))


def test_inputs_of_others_pay_for_their_longest_signatures(spender: SpendingWallet) -> None:
    chain = spender.node.mempool
    keys = [PrivateKey(bytes([number]) * 32).public_key() for number in (1, 2)]
    redeem = b"\x52" + b"".join(sized(key) for key in keys) + b"\x52\xae"
    script = b"\xa9\x14" + hash160(redeem) + b"\x87"
    paid = spend(chain.take(), fee=50_000, extra=[TxOut(100_000, script)])
    chain.mine([paid])
    spender.receive([1_000_000])
    index = [output.script_pubkey for output in paid.outputs].index(script)
    control = rate(10)
    control.external.add_script(redeem)
    unsigned = Transaction(2, (TxIn(OutPoint(paid.txid, index), b"", RBF_SEQUENCE),), (), 0)
    made = fund_transaction(spender.wallet, spender.view, unsigned, [Recipient(ELSEWHERE, 500_000)], control)
    # Others may not look for signatures that are a byte shorter, as this wallet does.
    script_sig = b"\0" + 2 * sized(bytes(72)) + sized(redeem)
    first, second = made.transaction.inputs
    signed = Transaction(
        2,
        (first._replace(script_sig=script_sig), second._replace(witness=(bytes(71), bytes(33)))),
        made.transaction.outputs,
        0,
    )
    assert made.fee == FeeRate(10_000).fee_for(signed.vsize)


def test_two_who_spend_at_once_take_different_coins(spender: SpendingWallet) -> None:
    spender.receive([200_000] * 8)
    made: list[Transaction] = []

    def send() -> None:
        for _ in range(2):
            with spender.wallet.spending:
                found = spender.pay(150_000)
                commit(spender.wallet, spender.view, found.transaction)
            made.append(found.transaction)

    threads = [threading.Thread(target=send) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert spender.node.mempool.txids() == {tx.txid for tx in made}
    assert len(made) == 6


def test_payments_of_all_sorts_keep_all_money(spender: SpendingWallet) -> None:
    """Random amounts, rates and ways to pay the fee, over coins of all kinds."""
    rng = random.Random(11)
    for kind in KINDS:
        spender.receive([rng.randrange(1_000, 400_000) for _ in range(8)], kind)
    made = 0
    for _ in range(60):
        per_vbyte = rng.choice([1, 2.5, 11, 40, 95])
        amounts = [rng.choice([294, 1_000, rng.randrange(300, 900_000)]) for _ in range(rng.randrange(1, 4))]
        scripts = [b"\0\x14" + rng.randbytes(20) for _ in amounts]
        paying = {place for place in range(len(amounts)) if rng.random() < 0.3}
        control = rate(per_vbyte)
        control.avoid_partial_spends = rng.random() < 0.3
        recipients = [
            Recipient(script, amount, place in paying)
            for place, (script, amount) in enumerate(zip(scripts, amounts, strict=True))
        ]
        try:
            found = create_transaction(spender.wallet, spender.view, recipients, control)
        except SpendError as error:
            assert re.search("Insufficient|exceeds your balance|too small|exceeds maximum", str(error)), error  # noqa: PT017
            continue
        made += 1
        given = {output.script_pubkey: output.value for output in found.transaction.outputs}
        off = [amount - given[script] for script, amount in zip(scripts, amounts, strict=True)]
        assert all(part >= 0 if place in paying else part == 0 for place, part in enumerate(off))
        assert sum(off) == (found.fee if paying and found.change_position is not None else sum(off))
        paid = [TxOut(given[script], script) for script in scripts]
        check(spender, found, paid, FeeRate(round(per_vbyte * 1000)))
    assert made > 20
