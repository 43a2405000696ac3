"""Many clients, clients that do not read, and a server without descriptors."""

import resource
import socket
import struct
import sys
import time
from contextlib import suppress
from pathlib import Path
from random import Random

import psutil
import pytest
from conftest import wait_until
from zoo import KeeperInit, Zoo, ZooInit

from ipc import Ipc
from ipc.binding.binding import binding_of
from ipc.capnp import messages as m
from ipc.capnp import wire
from ipc.capnp.threads import THREAD_MAP_ID


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
def test_hundreds_of_clients_vanish_in_the_middle_of_a_call(tmp_path: Path) -> None:
    """Each has a thread of the server's that runs a call of its and one that waits for its turn."""
    init = KeeperInit()
    with Ipc("pynode", sys.argv[0], init, data_dir=tmp_path) as server:
        path = server.listen_address("unix").removeprefix("unix:")
        for _ in range(5):
            clients = []
            for _ in range(50):
                client = socket.socket(socket.AF_UNIX)
                client.connect(path)
                client.sendall(calls_that_block())
                clients.append(client)
            wait_until(lambda: all(zoo.blocking.is_set() for zoo in init.zoos) and len(init.zoos) == 50, "all block")
            for client in clients:
                client.close()
            wait_until(lambda: connections(server) == 0, "all are gone")
            wait_until(lambda: all(zoo.canceled.is_set() and zoo.closed.is_set() for zoo in init.zoos), "all ended")
            init.zoos.clear()


def calls_that_block() -> bytes:
    """Bootstrap, construct, makeThread, makeZoo and twice block, each made on what the one before will return."""
    zoo_init, zoo = binding_of(ZooInit), binding_of(Zoo)
    sent = bytearray(m.bootstrap(0))

    def call(number: int, origin: tuple[int, tuple[int, ...]], ids: tuple[int, int], buffer: bytearray) -> None:
        buffer[CALL_IDS] = struct.pack("<HHQ", ids[1], 0, ids[0])
        m.set_question(buffer, number)
        m.set_target(buffer, *origin)
        if buffer is not plain:
            m.add_descriptors(buffer, m.CALL_CONTENT, [m.Descriptor(m.RECEIVER_ANSWER, 2, (0,)), m.Descriptor(0, 0)])
        sent.extend(wire.finish_frame(buffer))

    construct = zoo_init.construct
    assert construct is not None
    plain = m.begin_call(0, 0)
    call(1, (0, ()), (construct.interface_id, construct.ordinal), plain)
    plain = m.begin_call(0, 0)
    call(2, (1, (0,)), (THREAD_MAP_ID, 0), plain)
    make, block = zoo_init.methods["make_zoo"], zoo.methods["block"]
    for number, origin, method in ((3, (0, ()), make), (4, (3, (0,)), block), (5, (3, (0,)), block)):
        ids = (method.schema.interface_id, method.schema.ordinal)
        call(number, origin, ids, method.begin_call((), lambda value, interface: 0))  # noqa: ARG005 - no objects
    return bytes(sent)


CALL_IDS = slice(36, 48)


@pytest.mark.usefixtures("no_leaks")
def test_peers_that_speak_nonsense_leave_nothing_behind(tmp_path: Path) -> None:
    random = Random(7)
    good = calls_that_block()
    with (
        Ipc("pynode", sys.argv[0], KeeperInit(), data_dir=tmp_path) as server,
        Ipc("pyclient", sys.argv[0], KeeperInit(), data_dir=tmp_path) as client,
    ):
        address = server.listen_address("unix")
        zoo = (client.connect_address(address, ZooInit) or pytest.fail("nobody serves")).make_zoo()
        for number in range(5000):
            data = bytearray(good)
            for _ in range(random.randint(0, 4)):
                data[random.randrange(len(data))] = random.randrange(256)
            with socket.socket(socket.AF_UNIX) as peer:
                peer.connect(address.removeprefix("unix:"))
                with suppress(OSError):
                    peer.sendall(data[: random.randint(0, len(data))])
            if number % 500 == 0:
                assert zoo.quick(number % 256) == (number % 256) ^ 0xFF
        wait_until(lambda: connections(server) == 1, "all are gone")
        assert zoo.several().code == 7


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
        rest = memoryview(request)
        before = psutil.Process().memory_info().rss
        end = time.monotonic() + 5
        while time.monotonic() < end and sent < 200 * 1024 * 1024:
            try:
                count = slow.send(rest)
            except BlockingIOError:
                break
            sent += count
            rest = rest[count:] or memoryview(request)
        time.sleep(0.5)
        assert psutil.Process().memory_info().rss - before < 100 * 1024 * 1024
        other = client.connect_address(address, ZooInit)
        assert other is not None
        with other:
            assert other.make_zoo().quick(1) == 254
        slow.close()
