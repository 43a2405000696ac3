"""The `.lock` file by which one program claims a directory, Bitcoin Core's or ours.

Core takes a POSIX record lock (fcntl), so flock() would not meet it. Such a lock belongs to
the process and ends when the process closes *any* descriptor of the file; hence the table of
directories this process holds, asked before the file is opened.
"""

from __future__ import annotations

import fcntl
import os
import threading
from typing import TYPE_CHECKING, Final, Self

from common.errors import LockError

if TYPE_CHECKING:
    from pathlib import Path

LOCK_FILE_NAME: Final = ".lock"

_held: set[str] = set()
_held_guard = threading.Lock()


class DirectoryLock:
    """A lock held until `close()`, the end of a `with` block, or the end of the process. The file stays."""

    def __init__(self, directory: Path, *, program: str = "pynode") -> None:
        """Lock `directory` at once; `program` is named to the user if that fails.

        Raises LockError with Core's text: nobody may write there, or the lock is taken
        (by another process, or already by this one).
        """
        self._path = os.path.realpath(directory / LOCK_FILE_NAME)
        self._descriptor: int | None = None
        taken = f"Cannot obtain a lock on directory {directory}. {program} is probably already running."
        with _held_guard:
            if self._path in _held:
                raise LockError(taken)
            try:
                descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            except (OSError, ValueError) as error:
                raise LockError(f"Cannot write to directory '{directory}'; check permissions.") from error
            try:
                fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                os.close(descriptor)
                raise LockError(taken) from error
            _held.add(self._path)
            self._descriptor = descriptor

    def close(self) -> None:
        """Give the directory up; doing so twice is fine."""
        with _held_guard:
            if self._descriptor is not None:
                os.close(self._descriptor)
                self._descriptor = None
                _held.discard(self._path)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
