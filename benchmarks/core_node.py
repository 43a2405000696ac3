"""Bitcoin Core's real bitcoin-node on regtest, as the server of a subject."""

from __future__ import annotations

import os
import socket
import subprocess
from time import sleep
from typing import TYPE_CHECKING

from benchmarks.server import Server
from benchmarks.subject import UnavailableError

if TYPE_CHECKING:
    from pathlib import Path

_VARIABLE = "BITCOIN_NODE_V32"


def start_node(folder: Path) -> Server:
    """Start bitcoin-node with its data in `folder`; return once its socket takes connections."""
    executable = os.environ.get(_VARIABLE)
    if not executable:
        message = f"set {_VARIABLE} to the path of a bitcoin-node"
        raise UnavailableError(message)
    address = folder / "regtest" / "node.sock"
    options = ["-regtest", f"-datadir={folder}", "-ipcbind=unix", "-listen=0", "-server=0"]
    process = subprocess.Popen([executable, *options], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    server = Server(process, str(address))
    try:
        while not _answers(address):
            server.check_running()
            sleep(0.001)
    except BaseException:
        server.stop()
        raise
    return server


def _answers(address: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(address))
        except OSError:
            return False
    return True
