"""Block filters against BIP158's vectors, and hostile encodings."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.block_scanner import scan_block, script_of
from primitives import gcs

VECTORS = json.loads((Path(__file__).parent.parent / "data" / "bip158_testnet19.json").read_text())[1:]


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: str(vector[0]))
def test_bip158(vector: list[str]) -> None:
    _, block_hash, block, spent, previous, encoded, header, _ = vector
    outputs = [script_of(output) for tx in scan_block(bytes.fromhex(block)) for output in tx.outputs]
    elements = gcs.basic_elements(outputs, map(bytes.fromhex, spent))
    key = bytes.fromhex(block_hash)[::-1]
    data = gcs.encode(elements, key)
    assert data.hex() == encoded
    assert gcs.filter_header(gcs.filter_hash(data), bytes.fromhex(previous)[::-1])[::-1].hex() == header
    assert len(gcs.decode(data)) == len(elements)
    assert all(gcs.match_any(data, key, [element]) for element in elements)
    assert not gcs.match_any(data, key, [])


@given(st.sets(st.binary(min_size=1, max_size=40), max_size=300), st.binary(min_size=32, max_size=32))
def test_what_went_in_is_found(elements: set[bytes], block_hash: bytes) -> None:
    data = gcs.encode(elements, block_hash)
    assert len(gcs.decode(data)) == len(elements)
    for element in list(elements)[:5]:
        assert gcs.match_any(data, block_hash, [b"unlikely", element])


@given(st.binary(max_size=60))
def test_any_bytes_decode_or_raise(data: bytes) -> None:
    try:
        values = gcs.decode(data)
    except gcs.FilterDecodeError:
        return
    assert values == sorted(values)


@pytest.mark.parametrize(
    "data", [b"", b"\xfd\x01", b"\x01", b"\x02\x00\x00\x00", b"\x00\x00", b"\xff" * 9 + b"\xff", b"\x01" + bytes(9)]
)
def test_bad_encodings(data: bytes) -> None:
    with pytest.raises(gcs.FilterDecodeError):
        gcs.decode(data)
