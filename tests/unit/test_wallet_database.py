"""The database of a wallet: values, transactions, its lock, and files that are none of it."""

import resource
import signal
import sqlite3
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.chains import CHAINS, MAIN, REGTEST
from wallet.database import WalletDatabase
from wallet.database_files import is_berkeley_file, list_databases, open_database
from wallet.errors import DatabaseError, DatabaseStatus


@pytest.fixture
def database(tmp_path: Path) -> Iterator[WalletDatabase]:
    with WalletDatabase(tmp_path / "w", REGTEST) as opened:
        yield opened


def make(directory: Path, **values: bytes) -> Path:
    with WalletDatabase(directory, REGTEST) as opened:
        for key, value in values.items():
            opened.put(key.encode(), value)
    return directory


def berkeley(file: Path) -> None:
    file.parent.mkdir(exist_ok=True, parents=True)
    file.write_bytes(bytes(12) + b"\x62\x31\x05\x00" + bytes(4080))


def test_values_are_read_back_after_reopening(tmp_path: Path) -> None:
    with open_database(make(tmp_path / "w", a=b"1", b=b""), REGTEST, must_exist=True) as opened:
        assert (opened.get(b"a"), opened.get(b"b"), opened.get(b"c")) == (b"1", b"", None)
        opened.erase(b"a")
        opened.erase(b"c")
        assert opened.items() == [(b"b", b"")]


def test_a_value_is_replaced_or_must_be_new(database: WalletDatabase) -> None:
    database.insert(b"a", b"1")
    database.put(b"a", b"2")
    with pytest.raises(DatabaseError, match="Unable to execute write statement"):
        database.insert(b"a", b"3")
    assert database.get(b"a") == b"2"


_keys = st.sets(st.binary(max_size=4).map(lambda key: key.replace(b"\x80", b"\xff")), max_size=20)


@given(_keys, st.binary(max_size=2) | st.sampled_from([b"\xff", b"\xff\xff", b"a\xff"]))
def test_a_prefix_selects_the_keys_that_start_with_it(keys: set[bytes], prefix: bytes) -> None:
    with WalletDatabase(None, REGTEST) as database:
        for key in keys:
            database.put(key, key)
        wanted = sorted(key for key in keys if key.startswith(prefix))
        assert sorted(key for key, _ in database.items(prefix)) == wanted
        if prefix:
            database.erase_prefix(prefix)
            assert {key for key, _ in database.items()} == keys - set(wanted)


def test_a_transaction_is_made_as_a_whole_or_not_at_all(database: WalletDatabase) -> None:
    def fail() -> None:
        with database.transaction():
            database.put(b"a", b"1")
            with database.transaction():
                database.put(b"b", b"1")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert database.items() == []
    assert not database.in_transaction
    with database.transaction():
        database.put(b"a", b"1")
        assert database.in_transaction
    assert database.items() == [(b"a", b"1")]


def test_what_waits_for_a_transaction_hears_of_its_end_if_it_is_made(database: WalletDatabase) -> None:
    heard: list[str] = []

    def undo() -> None:
        with database.transaction():
            database.on_commit(lambda: heard.append("undone"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        undo()
    with database.transaction():
        with database.transaction():
            database.on_commit(lambda: heard.append("made"))
        assert heard == []
    database.on_commit(lambda: heard.append("alone"))
    assert heard == ["made", "alone"]


def test_other_threads_wait_for_the_end_of_a_transaction(database: WalletDatabase) -> None:
    seen = []
    thread = threading.Thread(target=lambda: seen.append(database.get(b"a")))
    with database.transaction():
        database.put(b"a", b"1")
        thread.start()
        thread.join(0.1)
        assert not seen
        database.put(b"a", b"2")
    thread.join()
    assert seen == [b"2"]


def test_a_closed_database_says_so(database: WalletDatabase) -> None:
    database.close()
    database.close()
    with pytest.raises(DatabaseError, match="the database is closed"):
        database.get(b"a")


def test_a_wallet_is_open_once_in_a_process(database: WalletDatabase) -> None:
    assert database.directory is not None
    with pytest.raises(DatabaseError, match="Unable to obtain an exclusive lock on the database, is it being used"):
        open_database(database.directory, REGTEST)
    database.put(b"a", b"1")


_HOLD = """
    import sys
    from pathlib import Path
    from common.chains import REGTEST
    from wallet.database import WalletDatabase
    database = WalletDatabase(Path(sys.argv[1]), REGTEST)
    print("open", flush=True)
    sys.stdin.read()
"""


def test_a_wallet_is_open_in_one_process(tmp_path: Path) -> None:
    folder = make(tmp_path / "w", a=b"1")
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(_HOLD), str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"open\n"
        with pytest.raises(DatabaseError, match="Unable to obtain an exclusive lock on the database"):
            open_database(folder, REGTEST, must_exist=True)
        other.kill()
    with open_database(folder, REGTEST, must_exist=True) as opened:
        assert opened.get(b"a") == b"1"


_WRITE = """
    import sys
    from pathlib import Path
    from common.chains import REGTEST
    from wallet.database import WalletDatabase
    database = WalletDatabase(Path(sys.argv[1]), REGTEST)
    for number in range(1 << 30):
        with database.transaction():
            for part in range(5):
                database.put(b"part%d" % part, number.to_bytes(4, "big") * 500)
        database.put(b"alone", number.to_bytes(4, "big"))
        print(number, flush=True)
"""


@pytest.mark.parametrize("after", [0, 1, 7, 30, 100])
def test_a_kill_at_any_write_loses_nothing_that_was_written(tmp_path: Path, after: int) -> None:
    folder = tmp_path / "w"
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(_WRITE), str(folder)], stdout=subprocess.PIPE
    ) as writer:
        assert writer.stdout is not None
        for _ in range(after):
            writer.stdout.readline()
        writer.kill()
        told = after - 1 + len(writer.stdout.read().split())
        assert writer.wait() == -signal.SIGKILL
    with WalletDatabase(folder, REGTEST) as opened:
        opened.verify()
        parts = {value for key, value in opened.items(b"part")}
        assert len(parts) <= 1
        if told >= 0:
            (part,) = parts
            alone = opened.get(b"alone") or b""
            assert told <= int.from_bytes(alone, "big") <= int.from_bytes(part[:4], "big") <= told + 2


def test_a_wallet_of_another_chain_is_refused(tmp_path: Path) -> None:
    folder = make(tmp_path / "w", a=b"1")
    with pytest.raises(DatabaseError, match=r"Data is not in recognized format\.$") as info:
        open_database(folder, MAIN, must_exist=True)
    assert info.value.status is DatabaseStatus.BAD_FORMAT
    text = r"^SQLiteDatabase: Unexpected application id\. Expected 4190024921, got 4206867930$"
    with pytest.raises(DatabaseError, match=text) as info:
        open_database(folder, MAIN)
    assert info.value.status is DatabaseStatus.VERIFY
    assert len({chain.magic for chain in CHAINS.values()}) == len(CHAINS)


def test_a_wallet_of_a_later_schema_is_refused(tmp_path: Path) -> None:
    folder = make(tmp_path / "w")
    with sqlite3.connect(folder / "wallet.dat") as raw:
        raw.execute("PRAGMA user_version = 1")
    raw.close()
    with pytest.raises(DatabaseError, match=r"Unknown sqlite wallet schema version 1\. Only version 0 is supported"):
        open_database(folder, REGTEST)


def test_a_foreign_database_is_left_as_it_is(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "wallet.dat") as raw:
        raw.execute("CREATE TABLE other(a)")
    raw.close()
    before = (tmp_path / "wallet.dat").read_bytes()
    with pytest.raises(DatabaseError, match="no wallet"):
        open_database(tmp_path, REGTEST)
    assert (tmp_path / "wallet.dat").read_bytes() == before


@pytest.mark.parametrize("size", [0, 1, 100, 511, 512, 1000, 4096, 5000, 8192])
def test_a_truncated_wallet_is_refused(tmp_path: Path, size: int) -> None:
    folder = make(tmp_path / "w", **{f"key{number}": bytes(3000) for number in range(10)})
    file = folder / "wallet.dat"
    file.write_bytes(file.read_bytes()[:size])
    with pytest.raises(DatabaseError):
        open_database(folder, REGTEST, must_exist=True)
    assert file.stat().st_size == size


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "wallet.dat").write_bytes(b"no database" * 1000)
    with pytest.raises(DatabaseError, match="not in recognized format"):
        open_database(tmp_path, REGTEST, must_exist=True)
    with pytest.raises(DatabaseError, match="Failed to open database: file is not a database"):
        open_database(tmp_path, REGTEST)
    assert (tmp_path / "wallet.dat").read_bytes() == b"no database" * 1000


def test_damage_inside_is_found(tmp_path: Path) -> None:
    folder = make(tmp_path / "w", **{f"key{number}": bytes(3000) for number in range(10)})
    file = folder / "wallet.dat"
    data = bytearray(file.read_bytes())
    data[4096 * 2 : 4096 * 2 + 200] = b"\xaa" * 200
    file.write_bytes(data)
    with pytest.raises(DatabaseError) as info:
        open_database(folder, REGTEST, must_exist=True)
    assert info.value.status is DatabaseStatus.VERIFY


def test_what_must_exist_and_what_must_be_new(tmp_path: Path) -> None:
    with pytest.raises(DatabaseError, match=r"^Failed to load database path '.*none'\. Path does not exist\.$") as info:
        open_database(tmp_path / "none", REGTEST, must_exist=True)
    assert info.value.status is DatabaseStatus.NOT_FOUND
    folder = make(tmp_path / "w")
    with open_database(folder, REGTEST) as database:
        database.put(b"a", b"1")
    with pytest.raises(DatabaseError, match=r"^Failed to create database path '.*w'\. Database already exists\.$"):
        open_database(folder, REGTEST, must_be_new=True)
    open_database(tmp_path / "new", REGTEST, must_be_new=True).close()
    assert not (tmp_path / "none").exists()


def test_a_legacy_wallet_is_named_as_one(tmp_path: Path) -> None:
    berkeley(tmp_path / "old" / "wallet.dat")
    assert is_berkeley_file(tmp_path / "old" / "wallet.dat")
    with pytest.raises(DatabaseError, match="appears to be a Legacy wallet") as info:
        open_database(tmp_path / "old", REGTEST)
    assert info.value.status is DatabaseStatus.LEGACY_DISABLED


def test_a_copy_holds_everything(tmp_path: Path, database: WalletDatabase) -> None:
    database.put(b"a", b"1")
    (tmp_path / "copy").mkdir()
    database.backup(tmp_path / "copy" / "wallet.dat")
    database.put(b"a", b"2")
    database.backup(tmp_path / "copy" / "wallet.dat")
    with open_database(tmp_path / "copy", REGTEST, must_exist=True) as copy:
        assert copy.items() == [(b"a", b"2")]
    for bad in (tmp_path, tmp_path / "no" / "folder", Path(database.file)):
        with pytest.raises(DatabaseError):
            database.backup(bad)
    assert database.items() == [(b"a", b"2")]


@contextmanager
def full_disk(size: int = 4096) -> Iterator[None]:
    """Let no file of this process grow beyond a size, as on a disk that is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_copy_that_fails_leaves_the_older_one(tmp_path: Path, database: WalletDatabase) -> None:
    database.put(b"a", b"1")
    folder = tmp_path / "copy"
    folder.mkdir()
    database.backup(folder / "wallet.dat")
    database.put(b"a", bytes(100_000))
    for name in ("wallet.dat", "new.dat"):
        with full_disk(), pytest.raises(DatabaseError):
            database.backup(folder / name)
    assert [file.name for file in folder.iterdir()] == ["wallet.dat"]
    with open_database(folder, REGTEST, must_exist=True) as copy:
        assert copy.items() == [(b"a", b"1")]
    database.backup(folder / "new.dat")
    assert (folder / "new.dat").stat().st_size > 100_000


def test_what_does_not_fit_is_not_written_and_the_rest_stays(database: WalletDatabase) -> None:
    database.put(b"a", b"1")
    told: list[str] = []

    def write() -> None:
        with database.transaction():
            database.put(b"b", bytes(10))
            database.on_commit(lambda: told.append("b"))
            database.put(b"c", bytes(1_000_000))

    with full_disk(32_768):
        with pytest.raises(DatabaseError, match=r"(disk I/O error|database or disk is full)\n$"):
            write()
        assert database.items() == [(b"a", b"1")]
        database.put(b"a", b"2")
    database.put(b"c", bytes(1_000_000))
    assert database.get(b"a") == b"2"
    assert not told
    database.verify()


def test_nothing_erased_is_left_in_the_file(database: WalletDatabase) -> None:
    for number in range(50):
        database.put(b"%d" % number, b"a secret to forget" * 100)
    assert b"a secret to forget" in Path(database.file).read_bytes()
    for number in range(50):
        database.erase(b"%d" % number)
    assert b"a secret to forget" not in Path(database.file).read_bytes()
    size = Path(database.file).stat().st_size
    database.rewrite()
    assert Path(database.file).stat().st_size < size


def test_wallets_are_listed_wherever_they_lie(tmp_path: Path) -> None:
    for name in ("a", "deep/er", "other"):
        make(tmp_path / name)
    make(tmp_path)
    make(tmp_path.parent / f"{tmp_path.name}-elsewhere")
    (tmp_path / "link").symlink_to(tmp_path.parent / f"{tmp_path.name}-elsewhere")
    berkeley(tmp_path / "old" / "wallet.dat")
    berkeley(tmp_path / "file")
    berkeley(tmp_path / "file.bak")
    (tmp_path / "other" / "wallet.dat").write_bytes(b"x" * 1000)
    assert sorted(list_databases(tmp_path, REGTEST)) == [
        ("", "sqlite"),
        ("a", "sqlite"),
        ("deep/er", "sqlite"),
        ("file", "bdb"),
        ("link", "sqlite"),
        ("old", "bdb"),
    ]
    assert list_databases(tmp_path / "none", REGTEST) == []
