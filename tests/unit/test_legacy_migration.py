"""Legacy wallets become descriptor wallets: all keys, coins and labels are there afterwards, or nothing was changed."""

import contextlib
import os
import random
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from json_rpc_node import AnswerError
from legacy_wallet import LegacyWallet, p2pkh, p2sh, p2wpkh, p2wsh, random_wallet
from wallet_server import WalletServer, wallet_server

from common.chains import REGTEST
from primitives import address
from primitives.encoding import sized
from primitives.hashes import hash160
from primitives.keys import encode_wif
from primitives.script import multisig_script, pubkey_script
from primitives.transaction import OutPoint, Transaction, TxIn, TxOut
from wallet.context import WalletContext
from wallet.database_files import is_berkeley_file
from wallet.errors import WalletError
from wallet.flags import DESCRIPTORS, DISABLE_PRIVATE_KEYS
from wallet.legacy.migrating import migrate_wallet
from wallet.loader import unload_all
from wallet.record_encoding import text, uint64
from wallet.settings import WalletSettings
from wallet.transaction import INACTIVE, Confirmed
from wallet.wallet import Wallet

BLOCK = b"\xbb" * 32
PASSPHRASE = "a passphrase"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[WalletServer]:
    with wallet_server(tmp_path / "wallets", keypool=2) as server:
        yield server


def legacy(passphrase: str = "") -> LegacyWallet:
    return LegacyWallet(random.Random(7), passphrase)


def paying(*scripts: bytes, spending: tuple[bytes, int] = (b"\xaa" * 32, 0)) -> Transaction:
    outputs = tuple(TxOut(1000 * (number + 1), script) for number, script in enumerate(scripts))
    return Transaction(2, (TxIn(OutPoint(*spending), b"", 0xFFFFFFFF),), outputs, 0)


def shown(script: bytes) -> str:
    return address.encode(script, REGTEST) or ""


def listed(server: WalletServer, name: str, *, private: bool = False) -> list[str]:
    found = server.rpc("listdescriptors", private, wallet=name)["descriptors"]
    return sorted(each["desc"].split("#")[0] for each in found if not each["active"])


def tree(folder: Path) -> dict[str, bytes]:
    return {str(each.relative_to(folder)): each.read_bytes() for each in folder.rglob("*") if each.is_file()}


def fails(server: WalletServer, name: str, *words: Any) -> str:
    with pytest.raises(AnswerError) as caught:
        server.rpc("migratewallet", name, *words)
    assert caught.value.args[0] == -4
    return str(caught.value.args[1])


def test_keys_become_descriptors_and_the_old_file_stays_as_a_copy(server: WalletServer, tmp_path: Path) -> None:
    wallet, folder = legacy(), tmp_path / "wallets" / "old"
    key, long = wallet.add_key(wallet.new_key()), wallet.add_key(wallet.new_key(compressed=False))
    wallet.add_chain(2, 1)
    wallet.label(p2pkh(key), "mine")
    before = wallet.write(folder).read_bytes()
    assert server.rpc("listwalletdir")["wallets"][0]["warnings"] != []
    with pytest.raises(AnswerError, match="The wallet appears to be a Legacy wallet"):
        server.rpc("loadwallet", "old")
    server.context.set_mock_time(1_700_000_000)
    result = server.rpc("migratewallet", "old")
    backup = tmp_path / "wallets" / "old_1700000000.legacy.bak"
    assert result == {"wallet_name": "old", "backup_path": str(backup)}
    assert backup.read_bytes() == before
    assert server.rpc("listwallets") == ["old"]
    texts = listed(server, "old", private=True)
    assert f"combo({encode_wif(key, REGTEST)})" in texts
    assert f"combo({encode_wif(long, REGTEST)})" in texts
    assert [each.split("/", 1)[1] for each in texts if each.startswith("combo(tprv")] == ["0h/0h/*h)", "0h/1h/*h)"]
    for script in (p2pkh(key), p2wpkh(key), p2sh(p2wpkh(key)), p2pkh(long)):
        assert server.rpc("getaddressinfo", shown(script), wallet="old")["ismine"]
    assert server.rpc("getaddressesbylabel", "mine", wallet="old") == {shown(p2pkh(key)): {"purpose": "receive"}}
    assert server.rpc("getnewaddress", wallet="old")
    assert [each["warnings"] for each in server.rpc("listwalletdir")["wallets"]] == [[]]
    assert fails(server, "old") == "Error: This wallet is already a descriptor wallet"
    server.rpc("unloadwallet", "old")
    assert fails(server, "old") == "Error: This wallet is already a descriptor wallet"


def mixed_wallet() -> tuple[LegacyWallet, dict[str, bytes]]:
    """Return a wallet that spends, watches and solves, with transactions, and scripts of each."""
    wallet = legacy()
    key, other, foreign = wallet.add_key(wallet.new_key()), wallet.new_key(), wallet.new_key()
    keys = [key.public_key(), foreign.public_key()]
    watched = wallet.watch(p2sh(wallet.add_script(multisig_script(2, keys))))
    solved = p2sh(wallet.add_script(multisig_script(1, keys)))
    bare = wallet.watch(p2wpkh(other), time=5)
    wallet.label(p2pkh(key), "own")
    wallet.label(bare, "seen")
    wallet.label(solved, "helped")
    wallet.label(p2pkh(foreign), "paid", "send")
    both = paying(p2pkh(key), bare)
    for number, tx in enumerate((both, paying(watched), paying(p2pkh(foreign), spending=(both.txid, 1)))):
        wallet.add_transaction(tx, Confirmed(BLOCK, 1, number))
    wallet.best_block(BLOCK)
    return wallet, {"own": p2pkh(key), "watched": watched, "solved": solved, "bare": bare, "paid": p2pkh(foreign)}


def test_what_is_watched_or_solved_goes_to_wallets_of_its_own(server: WalletServer, tmp_path: Path) -> None:
    wallet, scripts = mixed_wallet()
    wallet.write(tmp_path / "wallets" / "mix")
    result = server.rpc("migratewallet", "mix")
    names = [result["wallet_name"], result["watchonly_name"], result["solvables_name"]]
    assert names == ["mix", "mix_watchonly", "mix_solvables"] == server.rpc("listwallets")
    for name, own in zip(names, ({"own"}, {"watched", "bare"}, {"solved"}), strict=True):
        mine = {kind for kind in scripts if server.rpc("getaddressinfo", shown(scripts[kind]), wallet=name)["ismine"]}
        assert mine == own
        assert server.rpc("getaddressesbylabel", "paid", wallet=name) == {shown(scripts["paid"]): {"purpose": "send"}}
    assert [server.rpc("listlabels", wallet=name) for name in names] == [
        ["own", "paid"],
        ["", "own", "paid", "seen"],
        ["", "helped", "own", "paid"],
    ]
    loaded = [server.context.find(name) for name in names]
    assert [sorted(len(wtx.tx.outputs) for wtx in each.history.ordered) for each in loaded if each] == [
        [2],
        [1, 1, 2],
        [],
    ]
    assert [each.records.best_block() for each in loaded if each] == [[BLOCK]] * 3
    assert not list((tmp_path / "wallets").rglob("*migrating*"))


def test_a_wallet_that_only_watches_leaves_none_behind(server: WalletServer, tmp_path: Path) -> None:
    wallet, folder = legacy(), tmp_path / "wallets" / "w"
    script = wallet.watch(p2pkh(wallet.new_key()))
    wallet.label(p2pkh(wallet.new_key()), "paid", "send")
    before = wallet.write(folder).read_bytes()
    result = server.rpc("migratewallet", "w")
    assert (result["wallet_name"], result["watchonly_name"]) == ("w_watchonly", "w_watchonly")
    assert "solvables_name" not in result
    assert server.rpc("listwallets") == ["w_watchonly"]
    assert listed(server, "w_watchonly") == [f"addr({shown(script)})"]
    assert server.rpc("listlabels", wallet="w_watchonly") == ["", "paid"]
    assert not (folder / "wallet.dat").exists()
    assert Path(result["backup_path"]).read_bytes() == before


def test_a_wallet_that_must_not_have_keys_stays_one(server: WalletServer, tmp_path: Path) -> None:
    wallet = legacy()
    wallet.flags(DISABLE_PRIVATE_KEYS)
    pubkey = wallet.new_key().public_key()
    wallet.watch(pubkey_script(pubkey))
    wallet.write(tmp_path / "wallets" / "w")
    assert server.rpc("migratewallet", "w")["wallet_name"] == "w"
    assert f"pk({pubkey.hex()})" in listed(server, "w")
    assert not server.rpc("getwalletinfo", wallet="w")["private_keys_enabled"]
    assert not any(each["active"] for each in server.rpc("listdescriptors", wallet="w")["descriptors"])


@pytest.mark.parametrize("has_key", [True, False])
def test_encryption_is_dropped_only_where_there_is_nothing_to_decrypt(
    server: WalletServer, tmp_path: Path, has_key: bool
) -> None:
    wallet = legacy(PASSPHRASE)
    wallet.flags(DISABLE_PRIVATE_KEYS)
    wallet.watch(p2pkh(wallet.new_key()))
    if has_key:
        wallet.add_key(wallet.new_key())
    wallet.write(tmp_path / "wallets" / "w")
    server.rpc("migratewallet", "w", PASSPHRASE if has_key else "")
    assert ("unlocked_until" in server.rpc("getwalletinfo", wallet="w")) == has_key


def test_an_encrypted_wallet_stays_encrypted(server: WalletServer, tmp_path: Path) -> None:
    wallet = legacy(PASSPHRASE)
    key = wallet.add_key(wallet.new_key(), checksum=False)
    wallet.add_chain(1, 1)
    file = wallet.write(tmp_path / "wallets" / "w")
    before = file.read_bytes()
    wrong = "Error: Wallet decryption failed, the wallet passphrase was not provided or was incorrect."
    assert fails(server, "w") == wrong
    assert fails(server, "w", "no") == wrong
    assert "The passphrase contains a null character (ie - a zero byte)" in fails(server, "w", f"{PASSPHRASE}\0")
    assert file.read_bytes() == before
    server.rpc("migratewallet", "w", PASSPHRASE)
    with pytest.raises(AnswerError, match="Please enter the wallet passphrase"):
        server.rpc("listdescriptors", True, wallet="w")
    for path in (tmp_path / "wallets" / "w").iterdir():
        assert key.secret not in path.read_bytes()
    server.rpc("walletpassphrase", PASSPHRASE, 60, wallet="w")
    assert any(encode_wif(key, REGTEST) in each for each in listed(server, "w", private=True))


def test_it_may_stay_unloaded(server: WalletServer, tmp_path: Path) -> None:
    wallet, _ = mixed_wallet()
    wallet.write(tmp_path / "wallets" / "w")
    assert server.rpc("migratewallet", "w", "", False)["solvables_name"] == "w_solvables"
    assert server.rpc("listwallets") == []
    assert server.rpc("loadwallet", "w_watchonly") == {"name": "w_watchonly"}


def test_an_empty_wallet_becomes_an_empty_wallet(server: WalletServer, tmp_path: Path) -> None:
    legacy().write(tmp_path / "wallets" / "w")
    assert server.rpc("migratewallet", "w")["wallet_name"] == "w"
    assert server.rpc("listdescriptors", wallet="w")["descriptors"] == []


@pytest.mark.parametrize("name", ["plain", ""])
def test_wallets_without_a_directory(server: WalletServer, tmp_path: Path, name: str) -> None:
    wallet, folder = legacy(), tmp_path / "wallets"
    wallet.add_key(wallet.new_key())
    wallet.watch(p2pkh(wallet.new_key()))
    (folder / (name or "wallet.dat")).write_bytes(wallet.data())
    server.context.set_mock_time(1_700_000_000)
    result = server.rpc("migratewallet", name)
    prefix = name or "default_wallet"
    assert result["watchonly_name"] == f"{prefix}_watchonly"
    assert (folder / f"{prefix}_1700000000.legacy.bak").read_bytes() == wallet.data()
    assert sorted(server.rpc("listwallets")) == sorted([name, f"{prefix}_watchonly"])
    assert sorted(each["name"] for each in server.rpc("listwalletdir")["wallets"]) == server.rpc("listwallets")
    assert (folder / name / "wallet.dat").is_file()


def test_no_copy_is_written_over_another(server: WalletServer, tmp_path: Path) -> None:
    server.context.set_mock_time(1_700_000_000)
    copies = []
    for name in ("a/w", "b/w"):
        wallet = LegacyWallet()
        wallet.add_key(wallet.new_key())
        wallet.write(tmp_path / "wallets" / name)
        copies.append(Path(server.rpc("migratewallet", name)["backup_path"]))
        assert copies[-1].read_bytes() == wallet.data()
    assert [copy.name for copy in copies] == ["w_1700000000.legacy.bak", "w_1700000001.legacy.bak"]


@pytest.mark.parametrize("is_watched", [True, False])
def test_of_a_wallet_behind_a_link_the_copy_is_a_file_of_its_own(
    server: WalletServer, tmp_path: Path, is_watched: bool
) -> None:
    wallet, folder = legacy(), tmp_path / "wallets" / "w"
    if is_watched:
        wallet.watch(p2pkh(wallet.new_key()))
    else:
        wallet.add_key(wallet.new_key())
    file = wallet.write(folder).rename(tmp_path / "real.dat")
    (folder / "wallet.dat").symlink_to(file)
    backup = Path(server.rpc("migratewallet", "w")["backup_path"])
    assert not backup.is_symlink()
    assert backup.read_bytes() == wallet.data()
    assert is_berkeley_file(file) == is_watched


def test_what_is_no_legacy_wallet_is_refused(server: WalletServer, tmp_path: Path) -> None:
    assert fails(server, "none") == "Error: Wallet does not exist"
    assert "cannot begin with ./ or ../" in fails(server, "../x")
    (tmp_path / "wallets" / "empty").mkdir()
    assert fails(server, "empty") == "Error: This wallet is already a descriptor wallet"
    server.rpc("createwallet", "w")
    assert fails(server, "w") == "Error: This wallet is already a descriptor wallet"
    wallet = legacy()
    wallet.put("flags", uint64(DESCRIPTORS))
    wallet.write(tmp_path / "wallets" / "odd")
    assert fails(server, "odd") == "Error: This wallet is already a descriptor wallet"


KEY = legacy().new_key()


@pytest.mark.parametrize(
    ("kind", "key", "value", "text"),
    [
        ("key", sized(b"\x02"), b"", "corrupted"),
        ("key", sized(KEY.public_key()), b"\x03abc", "corrupted"),
        ("ckey", sized(KEY.public_key()), sized(bytes(48)), "corrupted"),
        ("hdchain", b"", b"\x01", "corrupted"),
        ("cscript", b"", b"", "corrupted"),
        ("keymeta", sized(KEY.public_key()), b"\x0a", "corrupted"),
        ("watchs", b"\xff", b"1", "corrupted"),
        ("defaultkey", b"", sized(b"xx"), "corrupted"),
        ("tx", bytes(32), b"\x01", "corrupted"),
        ("flags", b"", b"\x01", "corrupted"),
        ("flags", b"", uint64(1 << 60), "newer version"),
        ("wkey", b"", b"", ""),
    ],
)
def test_broken_records_are_told_of_and_left(
    server: WalletServer, tmp_path: Path, kind: str, key: bytes, value: bytes, text: str
) -> None:
    wallet, folder = legacy(), tmp_path / "wallets"
    wallet.put(kind, value, key)
    file = wallet.write(folder / "w")
    before = tree(folder)
    said = fails(server, "w")
    assert said.startswith(f"Wallet loading failed. Error loading {file}")
    assert text in said
    assert tree(folder) == before


def test_a_broken_file_is_told_of_and_left(server: WalletServer, tmp_path: Path) -> None:
    file = legacy().write(tmp_path / "wallets" / "w")
    file.write_bytes(file.read_bytes()[:4096])
    assert fails(server, "w") == "Wallet file verification failed. Last page number could not fit in file"


@settings(deadline=None, max_examples=25)
@given(st.randoms(use_true_random=False))
def test_garbage_in_records_gives_wallets_or_one_error(chance: random.Random) -> None:
    wallet, scripts, _ = random_wallet(chance.randrange(50))
    for script in scripts[:3]:
        wallet.label(script, "x", chance.choice(["send", None, "junk"]))
    for _ in range(chance.randrange(1, 4)):
        key = chance.choice(list(wallet.records))
        record = key, wallet.records.pop(key)
        side = chance.choice((0, 1, 1))
        data = bytearray(record[side])
        at = chance.randrange(len(data) + 1)
        data[at : at + chance.randrange(5)] = chance.choice((b"", b"\0", b"\xff" * 4, chance.randbytes(3)))
        changed = (bytes(data), record[1]) if side == 0 else (record[0], bytes(data))
        wallet.records[changed[0]] = changed[1]
    with tempfile.TemporaryDirectory() as folder:
        context = WalletContext(REGTEST, Path(folder), WalletSettings(keypool=1))
        wallet.write(Path(folder) / "w")
        before = tree(Path(folder))
        try:
            migrate_wallet(context, "w", wallet.passphrase)
        except WalletError:
            assert without_copy(tree(Path(folder))) == before
        finally:
            unload_all(context)


def test_chains_longer_than_the_wallet_has_keys_are_refused(server: WalletServer, tmp_path: Path) -> None:
    wallet = legacy()
    wallet.add_chain(1)
    chain = wallet.records[text("hdchain")]
    wallet.put("hdchain", chain[:4] + b"\xff\xff\xff\xff" + chain[8:])
    wallet.write(tmp_path / "wallets" / "w")
    assert "more derived keys than it has" in fails(server, "w")


def without_copy(files: dict[str, bytes]) -> dict[str, bytes]:
    return {name: data for name, data in files.items() if not name.endswith(".legacy.bak")}


def test_what_would_be_lost_ends_it(server: WalletServer, tmp_path: Path) -> None:
    folder = tmp_path / "wallets"
    wallet, _ = mixed_wallet()
    wallet.add_transaction(paying(b"\x51"), INACTIVE)
    wallet.write(folder / "tx")
    wallet, _ = mixed_wallet()
    wallet.label(p2wsh(b"\x51"), "whose")
    wallet.write(folder / "label")
    (folder / "name_watchonly").mkdir()
    wallet, _ = mixed_wallet()
    wallet.write(folder / "name")
    wallet.write(folder / "name_watchonly")
    before = tree(folder)
    assert "in wallet cannot be identified to belong to migrated wallets" in fails(server, "tx")
    assert "Address book data in wallet cannot be identified" in fails(server, "label")
    path = folder / "name_watchonly"
    assert fails(server, "name") == (
        f"Wallet file creation failed: Failed to create database path '{path}'. Database already exists."
    )
    assert without_copy(tree(folder)) == before
    assert not (folder / "tx_watchonly").exists()


@pytest.mark.parametrize("name", ["w", "plain"])
def test_what_cannot_be_loaded_afterwards_is_undone(
    server: WalletServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    folder = tmp_path / "wallets"
    wallet, _ = mixed_wallet()
    if name == "w":
        wallet.write(folder / "w")
    else:
        (folder / "plain").write_bytes(wallet.data())
    before = tree(folder)

    def fail(wallet: Wallet) -> None:
        if wallet.name.endswith("_solvables"):
            raise WalletError("no chain")

    with monkeypatch.context() as patched:
        patched.setattr(Wallet, "start", fail)
        assert fails(server, name) == "Wallet loading failed. no chain"
    assert server.rpc("listwallets") == []
    assert without_copy(tree(folder)) == before
    assert sorted(each.name for each in folder.iterdir() if each.suffix != ".bak") == [name]
    server.rpc("migratewallet", name)
    assert len(server.rpc("listwallets")) == 3


CHANGES = {"open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "sqlite3.connect", "shutil.copyfile"}


def die_at(number: int) -> None:
    """Kill this process before its change of the file system of this number, from now on."""
    left = [number]

    def audit(event: str, arguments: tuple[Any, ...]) -> None:
        if event in CHANGES and not (event == "open" and arguments[1] in {"r", "rb"}):
            left[0] -= 1
            if left[0] < 0:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(audit)


def migrate_until(folder: Path, number: int) -> bool:
    """Migrate in another process, which dies before a change. Return whether it did."""
    child = os.fork()
    if child == 0:  # pragma: no cover - ends by a signal, or at once
        status = 1
        try:
            with wallet_server(folder, keypool=2) as server:
                die_at(number)
                migrate_wallet(server.context, "w")
            status = 0
        finally:
            os._exit(status)
    _, status = os.waitpid(child, 0)
    assert status in {0, signal.SIGKILL}
    return status != 0


def test_killed_at_any_change_nothing_is_lost(tmp_path: Path) -> None:
    wallet, scripts = mixed_wallet()
    whole, number = wallet.data(), 0
    while True:
        folder = tmp_path / str(number)
        wallet.write(folder / "w")
        died = migrate_until(folder, number)
        is_old = is_berkeley_file(folder / "w" / "wallet.dat")
        assert died or not is_old
        with wallet_server(folder, keypool=2) as server:
            if is_old:
                assert (folder / "w" / "wallet.dat").read_bytes() == whole
                server.rpc("migratewallet", "w")
            else:
                assert whole in tree(folder).values()
            for name in ("w", "w_watchonly", "w_solvables"):
                with contextlib.suppress(AnswerError):
                    server.rpc("loadwallet", name)
            assert len(server.rpc("listwallets")) == 3
            assert server.rpc("getaddressinfo", shown(scripts["own"]), wallet="w")["ismine"]
            assert server.rpc("getaddressinfo", shown(scripts["watched"]), wallet="w_watchonly")["ismine"]
            assert [len(each.history.ordered) for each in server.context.wallets() if each.name != "w_solvables"] == [
                1,
                3,
            ]
        if not died:
            break
        number += 1
    assert number > 20


def test_scripts_behind_hashes_are_known_by_their_hash() -> None:
    wallet, _ = mixed_wallet()
    assert all(hash160(value[1:]) == key[8:] for key, value in wallet.records.items() if key[:8] == text("cscript"))
