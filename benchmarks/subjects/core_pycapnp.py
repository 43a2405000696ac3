"""pycapnp as the client of Bitcoin Core's bitcoin-node."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.capnp_client import CapnpClient
from benchmarks.core_node import start_node
from benchmarks.subject import Client, Subject

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.server import Server


class CorePycapnpSubject(Subject):
    """The yardstick for any client of Core."""

    about = "pycapnp's client to Bitcoin Core's bitcoin-node, one server thread per connection"

    def start(self, folder: Path) -> Server:
        """Start bitcoin-node."""
        return start_node(folder)

    def connect(self, server: Server) -> Client:
        """Connect."""
        return CapnpClient(server.address, thread=True)


SUBJECT = CorePycapnpSubject()
