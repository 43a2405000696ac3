"""Wallets as text: all records in hex, in a file that Core's bitcoin-wallet writes and reads too (Core: dump.cpp).

The file holds private keys, encrypted only if they are so in the wallet; nobody but its owner may read it.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from primitives.hashes import sha256d
from wallet.berkeley import read_records
from wallet.database import FILE_NAME
from wallet.database_files import open_database
from wallet.errors import WalletError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from common.chains import ChainParams
    from wallet.database import WalletDatabase

_MAGIC: Final = "BITCOIN_CORE_WALLET_DUMP"
_VERSION: Final = 1
_FORMAT: Final = "sqlite"
_LEGACY_FORMAT: Final = "bdb"


def dump(database: WalletDatabase, file: Path) -> None:
    """Write all records to a file that must be new. Raises WalletError with Core's texts."""
    _write(file, _FORMAT, database.items)


def dump_legacy(source: Path, file: Path) -> None:
    """Write all records of a legacy wallet's file, as `dump` does. No program makes a wallet of such a dump."""
    records = read_records(source)
    _write(file, _LEGACY_FORMAT, records.items)


def _write(file: Path, kind: str, records: Callable[[], Iterable[tuple[bytes, bytes]]]) -> None:
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError as error:
        raise WalletError(
            f"File {file} already exists. If you are sure this is what you want, move it out of the way first."
        ) from error
    except (OSError, ValueError) as error:
        raise WalletError(f"Unable to open {file} for writing") from error
    try:
        with os.fdopen(descriptor, "wb") as stream:
            lines = [f"{_MAGIC},{_VERSION}\n".encode(), f"format,{kind}\n".encode()]
            lines += [f"{key.hex()},{value.hex()}\n".encode() for key, value in records()]
            body = b"".join(lines)
            stream.write(body + f"checksum,{sha256d(body).hex()}\n".encode())
    except BaseException as error:
        with suppress(OSError):
            file.unlink()
        if isinstance(error, OSError):
            raise WalletError(f"Unable to write {file}: {error.strerror}") from error
        raise


def create_from_dump(file: Path, path: Path, chain: ChainParams, *, unsafe_sync: bool = False) -> None:
    """Make a wallet in the directory `path`, which must have none, of a file that `dump` or Core wrote.

    Raises WalletError with Core's texts; then nothing is left of the wallet.
    """
    try:
        data = file.read_bytes()
    except (FileNotFoundError, ValueError) as error:
        raise WalletError(f"Dump file {file} does not exist.") from error
    except OSError as error:
        raise WalletError(f"Unable to read {file}: {error.strerror}") from error
    reader = _Reader(data)
    _read_head(reader)
    was_there = path.is_dir()
    database = open_database(path, chain, must_be_new=True, unsafe_sync=unsafe_sync)
    try:
        with database, database.transaction():
            _read_records(reader, database)
    except BaseException:
        for name in (FILE_NAME, f"{FILE_NAME}-journal"):
            (path / name).unlink(missing_ok=True)
        if not was_there:
            with suppress(OSError):
                path.rmdir()
        raise


class _Reader:
    """Reads words up to commas and ends of lines."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._offset = 0
        self._line_start = 0

    def at_end(self) -> bool:
        return self._offset >= len(self._data)

    def line(self) -> tuple[str, str]:
        """Read what stands before a comma and what behind it, up to the end of the line."""
        self._line_start = self._offset
        return self._until(b","), self._until(b"\n")

    def before(self) -> bytes:
        """Return all that stands before the last line read."""
        return self._data[: self._line_start]

    def _until(self, end: bytes) -> str:
        found = self._data.find(end, self._offset)
        stop = len(self._data) if found < 0 else found
        word = self._data[self._offset : stop]
        self._offset = stop + 1
        return word.decode(errors="replace")


def _read_head(reader: _Reader) -> None:
    magic, version = reader.line()
    if magic != _MAGIC:
        raise WalletError(f'Error: Dumpfile identifier record is incorrect. Got "{magic}", expected "{_MAGIC}".')
    if not (version.isascii() and version.isdigit() and int(version) <= 0xFFFFFFFF):
        raise WalletError(f"Error: Unable to parse version {version} as a uint32_t")
    if int(version) != _VERSION:
        raise WalletError(
            "Error: Dumpfile version is not supported. This version of bitcoin-wallet only supports version 1 "
            f"dumpfiles. Got dumpfile with version {version}"
        )
    key, kind = reader.line()
    if key != "format":
        raise WalletError(f'Error: Dumpfile format record is incorrect. Got "{key}", expected "format".')
    if kind != _FORMAT:
        raise WalletError(
            f"Error: Dumpfile specifies an unsupported database format ({kind}). Only sqlite database dumps are "
            "supported"
        )


def _read_records(reader: _Reader, database: WalletDatabase) -> None:
    while not reader.at_end():
        key, value = reader.line()
        if key == "checksum":
            _check(value, sha256d(reader.before()))
            return
        if key and value:
            database.put(_from_hex(key, "key"), _from_hex(value, "value"))
    raise WalletError("Error: Missing checksum")


def _check(checksum: str, computed: bytes) -> None:
    try:
        expected = bytes.fromhex(checksum)
    except ValueError:
        expected = b""
    if len(expected) != len(computed):
        raise WalletError("Error: Checksum is not the correct size")
    if not any(expected):
        raise WalletError("Error: Missing checksum")
    if expected != computed:
        raise WalletError(
            f"Error: Dumpfile checksum does not match. Computed {computed.hex()}, expected {expected.hex()}"
        )


def _from_hex(text: str, what: str) -> bytes:
    try:
        if any(character.isspace() for character in text):
            raise ValueError(text)
        return bytes.fromhex(text)
    except ValueError as error:
        raise WalletError(f"Error: Got {what} that was not hex: {text}") from error
