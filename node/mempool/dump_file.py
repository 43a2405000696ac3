"""mempool.dat in Core's format: transactions with their times and fee deltas, deltas of others, unbroadcast ones.

(Core: src/node/mempool_persist.cpp.) Version 2 masks all behind its key with that key, so that nothing takes what
strangers sent for something else. Neither side keeps more of the file in memory than one transaction needs.
"""

from __future__ import annotations

import os
import struct
from typing import TYPE_CHECKING, BinaryIO, Final, NamedTuple

from primitives.encoding import compact_size, read_compact_size
from primitives.errors import DecodeError
from primitives.transaction import Transaction

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

PLAIN_VERSION: Final = 1
MASKED_VERSION: Final = 2
KEY_SIZE: Final = 8
_CHUNK: Final = 1 << 18
_LONGEST: Final = 1 << 23
"""Nothing that could be valid takes so many bytes."""
_TIME_AND_DELTA: Final = struct.Struct("<qq")
_DELTA: Final = struct.Struct("<32sq")
_UINT64: Final = struct.Struct("<Q")


class DumpError(Exception):
    """The file ends too early or says what cannot be."""


class UnknownVersionError(DumpError):
    """The file is of no version that can be read."""


class Dumped(NamedTuple):
    """A transaction as the file has it."""

    transaction: Transaction
    time: int
    """When it came, in seconds since 1970."""
    delta: int
    """Satoshis that the operator added to its fee."""


class _Mask:
    """Puts a key that repeats over bytes, which begin at some place of the file."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._repeated = key * (_CHUNK // KEY_SIZE + 1)

    def apply(self, data: bytes, position: int) -> bytes:
        """Mask or unmask `data` at `position`."""
        if not any(self._key):
            return data
        size = len(data)
        if size + KEY_SIZE > len(self._repeated):
            self._repeated = self._key * (size // KEY_SIZE + 2)
        shift = position % KEY_SIZE
        key = self._repeated[shift : shift + size]
        return (int.from_bytes(data, "little") ^ int.from_bytes(key, "little")).to_bytes(size, "little")


class DumpWriter:
    """Writes one file from its start."""

    def __init__(self, file: BinaryIO, *, masked: bool) -> None:
        """Begin. Raises OSError, as all else here does."""
        self._file = file
        self._parts: list[bytes] = []
        self._size = 0
        head = _UINT64.pack(MASKED_VERSION if masked else PLAIN_VERSION)
        key = bytes(KEY_SIZE)
        if masked:
            key = os.urandom(KEY_SIZE)
            head += compact_size(KEY_SIZE) + key
        self._mask = _Mask(key)
        file.write(head)
        self._position = len(head)

    def count(self, number: int) -> None:
        """Say how many transactions follow."""
        self._put(_UINT64.pack(number))

    def transaction(self, data: bytes, time: int, delta: int) -> None:
        """Write a transaction with its witnesses."""
        self._put(data)
        self._put(_TIME_AND_DELTA.pack(time, delta))

    def finish(self, deltas: Mapping[bytes, int], unbroadcast: Iterable[bytes]) -> None:
        """Write the deltas of what is not in the mempool, and the ids of what no peer was told of."""
        self._put(compact_size(len(deltas)))
        for txid in sorted(deltas):
            self._put(_DELTA.pack(txid, deltas[txid]))
        txids = sorted(unbroadcast)
        self._put(compact_size(len(txids)))
        for txid in txids:
            self._put(txid)
        self._flush()

    def _put(self, data: bytes) -> None:
        self._parts.append(data)
        self._size += len(data)
        if self._size >= _CHUNK:
            self._flush()

    def _flush(self) -> None:
        data = b"".join(self._parts)
        self._file.write(self._mask.apply(data, self._position))
        self._position += len(data)
        self._parts.clear()
        self._size = 0


class DumpReader:
    """Reads one file: `number`, then `transactions`, `deltas` and `unbroadcast`, in this order."""

    def __init__(self, file: BinaryIO) -> None:
        """Read the head. Raises DumpError, UnknownVersionError and OSError, as all else here does."""
        self._file = file
        self._mask = _Mask(bytes(KEY_SIZE))
        self._position = 0
        self._buffer = b""
        self._offset = 0
        version = self._uint64()
        if version == MASKED_VERSION:
            if self._compact_size() != KEY_SIZE:
                raise DumpError(f"Obfuscation key size should be exactly {KEY_SIZE} bytes long: iostream error")
            self._mask = _Mask(self._take(KEY_SIZE))
            start = self._position - len(self._buffer) + self._offset
            self._buffer = self._mask.apply(self._buffer[self._offset :], start)
            self._offset = 0
        elif version != PLAIN_VERSION:
            raise UnknownVersionError(f"Version {version} is not known")
        self.number = self._uint64()
        """How many transactions there should be."""

    def transactions(self) -> Iterator[Dumped]:
        """Return them one by one."""
        for _ in range(self.number):
            transaction = self._transaction()
            yield Dumped(transaction, *_TIME_AND_DELTA.unpack(self._take(_TIME_AND_DELTA.size)))

    def deltas(self) -> Iterator[tuple[bytes, int]]:
        """Return ids with what the operator added to their fees."""
        for _ in range(self._compact_size()):
            yield _DELTA.unpack(self._take(_DELTA.size))

    def unbroadcast(self) -> Iterator[bytes]:
        """Return the ids of what no peer was told of."""
        for _ in range(self._compact_size()):
            yield self._take(32)

    def _transaction(self) -> Transaction:
        while True:
            try:
                transaction, self._offset = Transaction.parse_from(self._buffer, self._offset)
            except DecodeError as error:
                # What looks wrong may be cut off, so the file must say so to its end.
                if not self._fill():
                    raise DumpError(_end_of_file(error)) from error
            else:
                return transaction

    def _compact_size(self) -> int:
        size = self._peek(1)[0]
        data = self._take(1 if size < 0xFD else 1 + (2 << size - 0xFD))
        try:
            return read_compact_size(data, 0)[0]
        except DecodeError as error:
            raise DumpError(f"{error}: iostream error") from error

    def _uint64(self) -> int:
        (number,) = _UINT64.unpack(self._take(8))
        return int(number)

    def _peek(self, size: int) -> bytes:
        while len(self._buffer) - self._offset < size:
            if not self._fill():
                raise DumpError(_end_of_file(None))
        return self._buffer[self._offset : self._offset + size]

    def _take(self, size: int) -> bytes:
        data = self._peek(size)
        self._offset += size
        return data

    def _fill(self) -> bool:
        """Read on, at least as much as there is; whether there was more and it may be wanted."""
        rest = self._buffer[self._offset :]
        if len(rest) > _LONGEST:
            return False
        data = self._file.read(max(_CHUNK, len(rest)))
        self._buffer = rest + self._mask.apply(data, self._position)
        self._offset = 0
        self._position += len(data)
        return bool(data)


def _end_of_file(error: DecodeError | None) -> str:
    what = "AutoFile::read: end of file" if error is None or str(error) == "end of data" else str(error)
    return f"{what}: iostream error"
