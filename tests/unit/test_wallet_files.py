"""Files of wallets in the hands of several threads, processes and programs: nobody takes or destroys another's."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from cli.arguments import parse
from cli.pywallet import PROGRAM
from cli.settings_file import read_settings
from cli.startup import prepare
from cli.wallet_settings import make_remember
from common.chains import REGTEST
from wallet.context import WalletContext
from wallet.database import FILE_NAME, WalletDatabase
from wallet.database_files import is_sqlite_file, list_databases, open_database
from wallet.errors import DatabaseError, DatabaseStatus
from wallet.loader import create_wallet, load_wallet, restore_wallet, unload_all, unload_wallet
from wallet.settings import WalletSettings

if TYPE_CHECKING:
    from pathlib import Path

_OPEN = """
import sys
from pathlib import Path
from common.chains import REGTEST
from wallet.database import WalletDatabase
from wallet.errors import DatabaseError
try:
    WalletDatabase(Path(sys.argv[1]), REGTEST).close()
except DatabaseError as error:
    print(error)
"""
IN_USE = "SQLiteDatabase: Unable to obtain an exclusive lock on the database"


@pytest.fixture
def context(tmp_path: Path) -> WalletContext:
    return WalletContext(REGTEST, tmp_path / "wallets", WalletSettings(keypool=1))


def open_elsewhere(directory: Path) -> str:
    """Return what another process hears that wants the wallet."""
    command = [sys.executable, "-c", _OPEN, str(directory)]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=30).stdout


def test_no_look_at_a_file_takes_its_lock_away(context: WalletContext, tmp_path: Path) -> None:
    wallet, _ = create_wallet(context, "w")
    folder = context.wallet_dir / "w"
    (context.wallet_dir / "link").symlink_to(folder)
    assert sorted(list_databases(context.wallet_dir, REGTEST)) == [("link", "sqlite"), ("w", "sqlite")]
    for name in ("w/", "link"):
        with pytest.raises(DatabaseError, match=IN_USE):
            load_wallet(context, name)
    with pytest.raises(DatabaseError, match="Database already exists"):
        create_wallet(context, "w")
    wallet.backup(tmp_path / "copy")
    with pytest.raises(DatabaseError, match="database is locked"):
        wallet.backup(folder / FILE_NAME)
    copy, _ = restore_wallet(context, folder / FILE_NAME, "copy")
    assert dict(copy.database.items()).keys() == dict(wallet.database.items()).keys()
    assert open_elsewhere(folder).startswith(IN_USE)
    unload_all(context)
    assert open_elsewhere(folder) == ""


def test_who_restores_a_wallet_at_once_with_others_destroys_nothing(context: WalletContext, tmp_path: Path) -> None:
    wallet, _ = create_wallet(context, "w")
    wallet.backup(tmp_path / "copy")

    def restore(name: str) -> str:
        try:
            restored, _ = restore_wallet(context, tmp_path / "copy", name)
        except DatabaseError as error:
            return str(error)
        return restored.name

    with ThreadPoolExecutor(8) as threads:
        told = list(threads.map(restore, ["r", "r/", "r", "r//"] * 2))
    (name,) = (text for text in told if text.rstrip("/") == "r")
    restored = context.find(name)
    assert restored is not None
    unload_wallet(context, restored)
    assert load_wallet(context, name)[0].descriptors.by_id
    unload_all(context)


def test_a_copy_that_is_none_leaves_nothing(context: WalletContext, tmp_path: Path) -> None:
    wallet, _ = create_wallet(context, "w")
    wallet.backup(tmp_path / "copy")
    whole = (tmp_path / "copy").read_bytes()
    (context.wallet_dir / "mine").mkdir()
    (context.wallet_dir / "mine" / "notes").write_text("keep")
    for size in (0, 1, 100, 511, 512, 4096, len(whole) // 2):
        (tmp_path / "cut").write_bytes(whole[:size])
        for name in ("r", "mine"):
            with pytest.raises(DatabaseError):
                restore_wallet(context, tmp_path / "cut", name)
    with pytest.raises(DatabaseError, match="Unexpected exception: "):
        restore_wallet(context, tmp_path, "r")
    unload_all(context)
    assert sorted(path.name for path in context.wallet_dir.rglob("*")) == ["mine", "notes", "w", FILE_NAME]


def test_remains_of_a_lost_wallet_do_not_get_into_a_copy(context: WalletContext, tmp_path: Path) -> None:
    wallet, _ = create_wallet(context, "w")
    wallet.backup(tmp_path / "copy")
    for end in ("-journal", "-wal"):
        remains = context.wallet_dir / "r" / f"{FILE_NAME}{end}"
        remains.parent.mkdir(exist_ok=True)
        remains.write_bytes(b"changes of another database")
        with pytest.raises(DatabaseError, match=f"^Failed to restore wallet. Database file exists in '{remains}'.$"):
            restore_wallet(context, tmp_path / "copy", "r")
        remains.unlink()
    restore_wallet(context, tmp_path / "copy", "r")
    unload_all(context)


def test_values_of_other_types_are_bytes(tmp_path: Path) -> None:
    WalletDatabase(tmp_path / "w", REGTEST).close()
    with closing(sqlite3.connect(tmp_path / "w" / FILE_NAME)) as other, other:
        other.execute("INSERT INTO main VALUES(x'01', 'text'), (x'02', 5), ('key', x'00')")
    with open_database(tmp_path / "w", REGTEST, must_exist=True) as database:
        assert sorted(database.items()) == [(b"\1", b"text"), (b"\2", b"5"), (b"key", b"\0")]
        assert (database.get(b"\1"), database.get(b"\2")) == (b"text", b"5")


def test_a_table_whose_name_is_no_text_is_refused(tmp_path: Path) -> None:
    WalletDatabase(tmp_path / "w", REGTEST).close()
    file = tmp_path / "w" / FILE_NAME
    file.write_bytes(file.read_bytes().replace(b"sqlite_autoindex_main_1", b"sqlite_autoindex\xa1main_1"))
    with pytest.raises(DatabaseError, match="malformed"):
        open_database(tmp_path / "w", REGTEST, must_exist=True)


def test_what_is_no_file_is_no_wallet(context: WalletContext) -> None:
    folder = context.wallet_dir / "pipe"
    folder.mkdir(parents=True)
    os.mkfifo(folder / FILE_NAME)
    (context.wallet_dir / "folder" / FILE_NAME).mkdir(parents=True)
    assert list_databases(context.wallet_dir, REGTEST) == []
    for name in ("pipe", "folder"):
        with pytest.raises(DatabaseError, match="Data is not in recognized format") as info:
            load_wallet(context, name)
        assert info.value.status is DatabaseStatus.BAD_FORMAT
        with pytest.raises(DatabaseError, match="Failed to open database: unable to open database file"):
            create_wallet(context, name)
    with pytest.raises(DatabaseError, match="Unexpected exception: "):
        restore_wallet(context, folder / FILE_NAME, "r")
    assert not (context.wallet_dir / "r").exists()
    wallet, _ = create_wallet(context, "w")
    with pytest.raises(DatabaseError):
        wallet.backup(folder / FILE_NAME)
    unload_all(context)


def test_a_name_that_is_no_text_hides_no_other(context: WalletContext) -> None:
    create_wallet(context, "w")
    unload_all(context)
    (context.wallet_dir / "w").rename(context.wallet_dir / os.fsdecode(b"\xff\xfe"))
    create_wallet(context, "v")
    assert sorted(list_databases(context.wallet_dir, REGTEST)) == [("v", "sqlite"), ("\ufffd\ufffd", "sqlite")]
    unload_all(context)


@pytest.mark.parametrize("name", ["../w", "a/../w", "/", "n" * 300])
def test_nothing_is_restored_outside_of_the_directory(context: WalletContext, tmp_path: Path, name: str) -> None:
    (tmp_path / "copy").write_bytes(b"copy")
    context.wallet_dir.mkdir()
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(DatabaseError, match=r"^Wallet file verification failed\. "):
        restore_wallet(context, tmp_path / "copy", name)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_new_wallet_is_its_owners_alone(context: WalletContext, tmp_path: Path) -> None:
    mask = os.umask(0)
    try:
        wallet, _ = create_wallet(context, "w")
        wallet.backup(tmp_path / "copy")
        restore_wallet(context, tmp_path / "copy", "r")
    finally:
        os.umask(mask)
    for name in ("w", "r"):
        assert (context.wallet_dir / name / FILE_NAME).stat().st_mode & 0o777 == 0o600
    unload_all(context)


def test_a_write_ahead_log_is_given_up(tmp_path: Path) -> None:
    WalletDatabase(tmp_path / "w", REGTEST).close()
    with closing(sqlite3.connect(tmp_path / "w" / FILE_NAME)) as other:
        assert other.execute("PRAGMA journal_mode = WAL").fetchone() == ("wal",)
    with open_database(tmp_path / "w", REGTEST, must_exist=True) as database:
        database.put(b"key", b"value")
        assert not (tmp_path / "w" / f"{FILE_NAME}-wal").exists()
    assert is_sqlite_file(tmp_path / "w" / FILE_NAME, REGTEST)


def test_wallets_remembered_at_once_are_all_remembered(tmp_path: Path) -> None:
    place = prepare(parse(PROGRAM, ["-regtest", f"-datadir={tmp_path}"]))
    remember = make_remember(parse(PROGRAM, ["-regtest"]), place)
    names = [f"w{number}" for number in range(20)]
    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(lambda name: remember(name, True), names))
    assert sorted(read_settings(place.network_dir / "settings.json")["wallet"]) == sorted(names)
    assert not remember("no \udcff text", True)
