"""RPC methods that make, load, restore, copy and unload wallets (Core: src/wallet/rpc/wallet.cpp, backup.cpp)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from rpc.errors import (
    RPC_INVALID_PARAMETER,
    RPC_MISC_ERROR,
    RPC_WALLET_ALREADY_EXISTS,
    RPC_WALLET_ALREADY_LOADED,
    RPC_WALLET_ENCRYPTION_FAILED,
    RPC_WALLET_ERROR,
    RPC_WALLET_NOT_FOUND,
    RpcError,
)
from rpc.help import example_cli_named, example_rpc_named, examples
from rpc.method import Arg, Kind, Result, method
from wallet import flags
from wallet.errors import DatabaseError, DatabaseStatus, SignerError, WalletError
from wallet.rpc.context import NOT_FOUND, RESCANNING

if TYPE_CHECKING:
    from collections.abc import Callable

    from rpc.json import Json
    from wallet.rpc.context import RpcContext
    from wallet.wallet import Wallet

_CODES: Final = {
    DatabaseStatus.NOT_FOUND: RPC_WALLET_NOT_FOUND,
    DatabaseStatus.BAD_FORMAT: RPC_WALLET_NOT_FOUND,
    DatabaseStatus.LEGACY_DISABLED: RPC_WALLET_NOT_FOUND,
    DatabaseStatus.ALREADY_LOADED: RPC_WALLET_ALREADY_LOADED,
    DatabaseStatus.ALREADY_EXISTS: RPC_WALLET_ALREADY_EXISTS,
    DatabaseStatus.NEW_UNNAMED: RPC_INVALID_PARAMETER,
    DatabaseStatus.INVALID_BACKUP_FILE: RPC_INVALID_PARAMETER,
    DatabaseStatus.ENCRYPT: RPC_WALLET_ENCRYPTION_FAILED,
}
_LOAD_ON_STARTUP: Final = Arg(
    "load_on_startup",
    Kind.BOOL,
    "Whether to load the wallet at start from now on; null leaves that as it is",
    optional=True,
)
_WARNINGS: Final = Result(
    Kind.ARR, "warnings", "What the user should know, if anything", (Result(Kind.STR),), optional=True
)
_LOADED: Final = Result(Kind.OBJ, "", "", (Result(Kind.STR, "name", "The name of the wallet"), _WARNINGS))
_NO_LEGACY: Final = 'descriptors argument must be set to "true"; it is no longer possible to create a legacy wallet.'
_NOT_ENCRYPTED: Final = "Empty string given as passphrase, wallet will not be encrypted."


def _loaded(load: Callable[[], tuple[Wallet, list[str]]], warnings: tuple[str, ...] = ()) -> Json:
    try:
        wallet, more = load()
    except DatabaseError as error:
        raise RpcError(_CODES.get(error.status, RPC_WALLET_ERROR), str(error)) from error
    except SignerError as error:
        raise RpcError(RPC_MISC_ERROR, str(error)) from error
    except WalletError as error:
        raise RpcError(RPC_WALLET_ERROR, str(error)) from error
    return _with_warnings({"name": wallet.name}, [*warnings, *more])


def _with_warnings(result: dict[str, Json], warnings: list[str]) -> Json:
    if warnings:
        result["warnings"] = list(dict.fromkeys(warnings))
    return result


@method(
    "wallet",
    "listwalletdir",
    result=Result(
        Kind.OBJ,
        "",
        "",
        (
            Result(
                Kind.ARR,
                "wallets",
                "",
                (Result(Kind.OBJ, "", "", (Result(Kind.STR, "name", "The name of the wallet"), _WARNINGS)),),
            ),
        ),
    ),
    help="Returns the wallets in the wallet directory.",
    examples=examples("listwalletdir"),
)
def listwalletdir(context: RpcContext) -> Json:
    """Look into the directory."""
    from wallet.database_files import list_databases

    legacy = "This wallet is a legacy wallet and will need to be migrated with migratewallet before it can be loaded"
    found = list_databases(context.owner.wallet_dir, context.owner.params)
    return {"wallets": [{"name": name, "warnings": [legacy] if kind == "bdb" else []} for name, kind in found]}


@method(
    "wallet",
    "listwallets",
    result=Result(Kind.ARR, "", "", (Result(Kind.STR, "walletname", "The name of a wallet"),)),
    help='Returns the names of the wallets that are loaded. "getwalletinfo" tells more of each.',
    examples=examples("listwallets"),
)
def listwallets(context: RpcContext) -> Json:
    """Return the names."""
    return [wallet.name for wallet in context.owner.wallets()]


@method(
    "wallet",
    "loadwallet",
    Arg("filename", Kind.STR, "The wallet's directory: a whole path, or relative to the wallet directory (-walletdir)"),
    _LOAD_ON_STARTUP,
    result=_LOADED,
    help="Loads a wallet. The options about wallets that the program was started with count for it too.",
    examples=examples("loadwallet", '"walletname"') + examples("loadwallet", '"/path/to/walletname/"'),
)
def loadwallet(context: RpcContext, filename: str, load_on_startup: bool | None) -> Json:
    """Load one."""
    from wallet.loader import load_wallet

    return _loaded(lambda: load_wallet(context.owner, filename, load_on_startup))


_CREATE_EXAMPLE: Final[dict[str, Json]] = {
    "wallet_name": "descriptors",
    "avoid_reuse": True,
    "load_on_startup": True,
}


@method(
    "wallet",
    "createwallet",
    Arg("wallet_name", Kind.STR, "The name of the wallet; a path makes it there"),
    Arg("disable_private_keys", Kind.BOOL, "Make a wallet that only watches", default=False),
    Arg("blank", Kind.BOOL, "Make a wallet without any keys", default=False),
    Arg("passphrase", Kind.STR, "Encrypt the keys with this passphrase", optional=True),
    Arg("avoid_reuse", Kind.BOOL, "Take note of which addresses were spent from, and spend them apart", default=False),
    Arg("descriptors", Kind.BOOL, 'If given, it must be "true"', default=True),
    _LOAD_ON_STARTUP,
    Arg("external_signer", Kind.BOOL, "Have the device behind -signer sign", default=False),
    result=_LOADED,
    help="Makes a wallet and loads it.",
    examples=examples("createwallet", '"testwallet"')
    + example_cli_named("createwallet", _CREATE_EXAMPLE)
    + example_rpc_named("createwallet", _CREATE_EXAMPLE),
)
def createwallet(
    context: RpcContext,
    wallet_name: str,
    disable_private_keys: bool,
    blank: bool,
    passphrase: str | None,
    avoid_reuse: bool,
    descriptors: bool,
    load_on_startup: bool | None,
    external_signer: bool,
) -> Json:
    """Make one."""
    from wallet.loader import create_wallet

    wanted = (
        (flags.DISABLE_PRIVATE_KEYS if disable_private_keys else 0)
        | (flags.BLANK if blank else 0)
        | (flags.AVOID_REUSE if avoid_reuse else 0)
        | (flags.EXTERNAL_SIGNER if external_signer else 0)
    )
    warnings = (_NOT_ENCRYPTED,) if passphrase == "" else ()
    if not descriptors:
        raise RpcError(RPC_WALLET_ERROR, _NO_LEGACY)
    return _loaded(
        lambda: create_wallet(context.owner, wallet_name, wanted, passphrase or "", load_on_startup), warnings
    )


_UNLOADED: Final = Result(Kind.OBJ, "", "", (_WARNINGS,))


@method(
    "wallet",
    "unloadwallet",
    Arg("wallet_name", Kind.STR, "The wallet, as the URI names it too if it does", hint="the wallet of the URI"),
    _LOAD_ON_STARTUP,
    result=_UNLOADED,
    help="Unloads the wallet that the URI or the argument names; both must name the same.",
    examples=examples("unloadwallet", "wallet_name"),
)
def unloadwallet(context: RpcContext, wallet_name: str | None, load_on_startup: bool | None) -> Json:
    """Close one."""
    from wallet.loader import unload_wallet

    wallet = context.owner.find(context.unique_name(wallet_name))
    if wallet is None:
        raise RpcError(RPC_WALLET_NOT_FOUND, NOT_FOUND)
    if wallet.rescan.is_running:
        raise RpcError(RPC_WALLET_ERROR, RESCANNING)
    warnings = unload_wallet(context.owner, wallet, load_on_startup)
    if warnings is None:
        raise RpcError(RPC_MISC_ERROR, "Requested wallet already unloaded")
    return _with_warnings({}, warnings)


@method(
    "wallet",
    "backupwallet",
    Arg("destination", Kind.STR, "A directory, or a file in one"),
    result=Result(Kind.NONE),
    help="Copies the wallet's file as it is now.",
    examples=examples("backupwallet", '"backup.dat"'),
)
def backupwallet(context: RpcContext, destination: str) -> Json:
    """Copy it."""
    wallet = context.synced_wallet()
    try:
        wallet.backup(Path(destination))
    except (WalletError, OSError, ValueError) as error:
        raise RpcError(RPC_WALLET_ERROR, "Error: Wallet backup failed!") from error
    return None


_RESTORE_EXAMPLE: Final[dict[str, Json]] = {
    "wallet_name": "testwallet",
    "backup_file": "/home/me/backup-file.bak",
    "load_on_startup": True,
}


@method(
    "wallet",
    "restorewallet",
    Arg("wallet_name", Kind.STR, "The name to give to the wallet"),
    Arg("backup_file", Kind.STR, "The copy to make it of"),
    _LOAD_ON_STARTUP,
    result=_LOADED,
    help="Makes a wallet of a copy and loads it. With -blockfilterindex=1 the chain is scanned much faster.",
    examples=examples("restorewallet", '"testwallet" "/home/me/backup-file.bak"', '"testwallet", "/home/me/backup.bak"')
    + example_cli_named("restorewallet", _RESTORE_EXAMPLE)
    + example_rpc_named("restorewallet", _RESTORE_EXAMPLE),
)
def restorewallet(context: RpcContext, wallet_name: str, backup_file: str, load_on_startup: bool | None) -> Json:
    """Make one of a copy."""
    from wallet.loader import restore_wallet

    if not backup_file:  # As a path it would be the directory that we are in.
        raise RpcError(RPC_INVALID_PARAMETER, "Backup file does not exist")
    return _loaded(lambda: restore_wallet(context.owner, Path(backup_file), wallet_name, load_on_startup))


@method(
    "wallet",
    "migratewallet",
    Arg("wallet_name", Kind.STR, "The wallet, as the URI names it too if it does", hint="the wallet of the URI"),
    Arg("passphrase", Kind.STR, "The passphrase of the wallet", optional=True),
    Arg("load_wallet", Kind.BOOL, "Whether to load the wallet afterwards", default=True),
    result=Result(
        Kind.OBJ,
        "",
        "",
        (
            Result(Kind.STR, "wallet_name", "The name of the new wallet"),
            Result(Kind.STR, "watchonly_name", "The name of a wallet with what was only watched", optional=True),
            Result(
                Kind.STR,
                "solvables_name",
                "The name of a wallet with scripts that were not even watched",
                optional=True,
            ),
            Result(Kind.STR, "backup_path", "Where the copy of the old wallet is"),
        ),
    ),
    help="Makes a descriptor wallet of a legacy one, which must not be loaded.\n"
    "A copy of the legacy wallet stays in the wallet directory, named <wallet name>_<time>.legacy.bak.\n"
    "An encrypted wallet needs its passphrase. This may take long: raise the client's timeout.",
    examples=examples("migratewallet"),
)
def migratewallet(context: RpcContext, wallet_name: str | None, passphrase: str | None, load_wallet: bool) -> Json:
    """Migrate one."""
    from wallet.legacy.migrating import migrate_wallet

    name = context.unique_name(wallet_name)
    try:
        done = migrate_wallet(context.owner, name, passphrase or "", load=load_wallet)
    except WalletError as error:
        raise RpcError(RPC_WALLET_ERROR, str(error)) from error
    result: dict[str, Json] = {"wallet_name": done.wallet_name}
    if done.watching_name is not None:
        result["watchonly_name"] = done.watching_name
    if done.solving_name is not None:
        result["solvables_name"] = done.solving_name
    result["backup_path"] = str(done.backup)
    return result


METHODS: Final = (
    listwalletdir,
    listwallets,
    loadwallet,
    createwallet,
    unloadwallet,
    backupwallet,
    restorewallet,
    migratewallet,
)
