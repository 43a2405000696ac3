"""Berkeley DB files: what was written is read, and whatever else a file holds gives one clear error."""

from pathlib import Path
from struct import pack_into

import pytest
from berkeley_file import BerkeleyFile, berkeley_bytes
from hypothesis import given, settings
from hypothesis import strategies as st

from wallet.berkeley import INTERNAL_PAGE, KEY_DATA, LEAF_PAGE, OVERFLOW_DATA, parse_records, read_records
from wallet.errors import DatabaseError

PAGE = 512
NOT_FLUSHED = (
    "LSNs are not reset, this database is not completely flushed. Please reopen then close the database with a version "
    "that has BDB support"
)
END = "AutoFile::read: end of file: iostream error"
SMALL = {b"key%d" % number: b"value" * number for number in range(8)}

records = st.dictionaries(
    st.one_of(st.binary(min_size=1, max_size=40), st.binary(min_size=150, max_size=700)),
    st.one_of(st.binary(max_size=60), st.binary(min_size=400, max_size=2500)),
    max_size=60,
)


@given(records, st.sampled_from((512, 1024, 4096, 65536)), st.sampled_from("<>"), st.integers(0, 3))
def test_records_are_read_in_the_order_of_keys_without_those_deleted(
    written: dict[bytes, bytes], page_size: int, order: str, gone: int
) -> None:
    deleted = frozenset(sorted(written)[:gone])
    found = parse_records(berkeley_bytes(written, page_size, order, deleted))
    assert list(found.items()) == [(key, value) for key, value in sorted(written.items()) if key not in deleted]


def test_a_large_tree_is_read_from_its_file(tmp_path: Path) -> None:
    written = {number.to_bytes(4, "big"): bytes(number % 200) for number in range(3000)}
    file = tmp_path / "wallet.dat"
    file.write_bytes(berkeley_bytes(written, PAGE))
    assert read_records(file) == written


def test_a_file_that_is_not_there_is_told_of(tmp_path: Path) -> None:
    with pytest.raises(DatabaseError, match="Failed to open database file"):
        read_records(tmp_path / "none")


LARGE = berkeley_bytes({**SMALL, b"long": bytes(range(256)) * 9}, PAGE)


@settings(deadline=None)
@given(st.integers(0, 8 * len(LARGE) - 1), st.integers(0, 8 * len(LARGE) - 1))
def test_flipped_bits_give_records_or_one_error(first: int, second: int) -> None:
    data = bytearray(LARGE)
    for bit in (first, second):
        data[bit // 8] ^= 1 << bit % 8
    try:
        found = parse_records(bytes(data))
    except DatabaseError:
        return
    assert sum(len(key) + len(value) for key, value in found.items()) <= 2 * len(data)


@given(st.integers(0, len(LARGE) - 1))
def test_a_truncated_file_is_refused(size: int) -> None:
    with pytest.raises(DatabaseError):
        parse_records(LARGE[:size])


@given(st.binary(max_size=2000))
def test_garbage_is_refused(data: bytes) -> None:
    with pytest.raises(DatabaseError):
        parse_records(data)


def broken(at: int, form: str, value: int, data: bytes = b"") -> bytes:
    changed = bytearray(data or berkeley_bytes(SMALL, PAGE))
    pack_into("<" + form, changed, at, value)
    return bytes(changed)


INNER = 2 * PAGE
LEAF = 3 * PAGE


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (broken(8, "I", 1), "Meta page number mismatch"),
        (broken(12, "I", 1), "Not a BDB file"),
        (broken(16, "I", 8), "Unsupported BDB data file version number"),
        (broken(20, "I", 513), "Bad page size"),
        (broken(20, "I", 131072), "Bad page size"),
        (broken(24, "B", 1), "BDB builtin encryption is not supported"),
        (broken(25, "B", 8), "Unexpected page type, should be 9 (BTree Metadata)"),
        (broken(48, "I", 0), "Unexpected database flags, should only be 0x20 (subdatabases)"),
        (broken(32, "I", 9), "Last page number could not fit in file"),
        (broken(LEAF + 4, "I", 77), NOT_FLUSHED),
        (broken(88, "I", 200), END),
        (broken(88, "I", 2), "Bad btree level"),
        (broken(PAGE + 8, "I", 5), "Page number mismatch"),
        (broken(PAGE + 25, "B", 3), "Unexpected outer database root page type"),
        (broken(PAGE + 20, "H", 4), "Unexpected number of entries in outer database root page"),
        (broken(2 * PAGE - 5, "B", 0), "Subdatabase has an unexpected name"),
        (broken(2 * PAGE - 16, "H", 3), "Subdatabase page number has unexpected length"),
        (broken(2 * PAGE - 10, "B", 9), "Page number is greater than database last page"),
        (broken(INNER + 20, "I", 1024), "Unexpected page size"),
        (broken(INNER + 32, "I", 100), "Subdatabase last page is greater than database last page"),
        (broken(INNER + 24, "B", 1), "BDB builtin encryption is not supported"),
        (broken(LEAF + 24, "B", 2), "BTree Leaf page is not at level 1"),
        (broken(LEAF + 25, "B", 11), "Unexpected page type"),
        (broken(LEAF + 20, "H", 15), "Records page has odd number of records"),
        (broken(LEAF + 26, "H", 20), "Data record position not in page"),
        (broken(LEAF + PAGE - 6, "B", 2), "Unknown record type in records page"),
    ],
)
def test_what_is_wrong_is_told_in_cores_words(data: bytes, text: str) -> None:
    with pytest.raises(DatabaseError) as caught:
        parse_records(data)
    assert str(caught.value) == text


def overflow(size: int, first: int, following: int) -> bytes:
    """A file with one value on overflow pages 4, of 300 bytes, and perhaps more."""
    file = BerkeleyFile(PAGE)
    key, value = file.item(b"key"), file.item(bytes(300))
    changed = bytearray(value)
    pack_into("<II", changed, 4, first, size)
    file.page(3, 1, LEAF_PAGE, [key, bytes(changed)])
    page = bytearray(file.pages[4])
    pack_into("<I", page, 16, following)
    file.pages[4] = bytes(page)
    return file.bytes()


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (overflow(10_000, 4, 0), "Overflow record has an impossible length"),
        (overflow(299, 4, 0), "Overflow record data is larger than stated size"),
        (overflow(300, 1, 0), "Bad overflow record page type"),
        (overflow(600, 4, 4), "Page is used twice in the database"),
    ],
)
def test_values_on_other_pages_are_checked(data: bytes, text: str) -> None:
    with pytest.raises(DatabaseError) as caught:
        parse_records(data)
    assert str(caught.value) == text


def internal(children: list[int], level: int = 2, child_level: int = 1) -> bytes:
    file = BerkeleyFile(PAGE)
    leaf = file.take()
    file.page(leaf, child_level, LEAF_PAGE, [file.item(b"key"), file.item(b"value")])
    file.page(3, level, INTERNAL_PAGE, [file.child(b"k", child) for child in children])
    return file.bytes()


def test_levels_go_down_and_no_page_is_read_twice() -> None:
    assert parse_records(internal([4])) == {b"key": b"value"}
    for data, text in (
        (internal([4], level=3), "BTree page has an unexpected level"),
        (internal([3]), "Page is used twice in the database"),
        (internal([4, 4]), "Page is used twice in the database"),
        (broken(3 * PAGE + 26, "H", 5, internal([4])), "Internal record position not in page"),
        (broken(4 * PAGE - 14, "B", 2, internal([4])), "Unknown record type in internal page"),
    ):
        with pytest.raises(DatabaseError) as caught:
            parse_records(data)
        assert str(caught.value) == text


def test_records_that_overlap_do_not_grow() -> None:
    """Every index of a page names the same record, so that together they are larger than the page."""
    file = BerkeleyFile(PAGE)
    page = bytearray(file.head(3, (0, 0), 200, 0, 1, LEAF_PAGE).ljust(PAGE, b"\0"))
    for number in range(200):
        pack_into("<H", page, 26 + 2 * number, 430)
    pack_into("<HB", page, 430, 70, KEY_DATA)
    file.pages[3] = bytes(page)
    with pytest.raises(DatabaseError, match="not in page"):
        parse_records(file.bytes())


def test_long_keys_above_the_leaves_are_passed_over() -> None:
    """Core refuses these; libdb writes them."""
    file = BerkeleyFile(PAGE)
    long = bytes(400)
    leaf = file.take()
    file.page(leaf, 1, LEAF_PAGE, [file.item(long), file.item(b"value")])
    above = bytearray(file.child(bytes(12), leaf))
    above[2] = OVERFLOW_DATA
    file.page(3, 2, INTERNAL_PAGE, [bytes(above)])
    assert parse_records(file.bytes()) == {long: b"value"}
