"""Many clients, clients that do not read, and a server without descriptors."""

import resource
import socket
import sys
import time
from pathlib import Path

import psutil
import pytest
from conftest import wait_until
from zoo import KeeperInit, ZooInit

from ipc import Ipc
from ipc.capnp import messages as m


def connections(server: Ipc) -> int:
    return server.context.connections


@pytest.mark.usefixtures("no_leaks")
def test_a_thousand_clients_come_and_vanish(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(8192, hard), hard))
    try:
        with Ipc("pynode", sys.argv[0], KeeperInit(), data_dir=tmp_path) as server:
            path = server.listen_address("unix").removeprefix("unix:")
            clients = []
            for _ in range(1000):
                client = socket.socket(socket.AF_UNIX)
                client.connect(path)
                client.sendall(m.bootstrap(0))
                clients.append(client)
            wait_until(lambda: connections(server) == 1000, "all are connected")
            for client in clients:
                assert client.recv(4096)
            before = time.process_time()
            time.sleep(1)
            assert time.process_time() - before < 0.2
            for client in clients:
                client.close()
            wait_until(lambda: connections(server) == 0, "all are gone")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.usefixtures("no_leaks")
def test_no_descriptors_left(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with Ipc("pynode", sys.argv[0], KeeperInit(), data_dir=tmp_path) as server:
        path = server.listen_address("unix").removeprefix("unix:")
        clients: list[socket.socket] = []
        try:
            clients = [socket.socket(socket.AF_UNIX) for _ in range(16)]
            resource.setrlimit(resource.RLIMIT_NOFILE, (psutil.Process().num_fds() + 4, hard))
            for client in clients:
                client.connect(path)
            before = time.process_time()
            time.sleep(1)
            assert time.process_time() - before < 0.3
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        wait_until(lambda: connections(server) == 16, "those who waited were served")
        for client in clients:
            client.close()
        wait_until(lambda: connections(server) == 0, "all are gone")


@pytest.mark.usefixtures("no_leaks")
def test_bound_on_connections(tmp_path: Path) -> None:
    with (
        Ipc("pynode", sys.argv[0], KeeperInit(), data_dir=tmp_path, max_connections=2) as server,
        Ipc("pyclient", sys.argv[0], KeeperInit(), data_dir=tmp_path) as client,
    ):
        address = server.listen_address("unix")
        first = client.connect_address(address, ZooInit)
        second = client.connect_address(address, ZooInit)
        assert first is not None
        assert second is not None
        waiting = socket.socket(socket.AF_UNIX)
        waiting.connect(address.removeprefix("unix:"))
        waiting.sendall(m.bootstrap(0))
        waiting.settimeout(0.2)
        with pytest.raises(TimeoutError):
            waiting.recv(1)
        first.close()
        waiting.settimeout(10)
        assert waiting.recv(1)
        waiting.close()


@pytest.mark.usefixtures("no_leaks")
def test_slow_reader_is_bounded_and_blocks_nobody(tmp_path: Path) -> None:
    with (
        Ipc("pynode", sys.argv[0], KeeperInit(), data_dir=tmp_path) as server,
        Ipc("pyclient", sys.argv[0], KeeperInit(), data_dir=tmp_path) as client,
    ):
        address = server.listen_address("unix")
        slow = socket.socket(socket.AF_UNIX)
        slow.connect(address.removeprefix("unix:"))
        slow.setblocking(False)
        sent = 0
        request = bytes(m.bootstrap(0) + m.finish(0, release_results=True)) * 500
        before = psutil.Process().memory_info().rss
        end = time.monotonic() + 5
        while time.monotonic() < end and sent < 200 * 1024 * 1024:
            try:
                sent += slow.send(request)
            except BlockingIOError:
                break
        time.sleep(0.5)
        assert psutil.Process().memory_info().rss - before < 100 * 1024 * 1024
        other = client.connect_address(address, ZooInit)
        assert other is not None
        with other:
            assert other.make_zoo().quick(1) == 254
        slow.close()
