"""The real programs, each with a folder of its own: pynode, and Bitcoin Core's node where it is."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
from base64 import b64encode
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cli.program_init import ProgramInit
from interfaces.init import PynodeInit
from ipc import Ipc

if TYPE_CHECKING:
    from collections.abc import Iterator

_BIN: Final = Path(sys.executable).parent
_CORE_VARIABLE: Final = "BITCOIN_NODE_V32"
_START: Final = 60.0


@dataclass(frozen=True, slots=True)
class Program:
    """A node that runs."""

    folder: Path
    rpc_port: int
    pid: int

    @property
    def address(self) -> str:
        """Where it serves IPC."""
        return f"unix:{self.folder}/regtest/node.sock"

    @property
    def authorization(self) -> str:
        """The header that its cookie makes."""
        return "Basic " + b64encode((self.folder / "regtest" / ".cookie").read_bytes()).decode()


def core_node() -> str | None:
    """Return the path of Bitcoin Core's node if it is known."""
    return os.environ.get(_CORE_VARIABLE)


def pynode(*, wallet: bool = False) -> list[str]:
    """Return the command that starts our node, with or without its wallet process."""
    return [str(_BIN / "pynode"), f"-disablewallet={int(not wallet)}"]


@contextmanager
def running(command: list[str], folder: Path | None = None) -> Iterator[Program]:
    """Start a node; it serves IPC and JSON-RPC."""
    with tempfile.TemporaryDirectory(prefix="pynode-bench-") as temporary:
        place = folder or Path(temporary)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port: int = probe.getsockname()[1]
        options = ["-regtest", f"-datadir={place}", "-ipcbind=unix", f"-rpcport={port}", "-listen=0"]
        process = subprocess.Popen([*command, *options], stdout=subprocess.DEVNULL)
        program = Program(place, port, process.pid)
        try:
            _wait_until_loaded(process, program)
            yield program
        finally:
            process.terminate()
            process.wait()


def _wait_until_loaded(process: subprocess.Popen[bytes], program: Program) -> None:
    end = time.monotonic() + _START
    log = program.folder / "regtest" / "debug.log"
    while not (log.exists() and "Done loading" in log.read_text(errors="replace")):
        assert process.poll() is None
        assert time.monotonic() < end
        time.sleep(0.01)


@contextmanager
def reach(program: Program) -> Iterator[PynodeInit]:
    """Reach a node over IPC."""
    with Ipc("bench", sys.argv[0], ProgramInit()) as ipc:
        init = ipc.connect_address(program.address, PynodeInit)
        assert init is not None
        yield init
