"""The file that tells a node's process id (Core: CreatePidFile in src/init.cpp)."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING, Final

from cli.errors import StartError

if TYPE_CHECKING:
    from pathlib import Path

log: Final = logging.getLogger()


class PidFile:
    """A file that holds our process id until `close`."""

    def __init__(self, path: Path) -> None:
        """Write it. Raises StartError."""
        self._path: Path | None = path
        try:
            path.write_text(f"{os.getpid()}\n", encoding="ascii")
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            raise StartError(f"Unable to create the PID file '{path}': {reason}") from error

    def close(self) -> None:
        """Remove it. Idempotent."""
        path, self._path = self._path, None
        if path is None:
            return
        try:
            path.unlink()
        except FileNotFoundError:
            log.warning("Unable to remove PID file (%s): File does not exist", path)
        except OSError as error:
            log.warning("Unable to remove PID file (%s): %s", path, error.strerror)
