"""The scanner of block bytes, on blocks made of random transactions."""

import struct
from hashlib import sha256

import pytest
from block_factory import REGTEST_GENESIS_HASH, build_block
from hypothesis import given
from hypothesis import strategies as st

from node.block_scanner import BlockScanError, is_unspendable, scan_block, script_of
from node.coin import Coin, decode_coin, encode_coin


def double_sha256(data: bytes) -> bytes:
    return sha256(sha256(data).digest()).digest()


def compact(number: int) -> bytes:
    return bytes((number,)) if number < 0xFD else b"\xfd" + struct.pack("<H", number)


scripts = st.one_of(st.binary(max_size=30), st.integers(0xF8, 0x110).map(bytes))
inputs = st.lists(st.tuples(st.binary(min_size=36, max_size=36), scripts), min_size=1, max_size=3)
outputs = st.lists(st.tuples(st.integers(0, 21 * 10**14), scripts), min_size=1, max_size=3)
witnesses = st.none() | st.lists(scripts, max_size=3)
transactions = st.lists(st.tuples(inputs, outputs, witnesses), max_size=4)
Drawn = tuple[list[tuple[bytes, bytes]], list[tuple[int, bytes]], list[bytes] | None]


@given(transactions)
def test_scan_finds_what_was_written(drawn: list[Drawn]) -> None:
    block = bytes(80) + compact(len(drawn))
    spans = []
    for ins, outs, witness in drawn:
        body = compact(len(ins)) + b"".join(prevout + compact(len(s)) + s + b"\1\2\3\4" for prevout, s in ins)
        body += compact(len(outs)) + b"".join(struct.pack("<q", v) + compact(len(s)) + s for v, s in outs)
        whole = b"\2\0\0\0" + body + b"\5\6\7\x08"
        txid, stripped = double_sha256(whole), len(whole)
        if witness is not None:
            stack = compact(len(witness)) + b"".join(compact(len(item)) + item for item in witness)
            whole = b"\2\0\0\0\0\1" + body + stack * len(ins) + b"\5\6\7\x08"
        spans.append((txid, len(block), len(block) + len(whole), stripped))
        block += whole
    scanned = scan_block(block)
    assert [(tx.txid, tx.start, tx.end, tx.stripped_size) for tx in scanned] == spans
    for tx, (ins, outs, _) in zip(scanned, drawn, strict=True):
        assert tx.prevouts == [prevout for prevout, _ in ins]
        assert [(int.from_bytes(o[:8], "little"), script_of(o)) for o in tx.outputs] == outs


@given(st.binary(max_size=300))
def test_any_bytes_scan_or_raise(data: bytes) -> None:
    try:
        scan_block(data)
    except BlockScanError:
        return


def test_cut_and_long_blocks() -> None:
    block = build_block(REGTEST_GENESIS_HASH, 1)
    assert scan_block(block)[0].end == len(block)
    for size in range(len(block)):
        with pytest.raises(BlockScanError):
            scan_block(block[:size])
    with pytest.raises(BlockScanError, match="too many"):
        scan_block(block + b"\0")


@pytest.mark.parametrize("script", [b"", b"\x51", bytes(0xFC), bytes(0xFD), bytes(10_000), bytes(65_000)])
def test_coins(script: bytes) -> None:
    coin = Coin(5_000_000_000, script, 700_000, is_coinbase=True)
    data = encode_coin(coin)
    assert decode_coin(data) == coin
    assert is_unspendable(data[4:]) == (len(script) > 10_000)
    assert is_unspendable(encode_coin(Coin(0, b"\x6a" + script, 1, is_coinbase=False))[4:])
