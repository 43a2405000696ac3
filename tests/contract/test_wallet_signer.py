"""The WalletLoader and Wallet interfaces where a device signs."""

from pathlib import Path

import pytest
from served_wallets import engines, heard, loader, local, made
from signing_device import FINGERPRINT, MODEL

from interfaces.wallet import ExternalSigner, WalletFailedError, WalletLoader

__all__ = ["engines", "heard", "loader", "local"]


@pytest.fixture
def device(tmp_path: Path) -> Path:
    folder = tmp_path / "device"
    folder.mkdir()
    return folder


def test_devices_are_listed(loader: WalletLoader, device: Path) -> None:
    assert loader.list_external_signers() == [ExternalSigner(MODEL, FINGERPRINT)]
    (device / "mode").write_text("none")
    assert loader.list_external_signers() == []
    (device / "mode").write_text("error")
    with pytest.raises(WalletFailedError, match="error: locked"):
        loader.list_external_signers()


def test_a_device_shows_the_addresses_of_its_wallet(loader: WalletLoader, device: Path) -> None:
    wallet = made(loader, disable_private_keys=True, external_signer=True)
    assert wallet.has_external_signer()
    address = wallet.get_new_destination("bech32", "")
    wallet.display_address(address)
    (device / "mode").write_text("lying")
    with pytest.raises(WalletFailedError, match="Signer echoed unexpected address elsewhere"):
        wallet.display_address(address)


@pytest.mark.parametrize(
    ("mode", "private", "text"),
    [
        ("", True, "Private keys must be disabled when using an external signer"),
        ("none", False, "No external signers found"),
        ("bad descriptors", False, "Invalid descriptor"),
    ],
)
def test_wallets_that_cannot_be_made(loader: WalletLoader, device: Path, mode: str, private: bool, text: str) -> None:
    (device / "mode").write_text(mode)
    with pytest.raises(WalletFailedError, match=text):
        loader.create_wallet("w", "", disable_private_keys=not private, external_signer=True)
    assert (loader.get_wallets(), loader.list_wallet_dir()) == ([], [])
