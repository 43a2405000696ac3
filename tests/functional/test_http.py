"""JSON-RPC over HTTP against a real node, with sockets that behave well and badly."""

import base64
import json
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import Any

import pytest
from running_programs import Programs, free_port, read_until, wait_for

RPCAUTH = "bob:6dd184e5e69271fdd69103464630014f$eb3d7ce67c4d1ff3564270519b03b636c0291012692a5fa3dd1d2075daedd07b"
BOB = "bob:bitcoin"


@dataclass
class Node:
    programs: Programs
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[str] | None = None

    def start(self, *options: str) -> "Node":
        self.process = self.programs.start("pynode", f"-rpcport={self.port}", "-disablewallet", *options)
        read_until(self.process, "Done loading")
        return self

    @property
    def cookie_file(self) -> Path:
        return self.programs.network_dir / ".cookie"

    def credentials(self) -> str:
        return self.cookie_file.read_text()

    def log(self) -> str:
        return (self.programs.network_dir / "debug.log").read_text()

    def post(self, body: object, user: str | None = None, path: str = "/") -> tuple[int, Any, HTTPResponse]:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=20)
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        connection.request("POST", path, data, authorization(user or self.credentials()))
        response = connection.getresponse()
        text = response.read()
        connection.close()
        is_json = response.getheader("Content-Type") == "application/json"
        return response.status, json.loads(text) if is_json else text, response

    def call(self, method: str, *params: object) -> Any:
        status, reply, _ = self.post({"method": method, "params": params})
        assert status == 200, reply
        return reply["result"]

    @contextmanager
    def socket(self) -> Iterator[socket.socket]:
        with socket.create_connection(("127.0.0.1", self.port), timeout=20) as sock:
            yield sock

    def request(self, body: str, more: str = "", user: str | None = None) -> bytes:
        who = base64.b64encode((user or self.credentials()).encode()).decode()
        return (
            f"POST / HTTP/1.1\r\nAuthorization: Basic {who}\r\n{more}Content-Length: {len(body)}\r\n\r\n{body}"
        ).encode()


def authorization(user: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(user.encode()).decode()}


def read_all(sock: socket.socket) -> bytes:
    data = b""
    try:
        while piece := sock.recv(65536):
            data += piece
    except ConnectionResetError:
        pass
    return data


def read_until_count(sock: socket.socket, text: bytes, count: int) -> bytes:
    data = b""
    while data.count(text) < count:
        piece = sock.recv(65536)
        assert piece, data
        data += piece
    return data


@pytest.fixture
def node(programs: Programs) -> Node:
    return Node(programs)


def test_requests_of_all_kinds(node: Node) -> None:
    node.start("-rpcauth=" + RPCAUTH, "-debug=http", "-debug=rpc")
    assert node.cookie_file.stat().st_mode & 0o777 == 0o600
    status, reply, response = node.post({"method": "getblockcount", "id": 1})
    assert (status, reply) == (200, {"result": 0, "error": None, "id": 1})
    assert response.getheader("Date")
    assert node.post({"method": "getblockcount"}, BOB)[0] == 200
    assert node.post({"method": "getblockcount"}, BOB, "/wallet/some")[0] == 200
    assert node.post({"jsonrpc": "2.0", "method": "getblockcount"})[:2] == (204, b"")
    assert node.post(b"")[0] == 500
    assert node.post({"method": "foo"})[0] == 404
    assert node.post({"id": 1})[0] == 400
    for user in ("bob:wrong", "eve:bitcoin", "nobody", "__cookie__:"):
        start = time.monotonic()
        status, text, response = node.post({"method": "stop"}, user)
        assert (status, text) == (401, b"")
        assert response.getheader("WWW-Authenticate") == 'Basic realm="jsonrpc"'
        assert time.monotonic() - start > 0.24
    assert "[warning] ThreadRPCServer incorrect password attempt from 127.0.0.1:" in node.log()
    assert "[rpc] ThreadRPCServer method=getblockcount user=bob id=\n" in node.log()
    connection = HTTPConnection("127.0.0.1", node.port, timeout=20)
    for method, path, expected, text in (
        ("GET", "/", 405, b"JSONRPC server handles only POST requests"),
        ("POST", "/", 401, b""),
        ("DELETE", "/", 405, b""),
        ("CONNECT", "/", 405, b""),
        ("GET", "/x", 404, b""),
        ("POST", "/../etc/passwd", 404, b""),
        ("HEAD", "/", 405, b""),
    ):
        connection.request(method, path, b"")
        response = connection.getresponse()
        assert (response.status, response.read()) == (expected, text), method
    connection.close()


def test_bounds(node: Node) -> None:
    node.start("-rpcauth=" + RPCAUTH)
    connection = HTTPConnection("127.0.0.1", node.port, timeout=20)
    connection.request("GET", "/" + "x" * 7000)
    assert connection.getresponse().status == 404
    connection.close()
    for bad in (
        b"GET /" + b"x" * 8192 + b" HTTP/1.1\r\n\r\n",
        b"GET /x HTTP/1.1\r\n" + b"".join(b"h%04d: foo\r\n" % i for i in range(800)) + b"\r\n",
        b"GET / HTTP/9.9\r\nHost: x\r\n\r\n",
        b"GET / \r\n\r\n",
        b"GET /a\0b HTTP/1.1\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
        b"POST / HTTP/1.1\r\nAuthorization : x\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(256)),
    ):
        with node.socket() as sock:
            sock.sendall(bad)
            assert read_all(sock).startswith(b"HTTP/1.1 400 Bad Request\r\n"), bad
    with node.socket() as sock:
        sock.sendall(b"POST / HTTP/1.1\r\nContent-Length: 33554433\r\n\r\n")
        assert b"413 Content too large" in read_all(sock)
    with node.socket() as sock:
        sock.sendall(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2000001\r\n")
        sock.settimeout(20)
        sender = threading.Thread(target=send_until_error, args=(sock, b"x" * 65536, 600))
        sender.start()
        assert b"413 Content too large" in sock.recv(1024)
        with suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)
        sender.join()
    text = "x" * 8_000_000
    assert node.call("echo", text) == [text]
    assert node.call("getblockcount") == 0


def send_until_error(sock: socket.socket, data: bytes, times: int) -> None:
    try:
        for _ in range(times):
            sock.sendall(data)
    except OSError:
        return


def test_chunks_and_both_lengths(node: Node) -> None:
    node.start("-rpcauth=" + RPCAUTH)
    body = '{"method":"getblockcount"}'
    chunked = f"{len(body):x}\r\n{body}\r\n0\r\n\r\n".encode()
    for length in ("", "Content-Length: 4\r\n"):
        with node.socket() as sock:
            head = node.request("", f"Transfer-Encoding: chunked\r\n{length}", BOB).replace(
                b"Content-Length: 0\r\n", b""
            )
            sock.sendall(head)
            for byte in chunked:
                sock.sendall(bytes([byte]))
            assert b'"result":0' in read_until_count(sock, b"result", 1)


def test_pipelining_and_half_closed(node: Node) -> None:
    node.start("-rpcauth=" + RPCAUTH)
    wait = node.request('{"method": "waitfornewblock", "params": [400]}', "", BOB)
    count = node.request('{"method": "getblockcount"}', "", BOB)
    with node.socket() as sock:
        sock.sendall(wait + count * 20)
        sock.shutdown(socket.SHUT_WR)
        data = read_all(sock)
    assert data.count(b"HTTP/1.1 200 OK") == 21
    assert data.index(b'{"result":{"hash"') < data.index(b'{"result":0')
    with node.socket() as sock:
        sock.sendall(wait + b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\n\r\n" + count)
        data = read_all(sock)
    assert data.index(b"HTTP/1.1 200") < data.index(b"HTTP/1.1 400")
    assert data.count(b"HTTP/1.1") == 2


def test_slow_clients(node: Node) -> None:
    node.start("-rpcauth=" + RPCAUTH, "-rpcservertimeout=1")
    with node.socket() as silent, node.socket() as slow, node.socket() as waiting, node.socket() as half_open:
        half_open.sendall(node.request('{"method": "getblockcount"}', "", BOB))
        waiting.sendall(node.request('{"method": "waitfornewblock", "params": [2500]}', "", BOB))
        silent.sendall(b"GET /x HTTP/1.1\r\n")
        start = time.monotonic()
        sender = threading.Thread(target=drip, args=(slow,))
        sender.start()
        assert read_all(silent) == b""
        assert 0.9 < time.monotonic() - start < 3
        assert read_all(slow) == b""
        assert time.monotonic() - start < 4
        sender.join()
        assert b"200 OK" in waiting.recv(65536)
        assert b"200 OK" in read_all(half_open)
    assert node.post({"method": "getblockcount"}, BOB)[0] == 200


def drip(sock: socket.socket) -> None:
    """Send a header byte by byte, each in time."""
    try:
        sock.sendall(b"GET /x HTTP/1.1\r\nA: ")
        for _ in range(100):
            sock.sendall(b"x")
            time.sleep(0.1)
    except OSError:
        return


def test_client_that_does_not_read(node: Node) -> None:
    node.start("-rpcauth=" + RPCAUTH, "-rpcservertimeout=2")
    with node.socket() as sock:
        request = node.request(json.dumps({"method": "echo", "params": ["x" * 1_000_000]}), "", BOB)
        sender = threading.Thread(target=send_until_error, args=(sock, request, 50))
        sender.start()
        sender.join(30)
        assert not sender.is_alive()
    assert node.post({"method": "getblockcount"}, BOB)[0] == 200


def test_work_queue(node: Node) -> None:
    node.start("-rpcthreads=1", "-rpcworkqueue=1", "-rpcauth=" + RPCAUTH)
    wait = node.request('{"method": "waitfornewblock", "params": [1500]}', "", BOB)
    with node.socket() as first, node.socket() as second, node.socket() as third:
        first.sendall(wait)
        time.sleep(0.2)
        second.sendall(wait)
        time.sleep(0.2)
        third.sendall(wait)
        data = third.recv(65536)
        assert b"503 Service Unavailable" in data
        assert data.endswith(b"\r\n\r\nWork queue depth exceeded")
        assert b"200 OK" in first.recv(65536)
        assert b"200 OK" in second.recv(65536)


def test_stop_is_answered_and_ends_waits(node: Node) -> None:
    node.start("-rpcauth=" + RPCAUTH)
    with node.socket() as waiting, node.socket() as idle, node.socket() as stopping:
        waiting.sendall(node.request('{"method": "waitfornewblock", "id": 1}', "", BOB))
        idle.sendall(b"GET")
        time.sleep(0.2)
        stopping.sendall(node.request('{"method": "stop", "params": [300]}', "", BOB))
        assert b'"result":"pynode stopping"' in read_all(stopping)
        assert b'"id":1' in read_all(waiting)
        assert read_all(idle) == b""
    assert node.process is not None
    assert node.process.wait(20) == 0
    assert not node.cookie_file.exists()


def test_whitelist(node: Node) -> None:
    node.start("-rpcauth=" + RPCAUTH, "-rpcwhitelist=bob:getblockcount,help", "-rpcwhitelist=bob:getblockcount")
    assert node.post({"method": "getblockcount"}, BOB)[0] == 200
    assert node.post({"method": "help"}, BOB)[:2] == (403, b"")
    assert node.post({"method": "getblockcount"})[0] == 403
    assert "[warning] RPC User bob not allowed to call method help" in node.log()


@pytest.mark.parametrize(
    ("options", "error"),
    [
        (["-rpcauth=foo"], "Error: Unable to start HTTP server. See debug log for details.\n"),
        (["-rpccookieperms=me"], "Error: Unable to start HTTP server. See debug log for details.\n"),
        (["-rpcport=0"], "Error: Invalid port specified in -rpcport: '0'\n"),
        (["-rpcallowip=::1", "-rpcbind=[::1]:70000"], "Error: Invalid port specified in -rpcbind: '[::1]:70000'\n"),
        (["-rpcallowip=foo"], "Error: Invalid -rpcallowip subnet specification: foo. Valid values are"),
        (["-rpcallowip=::/0", "-rpcbind=nowhere"], "Error: Unable to start HTTP server. See debug log for details.\n"),
    ],
)
def test_wrong_options(node: Node, options: list[str], error: str) -> None:
    process = node.programs.start("pynode", f"-rpcport={node.port}", "-disablewallet", *options)
    _, shown = process.communicate(timeout=20)
    assert process.returncode == 1
    assert shown.startswith(error)
    assert not node.cookie_file.exists()


def test_port_taken(node: Node) -> None:
    with (
        socket.create_server(("127.0.0.1", node.port)),
        socket.create_server(("::1", node.port), family=socket.AF_INET6),
    ):
        process = node.programs.start("pynode", f"-rpcport={node.port}", "-disablewallet")
        output, shown = process.communicate(timeout=20)
    assert process.returncode == 1
    assert shown == "Error: Unable to start HTTP server. See debug log for details.\n"
    assert f"Unable to bind to 127.0.0.1:{node.port} on this computer. pynode is probably already running." in output


def test_bind_without_allowip(node: Node) -> None:
    node.start("-rpcbind=0.0.0.0")
    assert "[warning] Option -rpcbind was ignored because -rpcallowip was not specified" in node.log()


def test_no_server_and_no_cookie(node: Node) -> None:
    node.start("-noserver")
    with pytest.raises(ConnectionRefusedError), node.socket():
        pass
    folder = node.programs.data_dir / "other"
    folder.mkdir()
    other = Node(Programs(folder))
    other.programs.started = node.programs.started
    other.start("-norpccookiefile", "-rpcuser=me", "-rpcpassword=pw")
    assert not other.cookie_file.exists()
    assert other.post({"method": "getblockcount"}, "me:pw")[0] == 200


def test_many_clients_at_once(node: Node) -> None:
    node.start("-rpcauth=" + RPCAUTH)
    failures: list[object] = []

    def ask() -> None:
        connection = HTTPConnection("127.0.0.1", node.port, timeout=20)
        for number in range(50):
            connection.request("POST", "/", json.dumps({"method": "echo", "params": [number]}), authorization(BOB))
            if json.loads(connection.getresponse().read())["result"] != [number]:
                failures.append(number)
        connection.close()

    threads = [threading.Thread(target=ask) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    wait_for(lambda: node.call("getrpcinfo")["active_commands"][0]["method"] == "getrpcinfo", "only this call runs")


def test_long_polls_keep_nobody_waiting_and_end_with_their_clients(node: Node) -> None:
    node.start("-rpcthreads=2", "-rpcauth=" + RPCAUTH)
    asked: dict[str, object] = {"rules": ["segwit"]}
    asked["longpollid"] = node.call("getblocktemplate", asked)["longpollid"]
    poll = node.request(json.dumps({"method": "getblocktemplate", "params": [asked]}), "", BOB)

    def polls() -> int:
        return sum(each["method"] == "getblocktemplate" for each in node.call("getrpcinfo")["active_commands"])

    with ExitStack() as staying, ExitStack() as leaving:
        stays = [staying.enter_context(node.socket()) for _ in range(4)]
        leaves = [leaving.enter_context(node.socket()) for _ in range(8)]
        for sock in stays + leaves:
            sock.sendall(poll)
        wait_for(lambda: polls() == 12, "all wait")
        leaving.close()
        wait_for(lambda: polls() == 4, "those wait that are there")
        [block] = node.call("generatetodescriptor", 1, "raw(51)")
        for sock in stays:
            assert f'"previousblockhash":"{block}"'.encode() in read_until_count(sock, b'"height":2', 1)
        wait_for(lambda: polls() == 0, "all are answered")
    assert node.process is not None
    with node.socket() as sock:
        sock.sendall(poll.replace(asked["longpollid"].encode(), block.encode() + b"0"))  # type: ignore[attr-defined]
        wait_for(lambda: polls() == 1, "it waits")
        node.call("stop")
        assert b"Shutting down" in read_until_count(sock, b"Shutting down", 1)
    assert node.process.wait(20) == 0
