"""The embedded store of an index: keys and values in a LevelDB folder.

LevelDB, as Core's indexes: it checks what it reads, a batch is written as a whole or not at all, and random
keys cost no random writes. Errors carry its words as Core prints them.
"""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import plyvel

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

log: Final = logging.getLogger()
_FORMAT: Final = b"\0format"


class StoreError(Exception):
    """The store cannot be opened, read or written; one line for a person."""


class StoreFormatError(StoreError):
    """The folder holds what another program or version wrote."""


class Store:
    """A LevelDB folder of one format. Thread-safe; close it."""

    def __init__(self, path: Path, format_: bytes, *, cache_size: int = 8 << 20, wipe: bool = False) -> None:
        """Open the folder or begin a new one, emptied first if `wipe`. Raises StoreError.

        `format_` names what the keys and values mean; `cache_size` bounds the memory, in bytes.
        """
        self.path = path
        with _told():
            if wipe and path.exists():
                log.info("Wiping LevelDB in %s", path)
                plyvel.destroy_db(str(path))
            path.mkdir(parents=True, exist_ok=True)
            log.info("Opening LevelDB in %s", path)
            self._opened: Any = plyvel.DB(
                str(path),
                create_if_missing=True,
                paranoid_checks=True,
                compression=None,
                bloom_filter_bits=10,
                lru_cache_size=cache_size // 2,
                write_buffer_size=cache_size // 4,  # There may be two of them.
                max_open_files=1000,
            )
        try:
            self._check_format(format_)
        except BaseException:
            self.close()
            raise
        log.info("Opened LevelDB successfully")

    def _check_format(self, format_: bytes) -> None:
        found = self.get(_FORMAT)
        if found is None and self.is_empty():
            self.write({_FORMAT: format_})
        elif found != format_:
            raise StoreFormatError(f"'{self.path}' was written by another program or version; move it away")

    @property
    def _db(self) -> Any:
        opened = self._opened
        if opened is None:
            raise StoreError("Fatal LevelDB error: Database is closed")
        return opened

    def is_empty(self) -> bool:
        """Whether there is no key. Raises StoreError."""
        with _told(), self._db.iterator(include_value=False, verify_checksums=True) as keys:
            return next(keys, None) is None

    def get(self, key: bytes) -> bytes | None:
        """Return the value of a key, or None. Raises StoreError."""
        with _told():
            value: bytes | None = self._db.get(key, verify_checksums=True)
        return value

    def write(self, puts: dict[bytes, bytes], deletes: Iterable[bytes] = (), *, sync: bool = False) -> None:
        """Delete, then put, all or nothing; with `sync` it is on the disk afterwards. Raises StoreError."""
        with _told():
            batch = self._db.write_batch(sync=sync)
            for key in deletes:
                batch.delete(key)
            put = batch.put
            for item in puts.items():
                put(*item)
            batch.write()

    @contextmanager
    def snapshot(self) -> Iterator[Snapshot]:
        """Give the contents as they are now, whatever is written meanwhile. Raises StoreError."""
        with _told():
            snapshot = self._db.snapshot()
        try:
            yield Snapshot(snapshot)
        finally:
            snapshot.close()

    def items(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Give every key that starts with `prefix`, in order, with its value. Raises StoreError."""
        with self.snapshot() as snapshot:
            yield from snapshot.items(prefix)

    def approximate_size(self) -> int:
        """Return about how many bytes the keys and values take on disk."""
        with _told():
            size: int = self._db.approximate_size(b"\0", b"\xff" * 64)
        return size

    def close(self) -> None:
        """Close the folder. Idempotent."""
        opened, self._opened = self._opened, None
        if opened is not None:  # Nor kept: what plyvel frees as garbage of a cycle complains on standard error.
            opened.close()


class Snapshot:
    """The contents of a store at one moment."""

    def __init__(self, snapshot: Any) -> None:
        """Wrap what plyvel gave."""
        self._snapshot = snapshot

    def items(self, prefix: bytes, start: bytes = b"") -> Iterator[tuple[bytes, bytes]]:
        """Give every key that starts with `prefix` and is at least `prefix + start`, in order. Raises StoreError."""
        with _told():
            items = self._snapshot.iterator(
                start=prefix + start, stop=_after(prefix), verify_checksums=True, fill_cache=False
            )
        with items:
            while True:
                with _told():
                    item = next(items, None)
                if item is None:
                    return
                yield item


def _after(prefix: bytes) -> bytes | None:
    """Return the first key behind all that start with `prefix`."""
    kept = prefix.rstrip(b"\xff")
    return kept[:-1] + bytes((kept[-1] + 1,)) if kept else None


@contextmanager
def _told() -> Iterator[None]:
    """Raise LevelDB's errors as StoreError, with Core's words around them."""
    try:
        yield
    except plyvel.Error as error:
        text = error.args[0] if error.args else type(error).__name__
        words = text.decode(errors="replace") if isinstance(text, bytes) else str(text)
        raise StoreError(f"Fatal LevelDB error: {words}") from error
    except OSError as error:
        raise StoreError(f"{error.strerror}: '{error.filename}'") from error
    except RuntimeError as error:  # A closed database says so in this way.
        raise StoreError(f"Fatal LevelDB error: {error}") from error
