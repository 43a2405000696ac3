"""A wallet that cannot follow the node is not loaded, and can be loaded again."""

from pathlib import Path

import pytest

from common.chains import REGTEST
from wallet.context import WalletContext
from wallet.errors import DatabaseError, DatabaseStatus, WalletError
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
