"""One wallet's database: `wallet.dat`, SQLite with one table of keys and values, as Core has it.

Core: src/wallet/sqlite.cpp. The file is locked as long as it is open, so that no other process and nobody else here
has it too. Each write is on the disk when it returns; those of a `transaction` are there all or none.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, Self

from common.version import CLIENT_NAME
from wallet.errors import DatabaseError, DatabaseStatus
from wallet.open_files import FileInUseError, HeldFile
from wallet.whole_files import replaced

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from common.chains import ChainParams

log: Final = logging.getLogger("wallet")
FILE_NAME: Final = "wallet.dat"
_SCHEMA_VERSION: Final = 0
_IN_MEMORY: Final = ":memory:"
_ITEMS: Final = "SELECT CAST(key AS BLOB), CAST(value AS BLOB) FROM main"
"""As bytes, whatever another program has put there (Core: sqlite3_column_blob)."""
_IN_USE: Final = (
    "SQLiteDatabase: Unable to obtain an exclusive lock on the database, is it being used by another instance of "
    f"{CLIENT_NAME}?\n"
)
_ERROR_TEXTS: Final = {
    sqlite3.SQLITE_BUSY: "database is locked",
    sqlite3.SQLITE_CANTOPEN: "unable to open database file",
    sqlite3.SQLITE_CORRUPT: "database disk image is malformed",
    sqlite3.SQLITE_FULL: "database or disk is full",
    sqlite3.SQLITE_IOERR: "disk I/O error",
    sqlite3.SQLITE_NOTADB: "file is not a database",
    sqlite3.SQLITE_READONLY: "attempt to write a readonly database",
}


class WalletDatabase:
    """Keys and values, both bytes. May be used by several threads; all errors are DatabaseErrors."""

    def __init__(
        self, directory: Path | None, chain: ChainParams, *, unsafe_sync: bool = False, shown: str = _IN_MEMORY
    ) -> None:
        """Open the wallet in `directory`, or make both if there is none; None for one in memory, `shown` as a file.

        Does not check the file beyond what it takes to open it; `verify` does.
        """
        self.chain = chain
        self.directory = directory
        self._unsafe_sync = unsafe_sync
        self._shown = shown
        self._lock = threading.RLock()
        self._on_commit: list[Callable[[], None]] = []
        self._held: HeldFile | None = None
        self._connection: sqlite3.Connection | None = self._open()

    @property
    def file(self) -> str:
        """The path of the file, for messages."""
        return self._shown if self.directory is None else str(self.directory / FILE_NAME)

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is under way."""
        return self._connection is not None and self._connection.in_transaction

    def _open(self) -> sqlite3.Connection:
        if self.directory is not None:
            try:
                self.directory.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise DatabaseError(f"Failed to create directory '{self.directory}': {error.strerror}") from error
            if not os.access(self.directory, os.W_OK | os.X_OK):
                raise DatabaseError(
                    f"SQLiteDatabase: Failed to open database in directory '{self.directory}': "
                    "directory is not writable"
                )
            if os.path.exists(self.file) and not os.access(self.file, os.W_OK):  # noqa: PTH110 - one kind of path
                raise DatabaseError(
                    "SQLiteDatabase: Database opened in readonly mode but read-write permissions are needed"
                )
            self._held = _hold(self.directory / FILE_NAME)
        try:
            return self._connect()
        except BaseException:
            self._let_go()
            raise

    def _connect(self) -> sqlite3.Connection:
        with _told("Failed to open database"):
            place = _IN_MEMORY if self.directory is None else self.file
            connection = sqlite3.connect(place, timeout=0, isolation_level=None, check_same_thread=False)
        try:
            self._prepare(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _let_go(self) -> None:
        held, self._held = self._held, None
        if held is not None:
            held.close()

    def _prepare(self, connection: sqlite3.Connection) -> None:
        """Lock the file until it is closed, and make what a new one needs."""
        with _told("Unable to change database locking mode to exclusive"):
            connection.execute("PRAGMA locking_mode = exclusive")
        try:
            connection.execute("BEGIN EXCLUSIVE TRANSACTION")
        except (sqlite3.Error, UnicodeDecodeError) as error:
            code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT)
            if code & 0xFF not in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
                raise DatabaseError(f"SQLiteDatabase: Failed to open database: {_text(error)}\n") from error
            raise DatabaseError(_IN_USE) from error
        with _told("Unable to end exclusive lock transaction"):
            connection.execute("COMMIT")
        with _told("Failed to set journal mode"):
            connection.execute("PRAGMA journal_mode = DELETE")  # Another program may have left a log that keeps keys.
        with _told("Failed to enable fullfsync"):
            connection.execute("PRAGMA fullfsync = true")
        with _told("Failed to let what is erased be overwritten"):
            connection.execute("PRAGMA secure_delete = ON")  # Else keys stay in the file once they are encrypted.
        if self._unsafe_sync:
            log.warning(
                "SQLite is configured to not wait for data to be flushed to disk. Data loss and corruption may occur."
            )
        with _told("Failed to set synchronous mode"):
            connection.execute(f"PRAGMA synchronous = {'OFF' if self._unsafe_sync else 'FULL'}")
        with _told("Failed to execute statement to check table existence"):
            tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        if tables and "main" not in tables:
            raise DatabaseError("SQLiteDatabase: Failed to open database: it is no wallet", DatabaseStatus.BAD_FORMAT)
        if not tables:
            with _told("Failed to create new database"):
                self._create(connection)

    def _create(self, connection: sqlite3.Connection) -> None:
        """Make the table and mark the file as this chain's, all at once: a crash leaves an empty file, which is new."""
        marker = int.from_bytes(self.chain.magic, "big", signed=True)
        connection.execute("BEGIN EXCLUSIVE TRANSACTION")
        connection.execute("CREATE TABLE main(key BLOB PRIMARY KEY NOT NULL, value BLOB NOT NULL)")
        connection.execute(f"PRAGMA application_id = {marker}")
        connection.execute(f"PRAGMA user_version = {_SCHEMA_VERSION}")
        connection.execute("COMMIT")

    def verify(self) -> None:
        """Check that the file is a sound wallet of this chain. Raises DatabaseError."""
        expected = int.from_bytes(self.chain.magic, "big")
        found = self._pragma("application_id", "the application id") & 0xFFFFFFFF
        if found != expected:
            raise DatabaseError(
                f"SQLiteDatabase: Unexpected application id. Expected {expected}, got {found}", DatabaseStatus.VERIFY
            )
        version = self._pragma("user_version", "sqlite wallet schema version")
        if version != _SCHEMA_VERSION:
            raise DatabaseError(
                f"SQLiteDatabase: Unknown sqlite wallet schema version {version}. "
                f"Only version {_SCHEMA_VERSION} is supported",
                DatabaseStatus.VERIFY,
            )
        with self._use("Failed to execute statement to verify database", DatabaseStatus.VERIFY) as connection:
            wrong = [text for (text,) in connection.execute("PRAGMA integrity_check") if text != "ok"]
        if wrong:
            raise DatabaseError(
                "Failed to verify database\n" + "".join(f"{text}\n" for text in wrong), DatabaseStatus.VERIFY
            )

    def _pragma(self, name: str, description: str) -> int:
        with self._use(f"Failed to fetch {description}", DatabaseStatus.VERIFY) as connection:
            return int(connection.execute(f"PRAGMA {name}").fetchone()[0])

    def get(self, key: bytes) -> bytes | None:
        """Return a value, None if there is none."""
        with self._use("Unable to execute read statement") as connection:
            row = connection.execute("SELECT CAST(value AS BLOB) FROM main WHERE key = ?", (key,)).fetchone()
        return None if row is None else bytes(row[0])

    def items(self, prefix: bytes = b"") -> list[tuple[bytes, bytes]]:
        """Return the keys that start with `prefix` and their values, in order; all as they lie in the file if empty."""
        where, bounds = _where(prefix)
        with self._use("Unable to execute cursor step") as connection:
            return connection.execute(_ITEMS + where, bounds).fetchall()

    def put(self, key: bytes, value: bytes) -> None:
        """Write a value, over an older one if there is one."""
        with self._use("Unable to execute write statement") as connection:
            connection.execute("INSERT OR REPLACE INTO main VALUES(?, ?)", (key, value))

    def insert(self, key: bytes, value: bytes) -> None:
        """Write a value that must be new."""
        with self._use("Unable to execute write statement") as connection:
            connection.execute("INSERT INTO main VALUES(?, ?)", (key, value))

    def erase(self, key: bytes) -> None:
        """Remove a value; it need not be there."""
        with self._use("Unable to execute exec statement") as connection:
            connection.execute("DELETE FROM main WHERE key = ?", (key,))

    def erase_prefix(self, prefix: bytes) -> None:
        """Remove all whose keys start with `prefix`, which is not empty."""
        where, bounds = _where(prefix)
        with self._use("Unable to execute exec statement") as connection:
            connection.execute(f"DELETE FROM main{where}", bounds)  # noqa: S608 - one of three texts

    @contextmanager
    def transaction(self, *, leave_no_trace: bool = False) -> Iterator[None]:
        """Make all writes of a `with` block or, if it raises, none. Others wait. One inside another is part of it.

        The journal keeps what was there before until another transaction needs the room; not with `leave_no_trace`.
        """
        with self._lock:
            if self.in_transaction:
                yield
                return
            with self._use("Failed to begin the transaction") as connection:
                if leave_no_trace:
                    connection.execute("PRAGMA journal_size_limit = 0")
                connection.execute("BEGIN TRANSACTION")
            try:
                yield
                with self._use("Failed to commit the transaction") as connection:
                    connection.execute("COMMIT TRANSACTION")
            except BaseException:
                self._on_commit.clear()
                self._roll_back()
                raise
            finally:
                if leave_no_trace and self._connection is not None:
                    self._connection.execute("PRAGMA journal_size_limit = -1")
            done, self._on_commit = self._on_commit, []
            for callback in done:
                callback()

    def on_commit(self, callback: Callable[[], None]) -> None:
        """Call once the transaction under way is made, not if it is undone; at once if there is none."""
        with self._lock:
            if self.in_transaction:
                self._on_commit.append(callback)
                return
        callback()

    def _roll_back(self) -> None:
        """Undo; where even that fails, closing the file does it."""
        try:
            if self._connection is not None and self._connection.in_transaction:
                self._connection.execute("ROLLBACK TRANSACTION")
        except sqlite3.Error:
            self.close()
            self._connection = self._open()

    def rewrite(self) -> None:
        """Write the whole file anew, so that nothing erased is left in it."""
        with self._use("Failed to rewrite the database") as connection:
            connection.execute("VACUUM")

    def backup(self, file: Path) -> None:
        """Copy everything to another file, in place of what is there, which is kept if that fails."""
        doing = "Unable to back up the database"
        try:
            with self._use(doing) as connection, _to_ourselves(file), replaced(file) as made:
                copy = sqlite3.connect(made, timeout=0, isolation_level=None)
                try:
                    connection.backup(copy)
                finally:
                    copy.close()
        except (OSError, ValueError) as error:
            raise DatabaseError(f"{doing}: {error}", DatabaseStatus.LOAD) from error

    def close(self) -> None:
        """Close the file and with that let others have it. Idempotent."""
        with self._lock:
            connection, self._connection = self._connection, None
            if connection is not None:
                connection.close()
            self._let_go()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def _use(self, doing: str, status: DatabaseStatus = DatabaseStatus.LOAD) -> Iterator[sqlite3.Connection]:
        with self._lock, _told(doing, status):
            if self._connection is None:
                raise DatabaseError(f"SQLiteDatabase: {doing}: the database is closed", status)
            yield self._connection


@contextmanager
def _to_ourselves(file: Path) -> Iterator[None]:
    """Make sure that a file that is to be replaced is a database, or empty, and that nobody has it open."""
    if not file.exists():
        yield
        return
    held = sqlite3.connect(file, timeout=0, isolation_level=None)
    try:
        held.execute("PRAGMA locking_mode = exclusive")
        held.execute("BEGIN EXCLUSIVE TRANSACTION")
        held.execute("COMMIT TRANSACTION")
        yield
    finally:
        held.close()


@contextmanager
def _told(doing: str, status: DatabaseStatus = DatabaseStatus.LOAD) -> Iterator[None]:
    """Tell of SQLite's errors in Core's words."""
    try:
        yield
    except (sqlite3.Error, UnicodeDecodeError) as error:
        raise DatabaseError(f"SQLiteDatabase: {doing}: {_text(error)}\n", status) from error


def _hold(file: Path) -> HeldFile:
    try:
        return HeldFile(file)
    except FileInUseError as error:
        raise DatabaseError(_IN_USE) from error
    except (OSError, ValueError) as error:
        text = _ERROR_TEXTS[sqlite3.SQLITE_CANTOPEN]
        raise DatabaseError(f"SQLiteDatabase: Failed to open database: {text}\n") from error


def _text(error: sqlite3.Error | UnicodeDecodeError) -> str:
    if isinstance(error, UnicodeDecodeError):  # A text about names that are no text.
        return _ERROR_TEXTS[sqlite3.SQLITE_CORRUPT]
    code = getattr(error, "sqlite_errorcode", None)  # Errors of Python's module have none.
    return str(error) if code is None else _ERROR_TEXTS.get(code & 0xFF, str(error))


def _where(prefix: bytes) -> tuple[str, tuple[bytes, ...]]:
    """Return the condition that a key starts with `prefix`, and its values."""
    stem = prefix.rstrip(b"\xff")
    if stem:
        return " WHERE key >= ? AND key < ?", (prefix, stem[:-1] + bytes((stem[-1] + 1,)))
    return (" WHERE key >= ?", (prefix,)) if prefix else ("", ())
