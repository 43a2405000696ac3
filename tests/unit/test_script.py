"""Scripts: numbers, pushes, printing and classes."""

import time
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from primitives import opcodes
from primitives.errors import ScriptError
from primitives.script import (
    TxoutType,
    count_sigops,
    decode_number,
    encode_number,
    has_valid_ops,
    is_minimal_push,
    is_push_only,
    is_unspendable,
    is_valid_signature_encoding,
    iterate,
    multisig_script,
    pubkey_hash_script,
    pubkey_script,
    push_data,
    push_number,
    script_hash_script,
    solve,
    to_asm,
    witness_program,
    witness_script,
)

KEY = bytes([2]) + bytes(range(32))
LONG_KEY = bytes([4]) + bytes(64)
SIGNATURE = bytes.fromhex(
    "304502207fa7a6d1e0ee81132a269ad84e68d695483745cde8b541e3bf630749894e342a022100c1f7ab20e13e22fb95281a870f3dcf38d782"
    "e53023ee313d741ad0cfbc0c5090"
)


@given(st.binary(max_size=40) | st.lists(st.sampled_from(range(0x66)), max_size=12).map(bytes))
def test_scripts_that_only_push_are_those_that_read_so(script: bytes) -> None:
    try:
        expected = all(opcode <= opcodes.OP_16 for opcode, _ in iterate(script))
    except ScriptError:
        expected = False
    assert is_push_only(script) is expected


@given(st.integers(-(2**31) + 1, 2**31 - 1))
def test_numbers(value: int) -> None:
    data = encode_number(value)
    assert len(data) <= 4
    assert decode_number(data, minimal=True) == value
    assert next(iterate(push_number(value)))[0] in {len(data), opcodes.OP_1 - 1 + value}


@pytest.mark.parametrize(
    ("value", "data"),
    [(0, ""), (1, "01"), (-1, "81"), (127, "7f"), (128, "8000"), (-128, "8080"), (255, "ff00"), (-255, "ff80")],
)
def test_how_numbers_are_written(value: int, data: str) -> None:
    assert encode_number(value).hex() == data


def test_numbers_that_are_too_long() -> None:
    assert decode_number(b"\x00\x00") == 0
    assert decode_number(b"\x80") == 0
    for data in (b"\x00", b"\x80", b"\x01\x00", b"\x01\x80"):
        with pytest.raises(ScriptError, match="non-minimally encoded script number"):
            decode_number(data, minimal=True)
    with pytest.raises(ScriptError, match="script number overflow"):
        decode_number(bytes(5))
    assert decode_number(encode_number(2**31), max_size=5) == 2**31


@given(st.integers(0, 70_000), st.binary(max_size=2))
def test_pushes(size: int, start: bytes) -> None:
    data = (start + bytes(size))[:size]
    [(opcode, pushed)] = iterate(push_data(data))
    assert pushed == data
    small = size == 1 and (1 <= data[0] <= 16 or data[0] == 0x81)
    assert is_minimal_push(opcode, data) == (not small)
    assert is_push_only(push_data(data))


@given(st.binary(max_size=120))
def test_any_bytes_can_be_looked_at(script: bytes) -> None:
    kind, solutions = solve(script)
    assert isinstance(kind, TxoutType)
    assert all(isinstance(each, bytes) for each in solutions)
    asm = to_asm(script, sighash_decode=True)
    try:
        operations = list(iterate(script))
    except ScriptError:
        assert asm.endswith("[error]")
        assert not is_push_only(script)
        assert not has_valid_ops(script)
    else:
        assert len(asm.split()) == len(operations)
    assert 0 <= count_sigops(script) <= 20 * len(script)


@pytest.mark.parametrize("script", ["01", "4c", "4c05aa", "4d01", "4dffff00", "4e010000", "4effffffff00"])
def test_a_push_over_the_end(script: str) -> None:
    with pytest.raises(ScriptError):
        list(iterate(bytes.fromhex(script)))
    assert to_asm(bytes.fromhex("51" + script)) == "1 [error]"


@pytest.mark.parametrize(
    ("script", "asm"),
    [
        ("", ""),
        ("00", "0"),
        ("4f5060", "-1 OP_RESERVED 16"),
        ("0105", "5"),
        ("0281ff", "-32641"),
        ("04ffffffff", "-2147483647"),
        ("05ffffffffff", "ffffffffff"),
        ("4c00", "0"),
        ("b1b2ba", "OP_CHECKLOCKTIMEVERIFY OP_CHECKSEQUENCEVERIFY OP_CHECKSIGADD"),
        ("bbff", "OP_UNKNOWN OP_INVALIDOPCODE"),
        ("4c050000000001", "0000000001"),
    ],
)
def test_asm(script: str, asm: str) -> None:
    assert to_asm(bytes.fromhex(script)) == asm


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (1, "[ALL]"),
        (2, "[NONE]"),
        (3, "[SINGLE]"),
        (0x81, "[ALL|ANYONECANPAY]"),
        (0x82, "[NONE|ANYONECANPAY]"),
        (0x83, "[SINGLE|ANYONECANPAY]"),
        (0x00, "00"),
        (0x04, "04"),
        (0x80, "80"),
    ],
)
def test_sighash_types_are_named(kind: int, name: str) -> None:
    signature = SIGNATURE + bytes([kind])
    assert to_asm(push_data(signature), sighash_decode=True) == SIGNATURE.hex() + name
    assert to_asm(push_data(signature)) == signature.hex()
    unspendable = b"\x6a" + push_data(signature)
    assert to_asm(unspendable, sighash_decode=True) == f"OP_RETURN {signature.hex()}"


def test_strict_signatures() -> None:
    signature = SIGNATURE + b"\x01"
    assert is_valid_signature_encoding(signature)
    for index in (0, 1, 2, 3, 4, 36, 37, 38):
        assert not is_valid_signature_encoding(signature[:index] + b"\xff" + signature[index + 1 :])
    assert not is_valid_signature_encoding(signature[:8])
    assert not is_valid_signature_encoding(signature + bytes(10))
    assert is_valid_signature_encoding(bytes.fromhex("300602010102010101"))
    for bad in ("300702020001020101 01", "3007020101020200 0101", "300502000202010101", "3005020101020001"):
        assert not is_valid_signature_encoding(bytes.fromhex(bad))


HASH = bytes(range(20))
PROGRAM = bytes(range(32))


@pytest.mark.parametrize(
    ("script", "kind", "solutions"),
    [
        (pubkey_script(KEY), "pubkey", [KEY]),
        (pubkey_script(LONG_KEY), "pubkey", [LONG_KEY]),
        (pubkey_script(b"\x05" + KEY[1:]), "nonstandard", []),
        (pubkey_hash_script(HASH), "pubkeyhash", [HASH]),
        (script_hash_script(HASH), "scripthash", [HASH]),
        (multisig_script(1, [KEY, LONG_KEY]), "multisig", [b"\x01", KEY, LONG_KEY, b"\x02"]),
        (multisig_script(17, [KEY] * 20), "multisig", [b"\x11", *[KEY] * 20, b"\x14"]),
        (multisig_script(2, [KEY]), "nonstandard", []),
        (multisig_script(0, [KEY]), "nonstandard", []),
        (multisig_script(1, [KEY] * 21), "nonstandard", []),
        (multisig_script(1, [KEY, KEY[:-1]]), "nonstandard", []),
        (multisig_script(1, []), "nonstandard", []),
        (b"\x01\x01" + multisig_script(1, [KEY])[1:], "nonstandard", []),
        (b"\x01\xae", "nonstandard", []),
        (b"\xae", "nonstandard", []),
        (b"\x6a", "nulldata", []),
        (b"\x6a\x01\x05\x50", "nulldata", []),
        (b"\x6a\x05", "nonstandard", []),
        (b"\x6a\x61", "nonstandard", []),
        (b"\x51\x02\x4e\x73", "anchor", []),
        (witness_script(0, HASH), "witness_v0_keyhash", [HASH]),
        (witness_script(0, PROGRAM), "witness_v0_scripthash", [PROGRAM]),
        (witness_script(0, PROGRAM[:5]), "nonstandard", []),
        (witness_script(1, PROGRAM), "witness_v1_taproot", [PROGRAM]),
        (witness_script(1, HASH), "witness_unknown", [b"\x01", HASH]),
        (witness_script(16, b"ab"), "witness_unknown", [b"\x10", b"ab"]),
        (b"", "nonstandard", []),
        (b"\x51", "nonstandard", []),
    ],
)
def test_classes(script: bytes, kind: str, solutions: list[bytes]) -> None:
    assert solve(script) == (kind, solutions)


def test_witness_programs() -> None:
    assert witness_program(witness_script(3, bytes(40))) == (3, bytes(40))
    assert witness_program(witness_script(3, bytes(41))) is None
    assert witness_program(b"\x51\x01\x00") is None
    assert witness_program(b"\x4f\x02ab") is None
    assert witness_program(b"\x51\x02abc") is None


def test_what_can_never_be_spent() -> None:
    assert is_unspendable(b"\x6a")
    assert is_unspendable(bytes(10_001))
    assert not is_unspendable(bytes(10_000))
    assert not is_unspendable(b"")


def test_sigops() -> None:
    script = multisig_script(1, [KEY, KEY]) + b"\xac\xad"
    assert count_sigops(script) == 22
    assert count_sigops(script, accurate=True) == 4
    assert count_sigops(b"\xac\x05") == 1


def counted_one_by_one(script: bytes, *, accurate: bool) -> int:
    count, last = 0, 0xFF
    with suppress(ScriptError):
        for opcode, _ in iterate(script):
            if opcode in {0xAC, 0xAD}:
                count += 1
            elif opcode in {0xAE, 0xAF}:
                count += last - 0x50 if accurate and 0x51 <= last <= 0x60 else 20
            last = opcode
    return count


BYTES = st.sampled_from(
    [0, 1, 2, 5, 0x4B, 0x4C, 0x4D, 0x4E, 0x4F, 0x51, 0x52, 0x60, 0x61, 0xAC, 0xAD, 0xAE, 0xAF, 0xB0]
)


@given(st.lists(BYTES, max_size=60).map(bytes), st.booleans())
@settings(max_examples=1000)
def test_sigops_of_anything(script: bytes, accurate: bool) -> None:
    assert count_sigops(script, accurate=accurate) == counted_one_by_one(script, accurate=accurate)


@pytest.mark.parametrize(
    "script",
    [b"\x61" * 9_999 + b"\xac", b"\x01\xac" * 5_000, b"\x4c\x00" * 4_999 + b"\xac", b"\x51" * 9_999 + b"\xae"],
    ids=["nothing", "short", "long", "numbers"],
)
def test_no_script_takes_long(script: bytes) -> None:
    started = time.process_time()
    for _ in range(100):  # A transaction may spend some 2,400.
        count_sigops(script, accurate=True)
        solve(script)
    assert time.process_time() - started < 0.6


def test_valid_operations() -> None:
    assert has_valid_ops(b"\xb9" + push_data(bytes(520)))
    assert not has_valid_ops(b"\xba")
    assert not has_valid_ops(push_data(bytes(521)))
