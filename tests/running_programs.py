"""Starting the real programs, and making sure that nothing of theirs is left."""

import contextlib
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

BIN = Path(sys.executable).parent


def free_port() -> int:
    """Return a TCP port nobody listens on now, below those that the system gives to connections."""
    while True:
        port = random.randrange(20_000, 32_000)
        with socket.socket() as sock, contextlib.suppress(OSError):
            sock.bind(("127.0.0.1", port))
            return port


@dataclass
class Programs:
    """Programs in one data directory on regtest."""

    data_dir: Path
    started: list[subprocess.Popen[str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Give the node's RPC server a port of its own, unless a test says what is in bitcoin.conf."""
        (self.data_dir / "bitcoin.conf").write_text(f"[regtest]\nrpcport={free_port()}\n")

    @property
    def network_dir(self) -> Path:
        return self.data_dir / "regtest"

    def start(self, name: str, *options: str, new_group: bool = False) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [BIN / name, "-regtest", f"-datadir={self.data_dir}", *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=new_group,
            env={**os.environ, "QT_QPA_PLATFORM": "offscreen"},
        )
        self.started.append(process)
        return process

    def node(self, *options: str, new_group: bool = False) -> subprocess.Popen[str]:
        """Start a node and wait until it is ready."""
        node = self.start("pynode", "-ipcbind=unix", *options, new_group=new_group)
        read_until(node, "Done loading")
        return node

    def ask(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [BIN / "pycli", "-regtest", f"-datadir={self.data_dir}", *words],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )


def read_until(process: subprocess.Popen[str], text: str) -> str:
    """Read standard output up to a line with `text` and return that line."""
    assert process.stdout is not None
    for line in process.stdout:
        if text in line:
            return line
    assert process.stderr is not None
    raise AssertionError(f"ended without '{text}': {process.stderr.read()}")


def wait_for(condition: Callable[[], bool], what: str, seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"timed out waiting until {what}"
        time.sleep(0.02)


def children(process: subprocess.Popen[str]) -> list[psutil.Process]:
    return psutil.Process(process.pid).children(recursive=True)


def gone(processes: list[psutil.Process]) -> bool:
    return all(not p.is_running() or p.status() == psutil.STATUS_ZOMBIE for p in processes)


@pytest.fixture
def programs(tmp_path: Path) -> Iterator[Programs]:
    programs = Programs(tmp_path)
    yield programs
    left: list[psutil.Process] = []
    for process in programs.started:
        if process.poll() is None:
            left += children(process)
            process.send_signal(signal.SIGTERM)
        try:
            process.communicate(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
    wait_for(lambda: gone(left), "all children ended")
    assert not list(tmp_path.glob("**/*.sock")) or any(p.returncode == -signal.SIGKILL for p in programs.started)
