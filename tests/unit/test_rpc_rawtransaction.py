"""Methods that make and read transactions, scripts and addresses without a chain."""

import json
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.chains import REGTEST
from node.context import NodeContext
from node.rpc.server import RpcServer
from node.rpc.table import full_table
from primitives.address import encode
from primitives.errors import DecodeError
from primitives.hashes import hash160, sha256
from primitives.script import (
    multisig_script,
    pubkey_hash_script,
    pubkey_script,
    script_hash_script,
    witness_script,
)
from primitives.transaction import OutPoint, Transaction, TxIn, TxOut
from primitives.transaction_hex import decode_transaction
from rpc.request import Caller

TXID = "1d1d4e24ed99057e84c3f80fd8fbec79ed9e1acee37da269356ecea000000000"
KEY = "0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798"
LONG_KEY = (
    "0479be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798"
    "483ada7726a3c4655da4fbfc0e1108a8fd17b448a68554199c47d08ffb10d4b8"
)
ADDRESS = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"


def reply(name: str, params: object) -> dict[str, Any]:
    server = RpcServer(full_table())
    server.finish_warmup(NodeContext(REGTEST, cast("Any", None), Path(), lambda: None))
    body = server.answer(json.dumps({"method": name, "params": params, "id": 1}), Caller()).body
    assert body is not None
    found: dict[str, Any] = json.loads(body)
    return found


def call(name: str, *params: object) -> Any:
    found = reply(name, params)
    assert found["error"] is None
    return found["result"]


def error(name: str, *params: object) -> tuple[int, str]:
    found = reply(name, params)["error"]
    return found["code"], found["message"]


def make(*params: object) -> Transaction:
    return Transaction.parse(bytes.fromhex(call("createrawtransaction", *params)))


def test_a_transaction_is_made() -> None:
    made = make([{"txid": TXID, "vout": 9}], [{ADDRESS: "0.99"}, {"data": "c0ffee"}])
    assert made == Transaction(
        2,
        (TxIn(OutPoint(bytes.fromhex(TXID)[::-1], 9), b"", 0xFFFFFFFD),),
        (TxOut(99_000_000, witness_script(0, hash160(bytes.fromhex(KEY)))), TxOut(0, b"\x6a\x03\xc0\xff\xee")),
        0,
    )
    assert make([{"txid": TXID, "vout": 9}], {ADDRESS: 0.99, "data": "c0ffee"}) == made
    assert make([{"txid": TXID, "vout": 9}], {ADDRESS: 0.99, "data": "c0ffee"}, 0, True, 2) == made
    assert call("createrawtransaction", [], {}) == "02000000000000000000"


@pytest.mark.parametrize(
    ("options", "sequence"),
    [
        ((), 0xFFFFFFFD),
        ((7,), 0xFFFFFFFD),
        ((7, True), 0xFFFFFFFD),
        ((7, False), 0xFFFFFFFE),
        ((0, False), 0xFFFFFFFF),
    ],
)
def test_sequence_numbers(options: tuple[object, ...], sequence: int) -> None:
    made = make([{"txid": TXID, "vout": 0}], {ADDRESS: 1}, *options)
    assert made.inputs[0].sequence == sequence
    assert make([{"txid": TXID, "vout": 0, "sequence": 5}], {ADDRESS: 1}, *options).inputs[0].sequence == 5


INPUT = {"txid": TXID, "vout": 0}


@pytest.mark.parametrize(
    ("params", "code", "message"),
    [
        ([[], {}, 0, False, 0], -8, "Invalid parameter, version out of range(1~3)"),
        ([[], {}, 0, False, 4], -8, "Invalid parameter, version out of range(1~3)"),
        ([[], {}, 0, False, -1], -1, "JSON integer out of range"),
        ([["foo"], {}], -3, "JSON value of type string is not of expected type object"),
        ([[{}], {}], -3, "JSON value of type null is not of expected type string"),
        ([[{"txid": "foo"}], {}], -8, "txid must be of length 64 (not 3, for 'foo')"),
        ([[{"txid": "Z" * 64}], {}], -8, f"txid must be hexadecimal string (not '{'Z' * 64}')"),
        ([[{"txid": TXID}], {}], -8, "Invalid parameter, missing vout key"),
        ([[{"txid": TXID, "vout": "foo"}], {}], -8, "Invalid parameter, missing vout key"),
        ([[{"txid": TXID, "vout": -1}], {}], -8, "Invalid parameter, vout cannot be negative"),
        ([[{"txid": TXID, "vout": 2**31}], {}], -1, "JSON integer out of range"),
        ([[{**INPUT, "sequence": -1}], {}], -8, "Invalid parameter, sequence number is out of range"),
        ([[{**INPUT, "sequence": 2**32}], {}], -8, "Invalid parameter, sequence number is out of range"),
        ([[], "foo"], -3, "JSON value of type string is not of expected type array"),
        ([[], None], -8, "Invalid parameter, output argument must be non-null"),
        ([[], {"data": "foo"}], -8, "Data must be hexadecimal string (not 'foo')"),
        ([[], {"data": True}], -8, "Data must be hexadecimal string (not '1')"),
        ([[], {"data": []}], -8, "Data must be hexadecimal string (not '')"),
        ([[], {"foo": 0}], -5, "Invalid Bitcoin address: foo"),
        ([[], {ADDRESS: "foo"}], -3, "Invalid amount"),
        ([[], {"foo": -1}], -3, "Amount out of range"),
        ([[], [{ADDRESS: 1}, {ADDRESS: 1}]], -8, f"Invalid parameter, duplicated address: {ADDRESS}"),
        ([[], [{ADDRESS: 1}, {ADDRESS.upper(): 1}]], -8, f"Invalid parameter, duplicated address: {ADDRESS.upper()}"),
        ([[], [{"data": "aa"}, {"data": "bb"}]], -8, "Invalid parameter, duplicate key: data"),
        ([[], [{"a": 1, "b": 2}]], -8, "Invalid parameter, key-value pair must contain exactly one key"),
        ([[], [["a"]]], -8, "Invalid parameter, key-value pair not an object as expected"),
        (
            [[{**INPUT, "sequence": 0xFFFFFFFE}], {}, 0, True],
            -8,
            "Invalid parameter combination: Sequence number(s) contradict replaceable option",
        ),
        ([[], {}, -1], -8, "Invalid parameter, locktime out of range"),
        ([[], {}, 2**32], -8, "Invalid parameter, locktime out of range"),
    ],
)
def test_what_cannot_be_made(params: list[object], code: int, message: str) -> None:
    assert error("createrawtransaction", *params) == (code, message)


def test_a_key_that_comes_twice() -> None:
    server = RpcServer(full_table())
    server.finish_warmup(NodeContext(REGTEST, cast("Any", None), Path(), lambda: None))
    for pair in (f'"{ADDRESS}": 1, "{ADDRESS}": 1', '"data": "aa", "data": "bb"'):
        text = f'{{"method": "createrawtransaction", "params": [[], {{{pair}}}]}}'
        body = server.answer(text, Caller()).body
        assert body is not None
        assert b"duplicate" in body


def test_data_may_look_like_a_number() -> None:
    assert make([INPUT], [{"data": 99}]).outputs == (TxOut(0, b"\x6a\x01\x99"),)


WITH_WITNESS = (
    "010000000001010000000000000072c1a6a246ae63f74f931e8365e15a089c68d61900000000000000000000ffffffff0100e1f5050000"
)
WITHOUT = (
    "01000000010000000000000072c1a6a246ae63f74f931e8365e15a089c68d61900000000000000000000ffffffff0100e1f505000000000000"
    "000000"
)


def test_the_form_is_guessed_or_told() -> None:
    extended = WITH_WITNESS + "0000000102616100000000"
    for params in ((extended,), (extended, True), (extended, None)):
        assert call("decoderawtransaction", *params)["vin"][0]["txinwitness"] == ["6161"]
    assert error("decoderawtransaction", extended, False) == (-22, "TX decode failed")
    assert call("decoderawtransaction", WITHOUT, False)["vout"][0]["value"] == 1.0
    assert call("decoderawtransaction", WITHOUT, True)["size"] == 60
    unfunded = Transaction(2, (), (TxOut(5, b"\x51"),), 0).serialize().hex()
    assert call("decoderawtransaction", unfunded)["vin"] == []
    assert error("decoderawtransaction", unfunded, True) == (-22, "TX decode failed")
    for bad in ("", "0", "zz", "00", extended + "00"):
        assert error("decoderawtransaction", bad) == (-22, "TX decode failed")


@given(st.binary(max_size=200), st.booleans(), st.booleans())
def test_any_bytes_decode_or_are_refused(data: bytes, extended: bool, legacy: bool) -> None:
    try:
        found = decode_transaction(data.hex(), try_witness=extended, try_no_witness=legacy)
    except DecodeError as error:
        assert str(error) == "TX decode failed"  # noqa: PT017
        return
    assert found.serialize(witness=extended) == data


KEY_SCRIPT = pubkey_script(bytes.fromhex(KEY))
KEY_HASH = hash160(bytes.fromhex(KEY))


@pytest.mark.parametrize(
    ("script", "wraps", "segwit"),
    [
        (KEY_SCRIPT, True, witness_script(0, KEY_HASH)),
        (pubkey_hash_script(KEY_HASH), True, witness_script(0, KEY_HASH)),
        (b"\x51\x00", True, witness_script(0, sha256(b"\x51\x00"))),
        (b"", True, witness_script(0, sha256(b""))),
        (pubkey_script(bytes.fromhex(LONG_KEY)), True, None),
        (multisig_script(1, [bytes.fromhex(KEY), bytes.fromhex(LONG_KEY)]), True, None),
        (witness_script(0, KEY_HASH), True, None),
        (witness_script(0, bytes(32)), True, None),
        (witness_script(1, bytes(32)), False, None),
        (witness_script(2, bytes(32)), False, None),
        (b"\x51\x02\x4e\x73", False, None),
        (script_hash_script(KEY_HASH), False, None),
        (b"\x6a\x01\x00", False, None),
        (b"\x6a\x61", False, None),
        (b"\x05", False, None),
        (b"\x50", False, None),
        (b"\xba", False, None),
    ],
)
def test_how_scripts_are_wrapped(script: bytes, wraps: bool, segwit: bytes | None) -> None:
    found = call("decodescript", script.hex())
    assert found.get("p2sh") == (encode(script_hash_script(hash160(script)), REGTEST) if wraps else None)
    if segwit is None:
        assert "segwit" not in found
        return
    assert found["segwit"]["hex"] == segwit.hex()
    assert found["segwit"]["address"] == encode(segwit, REGTEST)
    assert found["segwit"]["p2sh-segwit"] == encode(script_hash_script(hash160(segwit)), REGTEST)


def test_the_script_inside_is_told() -> None:
    multisig = multisig_script(1, [bytes.fromhex(KEY)])
    assert call("decodescript", multisig.hex())["segwit"]["desc"].startswith(f"wsh(multi(1,{KEY}))#")
    timed = KEY_SCRIPT[:-1] + b"\xad\x52\xb2"
    assert call("decodescript", timed.hex())["segwit"]["desc"].startswith(f"wsh(and_v(v:pk({KEY}),older(2)))#")


def test_what_is_no_script() -> None:
    assert error("decodescript", "5") == (-8, "argument must be hexadecimal string (not '5')")


@pytest.mark.parametrize(
    ("script", "described"),
    [
        (pubkey_hash_script(KEY_HASH), {"isscript": False, "iswitness": False}),
        (script_hash_script(KEY_HASH), {"isscript": True, "iswitness": False}),
        (
            witness_script(0, KEY_HASH),
            {"isscript": False, "iswitness": True, "witness_version": 0, "witness_program": KEY_HASH.hex()},
        ),
        (
            witness_script(0, bytes(32)),
            {"isscript": True, "iswitness": True, "witness_version": 0, "witness_program": "00" * 32},
        ),
        (
            witness_script(1, bytes(32)),
            {"isscript": True, "iswitness": True, "witness_version": 1, "witness_program": "00" * 32},
        ),
        (b"\x51\x02\x4e\x73", {"isscript": True, "iswitness": True}),
        (witness_script(2, b"ab"), {"iswitness": True, "witness_version": 2, "witness_program": "6162"}),
    ],
)
def test_valid_addresses(script: bytes, described: dict[str, object]) -> None:
    address = encode(script, REGTEST)
    expected = {"isvalid": True, "address": address, "scriptPubKey": script.hex(), **described}
    assert call("validateaddress", address) == expected


def test_an_invalid_address() -> None:
    assert call("validateaddress", ADDRESS[:-1] + "q") == {
        "isvalid": False,
        "error_locations": [43],
        "error": "Invalid Bech32 checksum",
    }


KEYS = [KEY, "03dbc6764b8884a92e871274b87583e6d5c2a58819473e17e107ef3f6aa5a61626"]
MULTISIG = multisig_script(2, [bytes.fromhex(key) for key in KEYS])


@pytest.mark.parametrize(
    ("kind", "script", "descriptor"),
    [
        ((), script_hash_script(hash160(MULTISIG)), "sh(multi(2,{},{}))"),
        (("legacy",), script_hash_script(hash160(MULTISIG)), "sh(multi(2,{},{}))"),
        (("bech32",), witness_script(0, sha256(MULTISIG)), "wsh(multi(2,{},{}))"),
        (
            ("p2sh-segwit",),
            script_hash_script(hash160(witness_script(0, sha256(MULTISIG)))),
            "sh(wsh(multi(2,{},{})))",
        ),
    ],
)
def test_multisig(kind: tuple[str, ...], script: bytes, descriptor: str) -> None:
    found = call("createmultisig", 2, KEYS, *kind)
    assert found["address"] == encode(script, REGTEST)
    assert found["redeemScript"] == MULTISIG.hex()
    assert found["descriptor"].split("#")[0] == descriptor.format(*KEYS)
    assert "warnings" not in found


def test_uncompressed_keys_make_a_legacy_address() -> None:
    legacy = call("createmultisig", 1, [KEY, LONG_KEY])
    assert "warnings" not in legacy
    for kind in ("bech32", "p2sh-segwit"):
        found = call("createmultisig", 1, [KEY, LONG_KEY], kind)
        assert found["address"] == legacy["address"]
        assert found["warnings"] == [
            "Unable to make chosen address type, please ensure no uncompressed public keys are present."
        ]
    hybrid = call("createmultisig", 1, ["06" + LONG_KEY[2:]])
    assert hybrid["descriptor"].startswith(f"addr({hybrid['address']})#")


@pytest.mark.parametrize(
    ("params", "code", "message"),
    [
        ((0, [KEY]), -8, "a multisignature address must require at least one key to redeem"),
        ((2, [KEY]), -8, "not enough keys supplied (got 1 keys, but need at least 2 to redeem)"),
        ((16, [KEY] * 20), -8, "redeemScript exceeds size limit: 684 > 520"),
        (
            (16, [KEY] * 21, "bech32"),
            -8,
            "Number of keys involved in the multisignature address creation > 20\nReduce the number",
        ),
        ((1, [KEY], "bech32m"), -5, "createmultisig cannot create bech32m multisig addresses"),
        ((1, [KEY], "foo"), -5, "Unknown address type 'foo'"),
        ((1, ["zz"]), -5, 'Pubkey "zz" must be a hex string'),
        ((1, [""]), -5, 'Pubkey "" must be a hex string'),
        ((1, ["aa"]), -5, 'Pubkey "aa" must have a length of either 33 or 65 bytes'),
        ((1, ["02" + "ff" * 32]), -5, f'Pubkey "02{"ff" * 32}" must be cryptographically valid.'),
        ((1, [5]), -3, "JSON value of type number is not of expected type string"),
    ],
)
def test_no_multisig(params: tuple[object, ...], code: int, message: str) -> None:
    assert error("createmultisig", *params) == (code, message)


def test_results_are_as_help_tells() -> None:
    table = full_table()
    calls: dict[str, list[object]] = {
        "decoderawtransaction": [WITHOUT],
        "decodescript": [KEY_SCRIPT.hex()],
        "validateaddress": [ADDRESS],
        "createmultisig": [1, [KEY, LONG_KEY], "bech32"],
        "createrawtransaction": [[], {}],
    }
    for name, params in calls.items():
        method = table.find(name)
        assert method is not None
        assert method.mismatch(call(name, *params)) is None
        assert name in table.help(name)
