"""Miniscript: what BIP379 says of expressions, scripts that come back, and descriptors found for scripts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.chains import REGTEST
from primitives.descriptor_inference import infer
from primitives.descriptor_of_script import infer_descriptor
from primitives.descriptor_parsing import parse_descriptor
from primitives.hashes import hash160
from primitives.miniscript import Node, check_duplicate_keys
from primitives.miniscript_decoding import decode_miniscript
from primitives.miniscript_parsing import parse_miniscript

KEYS = {letter: bytes((2,)) + letter.encode() * 32 for letter in "ABCDEFG"}
DIGEST = "9267d3dbed802941483f1afa2a6bc68de5f653128aca9bf1461c5d0a3ad36ed2"


class Reader:
    """Knows the keys above."""

    def __init__(self, *, tapscript: bool) -> None:
        keys = [key[1:] if tapscript else key for key in KEYS.values()]
        self.by_hash = {hash160(key): key for key in keys}

    def from_bytes(self, data: bytes) -> bytes | None:
        return data if data in self.by_hash.values() else None

    def from_hash(self, data: bytes) -> bytes | None:
        return self.by_hash.get(data)

    def identity(self, key: bytes) -> bytes:
        return key


def parse(text: str, *, tapscript: bool = False) -> Node | None:
    node = parse_miniscript(text, lambda name: KEYS[name][1 if tapscript else 0 :], tapscript=tapscript)
    if node:
        check_duplicate_keys(node, lambda key: key)
    return node


SANE = [
    "pk(A)",
    "or_d(pk(A),and_v(v:pkh(B),older(144)))",
    "andor(pk(A),or_i(and_v(v:pkh(B),hash160(e7d285b4817f83f724cd29394da75dfc84fe639e)),pk(D)),pk(C))",
    "thresh(3,pk(A),s:pk(B),s:pk(C),sln:older(12960))",
    "and_v(v:pk(A),or_d(pk(B),older(12960)))",
    f"and_n(pk(A),and_b(pk(B),a:sha256({DIGEST})))",
    "t:or_c(pk(A),and_v(v:pk(B),or_c(pk(C),v:hash160(e7d285b4817f83f724cd29394da75dfc84fe639e))))",
    f"and_b(pk(A),sjtv:sha256({DIGEST}))",
    "or_b(pk(A),au:pk(B))",
]


@pytest.mark.parametrize("tapscript", [False, True])
@pytest.mark.parametrize("text", SANE)
def test_sane_expressions_survive_their_script(text: str, tapscript: bool) -> None:
    node = parse(text, tapscript=tapscript)
    assert node
    assert node.is_valid_top_level()
    script = node.script(lambda key: key)
    assert len(script) == node.script_size
    found = decode_miniscript(script, Reader(tapscript=tapscript), tapscript=tapscript)
    assert found
    assert found.script(lambda key: key) == script
    names = {key[1 if tapscript else 0 :]: name for name, key in KEYS.items()}
    assert found.text(lambda key: names[key]) == node.text(lambda key: names[key])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "pk(A",
        "pk(A))",
        "vv:pk(A)",
        "x:pk(A)",
        "older(0)",
        "older(2147483648)",
        "older(-1)",
        "multi(0,A)",
        "multi(2,A)",
        "multi()",
        "thresh(2,pk(A))",
        "thresh(a,pk(A))",
        "sha256(00)",
        "and_v(pk(A))",
        "andor(pk(A),pk(B))",
        "multi_a(1,A)",
    ],
)
def test_what_is_no_expression_is_none(text: str) -> None:
    assert parse(text) is None


@pytest.mark.parametrize(
    ("text", "valid", "non_malleable", "signed", "unmixed"),
    [
        ("pk_k(A)", True, True, True, True),
        ("and_v(pk(A),pk(B))", False, False, True, True),
        ("or_b(pk(A),pk(B))", False, True, True, True),
        ("older(10)", True, True, False, True),
        ("or_i(older(10),pk(A))", True, True, False, True),
        (f"or_b(sha256({DIGEST}),a:sha256({DIGEST}))", True, False, False, True),
        ("and_b(pk(A),a:and_b(older(10),a:older(4194305)))", True, True, True, False),
        ("thresh(1,pk(A),altv:after(100),altv:after(1000000000))", True, False, False, True),
        ("thresh(2,pk(A),altv:after(100),altv:after(1000000000))", True, True, False, False),
    ],
)
def test_the_types_say_what_bip379_says(
    text: str, valid: bool, non_malleable: bool, signed: bool, unmixed: bool
) -> None:
    node = parse(text)
    assert node
    assert node.is_valid() == valid
    if valid:
        assert node.is_non_malleable() == non_malleable
        assert node.needs_signature() == signed
        assert node.has_no_mixed_time_locks() == unmixed


def test_limits_are_those_of_core() -> None:
    node = parse("or_d(pk(A),and_v(v:pkh(B),older(144)))")
    assert node
    assert (node.ops_count(), node.stack_size(), node.witness_size()) == (9, 3, 108)
    many = parse("thresh(1," + ",".join(["pk(A)", *["s:pk(B)"] * 80]) + ")")
    assert many
    assert not many.has_valid_satisfactions()


def test_duplicates_are_found_where_they_are() -> None:
    node = parse("or_d(pk(A),and_v(v:pk(B),pk(B)))")
    assert node
    assert node.has_duplicate_keys
    assert not node.subs[0].has_duplicate_keys
    assert node.find_insane() is node.subs[1]


@given(st.binary(max_size=60))
def test_no_bytes_break_the_decoder(script: bytes) -> None:
    for tapscript in (False, True):
        node = decode_miniscript(script, Reader(tapscript=tapscript), tapscript=tapscript)
        assert node is None or node.script(lambda key: key) == script


X = "79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798"
Y = "c6047f9441ed7d6d3045406e95c07cd85c778e4b8cef3ca7abac09b95c709ee5"


@pytest.mark.parametrize(
    "text",
    [
        f"pk(02{X})",
        f"pkh(02{X})",
        f"wpkh(02{X})",
        f"sh(wpkh(02{X}))",
        f"multi(1,02{X},02{Y})",
        f"sh(wsh(multi(2,02{X},02{Y})))",
        f"wsh(or_d(pk(02{X}),and_v(v:pkh(02{Y}),older(144))))",
        f"tr({X},{{pk({Y}),multi_a(1,{X},{Y})}})",
        f"tr({X},and_v(v:pk({Y}),older(10)))",
        f"rawtr({X})",
        "addr(2N7MGY19ti4KDMSzRfPAssP6Pxyuxoi6jLe)",
        "raw(deadbeef)",
    ],
)
def test_the_descriptor_of_a_script_is_found_again(text: str) -> None:
    (descriptor,) = parse_descriptor(text, REGTEST).descriptors
    expansion = descriptor.expand(0)
    assert expansion
    (script,) = expansion.scripts
    found = infer_descriptor(script, REGTEST, expansion.data)
    again = found.expand(0)
    assert again
    assert again.scripts == [script]
    assert type(found) is type(descriptor)
    assert found.is_solvable() == descriptor.is_solvable()
    # Origins that the data know stand before keys.
    assert ("[" in found.text()) == descriptor.is_solvable()
    assert infer_descriptor(script, REGTEST).text() == infer(script, REGTEST)
