"""Where a node keeps its data, and paths as they are written in options."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def default_data_dir() -> Path:
    """Return the data directory Bitcoin Core uses when none is given, so its tools and ours meet."""
    home = Path(os.environ.get("HOME") or "/")
    if sys.platform == "darwin":
        return home / "Library" / "Application Support" / "Bitcoin"
    return home / ".bitcoin"


def normal_path(text: str) -> Path:
    """Return `text` as a path without `.`, `..` and doubled slashes, resolved on paper only (no links followed)."""
    normal = os.path.normpath(text)
    # POSIX lets exactly two leading slashes mean something else; Core does not.
    return Path("/" + normal.lstrip("/")) if normal.startswith("/") else Path(normal)


def below(directory: Path, path: Path) -> Path:
    """Return `path` if absolute, else `path` below `directory`."""
    return directory / path


def create_data_dir(directory: Path) -> None:
    """Create `directory` and its parents, and in a new one the `wallets` folder Core expects; readable by its owner.

    Raises OSError as `Path.mkdir` does.
    """
    if directory.exists():
        return
    directory.parent.mkdir(parents=True, exist_ok=True)
    directory.mkdir(mode=0o700, exist_ok=True)
    (directory / "wallets").mkdir(mode=0o700, exist_ok=True)
