"""Files that are there whole or not at all, whenever the process is killed or the disk is full."""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def replaced(file: Path) -> Iterator[Path]:
    """Give a path beside `file` to make a new one at, which takes its place at the end unless that fails.

    A journal that SQLite left beside a file of that name belonged to another, and goes. Raises OSError.
    """
    file = Path(os.path.realpath(file))
    made = file.with_name(f"{file.name}.part")
    try:
        made.unlink(missing_ok=True)
        yield made
        with made.open("rb") as stream:
            os.fsync(stream.fileno())
        file.with_name(f"{file.name}-journal").unlink(missing_ok=True)
        made.replace(file)
    except BaseException:
        made.unlink(missing_ok=True)
        raise
    sync_folder(file.parent)


def sync_folder(folder: Path) -> None:
    """Wait until the names in a directory are on the disk. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
