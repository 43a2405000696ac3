"""Names of wallets, which are paths relative to the wallet directory (Core: GetWalletPath in src/wallet/wallet.cpp)."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

from wallet.errors import DatabaseError, DatabaseStatus

if TYPE_CHECKING:
    from pathlib import Path


def wallet_path(directory: Path, name: str) -> Path:
    """Return the directory of the wallet of a name. Raises DatabaseError with Core's texts."""
    parts = name.split("/")
    if "\0" in name or not _is_normal(name, parts):
        raise _refused("Wallet name given as a path must be normalized")
    if parts[0] in {".", ".."}:
        raise _refused(
            "Wallet name given as a relative path cannot begin with ./ or ../, for wallets not in the walletdir, "
            "please use an absolute path."
        )
    if name and not name.strip("/"):
        raise _refused("Wallet name cannot be the root path")
    path = directory / name
    try:
        mode = path.lstat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return path
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise _refused(f"Failed to access database path '{path}': {reason}") from error
    if stat.S_ISDIR(mode) or (stat.S_ISLNK(mode) and path.is_dir()) or (stat.S_ISREG(mode) and "/" not in name):
        return path
    raise _refused(
        f"Invalid -wallet path '{name}'. -wallet path should point to a directory where wallet.dat and "
        "database/log.?????????? files can be stored, a location where such a directory could be created, or (for "
        f'backwards compatibility) the name of an existing data file in -walletdir ("{directory}")'
    )


def _is_normal(name: str, parts: list[str]) -> bool:
    """Whether nothing in a path could be left out but repeated slashes (C++: lexically_normal)."""
    if "." in parts:
        return name == "."
    for before, part in zip(["", *parts], parts, strict=False):
        if part == ".." and (before not in {"", ".."} or name.startswith("/")):
            return False
    return not name.endswith("../")


def _refused(text: str) -> DatabaseError:
    return DatabaseError(text, DatabaseStatus.BAD_PATH)
