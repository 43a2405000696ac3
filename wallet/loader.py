"""Making, loading, restoring and unloading wallets (Core: CreateWallet, LoadWallet, ... in src/wallet/wallet.cpp).

All raise DatabaseError, which says by its status what is the matter, with Core's texts.
"""

from __future__ import annotations

from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from wallet.berkeley import read_records
from wallet.database import FILE_NAME
from wallet.database_files import berkeley_file, is_berkeley_file, open_database
from wallet.errors import DatabaseError, DatabaseStatus, SignerError, WalletError
from wallet.flags import BLANK, DESCRIPTORS, DISABLE_PRIVATE_KEYS, EXTERNAL_SIGNER
from wallet.names import wallet_path
from wallet.open_files import copy_file
from wallet.record_encoding import text
from wallet.records import Records
from wallet.wallet import Wallet
from wallet.whole_files import replaced

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wallet.context import WalletContext
    from wallet.database import WalletDatabase

_REMAINS: Final = ("-journal", "-wal")
"""Ends of names of what a killed program leaves of changes, which would be undone or made in any database beside it."""
_LOAD_SETTING: Final = "Wallet load on startup setting could not be updated, so wallet may "


def _open(
    context: WalletContext, name: str, *, must_exist: bool = False, must_be_new: bool = False, verify: bool = True
) -> WalletDatabase:
    return open_database(
        wallet_path(context.wallet_dir, name),
        context.params,
        must_exist=must_exist,
        must_be_new=must_be_new,
        verify=verify,
        unsafe_sync=context.settings.unsafe_sync,
    )


def _remember(context: WalletContext, name: str, load: bool | None, warnings: list[str]) -> None:
    if load is not None and not context.remember(name, load):
        warnings.append(_LOAD_SETTING + ("not be loaded" if load else "still be loaded") + " next node startup.")


@contextmanager
def reserved(context: WalletContext, *names: str) -> Iterator[None]:
    """Let nobody else load wallets of these names meanwhile."""
    with context.lock:
        if not context.loading.isdisjoint(names):
            raise DatabaseError("Wallet already loading.", DatabaseStatus.LOAD)
        context.loading.update(names)
    try:
        yield
    finally:
        with context.lock:
            context.loading.difference_update(names)


def create_wallet(
    context: WalletContext,
    name: str,
    flags: int = 0,
    passphrase: str = "",
    load_on_startup: bool | None = None,
) -> tuple[Wallet, list[str]]:
    """Make a wallet, load it and return it with warnings; `flags` are those of wallet.flags."""
    if not name:
        raise DatabaseError("Wallet name cannot be empty", DatabaseStatus.NEW_UNNAMED)
    if flags & EXTERNAL_SIGNER and not flags & DISABLE_PRIVATE_KEYS:
        text = "Private keys must be disabled when using an external signer"
        raise DatabaseError(text, DatabaseStatus.CREATE)
    if passphrase and flags & DISABLE_PRIVATE_KEYS:
        text = (
            "Passphrase provided but private keys are disabled. A passphrase is only used to encrypt private keys, so "
            "cannot be used for wallets with private keys disabled."
        )
        raise DatabaseError(text, DatabaseStatus.CREATE)
    warnings: list[str] = []
    with reserved(context, name):
        try:
            database = _open(context, name, must_be_new=True)
        except DatabaseError as error:
            raise DatabaseError(f"Wallet file verification failed. {error}", DatabaseStatus.VERIFY) from error
        # One that is born encrypted never has a key that is not.
        first_flags = flags | DESCRIPTORS | (BLANK if passphrase else 0)
        try:
            wallet = Wallet.create(name, database, context, first_flags)
        except SignerError:
            _discard(database)
            raise
        except BaseException as error:
            database.close()
            if isinstance(error, WalletError):
                raise DatabaseError(f"Wallet creation failed. {error}", DatabaseStatus.CREATE) from error
            raise
        if passphrase:
            _encrypt_new(wallet, passphrase, blank=bool(flags & BLANK))
        _start(context, wallet, "Wallet creation failed.", DatabaseStatus.CREATE)
    _remember(context, name, load_on_startup, warnings)
    return wallet, [*context.settings.warnings, *warnings]


def _discard(database: WalletDatabase) -> None:
    """Remove a wallet that was just made and has nothing yet."""
    file = Path(database.file)
    database.close()
    file.unlink(missing_ok=True)
    with suppress(OSError):
        file.parent.rmdir()


def _start(context: WalletContext, wallet: Wallet, failed: str, status: DatabaseStatus) -> None:
    """Take a wallet and let it follow the node; one that cannot is closed again."""
    try:
        with wallet.uses.one():
            context.add(wallet)
            wallet.start()
    except WalletError as error:
        context.remove(wallet)
        context.tell_loaded()
        wallet.close()
        raise DatabaseError(f"{failed} {error}", status) from error
    context.tell_loaded()
    context.loaded.publish(wallet.name, wallet.name)


def _encrypt_new(wallet: Wallet, passphrase: str, *, blank: bool) -> None:
    try:
        wallet.encryption.encrypt(passphrase)
        if blank:
            return
        if not wallet.encryption.unlock(passphrase):
            raise DatabaseError("Error: Wallet was encrypted but could not be unlocked", DatabaseStatus.ENCRYPT)
        with wallet.lock, wallet.database.transaction():
            wallet.keypool.setup_descriptors()
            wallet.set_flags(wallet.flags & ~BLANK)
        wallet.encryption.lock_keys()
    except BaseException as error:
        wallet.close()
        if isinstance(error, WalletError) and not isinstance(error, DatabaseError):
            raise DatabaseError("Error: Wallet created but failed to encrypt.", DatabaseStatus.ENCRYPT) from error
        raise


def load_wallet(context: WalletContext, name: str, load_on_startup: bool | None = None) -> tuple[Wallet, list[str]]:
    """Load a wallet that is there and return it with warnings."""
    if context.find(name) is not None:
        raise DatabaseError(f'Wallet "{name}" is already loaded.', DatabaseStatus.ALREADY_LOADED)
    with reserved(context, name):
        wallet, warnings = load_reserved(context, name)
    _remember(context, name, load_on_startup, warnings)
    return wallet, [*context.settings.warnings, *warnings]


def load_reserved(context: WalletContext, name: str) -> tuple[Wallet, list[str]]:
    """Load a wallet whose name the caller has `reserved`, and return it with warnings."""
    wallet, warnings = _load(context, name)
    _start(context, wallet, "Wallet loading failed.", DatabaseStatus.LOAD)
    return wallet, warnings


def _load(context: WalletContext, name: str) -> tuple[Wallet, list[str]]:
    try:
        database = _open(context, name, must_exist=True)
    except DatabaseError as error:
        raise DatabaseError(f"Wallet file verification failed. {error}", error.status) from error
    return _load_from(context, name, database)


def _load_from(context: WalletContext, name: str, database: WalletDatabase) -> tuple[Wallet, list[str]]:
    try:
        return Wallet.load(name, database, context)
    except BaseException as error:
        database.close()
        if isinstance(error, WalletError):
            raise DatabaseError(f"Wallet loading failed. {error}", DatabaseStatus.LOAD) from error
        raise


def restore_wallet(
    context: WalletContext, backup_file: Path, name: str, load_on_startup: bool | None = None
) -> tuple[Wallet, list[str]]:
    """Make a wallet of a copy, load it and return it with warnings. What was made is gone again if that fails."""
    if not name:
        raise DatabaseError("Wallet name cannot be empty", DatabaseStatus.NEW_UNNAMED)
    with reserved(context, name):
        file, made = _restore_file(context, backup_file, name)
        try:
            wallet, warnings = load_reserved(context, name)
        except BaseException:
            for made_file in (file, file.with_name(f"{FILE_NAME}-journal")):
                made_file.unlink(missing_ok=True)
            _remove_made(made)
            raise
    _remember(context, name, load_on_startup, warnings)
    return wallet, [*context.settings.warnings, *warnings]


def _restore_file(context: WalletContext, backup_file: Path, name: str) -> tuple[Path, Path | None]:
    """Copy a file to where the wallet of a name has it; return that, and its directory if that is new."""
    try:
        is_there = backup_file.exists()
    except (OSError, ValueError) as error:
        raise DatabaseError(f"Unexpected exception: {error}", DatabaseStatus.LOAD) from error
    if not is_there:
        raise DatabaseError("Backup file does not exist", DatabaseStatus.INVALID_BACKUP_FILE)
    try:
        folder = wallet_path(context.wallet_dir, name)
    except DatabaseError as error:
        raise DatabaseError(f"Wallet file verification failed. {error}", error.status) from error
    file = folder / FILE_NAME
    is_new = not folder.exists()
    if not is_new and not folder.is_dir():
        text = f"Failed to restore wallet. Database file exists '{folder}'."
        raise DatabaseError(text, DatabaseStatus.ALREADY_EXISTS)
    for each in (file, *(file.with_name(FILE_NAME + end) for end in _REMAINS)):
        if each.exists():
            raise _exists(each)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DatabaseError(f"Unexpected exception: {error}", DatabaseStatus.LOAD) from error
    made = folder if is_new else None
    try:
        with replaced(file) as new:
            copy_file(backup_file, new)
            if file.exists():
                raise FileExistsError(file)
    except FileExistsError as error:
        raise _exists(file) from error
    except OSError as error:
        _remove_made(made)
        raise DatabaseError(f"Unexpected exception: {error}", DatabaseStatus.LOAD) from error
    return file, made


def _exists(file: Path) -> DatabaseError:
    text = f"Failed to restore wallet. Database file exists in '{file}'."
    return DatabaseError(text, DatabaseStatus.ALREADY_EXISTS)


def _remove_made(folder: Path | None) -> None:
    """Remove a directory, unless somebody else put something there."""
    if folder is not None:
        with suppress(OSError):
            folder.rmdir()


def is_encrypted(context: WalletContext, name: str) -> bool:
    """Whether a wallet, loaded or not, has a passphrase; also a legacy one. False for what is no wallet."""
    wallet = context.find(name)
    if wallet is not None:
        return wallet.encryption.is_encrypted
    try:
        file = berkeley_file(wallet_path(context.wallet_dir, name))
        if is_berkeley_file(file):
            return any(key.startswith(text("mkey")) for key in read_records(file))
        with _open(context, name, must_exist=True, verify=False) as database:
            return Records(database).has(["mkey"])
    except WalletError:
        return False


def unload_wallet(context: WalletContext, wallet: Wallet, load_on_startup: bool | None = None) -> list[str] | None:
    """Write what is due, close a wallet and return warnings; None if it was unloaded already.

    Waits until all calls that are under way with the wallet have ended.
    """
    if not context.remove(wallet):
        return None
    wallet.rescan.abort()
    wallet.uses.end()
    wallet.close()
    context.tell_loaded()
    warnings: list[str] = []
    _remember(context, wallet.name, load_on_startup, warnings)
    return warnings


def load_at_start(context: WalletContext, names: list[str], *, skip_failing: bool = False) -> list[str]:
    """Load the wallets that the settings name and return warnings (Core: src/wallet/load.cpp).

    What is not there is passed over with a warning, and with `skip_failing` so is what cannot be loaded, say because
    another process has it.
    """
    warnings: list[str] = []
    seen: set[Path] = set()
    loaded: list[tuple[str, WalletDatabase]] = []
    try:
        for name in names:
            path = wallet_path(context.wallet_dir, name)
            if path in seen:
                warnings.append(f"Ignoring duplicate -wallet {name}.")
                continue
            seen.add(path)
            try:
                loaded.append((name, _open(context, name, must_exist=True)))
            except DatabaseError as error:
                if error.status is DatabaseStatus.NOT_FOUND:
                    warnings.append(f"Skipping -wallet path that doesn't exist. {error}")
                elif error.status is DatabaseStatus.LEGACY_DISABLED or skip_failing:
                    warnings.append(str(error))
                else:
                    raise
        while loaded:
            name, database = loaded.pop(0)
            try:
                wallet, more = Wallet.load(name, database, context)
            except WalletError as error:
                database.close()
                raise DatabaseError(str(error)) from error
            warnings += [*context.settings.warnings, *more]
            context.add(wallet)
    finally:
        for _, database in loaded:
            database.close()
    for wallet in context.wallets():
        wallet.start()
        context.loaded.publish(wallet.name, wallet.name)
    context.tell_loaded()
    return warnings


def unload_all(context: WalletContext) -> None:
    """Close all wallets, as their process ends."""
    for wallet in reversed(context.wallets()):
        if context.remove(wallet):
            wallet.close()
    context.wait_until_given_up()
