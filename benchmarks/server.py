"""The server process of a subject: starting it, owning it, ending it."""

from __future__ import annotations

import subprocess
import sys
from abc import abstractmethod
from typing import TYPE_CHECKING

from benchmarks.subject import Subject, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_GRACE_SECONDS = 10


class Server:
    """A running server process and the path of its Unix socket."""

    def __init__(self, process: subprocess.Popen[bytes], address: str) -> None:
        """Own `process`."""
        self._process = process
        self.address = address
        self.pid = process.pid

    def check_running(self) -> None:
        """Raise UnavailableError if the process ended."""
        status = self._process.poll()
        if status is not None:
            message = f"the server exited with status {status}"
            raise UnavailableError(message)

    def stop(self) -> None:
        """End the process, gently and then not, and wait for it."""
        self._process.terminate()
        try:
            self._process.wait(_GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()


class PythonSubject(Subject):
    """A subject whose server is a Python process running its `serve`."""

    def start(self, folder: Path) -> Server:
        """Start the process and wait for the line it prints when it listens."""
        address = str(folder / "echo.sock")
        name = type(self).__module__.rpartition(".")[2]
        process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.serve", name, address],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        server = Server(process, address)
        if process.stdout is None or process.stdout.readline() != b"ready\n":
            server.stop()
            message = "the server ended before it listened"
            raise UnavailableError(message)
        return server

    @abstractmethod
    def serve(self, address: str, ready: Callable[[], None]) -> None:
        """Listen at `address`, call `ready`, and serve until killed. Runs in the server process."""
