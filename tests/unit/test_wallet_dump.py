"""Wallets as text, the offline commands for them, and which names wallets may have."""

import stat
from pathlib import Path

import pytest
from berkeley_file import berkeley_bytes
from hypothesis import given, settings
from hypothesis import strategies as st

from cli.wallet_tool import run_tool
from common.chains import MAIN, REGTEST
from primitives.hashes import sha256d
from wallet.database import WalletDatabase
from wallet.database_files import open_database
from wallet.dump import create_from_dump, dump
from wallet.errors import DatabaseError, WalletError

HEAD = "BITCOIN_CORE_WALLET_DUMP,1\nformat,sqlite\n"


def with_checksum(text: str) -> str:
    return f"{text}checksum,{sha256d(text.encode()).hex()}\n"


def read(file: Path, folder: Path) -> list[tuple[bytes, bytes]]:
    create_from_dump(file, folder, REGTEST)
    with open_database(folder, REGTEST, must_exist=True) as database:
        return database.items()


def test_a_dump_is_what_core_writes(tmp_path: Path) -> None:
    with WalletDatabase(None, REGTEST) as database:
        database.put(b"\2", b"\1\2")
        database.put(b"\1", b"\3")
        dump(database, tmp_path / "dump")
    assert (tmp_path / "dump").read_text() == with_checksum(HEAD + "02,0102\n01,03\n")
    assert stat.S_IMODE((tmp_path / "dump").stat().st_mode) == 0o600
    assert read(tmp_path / "dump", tmp_path / "w") == [(b"\2", b"\1\2"), (b"\1", b"\3")]


@settings(deadline=None, max_examples=30)
@given(st.dictionaries(st.binary(min_size=1), st.binary(min_size=1)))
def test_records_are_read_as_they_were_written(
    tmp_path_factory: pytest.TempPathFactory, records: dict[bytes, bytes]
) -> None:
    folder = tmp_path_factory.mktemp("dump")
    with WalletDatabase(None, REGTEST) as database:
        for key, value in records.items():
            database.put(key, value)
        dump(database, folder / "dump")
    assert dict(read(folder / "dump", folder / "w")) == records


def test_a_dump_does_not_overwrite(tmp_path: Path) -> None:
    (tmp_path / "dump").write_text("precious")
    with WalletDatabase(None, REGTEST) as database:
        with pytest.raises(WalletError, match=r"^File .*dump already exists\. If you are sure"):
            dump(database, tmp_path / "dump")
        with pytest.raises(WalletError, match=r"^Unable to open .* for writing$"):
            dump(database, tmp_path / "no" / "dump")
    assert (tmp_path / "dump").read_text() == "precious"


BAD = {
    "": 'identifier record is incorrect. Got "", expected "BITCOIN_CORE_WALLET_DUMP".',
    "other,1\n": 'Got "other", expected "BITCOIN_CORE_WALLET_DUMP".',
    "BITCOIN_CORE_WALLET_DUMP,x\n": "Unable to parse version x as a uint32_t",
    "BITCOIN_CORE_WALLET_DUMP,2\n": "only supports version 1 dumpfiles. Got dumpfile with version 2",
    "BITCOIN_CORE_WALLET_DUMP,1\nx,sqlite\n": 'format record is incorrect. Got "x", expected "format".',
    "BITCOIN_CORE_WALLET_DUMP,1\nformat,bdb\n": "unsupported database format (bdb)",
    HEAD + "01,02\n": "Missing checksum",
    HEAD + "checksum," + "0" * 64 + "\n": "Missing checksum",
    HEAD + "checksum,1111\n": "Checksum is not the correct size",
    HEAD + "checksum," + "1" * 64 + "\n": "Dumpfile checksum does not match. Computed ",
    with_checksum(HEAD + "0g,02\n"): "Got key that was not hex: 0g",
    with_checksum(HEAD + "01,0\n"): "Got value that was not hex: 0",
}


@pytest.mark.parametrize("text", BAD)
def test_a_bad_dump_leaves_no_wallet(tmp_path: Path, text: str) -> None:
    (tmp_path / "dump").write_text(text)
    with pytest.raises(WalletError) as info:
        create_from_dump(tmp_path / "dump", tmp_path / "w", REGTEST)
    assert BAD[text] in str(info.value)
    assert not (tmp_path / "w").exists()


@given(st.binary(max_size=300))
@settings(deadline=None)
def test_any_file_is_refused_or_read(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    folder = tmp_path_factory.mktemp("dump")
    (folder / "dump").write_bytes(HEAD.encode() + data)
    with pytest.raises(WalletError):
        create_from_dump(folder / "dump", folder / "w", REGTEST)


def test_a_dump_goes_into_a_new_wallet_only(tmp_path: Path) -> None:
    (tmp_path / "dump").write_text(with_checksum(HEAD))
    with WalletDatabase(tmp_path / "w", REGTEST) as database:
        database.put(b"a", b"1")
    with pytest.raises(DatabaseError, match="Database already exists"):
        create_from_dump(tmp_path / "dump", tmp_path / "w", REGTEST)
    assert (tmp_path / "w" / "wallet.dat").exists()
    with pytest.raises(WalletError, match=r"Dump file .*none does not exist"):
        create_from_dump(tmp_path / "none", tmp_path / "x", REGTEST)


class Tool:
    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self._capsys = capsys

    def __call__(self, *words: str) -> tuple[int, str, str]:
        status = run_tool(["pywallet", "-regtest", f"-datadir={self.folder}", *words])
        out, err = self._capsys.readouterr()
        return status, out, err

    def fails(self, *words: str) -> str:
        status, out, err = self(*words)
        assert (status, out) == (1, "")
        return err


@pytest.fixture
def tool(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Tool:
    (tmp_path / "regtest" / "wallets").mkdir(parents=True)
    return Tool(tmp_path, capsys)


def test_the_tool_makes_shows_dumps_and_copies_a_wallet(tool: Tool) -> None:
    shown = (
        "Wallet info\n===========\nName: {}\nFormat: sqlite\nDescriptors: yes\nEncrypted: no\n"
        "HD (hd seed available): yes\nKeypool Size: 8000\nTransactions: 0\nAddress Book: 0\n"
    )
    assert tool("-wallet=a", "create") == (0, "Topping up keypool...\n" + shown.format("a"), "")
    before = (tool.folder / "regtest" / "wallets" / "a" / "wallet.dat").read_bytes()
    assert tool("-wallet=a", "info") == (0, shown.format("a"), "")
    assert (tool.folder / "regtest" / "wallets" / "a" / "wallet.dat").read_bytes() == before
    status, out, _ = tool("-wallet=a", f"-dumpfile={tool.folder}/dump", "dump")
    assert (status, out.startswith("The dumpfile may contain private keys.")) == (0, True)
    assert tool("-wallet=b", f"-dumpfile={tool.folder}/dump", "createfromdump") == (0, "", "")
    assert tool("-wallet=b", "info") == (0, shown.format("b"), "")


def test_the_tool_says_what_is_wrong(tool: Tool) -> None:
    fails = tool.fails
    assert fails("foo") == "Error parsing command line arguments: Invalid command 'foo'\n"
    assert fails("-foo", "info") == "Error parsing command line arguments: Invalid parameter -foo\n"
    assert "Additional arguments provided (create)" in fails("info", "create")
    assert fails() == "No method provided. Run `bitcoin-wallet -help` for valid methods.\n"
    assert "The -dumpfile option cannot be used with the 'create' command." in fails("-dumpfile=x", "create")
    assert fails("create") == "Wallet name must be provided when creating a new wallet.\n"
    assert fails("-wallet=", "create") == "Wallet name cannot be empty\n"
    assert "Path does not exist." in fails("-wallet=none", "info")
    assert "cannot begin with ./ or ../" in fails("-wallet=../x", "info")
    assert fails("-datadir=/nowhere", "info") == 'Error: Specified data directory "/nowhere" does not exist.\n'


def test_the_tool_leaves_a_wallet_alone_that_somebody_has_open(tool: Tool) -> None:
    assert tool("-wallet=a", "create")[0] == 0
    with open_database(tool.folder / "regtest" / "wallets" / "a", REGTEST, must_exist=True):
        assert "Unable to obtain an exclusive lock on the database" in tool.fails("-wallet=a", "info")


def test_a_wallet_of_another_chain_is_none_here(tool: Tool) -> None:
    WalletDatabase(tool.folder / "regtest" / "wallets" / "m", MAIN).close()
    assert "Data is not in recognized format." in tool.fails("-wallet=m", "info")


def test_the_tool_dumps_a_legacy_wallet_and_no_more(tool: Tool) -> None:
    file, dumped = tool.folder / "regtest" / "wallets" / "old" / "wallet.dat", tool.folder / "dump"
    file.parent.mkdir()
    file.write_bytes(berkeley_bytes({b"b": b"2", b"a": b""}))
    assert "please use the wallet migration tool (migratewallet RPC" in tool.fails("-wallet=old", "info")
    assert tool("-wallet=old", f"-dumpfile={dumped}", "dump")[0] == 0
    lines = dumped.read_text().splitlines()
    assert lines[:-1] == ["BITCOIN_CORE_WALLET_DUMP,1", "format,bdb", "61,", "62,32"]
    said = tool.fails("-wallet=new", f"-dumpfile={dumped}", "createfromdump")
    assert "Dumpfile specifies an unsupported database format (bdb)" in said
    file.write_bytes(file.read_bytes()[:4096])
    assert tool.fails("-wallet=old", f"-dumpfile={dumped}2", "dump") == "Last page number could not fit in file\n"
    assert not (tool.folder / "dump2").exists()
