"""The Wallet and WalletLoader interfaces: what a node and a desktop program ask of wallets."""

from pathlib import Path
from typing import Any

import pytest
from conftest import wait_until
from legacy_wallet import LegacyWallet, p2pkh
from regtest_node import RegtestNode
from served_wallets import call, engines, heard, loader, local, made

from interfaces.wallet import (
    WalletAddress,
    WalletBalances,
    WalletFailedError,
    WalletFile,
    WalletLoader,
)

__all__ = ["engines", "heard", "loader", "local"]


def test_wallets_come_and_go(loader: WalletLoader, tmp_path: Path) -> None:
    assert loader.get_wallet_dir() == str(tmp_path / "wallets")
    assert (loader.get_wallets(), loader.list_wallet_dir()) == ([], [])
    made(loader, "a")
    made(loader, "b", blank=True)
    assert loader.get_wallets() == ["a", "b"]
    assert sorted(loader.list_wallet_dir(), key=lambda each: each.name) == [
        WalletFile("a", "sqlite"),
        WalletFile("b", "sqlite"),
    ]
    loader.unload_wallet("a")
    assert loader.get_wallets() == ["b"]
    assert loader.get_wallet("a") is None
    assert loader.load_wallet("a") == []
    assert loader.get_wallets() == ["b", "a"]


def test_the_node_hears_which_wallets_are_loaded(loader: WalletLoader, heard: list[list[str]], tmp_path: Path) -> None:
    assert heard == [[]]
    made(loader, "a").backup_wallet(str(tmp_path / "copy.dat"))
    assert heard[1:] == [["a"]]
    call(loader, "createwallet", "b")
    assert heard[2:] == [["a", "b"]]
    loader.restore_wallet(str(tmp_path / "copy.dat"), "c")
    loader.unload_wallet("a")
    assert heard[3:] == [["a", "b", "c"], ["b", "c"]]
    call(loader, "loadwallet", "a")
    with pytest.raises(WalletFailedError):
        loader.load_wallet("a")
    call(loader, "unloadwallet", uri="/wallet/b")
    assert heard[5:] == [["b", "c", "a"], ["c", "a"]]
    loader.unload_wallets()
    assert len(heard) == 7


@pytest.mark.parametrize(
    ("act", "text"),
    [
        (lambda loader: loader.create_wallet("", ""), "Wallet name cannot be empty"),
        (
            lambda loader: loader.create_wallet("w", ""),
            "Wallet file verification failed. Failed to create database path",
        ),
        (
            lambda loader: loader.create_wallet("x", "p", disable_private_keys=True),
            "Passphrase provided but private keys",
        ),
        (lambda loader: loader.load_wallet("no"), "Wallet file verification failed. Failed to load database path"),
        (lambda loader: loader.load_wallet("w"), "is already loaded"),
        (lambda loader: loader.unload_wallet("no"), "Requested wallet does not exist or is not loaded"),
        (lambda loader: loader.restore_wallet("/no/file", "r"), "Backup file does not exist"),
    ],
)
def test_what_fails_says_why(loader: WalletLoader, act: Any, text: str) -> None:
    made(loader)
    with pytest.raises(WalletFailedError, match=text):
        act(loader)
    assert loader.get_wallets() == ["w"]


def test_a_wallet_is_restored(loader: WalletLoader, tmp_path: Path) -> None:
    wallet = made(loader)
    paid = wallet.get_new_destination("bech32", "rent")
    wallet.backup_wallet(str(tmp_path / "copy.dat"))
    wallet.get_new_destination("bech32", "later")
    assert loader.restore_wallet(str(tmp_path / "copy.dat"), "again") == []
    again = loader.get_wallet("again")
    assert again is not None
    assert again.get_wallet_name() == "again"
    assert again.get_addresses() == [WalletAddress(paid, is_mine=True, purpose="receive", label="rent")]


def test_passphrases(loader: WalletLoader) -> None:
    wallet = made(loader)
    assert not wallet.is_crypted()
    assert not wallet.is_locked()
    wallet.encrypt_wallet("one")
    assert wallet.is_crypted()
    assert wallet.is_locked()
    assert not wallet.unlock("two")
    assert wallet.unlock("one")
    assert not wallet.is_locked()
    assert not wallet.change_wallet_passphrase("two", "three")
    assert wallet.change_wallet_passphrase("one", "two")
    wallet.lock()
    assert wallet.is_locked()
    assert wallet.unlock("two")
    with pytest.raises(WalletFailedError, match="encryptwallet was called"):
        wallet.encrypt_wallet("x")


def test_a_wallet_born_encrypted_has_addresses(loader: WalletLoader) -> None:
    wallet = made(loader, passphrase="secret")
    assert wallet.is_locked()
    assert wallet.get_new_destination("bech32m", "").startswith("bcrt1p")


def test_addresses_and_labels(loader: WalletLoader) -> None:
    wallet = made(loader)
    ours = wallet.get_new_destination("legacy", "shop")
    theirs = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"
    wallet.set_address_book(theirs, "friend")
    wallet.set_address_book(ours, "shop 2")
    assert sorted(wallet.get_addresses(), key=lambda each: each.label) == [
        WalletAddress(theirs, is_mine=False, purpose="send", label="friend"),
        WalletAddress(ours, is_mine=True, purpose="receive", label="shop 2"),
    ]
    with pytest.raises(WalletFailedError):
        wallet.set_address_book("nonsense", "x")


def test_one_that_only_watches(loader: WalletLoader) -> None:
    wallet = made(loader, disable_private_keys=True)
    assert wallet.private_keys_disabled()
    with pytest.raises(WalletFailedError, match="No bech32 addresses available"):
        wallet.get_new_destination("bech32", "")


def test_balances_follow_the_chain(loader: WalletLoader, local: RegtestNode) -> None:
    wallet = made(loader)
    assert wallet.get_balances() == WalletBalances(0, 0, 0)
    paid = wallet.get_new_destination("bech32", "")
    local.services.rpc().call("generatetoaddress", 1, paid)
    wait_until(lambda: wallet.get_balances() == WalletBalances(0, 0, 50 * 10**8), "the block is known")
    local.services.rpc().call("generatetodescriptor", 100, "raw(51)")
    wait_until(lambda: wallet.get_balances() == WalletBalances(50 * 10**8, 0, 0), "it can be spent")


def test_methods(loader: WalletLoader) -> None:
    made(loader, "a")
    made(loader, "b")
    assert call(loader, "listwallets")["result"] == ["a", "b"]
    assert call(loader, "getwalletinfo", uri="/wallet/b")["result"]["walletname"] == "b"
    assert call(loader, "getwalletinfo")["error"]["code"] == -19
    assert call(loader, "getwalletinfo", uri="/wallet/c")["error"]["code"] == -18
    assert call(loader, "unloadwallet", "a", uri="/wallet/b")["error"] == {
        "code": -8,
        "message": "The RPC endpoint wallet and the wallet name parameter specify different wallets",
    }
    assert call(loader, "validateaddress", "x")["result"]["isvalid"] is False


def test_the_clock_can_be_stopped(loader: WalletLoader) -> None:
    loader.set_mock_time(2_000_000_000)
    made(loader)
    assert call(loader, "getwalletinfo")["result"]["birthtime"] == 2_000_000_000


def test_a_legacy_wallet_is_migrated(loader: WalletLoader, tmp_path: Path) -> None:
    legacy = LegacyWallet(passphrase="secret")
    legacy.add_key(legacy.new_key())
    legacy.watch(p2pkh(legacy.new_key()))
    legacy.write(tmp_path / "wallets" / "old")
    assert loader.list_wallet_dir() == [WalletFile("old", "bdb")]
    assert loader.is_encrypted("old")
    with pytest.raises(WalletFailedError, match="Error: Wallet decryption failed"):
        loader.migrate_wallet("old", "wrong")
    done = loader.migrate_wallet("old", "secret")
    assert (done.wallet_name, done.watchonly_name, done.solvables_name) == ("old", "old_watchonly", "")
    assert Path(done.backup_path).read_bytes() == legacy.data()
    assert loader.get_wallets() == ["old", "old_watchonly"]
    with pytest.raises(WalletFailedError, match="already a descriptor wallet"):
        loader.migrate_wallet("old", "secret")
    loader.unload_wallets()
    assert [loader.is_encrypted(name) for name in ("old", "old_watchonly", "none", "../x")] == [
        True,
        False,
        False,
        False,
    ]
