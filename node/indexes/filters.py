"""The index of basic block filters (BIP157, BIP158).

Filters stand one behind another in files `fltr?????.dat`; the store has for each block ever indexed the filter's
hash, its header and where it stands. Key: `f`, height, block hash. What is read is checked against the hash.
"""

from __future__ import annotations

import os
import struct
from typing import TYPE_CHECKING, Final

from node.block_scanner import script_of
from node.indexes.index import BEST, Index, IndexFailedError
from node.store import StoreError
from primitives import gcs

if TYPE_CHECKING:
    from pathlib import Path

    from node.indexes.blocks import IndexedBlock
    from node.indexes.chain import Entry
    from node.store import Store

_FILTER: Final = b"f"
_POSITION: Final = b"P"
_PLACE: Final = struct.Struct("<II")
_VALUE: Final = struct.Struct("<32s32sIII")
_MAX_FILE_SIZE: Final = 16 << 20
_NO_HEADER: Final = bytes(32)

FORMAT: Final = b"pynode basic filters 1"


class FilterIndex(Index):
    """See above."""

    name = "basic block filter index"
    thread_name = "blkfltbscidx"
    needs_undo = True
    allows_pruning = True

    def __init__(self, store: Store, folder: Path) -> None:
        """Keep the filters in `folder`, the rest in `store`."""
        super().__init__(store)
        self._folder = folder
        self._file = self._position = 0
        self._descriptor = -1
        self._last_header = _NO_HEADER

    def load(self, best: Entry | None) -> None:
        """Find where to go on. Raises StoreError, IndexFailedError."""
        place = self.store.get(_POSITION)
        if place is not None:
            self._file, self._position = _PLACE.unpack(place)
        self._last_header = self._header_after(best)

    def _header_after(self, entry: Entry | None) -> bytes:
        if entry is None:
            return _NO_HEADER
        header = self.header_of(entry)
        if header is None:
            raise IndexFailedError("Cannot read last block filter header; index may be corrupted")
        return header

    def append(self, block: IndexedBlock) -> None:
        """Make the block's filter and keep it. Raises StoreError."""
        outputs = (script_of(output) for transaction in block.transactions() for output in transaction.outputs)
        spent = (coin.script_pubkey for coins in block.undo() for coin in coins)
        entry = block.entry
        data = gcs.encode(gcs.basic_elements(outputs, spent), entry.hash)
        hash_ = gcs.filter_hash(data)
        header = gcs.filter_header(hash_, self._last_header)
        file, position = self._write(data)
        value = _VALUE.pack(hash_, header, file, position, len(data))
        place = _PLACE.pack(self._file, self._position)
        self.store.write({_key(entry): value, _POSITION: place})
        self._last_header = header

    def _write(self, data: bytes) -> tuple[int, int]:
        if self._position and self._position + len(data) > _MAX_FILE_SIZE:
            self._sync()
            self._close()
            self._file += 1
            self._position = 0
        path = self._path(self._file)
        try:
            if self._descriptor < 0:
                self._descriptor = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o644)
            written = os.pwrite(self._descriptor, data, self._position)
        except OSError as error:
            raise StoreError(f"{error.strerror}: '{path}'") from error
        if written != len(data):
            raise StoreError(f"No space left on device: '{path}'")
        place = self._file, self._position
        self._position += written
        return place

    def _sync(self) -> None:
        if self._descriptor >= 0:
            try:
                os.fsync(self._descriptor)
            except OSError as error:
                raise StoreError(f"{error.strerror}: '{self._path(self._file)}'") from error

    def _path(self, file: int) -> Path:
        return self._folder / f"fltr{file:05}.dat"

    def remove(self, block: IndexedBlock) -> None:
        """Go back to the header before; the filter stays, so it is still found. Raises StoreError."""
        self._last_header = self._header_after(block.entry.previous)

    def holds(self, entry: Entry) -> bool:
        """Whether the filter is there. Raises StoreError."""
        return self.store.get(_key(entry)) is not None

    def commit(self, best: Entry) -> None:
        """Have the filters on disk, then say so. Raises StoreError."""
        self._sync()
        self.store.write({BEST: best.hash}, sync=True)

    def close(self) -> None:
        """Close files and store. Idempotent."""
        self._close()
        super().close()

    def _close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def header_of(self, entry: Entry) -> bytes | None:
        """Return the filter header of a block. Raises StoreError."""
        value = self.store.get(_key(entry))
        return None if value is None else value[32:64]

    def filter_of(self, entry: Entry) -> bytes | None:
        """Return the encoded filter of a block, None if it is not indexed or damaged. Raises StoreError."""
        value = self.store.get(_key(entry))
        if value is None:
            return None
        hash_, _, file, position, size = _VALUE.unpack(value)
        try:
            with self._path(file).open("rb") as stream:
                stream.seek(position)
                data = stream.read(size)
        except OSError as error:
            raise StoreError(f"{error.strerror}: '{error.filename}'") from error
        return data if gcs.filter_hash(data) == hash_ else None


def _key(entry: Entry) -> bytes:
    return _FILTER + entry.height.to_bytes(4, "big") + entry.hash
