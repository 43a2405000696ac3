"""Writes Berkeley DB files as legacy wallets are: page by page, any page size, either byte order."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from struct import pack

from wallet.berkeley import (
    DELETED,
    FLAG_SUBDATABASES,
    INTERNAL_PAGE,
    KEY_DATA,
    LEAF_PAGE,
    MAGIC,
    META_PAGE,
    META_SIZE,
    OVERFLOW_DATA,
    OVERFLOW_PAGE,
    SUBDATABASE,
    VERSION,
)

HEAD = 26
INNER_META = 2
ROOT = 3
FIRST_FREE = 4


@dataclass
class BerkeleyFile:
    """The pages of a file. Those up to `ROOT` have a place of their own, as libdb lays out a new file."""

    page_size: int = 4096
    order: str = "<"
    pages: dict[int, bytes] = field(default_factory=dict)
    following: int = FIRST_FREE

    def take(self) -> int:
        self.following += 1
        return self.following - 1

    def meta(self, number: int, root: int, last_page: int) -> None:
        head = pack(
            f"{self.order}IIIIIIBBBBIIIIII20sIIIII",
            *(0, 1, number, MAGIC, VERSION, self.page_size, 0, META_PAGE, 0, 0, 0, last_page, 0, 0, 0),
            *(FLAG_SUBDATABASES, bytes(20), 0, 2, 0, 0x20, root),
        )
        self.pages[number] = head.ljust(META_SIZE, b"\0").ljust(self.page_size, b"\0")

    def page(
        self, number: int, level: int, kind: int, items: Iterable[bytes], around: tuple[int, int] = (0, 0)
    ) -> None:
        items, high, body, index = list(items), self.page_size, b"", b""
        for item in items:
            padded = item.ljust(-(-len(item) // 4) * 4, b"\0")
            high -= len(padded)
            body = padded + body
            index += pack(self.order + "H", high)
        head = self.head(number, around, len(items), high & 0xFFFF, level, kind)  # libdb lets 65536 be 0.
        assert HEAD + len(index) <= high, "too much for one page"
        self.pages[number] = head + index + bytes(high - HEAD - len(index)) + body

    def head(self, number: int, around: tuple[int, int], entries: int, high: int, level: int, kind: int) -> bytes:
        return pack(f"{self.order}IIIIIHHBB", 0, 1, number, *around, entries, high, level, kind)

    def item(self, data: bytes, *, deleted: bool = False) -> bytes:
        flag = DELETED if deleted else 0
        if len(data) <= self.page_size // 4 - HEAD:
            return pack(self.order + "HB", len(data), KEY_DATA | flag) + data
        room = self.page_size - HEAD
        parts = [data[at : at + room] for at in range(0, len(data), room)]
        numbers = [self.take() for _ in parts]
        for number, around, part in zip(numbers, neighbours(numbers), parts, strict=True):
            head = self.head(number, around, 1, len(part), 0, OVERFLOW_PAGE)
            self.pages[number] = (head + part).ljust(self.page_size, b"\0")
        return pack(self.order + "HBBII", 0, OVERFLOW_DATA | flag, 0, numbers[0], len(data))

    def child(self, key: bytes, page: int) -> bytes:
        return pack(self.order + "HBBII", len(key), KEY_DATA, 0, page, 0) + key

    def tree(self, records: list[tuple[bytes, bytes]], deleted: frozenset[bytes]) -> None:
        """Lay out sorted records, as many to a page as fit, and the levels above them."""
        pairs = []
        for key, value in records:
            gone = key in deleted
            pairs.append((key, [self.item(key, deleted=gone), self.item(value, deleted=gone)]))
        level, kind = 1, LEAF_PAGE
        while True:
            groups = self._groups(pairs)
            if len(groups) == 1:
                self.page(ROOT, level, kind, [item for _, items in groups[0] for item in items])
                return
            above: list[tuple[bytes, list[bytes]]] = []
            numbers = [self.take() for _ in groups]
            for page, around, group in zip(numbers, neighbours(numbers), groups, strict=True):
                self.page(page, level, kind, [item for _, items in group for item in items], around)
                # The first key of an internal page is never compared, and its bytes are left out.
                name = group[0][0] if above else b""
                above.append((group[0][0], [self.child(name[: self.page_size // 4 - HEAD], page)]))
            pairs, level, kind = above, level + 1, INTERNAL_PAGE

    def _groups(self, pairs: list[tuple[bytes, list[bytes]]]) -> list[list[tuple[bytes, list[bytes]]]]:
        groups: list[list[tuple[bytes, list[bytes]]]] = [[]]
        left = self.page_size - HEAD
        for pair in pairs:
            size = sum(-(-len(item) // 4) * 4 + 2 for item in pair[1])
            if size > left and groups[-1]:
                groups.append([])
                left = self.page_size - HEAD
            groups[-1].append(pair)
            left -= size
        return groups

    def bytes(self) -> bytes:
        last = self.following - 1
        self.meta(0, 1, last)
        inner = pack(self.order + "HB", 4, KEY_DATA) + pack(">I", INNER_META)
        self.page(1, 1, LEAF_PAGE, [self.item(SUBDATABASE), inner])
        self.meta(INNER_META, ROOT, last)
        return b"".join(self.pages[number] for number in range(self.following))


def neighbours(numbers: list[int]) -> list[tuple[int, int]]:
    return list(zip([0, *numbers[:-1]], [*numbers[1:], 0], strict=True))


def berkeley_bytes(
    records: Mapping[bytes, bytes],
    page_size: int = 4096,
    order: str = "<",
    deleted: frozenset[bytes] = frozenset(),
) -> bytes:
    """Return a file of these records, of which some are marked as deleted."""
    file = BerkeleyFile(page_size, order)
    file.tree(sorted(records.items()), deleted)
    return file.bytes()
