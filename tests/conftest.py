"""What all tests share: leak checks, an `Ipc` pair, and the real peers if they are there."""

import gc
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from zoo import KeeperInit, ZooInit

from ipc import Ipc
from ipc.capnp.threads import current_waiter

pytest_plugins = ["running_programs"]

REAL_PEERS = ("BITCOIN_NODE_V31", "BITCOIN_CLI_V31", "BITCOIN_NODE_V32", "BITCOIN_CLI_V32")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    missing = [name for name in REAL_PEERS if not os.environ.get(name)]
    if missing:
        terminalreporter.write_line(
            f"NOT TESTED against real Bitcoin Core programs: {', '.join(missing)} not set", yellow=True
        )


def wait_until(condition: Callable[[], bool], what: str, seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"timed out waiting until {what}"
        time.sleep(0.005)


def descriptors() -> set[str]:
    found = set()
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208 - a Path for each would be noise
        try:
            target = os.readlink(f"/proc/self/fd/{name}")  # noqa: PTH115
        except OSError:
            continue
        if target.startswith(("socket:", "anon_inode:", "pipe:")):
            found.add(f"{name} {target}")
    return found


@pytest.fixture
def no_leaks() -> Iterator[None]:
    """Fail if a thread or descriptor outlives the test."""
    # A thread that calls keeps one descriptor until it ends; this one should have its already.
    current_waiter("pytest").prepare_to_lead()
    current_waiter("pytest").leading = False
    gc.collect()
    threads, files = set(threading.enumerate()), descriptors()
    yield
    gc.collect()
    wait_until(lambda: set(threading.enumerate()) <= threads, "threads ended")
    wait_until(lambda: descriptors() <= files, "descriptors were closed")


@dataclass
class Pair:
    """A server and a client in this process, over a real socket."""

    server: Ipc
    client: Ipc
    keeper_init: KeeperInit
    address: str

    def connect(self) -> ZooInit:
        init = self.client.connect_address(self.address, ZooInit)
        assert init is not None
        return init


@pytest.fixture
def pair(tmp_path: Path, no_leaks: None) -> Iterator[Pair]:  # noqa: ARG001 - checked around everything else
    keeper_init = KeeperInit()
    with (
        Ipc("pynode", sys.argv[0], keeper_init, data_dir=tmp_path) as server,
        Ipc("pyclient", sys.argv[0], KeeperInit(), data_dir=tmp_path) as client,
    ):
        yield Pair(server, client, keeper_init, server.listen_address("unix"))
