"""Takes a legacy wallet's file out of use and puts descriptor wallets in its place (Core: MigrateLegacyToDescriptor).

All is made in memory first. Then a copy of the legacy file is written, then the wallets beside the main one, and last
the main one takes the place of the legacy file, in one step of the file system. So whoever is killed meanwhile leaves
the legacy wallet as it was, or all of the new ones. A wallet beside that a killed migration left has a mark until the
end, by which the next one knows that it may make it again.
"""

from __future__ import annotations

import os
import shutil
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from primitives.hashes import sha256
from wallet.berkeley import parse_records
from wallet.crypter import decrypt_master_key
from wallet.database import FILE_NAME
from wallet.database_files import berkeley_file, is_berkeley_file, open_database
from wallet.errors import DatabaseError, WalletError
from wallet.legacy.splitting import Splitting, load_legacy
from wallet.loader import load_reserved, reserved, unload_wallet
from wallet.names import wallet_path
from wallet.whole_files import replaced, sync_folder

if TYPE_CHECKING:
    from wallet.context import WalletContext
    from wallet.legacy.splitting import LegacyWallet
    from wallet.wallet import Wallet

_NOT_LEGACY: Final = "Error: This wallet is already a descriptor wallet"
_WRONG: Final = "Error: Wallet decryption failed, the wallet passphrase was not provided or was incorrect."
_WRONG_WITH_NULL: Final = (
    "Error: Wallet decryption failed, the wallet passphrase entered was incorrect. The passphrase contains a null "
    "character (ie - a zero byte). If this passphrase was set with a version of this software prior to 25.0, please "
    "try again with only the characters up to — but not including — the first null character."
)
_MARK: Final = "migrating"


@dataclass(frozen=True, slots=True)
class Migration:
    """What a legacy wallet became. `wallet` is the one of `wallet_name`, None unless it was to be loaded."""

    wallet: Wallet | None
    wallet_name: str
    """The main wallet, or the first of the others where nothing was left for it."""
    watching_name: str | None
    solving_name: str | None
    backup: Path


def migrate_wallet(context: WalletContext, name: str, passphrase: str = "", *, load: bool = True) -> Migration:
    """Migrate a wallet that is not loaded. Raises WalletError with Core's texts, and the legacy wallet is as it was."""
    if context.find(name) is not None:
        raise WalletError(_NOT_LEGACY)
    path = wallet_path(context.wallet_dir, name)
    if not path.exists():
        raise WalletError("Error: Wallet does not exist")
    if not is_berkeley_file(berkeley_file(path)):
        raise WalletError(_NOT_LEGACY)
    prefix = name or "default_wallet"
    names = (name, f"{prefix}_watchonly", f"{prefix}_solvables")
    with reserved(context, *names):
        return _Migrating(context, names, path).run(passphrase, load=load)


class _Migrating:
    def __init__(self, context: WalletContext, names: tuple[str, str, str], path: Path) -> None:
        self._context = context
        self._name, self._watching_name, self._solving_name = names
        self._path = path
        self._source = berkeley_file(path)
        self._backup = path
        self._data = b""
        self._made: list[Path] = []
        """The directories of the wallets beside the main one."""

    def run(self, passphrase: str, *, load: bool) -> Migration:
        with ExitStack() as closing:
            legacy = closing.enter_context(self._load())
            self._copy()
            key = _unlock(legacy, passphrase)
            try:
                names = self._convert(legacy, key, closing)
                loaded = self._load_made(names) if load else None
            except OSError as error:
                self._undo()
                raise WalletError(f"Error: Unable to write data to disk for wallet {self._name}") from error
            except BaseException:
                self._undo()
                raise
        for folder in self._made:
            (folder / _MARK).unlink(missing_ok=True)
        self._remember(names, load=load)
        watching, solving = self._watching_name, self._solving_name
        return Migration(
            loaded,
            names[0] if names else "",
            watching if watching in names else None,
            solving if solving in names else None,
            self._backup,
        )

    def _load(self) -> LegacyWallet:
        try:
            self._data = self._source.read_bytes()
            records = parse_records(self._data)
        except OSError as error:
            text = "BerkeleyRODatabase: Failed to open database file"
            raise WalletError(f"Wallet file verification failed. {text}") from error
        except DatabaseError as error:
            raise WalletError(f"Wallet file verification failed. {error}") from error
        try:
            return load_legacy(self._name, str(self._source), records, self._context)
        except WalletError as error:
            already = str(error) == _NOT_LEGACY
            raise WalletError(str(error) if already else f"Wallet loading failed. {error}") from error

    def _copy(self) -> None:
        """Write the copy of the legacy file that stays; over none that holds anything else."""
        prefix = Path(os.path.realpath(self._path)).name if self._name else "default_wallet"
        time = self._context.now()
        try:
            while not _write_new(self._context.wallet_dir / f"{prefix}_{time}.legacy.bak", self._data):
                time += 1
            self._backup = self._context.wallet_dir / f"{prefix}_{time}.legacy.bak"
            shutil.copymode(self._source, self._backup)
        except OSError as error:
            raise WalletError("Error: Unable to make a backup of your wallet") from error

    def _convert(self, legacy: LegacyWallet, key: bytes | None, closing: ExitStack) -> list[str]:
        """Make the wallets, put them on the disk, and return their names, the main one's first."""
        if not legacy.has_legacy_records:
            self._replace(legacy.wallet)
            return [self._name]
        if legacy.keys.is_empty:
            raise WalletError("Error: Legacy wallet data missing")
        with legacy.wallet.lock:
            splitting = Splitting(legacy, key)
        names = []
        for wanted, name in ((splitting.watches, self._watching_name), (splitting.solves, self._solving_name)):
            if wanted:
                self._clear(name)
                names.append(name)
        parts = splitting.split(closing, self._watching_name, self._solving_name)
        for wallet in parts.others():
            self._write_beside(wallet)
        if self._source.read_bytes() != self._data:
            raise WalletError("Error: The file of the wallet changed meanwhile")
        if parts.main_is_empty:
            self._source.unlink()
            sync_folder(self._source.parent)
            return names
        self._replace(parts.main)
        return [self._name, *names]

    def _clear(self, name: str) -> None:
        """Make sure that there is no wallet of a name. Raises WalletError, unless a killed migration left it."""
        folder = wallet_path(self._context.wallet_dir, name)
        with suppress(OSError):
            if self._context.find(name) is None and (folder / _MARK).read_bytes() == self._mark():
                (folder / FILE_NAME).unlink(missing_ok=True)
        if (folder / FILE_NAME).exists():
            try:
                open_database(folder, self._context.params, must_be_new=True, verify=False).close()
            except DatabaseError as error:
                raise WalletError(f"Wallet file creation failed: {error}") from error

    def _mark(self) -> bytes:
        return sha256(self._data).hex().encode()

    def _write_beside(self, wallet: Wallet) -> None:
        folder = wallet_path(self._context.wallet_dir, wallet.name)
        folder.mkdir(parents=True, exist_ok=True)
        self._made.append(folder)
        (folder / _MARK).unlink(missing_ok=True)
        _write_new(folder / _MARK, self._mark())
        _store(wallet, folder)

    def _replace(self, wallet: Wallet) -> None:
        """Put the main wallet in the place of the legacy file. A file without directory becomes one."""
        if self._source != self._path:
            _store(wallet, self._path)
            return
        folder = self._path.with_name(f"{self._path.name}.{_MARK}")
        folder.mkdir(exist_ok=True)
        self._made.append(folder)
        _store(wallet, folder)
        self._source.unlink()
        folder.rename(self._path)
        sync_folder(self._path.parent)

    def _load_made(self, names: list[str]) -> Wallet | None:
        """Load the new wallets and return the first; none if one cannot be loaded."""
        loaded: list[Wallet] = []
        try:
            loaded.extend(load_reserved(self._context, name)[0] for name in names)
        except BaseException:
            for wallet in loaded:
                unload_wallet(self._context, wallet)
            raise
        return loaded[0] if loaded else None

    def _undo(self) -> None:
        """Remove all that was made but the copy, and put the legacy file back in its place if it is there no more."""
        for folder in self._made:
            for name in (FILE_NAME, _MARK):
                (folder / name).unlink(missing_ok=True)
            with suppress(OSError):
                folder.rmdir()
        if is_berkeley_file(self._source):
            return
        if self._source.is_dir():
            (self._source / FILE_NAME).unlink(missing_ok=True)
            self._source.rmdir()
        with replaced(self._source) as new:
            shutil.copyfile(self._backup, new)
            shutil.copymode(self._backup, new)

    def _remember(self, names: list[str], *, load: bool) -> None:
        """Let the new wallets be loaded at start as they are now; the main one as the legacy one was."""
        for name in names:
            if name != self._name:
                self._context.remember(name, load)
        if not load:
            self._context.remember(self._name, False)


def _unlock(legacy: LegacyWallet, passphrase: str) -> bytes | None:
    """Return the key that decrypts the private keys, None where they are plain."""
    if not legacy.keys.is_encrypted:
        return None
    for record in legacy.wallet.records.master_keys().values():
        key = decrypt_master_key(passphrase.encode(errors="surrogateescape"), record)
        if key is not None and legacy.keys.check(key):
            return key
    raise WalletError(_WRONG_WITH_NULL if "\0" in passphrase else _WRONG)


def _store(wallet: Wallet, folder: Path) -> None:
    """Write a wallet of the memory to the file of a directory, in place of what is there, in one step."""
    with replaced(folder / FILE_NAME) as new:
        wallet.database.backup(new)


def _write_new(file: Path, data: bytes) -> bool:
    """Write a file that only its owner may read; False if there is one that holds anything else."""
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        return file.is_file() and file.read_bytes() == data
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
    except OSError:
        file.unlink()
        raise
    sync_folder(file.parent)
    return True
