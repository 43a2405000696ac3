"""MuHash3072 against Core's values and the laws of a multiset hash."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from primitives.muhash import MuHash3072


def number(value: int) -> bytes:
    return bytes((value,)) + bytes(31)


def test_known_values() -> None:
    muhash = MuHash3072()
    muhash.insert(number(0))
    muhash.insert(number(1))
    muhash.remove(number(2))
    expected = "10d312b100cbd32ada024a6646e40d3482fcff103668d2625f10002a607d5863"
    assert muhash.digest()[::-1].hex() == expected
    overflow = MuHash3072.from_bytes(b"\xff" * 384 + b"\1" + bytes(383))
    assert overflow.digest().hex() == "3a31e6903aff0de9f62f9a9f7f8b861de76ce2cda09822b90014319ae5dc2271"
    with pytest.raises(ValueError, match="takes 768 bytes"):
        MuHash3072.from_bytes(b"")


@given(st.lists(st.binary(max_size=40), max_size=6))
def test_order_and_state_do_not_matter(elements: list[bytes]) -> None:
    forward, backward = MuHash3072(), MuHash3072()
    for element in elements:
        forward.insert(element)
    backward.remove(b"gone")
    for element in reversed(elements):
        backward.insert(element)
    backward = MuHash3072.from_bytes(backward.to_bytes())
    backward.insert(b"gone")
    assert forward.digest() == backward.digest()
    for element in elements:
        forward.remove(element)
    assert forward.digest() == hashlib.sha256(b"\1" + bytes(383)).digest()
