"""Our `ipc` package as the client of Bitcoin Core's bitcoin-node."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.core_node import start_node
from benchmarks.ipc_client import IpcClient
from benchmarks.subject import Client, Subject

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.server import Server


class CoreOursSubject(Subject):
    """To be read beside pycapnp's client of the same node."""

    about = "our ipc package as client to Bitcoin Core's bitcoin-node; bursts by asyncio"

    def start(self, folder: Path) -> Server:
        """Start bitcoin-node."""
        return start_node(folder)

    def connect(self, server: Server) -> Client:
        """Connect."""
        return IpcClient(server.address)


SUBJECT = CoreOursSubject()
