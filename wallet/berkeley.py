"""Reads the database of a legacy wallet: a Berkeley DB of version 9, a B-tree, without Berkeley's library.

Read-only, whole, and of one file alone: what Berkeley may have left in its log files is not looked at, so a file that
needs them is refused. The checks and their texts are Core's (src/wallet/migrate.cpp); beyond them no page is read
twice and no record leaves its page, so that whatever the file holds, reading ends and takes no more memory than it.

Layout: page 0 is the outer database's metadata, whose only record, "main", names the page of the inner one's.
"""

from __future__ import annotations

from dataclasses import dataclass
from struct import Struct, unpack_from
from typing import TYPE_CHECKING, Final

from wallet.errors import DatabaseError

if TYPE_CHECKING:
    from pathlib import Path

MAGIC: Final = 0x00053162
VERSION: Final = 9
SUBDATABASE: Final = b"main"
FLAG_SUBDATABASES: Final = 0x20

INTERNAL_PAGE: Final = 3
LEAF_PAGE: Final = 5
OVERFLOW_PAGE: Final = 7
META_PAGE: Final = 9

KEY_DATA: Final = 1
OVERFLOW_DATA: Final = 3
DELETED: Final = 0x80

META_SIZE: Final = 512
_META: Final = "IIIIIIBBBBIIIIII20sIIIII"
_PAGE: Final = "IIIIIHHBB"
_PAGE_SIZE: Final = 26
_RECORD: Final = "HB"
_RECORD_SIZE: Final = 3
_INTERNAL: Final = "BII"
_INTERNAL_SIZE: Final = 9
_OVERFLOW: Final = "BII"
_OVERFLOW_SIZE: Final = 9
_END: Final = "AutoFile::read: end of file: iostream error"


def read_records(file: Path) -> dict[bytes, bytes]:
    """Return all records, in the order of their keys. Raises DatabaseError."""
    try:
        data = file.read_bytes()
    except (OSError, ValueError) as error:
        raise DatabaseError("BerkeleyRODatabase: Failed to open database file") from error
    return parse_records(data)


def parse_records(data: bytes) -> dict[bytes, bytes]:
    """Return all records of a file's bytes, in the order of their keys. Raises DatabaseError."""
    outer = _read_meta(data, 0, 0)
    if outer.last_page != (len(data) // outer.page_size - 1) & 0xFFFFFFFF:
        raise DatabaseError("Last page number could not fit in file")
    _refuse_encrypted(outer)
    pages = _Pages(data, outer.page_size, outer.order)
    pages.check_log_numbers(outer.last_page)
    inner_page = pages.subdatabase_page(outer.root)
    if inner_page > outer.last_page:
        raise DatabaseError("Page number is greater than database last page")
    inner = _read_meta(data, inner_page * outer.page_size, inner_page)
    if inner.page_size != outer.page_size:
        raise DatabaseError("Unexpected page size")
    if inner.last_page > outer.last_page:
        raise DatabaseError("Subdatabase last page is greater than database last page")
    _refuse_encrypted(inner)
    pages = _Pages(data, outer.page_size, inner.order)
    return dict(sorted(_read_tree(pages, inner.root, outer.last_page * outer.page_size).items()))


@dataclass(frozen=True, slots=True)
class _Meta:
    """What matters of a page of metadata. `order` is the byte order as module struct writes it."""

    order: str
    page_size: int
    encryption: int
    last_page: int
    root: int


def _read_meta(data: bytes, offset: int, number: int) -> _Meta:
    if len(data) < offset + META_SIZE:
        raise DatabaseError(_END)
    order = ">" if unpack_from(">I", data, offset + 12)[0] == MAGIC else "<"
    fields = unpack_from(order + _META, data, offset)
    _, _, page, magic, version, page_size, encryption, kind, _, _, _, last_page, _, _, _, flags = fields[:16]
    root = fields[21]
    if page != number:
        raise DatabaseError("Meta page number mismatch")
    if magic != MAGIC:
        raise DatabaseError("Not a BDB file")
    if version != VERSION:
        raise DatabaseError("Unsupported BDB data file version number")
    if not 512 <= page_size <= 65536 or page_size & (page_size - 1):
        raise DatabaseError("Bad page size")
    if kind != META_PAGE:
        raise DatabaseError("Unexpected page type, should be 9 (BTree Metadata)")
    if flags != FLAG_SUBDATABASES:
        raise DatabaseError("Unexpected database flags, should only be 0x20 (subdatabases)")
    return _Meta(order, page_size, encryption, last_page, root)


def _refuse_encrypted(meta: _Meta) -> None:
    if meta.encryption:
        raise DatabaseError("BDB builtin encryption is not supported")


@dataclass(frozen=True, slots=True)
class _Header:
    """The head of a page of records. Overflow pages have their size in `high_offset`."""

    next_page: int
    entries: int
    high_offset: int
    level: int
    kind: int


@dataclass(frozen=True, slots=True)
class _Item:
    """A key or value: its bytes, or the first page and the size of those on overflow pages."""

    is_deleted: bool
    data: bytes
    page: int = 0
    size: int | None = None


class _Pages:
    """Reads pages of one byte order."""

    def __init__(self, data: bytes, page_size: int, order: str) -> None:
        self._data = data
        self._size = page_size
        self._page = Struct(order + _PAGE)
        self._number = Struct(order + "H")
        self._record = Struct(order + _RECORD)
        self._internal = Struct(order + _INTERNAL)
        self._overflow = Struct(order + _OVERFLOW)
        self._log_number = Struct(order + "II")

    def check_log_numbers(self, last_page: int) -> None:
        """Refuse a file of which part may still be in log files."""
        for page in range(last_page + 1):
            if self._log_number.unpack_from(self._data, page * self._size) != (0, 1):
                raise DatabaseError(
                    "LSNs are not reset, this database is not completely flushed. Please reopen then close the "
                    "database with a version that has BDB support"
                )

    def header(self, page: int) -> _Header:
        """Read the head of a page."""
        offset = page * self._size
        if offset + _PAGE_SIZE > len(self._data):
            raise DatabaseError(_END)
        _, _, number, _, next_page, entries, high_offset, level, kind = self._page.unpack_from(self._data, offset)
        if number != page:
            raise DatabaseError("Page number mismatch")
        if (level != 0) if kind == OVERFLOW_PAGE else (level < 1):
            raise DatabaseError("Bad btree level")
        return _Header(next_page, entries, high_offset, level, kind)

    def subdatabase_page(self, root: int) -> int:
        """Return the page of the metadata of the inner database."""
        header = self.header(root)
        if header.kind != LEAF_PAGE:
            raise DatabaseError("Unexpected outer database root page type")
        if header.entries != 2:
            raise DatabaseError("Unexpected number of entries in outer database root page")
        name, number = self.items(root, header)
        if name.size is not None or name.data != SUBDATABASE:
            raise DatabaseError("Subdatabase has an unexpected name")
        if number.size is not None or len(number.data) != 4:
            raise DatabaseError("Subdatabase page number has unexpected length")
        return int.from_bytes(number.data, "big")

    def items(self, page: int, header: _Header) -> list[_Item]:
        """Return the keys and values of a leaf page, in turns."""
        items: list[_Item] = []
        left = self._size
        for start in self._starts(page, header, "Data record position not in page"):
            size, kind = self._record.unpack(self._take(start, _RECORD_SIZE))
            deleted, at = bool(kind & DELETED), start + _RECORD_SIZE
            if kind & ~DELETED == KEY_DATA:
                left -= size
                if left < 0:
                    raise DatabaseError("Data record position not in page")
                items.append(_Item(deleted, self._take(at, size)))
            elif kind & ~DELETED == OVERFLOW_DATA:
                _, first, total = self._overflow.unpack(self._take(at, _OVERFLOW_SIZE))
                items.append(_Item(deleted, b"", first, total))
            else:
                raise DatabaseError("Unknown record type in records page")
        return items

    def children(self, page: int, header: _Header) -> list[int]:
        """Return the pages below an internal page, in order."""
        children = []
        for start in self._starts(page, header, "Internal record position not in page"):
            size, kind = self._record.unpack(self._take(start, _RECORD_SIZE))
            if kind & ~DELETED not in {KEY_DATA, OVERFLOW_DATA}:  # Core refuses long keys, which libdb writes.
                raise DatabaseError("Unknown record type in internal page")
            _, child, _ = self._internal.unpack(self._take(start + _RECORD_SIZE, _INTERNAL_SIZE))
            self._take(start + _RECORD_SIZE + _INTERNAL_SIZE, size)
            if not kind & DELETED:
                children.append(child)
        return children

    def overflow(self, page: int, header: _Header) -> bytes:
        """Return what an overflow page has of a value."""
        return self._take(page * self._size + _PAGE_SIZE, header.high_offset)

    def _starts(self, page: int, header: _Header, wrong: str) -> list[int]:
        """Return where in the file the records of a page begin."""
        base, starts = page * self._size, []
        for at in range(_PAGE_SIZE, _PAGE_SIZE + 2 * header.entries, 2):
            (offset,) = self._number.unpack(self._take(base + at, 2))
            if not at + 2 <= offset < self._size:
                raise DatabaseError(wrong)
            starts.append(base + offset)
        return starts

    def _take(self, start: int, size: int) -> bytes:
        part = self._data[start : start + size]
        if len(part) != size:
            raise DatabaseError(_END)
        return part


def _read_tree(pages: _Pages, root: int, most_data: int) -> dict[bytes, bytes]:
    """Return the records below a page. Of a key that is there twice the first read counts."""
    records: dict[bytes, bytes] = {}
    seen: set[int] = set()
    todo = [(root, pages.header(root).level)]
    while todo:
        page, level = todo.pop()
        _visit(page, seen)
        header = pages.header(page)
        if header.level != level:
            raise DatabaseError("BTree page has an unexpected level")
        if header.kind == INTERNAL_PAGE:
            todo += [(child, level - 1) for child in pages.children(page, header)]
        elif header.kind == LEAF_PAGE:
            if level != 1:
                raise DatabaseError("BTree Leaf page is not at level 1")
            items = pages.items(page, header)
            if len(items) % 2:
                raise DatabaseError("Records page has odd number of records")
            for key, value in zip(items[::2], items[1::2], strict=True):
                if not (key.is_deleted or value.is_deleted):
                    name = _whole(pages, key, most_data, seen)
                    records.setdefault(name, _whole(pages, value, most_data, seen))
        else:
            raise DatabaseError("Unexpected page type")
    return records


def _whole(pages: _Pages, item: _Item, most_data: int, seen: set[int]) -> bytes:
    """Return a key or value, from its overflow pages if it is there."""
    if item.size is None:
        return item.data
    if item.size > most_data:
        raise DatabaseError("Overflow record has an impossible length")
    parts, size, page = [], 0, item.page
    while page:
        _visit(page, seen)
        header = pages.header(page)
        if header.kind != OVERFLOW_PAGE:
            raise DatabaseError("Bad overflow record page type")
        parts.append(pages.overflow(page, header))
        size += len(parts[-1])
        if size > item.size:
            raise DatabaseError("Overflow record data is larger than stated size")
        page = header.next_page
    return b"".join(parts)


def _visit(page: int, seen: set[int]) -> None:
    if page in seen:
        raise DatabaseError("Page is used twice in the database")
    seen.add(page)
