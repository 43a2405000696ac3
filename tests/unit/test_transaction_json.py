"""JSON of transactions and scripts: to the letter what Core prints."""

import json
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.chains import MAIN, REGTEST
from primitives.block import Block, BlockHeader
from primitives.descriptor_checksum import add_checksum
from primitives.descriptor_inference import infer
from primitives.script import (
    multisig_script,
    pubkey_hash_script,
    pubkey_script,
    push_data,
    script_hash_script,
    witness_script,
)
from primitives.transaction import OutPoint, Transaction, TxIn, TxOut
from rpc.script_json import script_fields, script_text
from rpc.transaction_json import amount_text, block_transactions_text, transaction_text

KEY = bytes.fromhex("0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798")
SIGNATURE = bytes.fromhex(
    "304502207fa7a6d1e0ee81132a269ad84e68d695483745cde8b541e3bf630749894e342a022100c1f7ab20e13e22fb95281a870f3dcf38d782"
    "e53023ee313d741ad0cfbc0c509083"
)
EVERY_KIND = Transaction(
    0xFFFFFFFF,
    (
        TxIn(OutPoint(bytes(range(32)), 7), push_data(SIGNATURE) + push_data(KEY), 0xFFFFFFFE),
        TxIn(OutPoint(bytes(range(1, 33)), 0xFFFFFFFF), b"", 0, (b"", b"\x01\x02")),
    ),
    (
        TxOut(-1, pubkey_script(KEY)),
        TxOut(2100000000000001, multisig_script(1, [KEY, KEY])),
        TxOut(1, b"\x6a\x04abcd"),
        TxOut(0, b"\x51\x02\x4e\x73"),
        TxOut(12345, witness_script(1, bytes(32))),
        TxOut(2**40, witness_script(1, KEY[1:])),
        TxOut(5, b"\x01"),
    ),
    500000,
)
AS_CORE_PRINTS_IT = (
    '{"txid":"e0d3a4dfcc131e8542fd660c047edf18aa4354e90b9b7f93c4dd1f089404a05c",'
    '"hash":"d4f8a77d6988dc63410b2fdec0bdcc15fa106826176ca142a501f44a53f18f13","version":4294967295,"size":455,'
    '"vsize":449,"weight":1796,"locktime":500000,"vin":['
    '{"txid":"1f1e1d1c1b1a191817161514131211100f0e0d0c0b0a09080706050403020100","vout":7,"scriptSig":{"asm":"'
    "304502207fa7a6d1e0ee81132a269ad84e68d695483745cde8b541e3bf630749894e342a022100c1f7ab20e13e22fb95281a870f3dcf38d782"
    "e53023ee313d741ad0cfbc0c5090[SINGLE|ANYONECANPAY] "
    '0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798","hex":"'
    "48304502207fa7a6d1e0ee81132a269ad84e68d695483745cde8b541e3bf630749894e342a022100c1f7ab20e13e22fb95281a870f3dcf38d7"
    '82e53023ee313d741ad0cfbc0c509083210279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798"},'
    '"sequence":4294967294},'
    '{"txid":"201f1e1d1c1b1a191817161514131211100f0e0d0c0b0a090807060504030201","vout":4294967295,'
    '"scriptSig":{"asm":"","hex":""},"txinwitness":["","0102"],"sequence":0}],"vout":['
    '{"value":-0.00000001,"n":0,"scriptPubKey":{'
    '"asm":"0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798 OP_CHECKSIG",'
    '"desc":"pk(0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798)#gn28ywm7",'
    '"hex":"210279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798ac","type":"pubkey"}},'
    '{"value":21000000.00000001,"n":1,"scriptPubKey":{'
    '"asm":"1 0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798 '
    '0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798 2 OP_CHECKMULTISIG",'
    '"desc":"multi(1,0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798,'
    '0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798)#x23hxyvx",'
    '"hex":"51210279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798'
    '210279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f8179852ae","type":"multisig"}},'
    '{"value":0.00000001,"n":2,"scriptPubKey":{"asm":"OP_RETURN 1684234849","desc":"raw(6a0461626364)#uz00wfmk",'
    '"hex":"6a0461626364","type":"nulldata"}},'
    '{"value":0.00000000,"n":3,"scriptPubKey":{"asm":"1 29518","desc":"addr(bcrt1pfeesnyr2tx)#swxgse0y",'
    '"hex":"51024e73","address":"bcrt1pfeesnyr2tx","type":"anchor"}},'
    '{"value":0.00012345,"n":4,"scriptPubKey":{'
    '"asm":"1 0000000000000000000000000000000000000000000000000000000000000000",'
    '"desc":"addr(bcrt1pqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqm3usuw)#h0u3564j",'
    '"hex":"51200000000000000000000000000000000000000000000000000000000000000000",'
    '"address":"bcrt1pqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqm3usuw","type":"witness_v1_taproot"}},'
    '{"value":10995.11627776,"n":5,"scriptPubKey":{'
    '"asm":"1 79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798",'
    '"desc":"rawtr(79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798)#xsjqcczm",'
    '"hex":"512079be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798",'
    '"address":"bcrt1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqc8gma6","type":"witness_v1_taproot"}},'
    '{"value":0.00000005,"n":6,"scriptPubKey":{"asm":"[error]","desc":"raw(01)#60wezdf9","hex":"01",'
    '"type":"nonstandard"}}]}'
)


@dataclass
class Coin:
    value: int
    script_pubkey: bytes
    height: int
    is_coinbase: bool


def test_a_transaction_of_every_kind() -> None:
    assert transaction_text(EVERY_KIND, REGTEST, with_hex=False) == AS_CORE_PRINTS_IT
    with_hex = f'{AS_CORE_PRINTS_IT[:-1]},"hex":"{EVERY_KIND.serialize().hex()}"}}'
    assert transaction_text(EVERY_KIND, REGTEST) == with_hex


@given(
    st.one_of(
        st.binary(max_size=60),
        st.binary(min_size=20, max_size=20).map(pubkey_hash_script),
        st.binary(min_size=20, max_size=20).map(script_hash_script),
        st.builds(witness_script, st.integers(0, 16), st.binary(min_size=2, max_size=40)),
        st.builds(witness_script, st.integers(0, 1), st.binary(min_size=32, max_size=32)),
    ),
    st.sampled_from([MAIN, REGTEST]),
)
def test_the_quick_way_says_the_same(script: bytes, chain: object) -> None:
    assert json.loads(script_text(script, chain)) == script_fields(script, chain)  # type: ignore[arg-type]


def test_spent_coins_make_fee_and_prevouts() -> None:
    coins = [Coin(400, witness_script(0, bytes(20)), 5, is_coinbase=False), Coin(2**62, b"\x51", 6, is_coinbase=True)]
    spend = Transaction(2, EVERY_KIND.inputs, (TxOut(2**62, b"\x51"),), 0)
    fee_only = json.loads(transaction_text(spend, REGTEST, spent=coins), parse_float=str)
    assert fee_only["fee"] == "0.00000400"
    assert "prevout" not in fee_only["vin"][0]
    full = json.loads(transaction_text(spend, REGTEST, spent=coins, show_prevouts=True), parse_float=str)
    assert [each["prevout"] for each in full["vin"]] == [
        {
            "generated": False,
            "height": 5,
            "value": "0.00000400",
            "scriptPubKey": script_fields(coins[0].script_pubkey, REGTEST),
        },
        {
            "generated": True,
            "height": 6,
            "value": "46116860184.27387904",
            "scriptPubKey": script_fields(b"\x51", REGTEST),
        },
    ]
    assert list(full["vin"][1]) == ["txid", "vout", "scriptSig", "txinwitness", "prevout", "sequence"]


def test_a_block() -> None:
    coinbase = Transaction(1, (TxIn(OutPoint(bytes(32), 0xFFFFFFFF), b"\x01\x02", 9, (bytes(32),)),), (), 0)
    block = Block(BlockHeader(1, bytes(32), bytes(32), 0, 0, 0), (coinbase, EVERY_KIND))
    coins = [Coin(2**62, b"\x51", 1, is_coinbase=False)] * 2
    for undo, expected in ((None, {"hex"}), ([coins], {"hex", "fee"})):
        first, second = json.loads(block_transactions_text(block, REGTEST, undo))
        assert first["vin"] == [{"coinbase": "0102", "txinwitness": ["00" * 32], "sequence": 9}]
        assert first["vout"] == []
        assert set(second) - set(json.loads(AS_CORE_PRINTS_IT)) == expected


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0.00000000"), (-1, "-0.00000001"), (-(2**63), "-92233720368.54775808"), (10**8, "1.00000000")],
)
def test_amounts(value: int, text: str) -> None:
    assert amount_text(value) == text


def test_checksums() -> None:
    assert add_checksum("raw(deadbeef)") == "raw(deadbeef)#89f8spxm"  # BIP380


def test_hybrid_keys_have_no_descriptor_of_their_own() -> None:
    hybrid = b"\x06" + bytes(64)
    assert infer(pubkey_script(hybrid), MAIN).startswith("raw(41")
    assert infer(multisig_script(1, [KEY, hybrid]), MAIN).startswith("raw(51")
