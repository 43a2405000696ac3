"""mempool.dat, read and written. That Core reads ours and we read Core's is shown in tests/interop."""

import io
import struct
from contextlib import suppress
from random import Random

import pytest
from block_factory import spend
from hypothesis import given, settings
from hypothesis import strategies as st

from node.mempool.dump_file import DumpError, DumpReader, DumpWriter, UnknownVersionError

TRANSACTIONS = [spend(bytes([number]) * 36, *range(number)) for number in range(1, 20)]
Content = tuple[list[tuple[bytes, int, int]], dict[bytes, int], set[bytes]]


def written(content: Content, *, masked: bool = True) -> bytes:
    transactions, deltas, unbroadcast = content
    file = io.BytesIO()
    writer = DumpWriter(file, masked=masked)
    writer.count(len(transactions))
    for each in transactions:
        writer.transaction(*each)
    writer.finish(deltas, unbroadcast)
    return file.getvalue()


def read(data: bytes) -> Content:
    reader = DumpReader(io.BytesIO(data))
    transactions = [(found.transaction.serialize(), found.time, found.delta) for found in reader.transactions()]
    assert len(transactions) == reader.number
    return transactions, dict(reader.deltas()), set(reader.unbroadcast())


ids = st.binary(min_size=32, max_size=32)
int64 = st.integers(-(2**63), 2**63 - 1)
contents = st.tuples(
    st.lists(st.tuples(st.sampled_from(TRANSACTIONS), int64, int64), max_size=30),
    st.dictionaries(ids, int64, max_size=5),
    st.sets(ids, max_size=5),
)


@given(contents, st.booleans())
def test_what_is_written_is_read(content: Content, masked: bool) -> None:
    assert read(written(content, masked=masked)) == content


@settings(max_examples=200)
@given(contents, st.booleans(), st.data())
def test_cut_and_damaged_files_are_refused_or_read(content: Content, masked: bool, data: st.DataObject) -> None:
    whole = written(content, masked=masked)
    cut = data.draw(st.integers(0, len(whole) - 1))
    with pytest.raises(DumpError):
        read(whole[:cut])
    patch = data.draw(st.binary(min_size=1, max_size=9))
    with suppress(DumpError):
        read(whole[:cut] + patch + whole[cut + len(patch) :])


def test_the_form_of_a_file() -> None:
    txid, other = b"\1" * 32, b"\2" * 32
    content: Content = ([(TRANSACTIONS[0], 5, -6)], {other: 7, txid: 8}, {other})
    plain = (
        struct.pack("<QQ", 1, 1) + TRANSACTIONS[0] + struct.pack("<qq", 5, -6)
        + b"\2" + txid + struct.pack("<q", 8) + other + struct.pack("<q", 7) + b"\1" + other
    )  # fmt: skip
    assert written(content, masked=False) == plain
    masked = written(content)
    assert masked[:9] == struct.pack("<QB", 2, 8)
    key = masked[9:17]
    assert bytes(byte ^ key[(17 + at) % 8] for at, byte in enumerate(masked[17:])) == plain[8:]


def test_two_files_of_the_same_content_look_different() -> None:
    content: Content = ([(TRANSACTIONS[0], 5, 6)], {}, set())
    assert written(content)[17:] != written(content)[17:]


def test_large_files_are_read_and_written_in_parts() -> None:
    big = spend(bytes(36), 1, script=Random(1).randbytes(200))
    transactions = [(big[:4] + big[4:], number, 0) for number in range(10_000)]
    assert read(written((transactions, {}, set())))[0] == transactions


def test_a_transaction_longer_than_any_part() -> None:
    script = bytes(900_000)
    long = struct.pack("<iB", 2, 1) + bytes(36) + b"\0\xff\xff\xff\xff\1" + struct.pack("<q", 1)
    long += b"\xfe" + struct.pack("<I", len(script)) + script + bytes(4)
    content: Content = ([(TRANSACTIONS[0], 1, 2), (long, 3, 4), (TRANSACTIONS[1], 5, 6)], {}, set())
    assert read(written(content)) == content


@pytest.mark.parametrize("version", [0, 3, 2**64 - 1])
def test_other_versions_are_not_read(version: int) -> None:
    with pytest.raises(UnknownVersionError):
        read(struct.pack("<QQ", version, 0) + b"\0\0")


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", "AutoFile::read: end of file"),
        (struct.pack("<QB", 2, 7) + bytes(40), "Obfuscation key size should be exactly 8 bytes long"),
        (struct.pack("<QBBH", 2, 253, 8, 0), "non-canonical ReadCompactSize()"),
        (struct.pack("<QQ", 1, 2**63) + bytes(100), "AutoFile::read: end of file"),
        (struct.pack("<QQ", 1, 1) + TRANSACTIONS[0][:4] + b"\0\2" + bytes(100), "Unknown transaction optional data"),
        (struct.pack("<QQ", 1, 0) + b"\xff" + b"\xff" * 8, "ReadCompactSize(): size too large"),
    ],
)
def test_what_is_wrong_is_told(data: bytes, text: str) -> None:
    with pytest.raises(DumpError) as raised:
        read(data)
    assert str(raised.value) == f"{text}: iostream error"


def test_garbage_without_end_is_not_read_to_its_end() -> None:
    class Endless(io.BytesIO):
        given = 0

        def read(self, size: int | None = -1, /) -> bytes:
            assert size is not None
            self.given += size
            if self.given == size:
                return struct.pack("<QQ", 1, 1) + bytes(4) + b"\1" + b"\xff" * (size - 21)
            assert self.given < 64 << 20
            return b"\xff" * size

    with pytest.raises(DumpError):
        list(DumpReader(Endless()).transactions())
