"""Wallets under a passphrase, with real keys: encrypting, unlocking for a while, locking, and what works locked."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import wait_until

from common.chains import REGTEST
from primitives.descriptor import OutputType
from primitives.transaction import OutPoint, Transaction, TxIn, TxOut
from wallet.context import WalletContext
from wallet.database import WalletDatabase
from wallet.errors import KeypoolError, WalletError
from wallet.flags import BLANK
from wallet.settings import WalletSettings
from wallet.transaction import INACTIVE
from wallet.wallet import Wallet

KEYPOOL = 3


def context_of(folder: Path) -> WalletContext:
    return WalletContext(REGTEST, folder, WalletSettings(keypool=KEYPOOL))


def load(folder: Path) -> Wallet:
    wallet, warnings = Wallet.load("w", WalletDatabase(folder / "w", REGTEST), context_of(folder))
    assert not warnings
    return wallet


@pytest.fixture
def wallet(tmp_path: Path, no_leaks: None) -> Iterator[Wallet]:  # noqa: ARG001 - checked around everything else
    wallet = Wallet.create("w", WalletDatabase(tmp_path / "w", REGTEST), context_of(tmp_path), 0)
    yield wallet
    wallet.close()


def secrets(wallet: Wallet) -> list[bytes]:
    """Return all private keys that can be had now."""
    found = []
    for keys in wallet.descriptors.by_id.values():
        for script in list(keys.scripts())[:1]:
            data = keys.signing_data(script)
            assert data is not None
            found += [key.secret for key in data.keys.values()]
    return found


def test_a_wallet_has_eight_descriptors_and_makes_addresses_of_each(wallet: Wallet) -> None:
    assert len(wallet.descriptors.by_id) == 8
    assert wallet.keypool.sizes() == (4 * KEYPOOL, 4 * KEYPOOL)
    made = set()
    for kind in OutputType:
        script = wallet.keypool.new_address(kind, "mine")
        change = wallet.keypool.new_change_address(kind)
        assert wallet.is_mine(script)
        assert wallet.is_mine(change)
        assert wallet.book.is_known(script)
        assert not wallet.book.is_known(change)
        assert wallet.ledger.is_change(change)
        assert not wallet.ledger.is_change(script)
        made |= {script, change}
    assert len(made) == 8
    assert wallet.keypool.can_get_addresses()
    assert wallet.keypool.can_get_addresses(internal=True)


def test_encrypting_makes_new_keys_and_leaves_none_in_the_file(wallet: Wallet, tmp_path: Path) -> None:
    old = secrets(wallet)
    scripts = set(wallet.scripts)
    assert not wallet.encryption.is_encrypted
    wallet.encryption.encrypt("secret")
    assert wallet.encryption.is_encrypted
    assert wallet.encryption.is_locked
    assert secrets(wallet) == []
    assert len(wallet.descriptors.by_id) == 16
    assert wallet.keypool.new_address(OutputType.BECH32, "") not in scripts
    with pytest.raises(WalletError, match="encrypted wallet, but encryptwallet was called"):
        wallet.encryption.encrypt("other")
    assert wallet.encryption.unlock("secret")
    both = secrets(wallet)
    assert set(old) < set(both)
    wallet.close()
    data = (tmp_path / "w" / "wallet.dat").read_bytes()
    assert not any(secret in data for secret in both)


def test_only_the_passphrase_unlocks(wallet: Wallet, tmp_path: Path) -> None:
    before = secrets(wallet)
    wallet.encryption.encrypt("sécret")
    for wrong in ("", "secret", "sécret ", "Sécret"):
        assert not wallet.encryption.unlock(wrong)
        assert wallet.encryption.is_locked
    assert wallet.encryption.unlock("sécret")
    assert set(before) < set(secrets(wallet))
    wallet.encryption.lock_keys()
    assert secrets(wallet) == []
    assert not wallet.encryption.change_passphrase("secret", "new")
    assert wallet.encryption.change_passphrase("sécret", "new")
    assert wallet.encryption.is_locked
    wallet.close()
    again = load(tmp_path)
    assert again.encryption.is_locked
    assert not again.encryption.unlock("sécret")
    assert again.encryption.unlock("new")
    assert set(before) < set(secrets(again))
    again.close()
    assert again.encryption.is_locked


def test_an_unlocked_wallet_locks_itself(wallet: Wallet) -> None:
    wallet.encryption.encrypt("secret")
    assert wallet.encryption.unlock("secret", 1000)
    assert wallet.encryption.relock_time == pytest.approx(time.time() + 1000, abs=10)
    assert wallet.encryption.unlock("secret", 0)
    wait_until(lambda: wallet.encryption.is_locked, "it is locked")
    assert wallet.encryption.relock_time == 0
    assert wallet.encryption.unlock("secret")
    assert not wallet.encryption.is_locked
    with wallet.encryption.relocking:
        assert wallet.encryption.unlock("secret", 0)
        time.sleep(0.1)
        assert not wallet.encryption.is_locked
    wait_until(lambda: wallet.encryption.is_locked, "it is locked")


def test_a_locked_wallet_makes_and_knows_addresses(wallet: Wallet, tmp_path: Path) -> None:
    wallet.encryption.encrypt("secret")
    wallet.close()
    again = load(tmp_path)
    made = [again.keypool.new_address(OutputType.BECH32M, "") for _ in range(3 * KEYPOOL)]
    assert len(set(made)) == 3 * KEYPOOL
    keys = again.active(OutputType.BECH32)
    assert keys is not None
    last = list(keys.scripts())[-1]
    paid = Transaction(2, (TxIn(OutPoint(b"\1" * 32, 0), b"", 0),), (TxOut(5, last),), 0)
    assert again.tracker.sync(paid, INACTIVE)
    assert len(again.book.scripts()) == 3 * KEYPOOL + KEYPOOL
    assert keys.keypool_size == KEYPOOL
    again.close()


def test_a_blank_wallet_gets_its_first_keys_encrypted(tmp_path: Path) -> None:
    wallet = Wallet.create("w", WalletDatabase(tmp_path / "w", REGTEST), context_of(tmp_path), BLANK)
    with pytest.raises(KeypoolError, match="Error: No bech32 addresses available"):
        wallet.keypool.new_address(OutputType.BECH32, "")
    assert not wallet.keypool.can_get_addresses()
    wallet.encryption.encrypt("secret")
    with pytest.raises(WalletError, match="locked"):
        wallet.keypool.setup_descriptors()
    assert wallet.encryption.unlock("secret")
    wallet.keypool.setup_descriptors()
    wallet.encryption.lock_keys()
    script = wallet.keypool.new_address(OutputType.LEGACY, "")
    wallet.close()
    again = load(tmp_path)
    assert again.is_mine(script)
    assert again.encryption.is_locked
    again.close()


def test_a_wrong_passphrase_for_a_change_locks(wallet: Wallet) -> None:
    wallet.encryption.encrypt("old")
    assert wallet.encryption.unlock("old", 1000)
    assert wallet.encryption.change_passphrase("old", "new")
    assert not wallet.encryption.is_locked
    assert not wallet.encryption.change_passphrase("old", "newer")
    assert wallet.encryption.is_locked
    assert wallet.encryption.relock_time == 0
    assert wallet.encryption.unlock("new")
