"""Which files are wallets, and how one is opened by its path (Core: src/wallet/db.cpp, MakeDatabase)."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from wallet.database import FILE_NAME, WalletDatabase
from wallet.errors import DatabaseError, DatabaseStatus
from wallet.open_files import read_start

if TYPE_CHECKING:
    from common.chains import ChainParams

log: Final = logging.getLogger("wallet")

_SQLITE_MAGIC: Final = b"SQLite format 3\0"
_BERKELEY_MAGIC: Final = {b"\x62\x31\x05\x00", b"\x00\x05\x31\x62"}


def is_sqlite_file(file: Path, chain: ChainParams) -> bool:
    """Whether a file is an SQLite database marked as a wallet of this chain."""
    head = _head(file, 72, least=512)
    return head[:16] == _SQLITE_MAGIC and head[68:72] == chain.magic


def is_berkeley_file(file: Path) -> bool:
    """Whether a file is a Berkeley DB, as legacy wallets are."""
    return _head(file, 16, least=4096)[12:16] in _BERKELEY_MAGIC


def berkeley_file(path: Path) -> Path:
    """Return where a legacy wallet of this path would have its data: the path itself may be it."""
    return path if path.is_file() else path / FILE_NAME


def open_database(
    path: Path,
    chain: ChainParams,
    *,
    must_exist: bool = False,
    must_be_new: bool = False,
    verify: bool = True,
    unsafe_sync: bool = False,
) -> WalletDatabase:
    """Open the wallet in the directory `path`, or make it. Raises DatabaseError with Core's texts."""
    try:
        path.lstat()
        exists = True
    except (FileNotFoundError, NotADirectoryError):
        exists = False
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise DatabaseError(f"Failed to access database path '{path}': {reason}", DatabaseStatus.BAD_PATH) from error
    legacy = exists and is_berkeley_file(berkeley_file(path))
    ours = exists and is_sqlite_file(path / FILE_NAME, chain)
    if legacy and ours:
        raise DatabaseError(
            f"Failed to load database path '{path}'. Data is in ambiguous format.", DatabaseStatus.BAD_FORMAT
        )
    if must_exist and not exists:
        raise DatabaseError(f"Failed to load database path '{path}'. Path does not exist.", DatabaseStatus.NOT_FOUND)
    if must_exist and not (legacy or ours):
        raise DatabaseError(
            f"Failed to load database path '{path}'. Data is not in recognized format.", DatabaseStatus.BAD_FORMAT
        )
    if must_be_new and (legacy or (ours and not _is_blank(path, chain))):
        raise DatabaseError(
            f"Failed to create database path '{path}'. Database already exists.", DatabaseStatus.ALREADY_EXISTS
        )
    if legacy:
        raise DatabaseError(
            f"Failed to open database path '{path}'. The wallet appears to be a Legacy wallet, please use the wallet "
            "migration tool (migratewallet RPC or the GUI option).",
            DatabaseStatus.LEGACY_DISABLED,
        )
    database = WalletDatabase(path, chain, unsafe_sync=unsafe_sync)
    try:
        if verify:
            database.verify()
    except BaseException:
        database.close()
        raise
    return database


def _is_blank(path: Path, chain: ChainParams) -> bool:
    """Whether a wallet was begun, but who made it was killed before anything was written."""
    try:
        with WalletDatabase(path, chain) as database:
            return not database.items()
    except DatabaseError:  # Somebody has it open.
        return False


def list_databases(directory: Path, chain: ChainParams) -> list[tuple[str, str]]:
    """Return the paths of all wallets below a directory, relative to it, and their formats, "sqlite" or "bdb"."""
    found: list[tuple[str, str]] = []

    def tell(error: OSError) -> None:
        if error.filename == str(directory):
            log.warning("Error scanning directory entries under %s: %s", directory, error.strerror)
        else:
            log.warning("Error while scanning wallet dir item: %s [%s].", error.strerror, error.filename)

    for folder, folders, files in os.walk(directory, onerror=tell):
        here = Path(folder)
        if here != directory:
            _add_folder(found, here, directory, chain)
            continue
        # Links to directories are not walked into, but may be wallets themselves.
        for name in folders:
            if (here / name).is_symlink():
                _add_folder(found, here / name, directory, chain)
        for name in files:
            file = here / name
            if file.is_symlink() or not file.is_file() or file.suffix == ".bak":
                continue
            if name == FILE_NAME and is_sqlite_file(file, chain):
                found.append(("", "sqlite"))
            elif is_berkeley_file(file):
                # Databases of other names lie there where several shared one environment.
                found.append(("" if name == FILE_NAME else name, "bdb"))
    return [(_as_text(name), kind) for name, kind in found]


def _as_text(name: str) -> str:
    """Return a name that can be told, though its bytes may be no UTF-8."""
    return os.fsencode(name).decode(errors="replace")


def _add_folder(found: list[tuple[str, str]], folder: Path, directory: Path, chain: ChainParams) -> None:
    try:
        (folder / FILE_NAME).stat()
    except OSError as error:
        if not isinstance(error, FileNotFoundError):
            log.warning("Error while scanning wallet dir item: %s [%s].", error.strerror, folder)
        return
    name = str(folder.relative_to(directory))
    if is_berkeley_file(folder / FILE_NAME):
        found.append((name, "bdb"))
    elif is_sqlite_file(folder / FILE_NAME, chain):
        found.append((name, "sqlite"))


def _head(file: Path, size: int, *, least: int) -> bytes:
    """Return the first bytes of a file, none if it cannot be read or is smaller than `least`."""
    try:
        start, found = read_start(file, size)
    except OSError:
        return b""
    return start if found >= least else b""
