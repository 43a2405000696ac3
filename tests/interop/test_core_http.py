"""HTTP, JSON-RPC and REST: what Bitcoin Core's node answers to the same bytes, ours answers."""

import base64
import http.client
import json
import os
import re
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from block_factory import REGTEST_GENESIS_HASH, block_hash, build_block, spend
from running_programs import BIN, free_port, wait_for

from primitives.block import Block

NODES = [node for node in (os.environ.get("BITCOIN_NODE_V32"),) if node]
WHO = "Basic " + base64.b64encode(b"me:secret").decode()


def chain() -> tuple[list[bytes], bytes, bytes]:
    """Return blocks, a transaction in the last one, and what that spends."""
    blocks = [build_block(REGTEST_GENESIS_HASH, 1)]
    while len(blocks) < 100:
        blocks.append(build_block(block_hash(blocks[-1]), len(blocks) + 1))
    coinbase = Block.parse(blocks[0]).transactions[0].txid
    made = spend(coinbase + bytes(4), 25 * 10**8, 24 * 10**8)
    blocks.append(build_block(block_hash(blocks[-1]), 101, transactions=(made,)))
    return blocks, Block.parse(blocks[-1]).transactions[1].txid[::-1], coinbase[::-1]


BLOCKS, SPENDING, SPENT = chain()
TIP = block_hash(BLOCKS[-1])[::-1].hex()
FIRST = block_hash(BLOCKS[0])[::-1].hex()
UNKNOWN = "00" * 32


@dataclass
class Server:
    port: int
    process: subprocess.Popen[bytes]

    def ask(self, method: str, target: str, body: bytes = b"") -> tuple[int, list[tuple[str, str]], bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.request(method, target, body, {"Authorization": WHO})
        response = connection.getresponse()
        data = response.read()
        connection.close()
        return response.status, [header for header in response.getheaders() if header[0] != "Date"], data

    def ready(self) -> bool:
        try:
            return self.ask("POST", "/", b'{"method":"uptime"}')[0] == 200
        except OSError:
            return False


@pytest.fixture(params=NODES, scope="module")
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Server]]:
    servers = []
    for program in (Path(request.param), BIN / "pynode"):
        port = free_port()
        data_dir = tmp_path_factory.mktemp(program.name)
        options = [
            "-regtest", f"-datadir={data_dir}", f"-rpcport={port}", "-rpcuser=me", "-rpcpassword=secret", "-rest",
            "-txindex", "-blockfilterindex", "-listen=0", "-server", "-disablewallet", "-printtoconsole=0",
        ]  # fmt: skip
        servers.append(Server(port, subprocess.Popen([program, *options])))
    for server in servers:
        wait_for(server.ready, "the node answers")
        calls = [{"method": "submitblock", "params": [block.hex()], "id": 0} for block in BLOCKS]
        assert server.ask("POST", "/", json.dumps(calls).encode())[0] == 200
        wait_for(lambda: server.ask("GET", f"/rest/blockfilter/basic/{TIP}.json")[0] == 200, "the filters are made")  # noqa: B023 - called at once
    yield servers[0], servers[1]
    for server in servers:
        server.process.terminate()
        server.process.wait(20)


@pytest.mark.parametrize(
    "target",
    [
        f"tx/{SPENDING.hex()}.json", f"tx/{SPENDING.hex()}.hex", f"tx/{SPENDING.hex()}.bin", f"tx/{UNKNOWN}.json",
        f"tx/{SPENDING.hex()}", "tx/abc.json", f"tx/{SPENDING.hex()}.txt",
        f"block/{TIP}.json", f"block/{TIP}.hex", f"block/{TIP}.bin", f"block/{TIP}", f"block/{UNKNOWN}.json",
        f"block/notxdetails/{TIP}.json", f"block/notxdetails/{FIRST}.bin", "block/x.bin",
        f"blockpart/{TIP}.bin?offset=3&size=40", f"blockpart/{TIP}.hex?offset=0&size=1",
        f"blockpart/{TIP}.json?offset=0&size=1", f"blockpart/{TIP}.bin?size=1", f"blockpart/{TIP}.bin?offset=1",
        f"blockpart/{TIP}.bin?offset=1&size=0", f"blockpart/{TIP}.bin?offset=1&size=99999", f"blockpart/{TIP}.bin?%XY",
        f"headers/{FIRST}.json?count=2", f"headers/{FIRST}.bin", f"headers/2/{FIRST}.hex", f"headers/{UNKNOWN}.json",
        f"headers/{FIRST}.json?count=0", f"headers/{FIRST}.json?count=2001", f"headers/{FIRST}.json?count=x",
        f"headers/1/2/{FIRST}.json", f"headers/{FIRST}%.json", f"headers/{FIRST}.json?co%75nt=1",
        f"blockfilter/basic/{TIP}.json", f"blockfilter/basic/{TIP}.bin", f"blockfilter/basic/{UNKNOWN}.hex",
        f"blockfilter/other/{TIP}.json", "blockfilter/basic.json",
        f"blockfilterheaders/basic/{FIRST}.json?count=3", f"blockfilterheaders/basic/3/{FIRST}.bin",
        f"blockfilterheaders/basic/{FIRST}.hex", f"blockfilterheaders/other/{FIRST}.hex", "blockfilterheaders/x.json",
        "deploymentinfo.json", f"deploymentinfo/{TIP}.json", f"deploymentinfo/{UNKNOWN}.json", "deploymentinfo.bin",
        "chaininfo.bin", "chaininfo",
        "blockhashbyheight/101.json", "blockhashbyheight/101.hex", "blockhashbyheight/101.bin",
        "blockhashbyheight/102.json", "blockhashbyheight/+1.json", "blockhashbyheight/%3Cx%3E.json",
        "blockhashbyheight/.json", "blockhashbyheight/5", "mempool/contents.json", "mempool/contents.json?%",
        "mempool/contents.json?verbose=false", "mempool/contents.json?verbose=no", "mempool/x.json", "mempool/info.bin",
        "mempool/contents.json?mempool_sequence=1", "mempool/contents.json?mempool_sequence=true",
        f"spenttxouts/{TIP}.json", f"spenttxouts/{TIP}.bin", f"spenttxouts/{TIP}.hex", f"spenttxouts/{UNKNOWN}.bin",
        f"spenttxouts/x/{TIP}.bin", f"spenttxouts/{TIP}",
        f"getutxos/{SPENDING.hex()}-0.json", f"getutxos/{SPENDING.hex()}-0/{SPENT.hex()}-0.json",
        f"getutxos/checkmempool/{SPENDING.hex()}-0/{SPENT.hex()}-0.bin", f"getutxos/{SPENDING.hex()}-0.hex",
        f"getutxos/{SPENDING.hex()}-+1.json", f"getutxos/{SPENDING.hex()}_1.json", "getutxos/aa-1.json",
        "getutxos.json", "getutxos/checkmempool.json", f"getutxos/{SPENDING.hex()}-0",
        "getutxos/" + "/".join(f"{SPENDING.hex()}-{i}" for i in range(16)) + ".json", "nothing",
    ],
)  # fmt: skip
def test_rest(pair: tuple[Server, Server], target: str) -> None:
    theirs, ours = (server.ask("GET", f"/rest/{target}") for server in pair)
    assert ours == theirs


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("bin", b'{"checkmempool'),
        ("json", b'{"checkmempool'),
        ("hex", b"zz"),
    ],
)
def test_rest_bodies(pair: tuple[Server, Server], kind: str, body: bytes) -> None:
    theirs, ours = (server.ask("POST", f"/rest/getutxos.{kind}", body) for server in pair)
    assert ours == theirs


@pytest.mark.parametrize(
    "body",
    [
        b"", b"x", b"5", b'"a"', b"[]", b"[1]", b"[[]]", b"{}", b'{"id":{"a":[1,2.50]}}', b'{"method":5}',
        b'{"method":"getblockcount","params":5}', b'{"method":"getblockcount","params":"a"}',
        b'{"jsonrpc":"2.0","method":"getblockcount","id":1}', b'{"jsonrpc":"2.0","method":"getblockcount"}',
        b'{"jsonrpc":"2.0","method":"x","id":1e3}', b'{"jsonrpc":"2.0","method":5,"id":1}', b'{"jsonrpc":2.0}',
        b'{"jsonrpc":"1.0","method":"getblockcount","id":null}', b'{"jsonrpc":"3.0","method":"getblockcount"}',
        b'{"method":"getblockhash","params":[1.5]}', b'{"method":"getblockhash","params":["1"]}',
        b'{"method":"getblockhash","params":[99999999999]}', b'{"method":"getblockhash","params":[-1]}',
        b'{"method":"getblockhash","params":[1e1]}', b'{"method":"getblockhash","params":[true]}',
        b'{"method":"getblockhash","params":[null]}', b'{"method":"getblockhash","params":{"height":1}}',
        b'{"method":"getblockhash","params":{"heights":1}}',
        b'{"method":"getblockhash","params":{"args":[1],"height":1}}',
        b'{"method":"getblockhash","params":{"args":[1]}}',
        b'{"method":"getblockhash","params":{"height":1,"height":2}}',
        b'{"method":"echo","params":[1.0,-0,1E+2,123456789012345678901234567890]}',
        b'{"method":"echo","params":[{"a":1,"a":2},"\\u00e9\\ud83d\\ude00\\u007f\\/"]}',
        b'{"method":"echo","params":["\\ud800"]}', b'{"method":"echo","params":["\xff"]}',
        b'{"method":"echo","params":[01]}',
        b'{"method":"echo","params":[' + b"[" * 509 + b"]" * 509 + b"]}",
        b'{"method":"echo","params":[' + b"[" * 511 + b"]" * 511 + b"]}",
        b'{"method":"echo","params":[1,2,3,4,5,6,7,8,9,"a"]}', b'{"method":"echo","params":{"arg9":null,"arg3":[]}}',
        b'[{"method":"getblockcount","id":1},{"jsonrpc":"2.0","method":"x","id":2},5,{"id":3}]',
        b'[{"jsonrpc":"2.0","method":"getblockcount"}]', b'{"method":"getblockcount","method":"x","id":1}',
        b'{"method":"setmocktime","params":[-1]}', b'{"method":"setmocktime","params":[4294967296]}',
        b'{"method":"mockscheduler","params":[0]}', b'{"method":"mockscheduler","params":[3601]}',
        b'{"method":"logging","params":[["x"]]}', b'{"method":"logging","params":["x"]}',
        b'{"method":"getmemoryinfo","params":["x"]}', b'{"method":"waitfornewblock","params":[-1]}',
        b'{"method":"waitfornewblock","params":[1,"xy"]}', b'{"method":"waitforblockheight","params":[3]}',
        b'{"method":"waitforblock","params":["' + TIP.encode() + b'"]}',
        b'{"method":"waitforblockheight","params":[102,5]}',
        b'{"method":"getblock","params":["' + TIP.encode() + b'",2]}', b'{"method":"help","params":["nothing"]}',
    ],
)  # fmt: skip
def test_json(pair: tuple[Server, Server], body: bytes) -> None:
    theirs, ours = (server.ask("POST", "/", body) for server in pair)
    assert ours == theirs


HEAD = f"POST / HTTP/1.1\r\nAuthorization: {WHO}\r\n".encode()
COUNT = b'{"method":"getblockcount"}'


@pytest.mark.parametrize(
    "data",
    [
        HEAD + b"Content-Length: 26\r\n\r\n" + COUNT,
        HEAD + b"Connection: close\r\nContent-Length: 26\r\n\r\n" + COUNT,
        HEAD.replace(b"1.1", b"1.0") + b"Content-Length: 26\r\n\r\n" + COUNT,
        HEAD.replace(b"1.1", b"1.0") + b"Connection: keep-alive\r\nContent-Length: 26\r\n\r\n" + COUNT,
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n1a;x=y\r\n" + COUNT + b"\r\n0\r\nTrailer: x\r\n\r\n",
        HEAD + b"\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"POST / HTTP/1.1\r\n\r\n",
        b"DELETE / HTTP/1.1\r\n\r\n",
        b"GET /x HTTP/1.1\r\n\r\n",
        b"GET / HTTP/2.0\r\n\r\n",
        b"GET /\r\n\r\n",
        b"GET / HTTP/1.1\r\nA\r\n\r\n",
        b"GET / HTTP/1.1\r\nA : b\r\n\r\n",
        b"GET / HTTP/1.1\r\n: b\r\n\r\n",
        HEAD + b"Content-Length: x\r\n\r\n",
        HEAD + b"Content-Length: -1\r\n\r\n",
        HEAD + b"Content-Length: 33554433\r\n\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
)
def test_raw(pair: tuple[Server, Server], data: bytes) -> None:
    # Core does not answer who stops sending, so it is asked with the connection kept open.
    theirs, ours = (keep_open(server, data) for server in pair)
    assert ours == theirs


def keep_open(server: Server, data: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", server.port), timeout=0.5) as sock:
        sock.sendall(data)
        found = b""
        try:
            while piece := sock.recv(65536):
                found += piece
        except (TimeoutError, ConnectionResetError):
            pass
    return re.sub(rb"Date: [^\r]*", b"Date:", found)
