"""Child processes: starting one with a socket, and finding out that we are one (Core: src/ipc/process.cpp)."""

from __future__ import annotations

import logging
import os
import shutil
import signal
import socket
import stat
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ipc.errors import SpawnError

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Sequence
    from types import FrameType

log: Final = logging.getLogger("ipc")
_PATIENCE: Final = 10.0


class Child:
    """A process we started. It ends when its socket closes, and is always waited for."""

    def __init__(
        self, name: str, process: subprocess.Popen[bytes], patience: float | None, ended: threading.Event
    ) -> None:
        """Own a started process, which is killed if `wait` has waited for `patience` seconds; then `ended` is set."""
        self.name = name
        self._ended = ended
        self._patience = patience
        self.pid = process.pid
        self._process = process
        self._waiting = threading.Lock()

    def wait(self) -> int:
        """Wait for the end and log it once; return the exit status, negative for a signal."""
        import subprocess

        with self._waiting:
            known = self._process.returncode
            while self._process.returncode is None:
                try:
                    self._process.wait(_PATIENCE if self._patience is None else self._patience)
                except subprocess.TimeoutExpired:
                    if self._patience is None:
                        log.warning("ipc: Still waiting for process %s pid %d to exit", self.name, self.pid)
                    else:
                        log.warning("ipc: Process %s pid %d does not exit and is killed", self.name, self.pid)
                        self._process.kill()
            status = self._process.returncode
            if known is None:
                log.debug("Process %s pid %d exited with status %d", self.name, self.pid, status)
            self._ended.set()
            return status


def spawn(name: str, argv0: str, patience: float | None, ended: threading.Event) -> tuple[Child, socket.socket]:
    """Start the executable `name` that lies beside `argv0`, with one end of a socket pair. Raises SpawnError.

    It is killed if it has not ended `patience` seconds after somebody began to wait for that; `ended` is set then.
    """
    import subprocess

    found = argv0 if "/" in argv0 else shutil.which(argv0) or argv0
    path = Path(found).absolute().parent / name
    ours, theirs = socket.socketpair()
    # Until the child can ignore an interrupt of the whole process group, the kernel keeps it.
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        process = subprocess.Popen([path, "-ipcfd", str(theirs.fileno())], pass_fds=(theirs.fileno(),))
    except OSError as error:
        ours.close()
        ended.set()
        raise SpawnError(f"Unable to start '{path}': {error.strerror}") from error
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        theirs.close()
    log.debug("Process %s pid %d launched", name, process.pid)
    return Child(name, process, patience, ended), ours


def spawned_socket(argv: Sequence[str]) -> socket.socket | None:
    """Return the socket to our parent if the arguments are those of a spawned process. Raises SpawnError."""
    if len(argv) != 3 or argv[1] != "-ipcfd":
        return None
    text = argv[2]
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise SpawnError(f"Invalid -ipcfd number '{text}'")
    number = int(text)
    try:
        if not stat.S_ISSOCK(os.fstat(number).st_mode):
            raise SpawnError(f"Invalid -ipcfd number '{text}': not a socket")
    except OSError as error:
        raise SpawnError(f"Invalid -ipcfd number '{text}': {error.strerror}") from error
    os.set_inheritable(number, False)
    return socket.socket(fileno=number)


def leave_interrupt_to_parent(exe_name: str) -> None:
    """Ignore SIGINT, which a terminal sends to the parent too, but say so."""
    line = f"[{exe_name}] SIGINT received — waiting for parent to shut down.\n".encode()

    def ignore(number: int, frame: FrameType | None) -> None:
        del number, frame
        os.write(2, line)

    signal.signal(signal.SIGINT, ignore)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
