"""A wallet that cannot follow the node is not loaded, and can be loaded again."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from common.chains import REGTEST
from primitives.descriptor import OutputType
from wallet.context import WalletContext
from wallet.database import WalletDatabase
from wallet.errors import DatabaseError, DatabaseStatus, WalletError
from wallet.flags import BLANK
from wallet.loader import create_wallet, load_wallet, restore_wallet, unload_all, unload_wallet
from wallet.settings import WalletSettings
from wallet.wallet import Wallet


def test_what_cannot_follow_the_node_is_closed_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    context = WalletContext(REGTEST, tmp_path / "wallets", WalletSettings(keypool=1))
    wallet, _ = create_wallet(context, "w", 0, "")
    wallet.backup(tmp_path / "backup")
    unload_wallet(context, wallet)

    def fail(wallet: Wallet) -> None:
        raise WalletError(f"Prune: {wallet.name} is too old")

    with monkeypatch.context() as patched:
        patched.setattr(Wallet, "start", fail)
        for number in range(2):
            with pytest.raises(DatabaseError, match=r"^Wallet loading failed\. Prune: w is too old$") as info:
                load_wallet(context, "w")
            assert info.value.status is DatabaseStatus.LOAD
            with pytest.raises(DatabaseError, match=r"^Wallet loading failed\. Prune: r is too old$"):
                restore_wallet(context, tmp_path / "backup", "r")
            assert not (tmp_path / "wallets" / "r").exists()
            with pytest.raises(DatabaseError, match=r"^Wallet creation failed\. Prune: n"):
                create_wallet(context, f"n{number}", 0, "")
        assert context.wallets() == []
    load_wallet(context, "w")
    restore_wallet(context, tmp_path / "backup", "r")
    assert [each.name for each in context.wallets()] == ["w", "r"]
    unload_all(context)


def test_two_at_once_restore_one_wallet_and_harm_none(tmp_path: Path) -> None:
    context = WalletContext(REGTEST, tmp_path / "wallets", WalletSettings(keypool=1))
    wallet, _ = create_wallet(context, "w", 0, "")
    wallet.backup(tmp_path / "backup")
    barrier = threading.Barrier(4)

    def restore() -> str:
        barrier.wait()
        try:
            return restore_wallet(context, tmp_path / "backup", "r")[0].name
        except DatabaseError as error:
            return str(error)

    with ThreadPoolExecutor(4) as pool:
        answers = [each.result() for each in [pool.submit(restore) for _ in range(4)]]
    assert answers.count("r") == 1
    file = tmp_path / "wallets" / "r" / "wallet.dat"
    for answer in answers:
        assert answer in {
            "r",
            "Wallet already loading.",
            f"Failed to restore wallet. Database file exists in '{file}'.",
        }
    restored = context.find("r")
    assert restored is not None
    script = restored.keypool.new_address(OutputType.BECH32, "later")
    unload_wallet(context, restored)
    assert load_wallet(context, "r")[0].book.is_known(script)
    unload_all(context)


def test_a_wallet_whose_making_was_cut_short_can_be_made_again(tmp_path: Path) -> None:
    context = WalletContext(REGTEST, tmp_path / "wallets", WalletSettings(keypool=1))
    WalletDatabase(tmp_path / "wallets" / "w", REGTEST).close()
    wallet, _ = create_wallet(context, "w", 0, "")
    for _ in range(2):
        with pytest.raises(DatabaseError, match="Database already exists"):
            create_wallet(context, "w", 0, "")
        unload_all(context)
    assert load_wallet(context, "w")[0].descriptors.by_id.keys() == wallet.descriptors.by_id.keys()
    unload_all(context)


def test_only_a_wallet_that_shall_be_blank_is(tmp_path: Path) -> None:
    context = WalletContext(REGTEST, tmp_path / "wallets", WalletSettings(keypool=1))
    for name, flags in (("keys", 0), ("none", BLANK)):
        wallet, _ = create_wallet(context, name, flags, "passphrase")
        assert (wallet.flags & BLANK, bool(wallet.descriptors.by_id)) == (flags, not flags)
        unload_all(context)
        assert load_wallet(context, name)[0].flags & BLANK == flags
    unload_all(context)
