"""What a running node holds outside itself: locked directories, its pid file, its place in the background."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

from cli.errors import StartError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from cli.arguments import Arguments
    from cli.background import Umbilical
    from cli.pid_file import PidFile
    from common.lock_file import DirectoryLock

DEFAULT_PID_NAME: Final = "bitcoind.pid"
"""Core's, which its tests and service files know."""


class Claims:
    """Held until `close`."""

    def __init__(self) -> None:
        """Hold nothing."""
        self._umbilical: Umbilical | None = None
        self._locks: list[DirectoryLock] = []
        self._pid_file: PidFile | None = None

    @property
    def in_background(self) -> bool:
        """Whether we left the terminal."""
        return self._umbilical is not None

    def go_to_background(self, arguments: Arguments, directories: Sequence[Path]) -> None:
        """Leave the terminal if -daemon or -daemonwait asks for it. Raises StartError."""
        wait = arguments.get_bool("daemonwait")
        if not wait and not arguments.get_bool("daemon"):
            return
        from cli.background import go_to_background
        from common.version import CLIENT_NAME

        self.lock(directories)  # Who is refused hears it while there is a terminal.
        self._unlock()  # A lock does not survive a fork.
        sys.stdout.write(f"{CLIENT_NAME} starting\n")
        self._umbilical = go_to_background(arguments.get("debuglogfile", arguments.program.log_file_name))
        if not wait:
            self.tell_parent(good=True)

    def lock(self, directories: Sequence[Path]) -> None:
        """Lock directories. Raises StartError."""
        from common.errors import LockError
        from common.lock_file import DirectoryLock

        for directory in directories:
            try:
                self._locks.append(DirectoryLock(directory))
            except LockError as error:
                raise StartError(str(error)) from error

    def write_pid(self, arguments: Arguments, network_dir: Path) -> None:
        """Write our process id where -pid says. Raises StartError."""
        from cli.pid_file import PidFile

        path = arguments.get_path("pid", DEFAULT_PID_NAME)
        if path is not None:
            self._pid_file = PidFile(network_dir / path)

    def tell_parent(self, *, good: bool) -> None:
        """Tell the process that waits until we are in the background, if there is one, how it went."""
        if self._umbilical is not None:
            self._umbilical.tell(good=good)

    def close(self) -> None:
        """Give up everything. Idempotent."""
        if self._pid_file is not None:
            self._pid_file.close()
        self._unlock()

    def _unlock(self) -> None:
        while self._locks:
            self._locks.pop().close()
