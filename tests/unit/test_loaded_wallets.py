"""Which wallets are loaded again after their process ended."""

from typing import cast

import pytest

from cli.loaded_wallets import LoadedWallets
from interfaces.init import PynodeInit
from interfaces.wallet import WalletFailedError, WalletLoader
from ipc.errors import DisconnectedError

FIRST, SECOND = cast("PynodeInit", "first"), cast("PynodeInit", "second")


class FakeLoader:
    """Loads what neither fails nor ends it."""

    def __init__(self, failing: str = "", deadly: str = "") -> None:
        self.failing = failing
        self.deadly = deadly
        self.loaded: list[str] = []

    def load_wallet(self, name: str) -> list[str]:
        if name == self.failing:
            raise WalletFailedError("broken")
        if name == self.deadly:
            raise DisconnectedError("gone")
        self.loaded.append(name)
        return []

    def get_wallet(self, name: str) -> None:
        assert name in self.loaded


def again(wallets: LoadedWallets, **faults: str) -> list[str]:
    loader = FakeLoader(**faults)
    wallets.load_again(cast("WalletLoader", loader))
    return loader.loaded


def told(*names: str) -> LoadedWallets:
    wallets = LoadedWallets()
    wallets.listen_to(FIRST)
    wallets.hear(FIRST, list(names))
    return wallets


def test_only_the_process_that_counts_is_heard() -> None:
    wallets = told("a")
    wallets.listen_to(None)
    wallets.hear(FIRST, ["b"])
    assert again(wallets) == ["a"]
    wallets.listen_to(SECOND)
    wallets.hear(FIRST, [])
    assert again(wallets) == ["a"]
    wallets.hear(SECOND, ["a", "c"])
    assert again(wallets) == ["a", "c"]


def test_what_fails_is_left_out() -> None:
    wallets = told("a", "b", "c")
    assert again(wallets, failing="b") == ["a", "c"]
    assert again(wallets) == ["a", "c"]


def test_what_ends_the_process_is_left_out_the_second_time() -> None:
    wallets = told("a", "b", "c")
    for _ in range(2):
        with pytest.raises(DisconnectedError):
            again(wallets, deadly="b")
    assert again(wallets, deadly="b") == ["a", "c"]


def test_one_death_leaves_nothing_out() -> None:
    wallets = told("a", "b")
    for _ in range(2):
        with pytest.raises(DisconnectedError):
            again(wallets, deadly="b")
        wallets.hear(FIRST, ["a", "b"])
        assert again(wallets) == ["a", "b"]
