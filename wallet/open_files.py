"""The files of the databases that are open in this process, and reading files without taking a database's lock away.

SQLite locks with fcntl, and a process loses all its locks on a file as soon as it closes any descriptor of it. So one
descriptor of each open file is kept here until its database is closed, and who would look into the file uses that.
"""

from __future__ import annotations

import os
import stat
import threading
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

_lock: Final = threading.Lock()
"""Held while a file is opened and closed again, so that no database takes it in between."""
_held: Final[dict[tuple[int, int], int]] = {}
"""The descriptor of each, by device and inode."""
_CHUNK: Final = 1 << 20


class FileInUseError(Exception):
    """A database of this process has the file."""


class HeldFile:
    """A file, made if there is none, that one database has from now on. To be closed after the database."""

    def __init__(self, file: Path) -> None:
        """Raises FileInUseError if another one has it, OSError if it is no file, or not to be opened."""
        with _lock:
            if _descriptor_of(file) is not None:
                raise FileInUseError(str(file))
            descriptor = _open(file, os.O_CREAT)
            self._identity = _identity(os.fstat(descriptor))
            _held[self._identity] = descriptor

    def close(self) -> None:
        """Let others have it."""
        with _lock:
            os.close(_held.pop(self._identity))


def read_start(file: Path, size: int) -> tuple[bytes, int]:
    """Return the first bytes of a file and its whole size. Raises OSError, also for what is no file."""
    with _lock:
        held = _descriptor_of(file)
        descriptor = _open(file) if held is None else held
        try:
            return os.pread(descriptor, size, 0), os.fstat(descriptor).st_size
        finally:
            if held is None:
                os.close(descriptor)


def copy_file(source: Path, target: Path) -> None:
    """Copy a file to one that must be new, and that only its owner may read. Raises OSError; then there is no copy."""
    output = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(output, "wb") as stream, _lock:
            held = _descriptor_of(source)
            descriptor = _open(source) if held is None else held
            try:
                offset = 0
                while chunk := os.pread(descriptor, _CHUNK, offset):
                    stream.write(chunk)
                    offset += len(chunk)
            finally:
                if held is None:
                    os.close(descriptor)
    except BaseException:
        target.unlink()
        raise


def _open(file: Path, more_flags: int = 0) -> int:
    # Not to be held up by a pipe that nobody writes to.
    descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | more_flags, 0o600)
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return descriptor
    os.close(descriptor)
    raise OSError(f"'{file}' is not a file")


def _descriptor_of(file: Path) -> int | None:
    try:
        return _held.get(_identity(file.stat()))
    except FileNotFoundError:
        return None


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino
