"""Our `ipc` package on both sides, over a Unix socket."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from benchmarks.ipc_client import IPC, IpcClient
from benchmarks.server import PythonSubject, Server

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.subject import Client


class OursSubject(PythonSubject):
    """What this directory exists to judge."""

    about = "our ipc package on both sides; one server thread per client thread, bursts by asyncio"

    def serve(self, address: str, ready: Callable[[], None]) -> None:
        """Serve in this process until standard input ends."""
        IPC.listen_address(f"unix:{address}")
        ready()
        sys.stdin.read()
        IPC.close()

    def connect(self, server: Server) -> Client:
        """Connect."""
        return IpcClient(server.address)


SUBJECT = OursSubject()
