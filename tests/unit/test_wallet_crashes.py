"""A wallet's process may be killed before any statement of its database: what it told is kept, keys are never lost."""

import contextlib
import os
import pickle
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from common.chains import REGTEST
from primitives import address
from primitives.descriptor import OutputType
from wallet.context import WalletContext
from wallet.database_files import open_database
from wallet.descriptor_records import DescriptorRecords
from wallet.errors import WalletError
from wallet.settings import WalletSettings
from wallet.wallet import Wallet

Tell = Callable[[Any], None]
PASSPHRASE = "a passphrase"


@contextlib.contextmanager
def opened(folder: Path, *, new: bool = False) -> Iterator[Wallet]:
    database = open_database(folder, REGTEST, must_exist=not new, must_be_new=new)
    context = WalletContext(REGTEST, folder.parent, WalletSettings(keypool=2))
    try:
        wallet = Wallet.create("w", database, context, 0) if new else Wallet.load("w", database, context)[0]
    except BaseException:
        database.close()
        raise
    yield wallet
    wallet.close()


def die_before_statement(wallet: Wallet, number: int) -> None:
    """Kill this process before the statement of this number, from now on."""
    left = [number]

    def trace(statement: str) -> None:
        del statement
        left[0] -= 1
        if left[0] < 0:
            os.kill(os.getpid(), signal.SIGKILL)

    connection = wallet.database._connection
    assert connection is not None
    connection.set_trace_callback(trace)


def run_until(folder: Path, number: int, work: Callable[[Wallet, Tell], None]) -> tuple[bool, list[Any]]:
    """Do work in another process, which dies before a statement. Return whether it did, and what it told."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:  # pragma: no cover - ends by a signal, or at once
        status = 1
        try:
            os.close(reading)
            with opened(folder) as wallet:
                die_before_statement(wallet, number)
                work(wallet, lambda value: _write(writing, value))
            status = 0
        finally:
            os._exit(status)
    os.close(writing)
    told = []
    with os.fdopen(reading, "rb") as stream, contextlib.suppress(EOFError):
        while True:
            told.append(pickle.load(stream))  # noqa: S301 - of our own child
    _, status = os.waitpid(child, 0)
    assert status in {0, signal.SIGKILL}
    return status != 0, told


def _write(descriptor: int, value: Any) -> None:
    os.write(descriptor, pickle.dumps(value))


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("template") / "w"
    with opened(folder, new=True):
        pass
    return folder


def copies(template: Path, tmp_path: Path) -> Iterator[tuple[int, Path]]:
    number = 0
    while True:
        folder = tmp_path / str(number)
        shutil.copytree(template, folder)
        yield number, folder
        number += 1


def hand_out(wallet: Wallet, tell: Tell) -> None:
    for number in range(3):
        for kind in (OutputType.BECH32, OutputType.BECH32M):
            tell((kind, wallet.keypool.new_address(kind, f"label {number}")))
        tell((None, wallet.keypool.new_change_address(OutputType.LEGACY)))


def test_no_address_is_handed_out_twice_and_no_label_lost(template: Path, tmp_path: Path) -> None:
    deaths = 0
    for number, folder in copies(template, tmp_path):
        died, told = run_until(folder, number, hand_out)
        with opened(folder) as wallet:
            wallet.database.verify()
            for kind, script in told:
                assert wallet.is_mine(script)
                if kind is not None:
                    entry = wallet.book.entry(script)
                    assert entry is not None
                    assert str(entry.label).startswith("label")
            labelled = {script for script, _ in wallet.book.entries()}
            later = {wallet.keypool.new_address(kind, "") for kind in (OutputType.BECH32, OutputType.BECH32M)}
            later.add(wallet.keypool.new_change_address(OutputType.LEGACY))
            assert not later & {script for _, script in told}
            assert not later & labelled
        if not died:
            assert len(told) == 9
            break
        deaths += 1
    assert deaths > 20


def private_texts(wallet: Wallet) -> set[str]:
    return {keys.private_text() for keys in wallet.descriptors.by_id.values()}


def plain_secrets(wallet: Wallet) -> set[bytes]:
    return {key.secret for stored in DescriptorRecords(wallet.database).all() for key in stored.keys.values()}


def encrypt(wallet: Wallet, tell: Tell) -> None:
    wallet.encryption.encrypt(PASSPHRASE)
    tell("encrypted")


def test_encryption_happens_as_a_whole_and_loses_no_key(
    template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wallet.crypter.measure_iterations", lambda: 1)
    with opened(template) as wallet:
        before = private_texts(wallet)
        secrets = plain_secrets(wallet)
    assert secrets
    seen = set()
    for number, folder in copies(template, tmp_path):
        died, told = run_until(folder, number, encrypt)
        left = b"".join(file.read_bytes() for file in folder.iterdir())
        with opened(folder) as wallet:
            wallet.database.verify()
            seen.add((wallet.encryption.is_encrypted, bool(told)))
            if told:
                assert wallet.encryption.is_encrypted
            if wallet.encryption.is_encrypted:
                assert not any(secret in left for secret in secrets)
                assert not any("prv" in text for text in private_texts(wallet))
                assert not wallet.encryption.unlock("wrong")
                assert wallet.encryption.unlock(PASSPHRASE)
            assert before <= private_texts(wallet)
            if wallet.encryption.is_encrypted:
                active = {keys.private_text() for _, _, keys in wallet.descriptors.all_active()}
                assert active == private_texts(wallet) - before
                assert len(active) == 8
            assert address.encode(wallet.keypool.new_change_address(OutputType.BECH32), REGTEST)
        if not died:
            break
    assert seen == {(False, False), (True, False), (True, True)}


def test_a_new_passphrase_replaces_the_old_one_at_once(
    template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wallet.crypter.measure_iterations", lambda: 1)
    encrypted = tmp_path / "encrypted"
    shutil.copytree(template, encrypted)
    with opened(encrypted) as wallet:
        wallet.encryption.encrypt("old")

    def change(wallet: Wallet, tell: Tell) -> None:
        assert wallet.encryption.change_passphrase("old", "new")
        tell("changed")

    for number, folder in copies(encrypted, tmp_path):
        died, told = run_until(folder, number, change)
        with opened(folder) as wallet:
            works = [wallet.encryption.unlock(passphrase) for passphrase in ("old", "new")]
            assert sorted(works) == [False, True]
            assert works[1] or not told
        if not died:
            break


def test_a_failed_encryption_leaves_the_wallet_as_it_was(template: Path, tmp_path: Path) -> None:
    folder = tmp_path / "w"
    shutil.copytree(template, folder)

    def fail(wallet: Wallet) -> None:
        with wallet.database.transaction():
            for keys in wallet.descriptors.by_id.values():
                keys.encrypt(bytes(32))
            raise ZeroDivisionError

    with opened(folder) as wallet:
        before = private_texts(wallet)
        with pytest.raises(ZeroDivisionError):
            fail(wallet)
        assert private_texts(wallet) == before
        wallet.encryption.encrypt(PASSPHRASE)
        assert wallet.encryption.unlock(PASSPHRASE)
        assert before <= private_texts(wallet)


def test_a_wallet_whose_file_is_cut_is_refused_unless_nothing_is_missing(template: Path, tmp_path: Path) -> None:
    whole = (template / "wallet.dat").read_bytes()
    folder = tmp_path / "w"
    folder.mkdir()
    (folder / "wallet.dat").write_bytes(whole)
    with opened(folder) as wallet:
        before = wallet.database.items()
    refused = 0
    for size in range(0, len(whole), 1777):
        (folder / "wallet.dat").write_bytes(whole[:size])
        try:
            with opened(folder) as wallet:
                assert wallet.database.items() == before  # The page that was cut was a free one.
        except WalletError:
            refused += 1
    assert refused >= len(whole) // 1777 - 3
