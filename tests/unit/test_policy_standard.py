"""Which transactions are standard, and what they cost beyond their weight."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.coin import Coin
from node.policy import standard
from node.policy.options import DEFAULT_DUST_RELAY_FEE, MempoolOptions
from primitives import script
from primitives.fee_rate import FeeRate
from primitives.transaction import OutPoint, Transaction, TxIn, TxOut

OPTIONS = MempoolOptions()
KEY = b"\x02" + bytes(32)
P2WPKH = b"\x00\x14" + bytes(20)
P2WSH = b"\x00\x20" + bytes(32)
P2TR = b"\x51\x20" + bytes(32)
P2SH = script.script_hash_script(bytes(20))
P2PKH = script.pubkey_hash_script(bytes(20))
ANCHOR = b"\x51\x02\x4e\x73"
CHECKSIG = b"\xac"
CHECKMULTISIG = b"\xae"


def make(
    *outputs: TxOut | bytes, script_sig: bytes = b"", witness: tuple[bytes, ...] = (), version: int = 2, inputs: int = 1
) -> Transaction:
    spends = tuple(TxIn(OutPoint(bytes(32), number), script_sig, 0, witness) for number in range(inputs))
    made = tuple(TxOut(100_000, each) if isinstance(each, bytes) else each for each in outputs or (P2WPKH,))
    return Transaction(version, spends, made, 0)


def coins(pubkey: bytes, count: int = 1) -> list[Coin]:
    return [Coin(100_000, pubkey, 1, is_coinbase=False)] * count


@pytest.mark.parametrize(
    ("version", "reason"), [(0, "version"), (1, None), (3, None), (4, "version"), (2**32 - 1, "version")]
)
def test_versions_1_to_3_are_standard(version: int, reason: str | None) -> None:
    assert standard.standard_reason(make(version=version), OPTIONS) == reason


def test_a_transaction_weighs_at_most_400000() -> None:
    empty = make(witness=(b"",)).weight
    fits = make(witness=(bytes(400_000 - empty - 4),))
    assert fits.weight == 400_000
    assert standard.standard_reason(fits, OPTIONS) is None
    assert standard.standard_reason(make(witness=(bytes(400_000 - empty - 3),)), OPTIONS) == "tx-size"


def test_an_input_script_is_short_and_only_pushes() -> None:
    assert standard.standard_reason(make(script_sig=bytes(1650)), OPTIONS) is None
    assert standard.standard_reason(make(script_sig=bytes(1651)), OPTIONS) == "scriptsig-size"
    assert standard.standard_reason(make(script_sig=CHECKSIG), OPTIONS) == "scriptsig-not-pushonly"
    assert standard.standard_reason(make(script_sig=b"\x02a"), OPTIONS) == "scriptsig-not-pushonly"


@pytest.mark.parametrize(
    "pubkey",
    [P2WPKH, P2WSH, P2TR, P2SH, P2PKH, ANCHOR, script.pubkey_script(KEY), b"\x60\x02ab", b"\x51\x20" + bytes(32)],
)
def test_known_forms_of_outputs_are_standard(pubkey: bytes) -> None:
    assert standard.standard_reason(make(pubkey), OPTIONS) is None


@pytest.mark.parametrize(
    "pubkey", [b"", b"\x51", b"\x00\x15" + bytes(21), P2PKH[:-1], b"\x00\x13" + bytes(20), b"\x6a\x05"]
)
def test_other_forms_are_not(pubkey: bytes) -> None:
    assert standard.standard_reason(make(pubkey), OPTIONS) == "scriptpubkey"


def test_bare_multisig_has_at_most_three_keys_and_can_be_forbidden() -> None:
    three = make(script.multisig_script(1, [KEY] * 3))
    assert standard.standard_reason(three, OPTIONS) is None
    assert standard.standard_reason(three, replace(OPTIONS, permit_bare_multisig=False)) == "bare-multisig"
    assert standard.standard_reason(make(script.multisig_script(1, [KEY] * 4)), OPTIONS) == "scriptpubkey"


def test_data_outputs_share_one_allowance() -> None:
    options = replace(OPTIONS, max_datacarrier=10)
    assert standard.standard_reason(make(b"\x6a" + bytes(4), b"\x6a" + bytes(4)), options) is None
    assert standard.standard_reason(make(b"\x6a" + bytes(4), b"\x6a" + bytes(5)), options) == "datacarrier"
    assert standard.standard_reason(make(b"\x6a"), replace(OPTIONS, max_datacarrier=None)) == "datacarrier"


@pytest.mark.parametrize(
    ("pubkey", "least"),
    [(P2PKH, 546), (P2SH, 540), (P2WPKH, 294), (P2WSH, 330), (P2TR, 330), (ANCHOR, 240), (b"\x6a\x01a", 0)],
)
def test_dust_is_what_costs_more_to_spend(pubkey: bytes, least: int) -> None:
    assert standard.dust_threshold(pubkey, DEFAULT_DUST_RELAY_FEE) == least
    enough, dust = TxOut(least, pubkey), TxOut(least - 1, pubkey)
    assert standard.dust_outputs(make(enough), DEFAULT_DUST_RELAY_FEE) == ()
    if least:
        assert standard.dust_outputs(make(enough, dust), DEFAULT_DUST_RELAY_FEE) == (1,)
        assert standard.standard_reason(make(dust, enough), OPTIONS) is None
        assert standard.standard_reason(make(dust, enough, dust), OPTIONS) == "dust"
        assert standard.standard_reason(make(dust, dust), replace(OPTIONS, dust_relay=FeeRate(0))) is None


@given(st.integers(0, 400_000), st.integers(0, 5000), st.integers(0, 100))
def test_many_signature_checks_make_a_transaction_larger(weight: int, sigops: int, per_sigop: int) -> None:
    adjusted = standard.adjusted_weight(weight, sigops, per_sigop)
    assert adjusted == max(weight, sigops * per_sigop)
    assert standard.virtual_size(weight, sigops, per_sigop) == -(-adjusted // 4)


@pytest.mark.parametrize("pubkey", [P2WPKH, P2WSH, P2TR, P2PKH, ANCHOR, script.pubkey_script(KEY)])
def test_known_forms_may_be_spent(pubkey: bytes) -> None:
    assert standard.inputs_debug(make(), coins(pubkey)) is None


@pytest.mark.parametrize(
    ("pubkey", "debug"),
    [
        (b"\x51", "input 1 script unknown"),
        (b"", "input 1 script unknown"),
        (b"\x52\x20" + bytes(32), "input 1 witness program is undefined"),
        (b"\x51\x02ab", "input 1 witness program is undefined"),
        (b"\x51\x21" + bytes(33), "input 1 witness program is undefined"),
    ],
)
def test_unknown_forms_may_not_be_spent(pubkey: bytes, debug: str) -> None:
    assert standard.inputs_debug(make(inputs=3), [*coins(P2WPKH), *coins(pubkey, 2)]) == debug


@pytest.mark.parametrize(
    ("script_sig", "debug"),
    [
        (script.push_data(CHECKSIG * 15), None),
        (script.push_data(CHECKSIG * 16), "p2sh redeemscript sigops exceed limit (input 0: 16 > 15)"),
        (script.push_data(b"\x5f" + CHECKMULTISIG), None),
        (script.push_data(CHECKMULTISIG), "p2sh redeemscript sigops exceed limit (input 0: 20 > 15)"),
        (b"", "input 0 P2SH redeemscript missing"),
        (b"\x51", None),
        (b"\x50", "p2sh scriptsig malformed (input 0: Opcode missing or not understood)"),
        (b"\x02a", "p2sh scriptsig malformed (input 0: Opcode missing or not understood)"),
        (script.push_data(bytes(520)), None),
        (script.push_data(bytes(521)), "p2sh scriptsig malformed (input 0: Push value size limit exceeded)"),
        (b"\x00" * 1000, None),
        (b"\x00" * 1001, "p2sh scriptsig malformed (input 0: Stack size limit exceeded)"),
        (b"\x00" * 10_001, "p2sh scriptsig malformed (input 0: Script is too big)"),
    ],
)
def test_what_a_script_hash_hides_checks_few_signatures(script_sig: bytes, debug: str | None) -> None:
    assert standard.inputs_debug(make(script_sig=script_sig), coins(P2SH)) == debug


def test_all_inputs_together_check_at_most_2500_signatures_outside_witnesses() -> None:
    too_many = "non-witness sigops exceed bip54 limit"
    bare = script.multisig_script(1, [KEY] * 3)
    assert standard.inputs_debug(make(inputs=833), coins(bare, 833)) is None
    assert standard.inputs_debug(make(inputs=834), coins(bare, 834)) == too_many
    assert standard.inputs_debug(make(inputs=835), [*coins(b""), *coins(bare, 834)]) == too_many
    wrapped = script.push_data(CHECKSIG * 15)
    assert standard.inputs_debug(make(inputs=166, script_sig=wrapped), coins(P2SH, 166)) is None
    assert standard.inputs_debug(make(inputs=167, script_sig=wrapped), coins(P2SH, 167)) == too_many


TAPSCRIPT_CONTROL = b"\xc0" + bytes(32)


@pytest.mark.parametrize(
    ("pubkey", "script_sig", "witness", "good"),
    [
        (P2WPKH, b"", (b"signature", KEY), True),
        (P2PKH, b"", (b"x",), False),
        (ANCHOR, b"", (b"",), False),
        (b"\x51\x02ab", b"", (b"",), True),
        (P2SH, script.push_data(P2WPKH), (b"signature", KEY), True),
        (P2SH, script.push_data(P2PKH), (b"x",), False),
        (P2SH, b"", (b"x",), False),
        (P2SH, b"\x51", (b"x",), False),
        (P2SH, CHECKSIG, (b"x",), False),
        (P2WSH, b"", (bytes(80),) * 100 + (bytes(3600),), True),
        (P2WSH, b"", (bytes(80),) * 101 + (b"",), False),
        (P2WSH, b"", (bytes(81), b""), False),
        (P2WSH, b"", (bytes(3601),), False),
        (P2SH, script.push_data(P2WSH), (bytes(81), b""), False),
        (P2SH, script.push_data(P2TR), (b"\x50", b"\x50"), True),
        (P2TR, b"", (b"signature",), True),
        (P2TR, b"", (b"signature", b"\x50annex"), False),
        (P2TR, b"", (b"", b""), False),
        (P2TR, b"", (bytes(80), bytes(9000), TAPSCRIPT_CONTROL), True),
        (P2TR, b"", (bytes(81), b"", TAPSCRIPT_CONTROL), False),
        (P2TR, b"", (bytes(81), b"", b"\xc1" + bytes(32)), False),
        (P2TR, b"", (bytes(81), b"", b"\xc2" + bytes(32)), True),
    ],
)
def test_witnesses_stand_where_they_belong_and_are_small(
    pubkey: bytes, script_sig: bytes, witness: tuple[bytes, ...], good: bool
) -> None:
    reason = standard.witness_reason(make(script_sig=script_sig, witness=witness), coins(pubkey))
    assert reason == (None if good else "bad-witness-nonstandard")


@pytest.mark.parametrize(
    ("pubkey", "script_sig", "needs"),
    [
        (P2WPKH, b"", True),
        (b"\x60\x02ab", b"", True),
        (ANCHOR, b"", False),
        (P2PKH, b"", False),
        (P2SH, script.push_data(P2WPKH), True),
        (P2SH, script.push_data(ANCHOR), True),
        (P2SH, script.push_data(P2PKH), False),
        (P2SH, CHECKSIG, False),
    ],
)
def test_what_needs_a_witness_is_seen(pubkey: bytes, script_sig: bytes, needs: bool) -> None:
    assert standard.spends_witness_program(make(script_sig=script_sig), coins(pubkey)) is needs


@pytest.mark.parametrize(
    ("pubkey", "script_sig", "witness", "outputs", "cost"),
    [
        (P2WPKH, b"", (), (P2WPKH,), 1),
        (P2TR, b"", (CHECKSIG, CHECKSIG), (P2WPKH,), 0),
        (P2WSH, b"", (CHECKSIG, b"\x53" + CHECKMULTISIG), (P2TR,), 3),
        (P2WSH, b"", (), (P2TR,), 0),
        (P2PKH, b"", (), (P2WPKH, P2PKH), 4),
        (P2SH, script.push_data(b"\x53" + CHECKMULTISIG), (), (P2WPKH,), 12),
        (P2SH, script.push_data(P2WPKH), (), (P2WPKH,), 1),
        (P2SH, script.push_data(P2WSH), (CHECKMULTISIG,), (P2SH,), 20),
        (P2SH, CHECKSIG + script.push_data(CHECKSIG), (), (P2WPKH,), 4),
        (P2WPKH, CHECKMULTISIG, (), (CHECKMULTISIG,), 161),
        (P2WPKH, b"", (), (CHECKSIG + b"\x02a",), 5),
    ],
)
def test_signature_checks_cost_four_outside_witnesses(
    pubkey: bytes, script_sig: bytes, witness: tuple[bytes, ...], outputs: tuple[bytes, ...], cost: int
) -> None:
    assert standard.sigop_cost(make(*outputs, script_sig=script_sig, witness=witness), coins(pubkey)) == cost
