"""Our chain beside Bitcoin Core's: the same verdicts on the same blocks, and each goes on with the other's files."""

import base64
import http.client
import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from bad_blocks import BASE, CASES
from block_factory import block_hash, build_block
from chain_recorder import branch, feed, open_chain
from conftest import wait_until
from running_programs import free_port

from common.chains import REGTEST
from node.chainstate import Chainstate
from node.context import NodeContext
from node.rpc.server import RpcServer
from node.rpc.table import full_table
from rpc.request import Caller

pytestmark = pytest.mark.skipif(not os.environ.get("BITCOIN_NODE_V32"), reason="BITCOIN_NODE_V32 is not set")


class Core:
    """A running bitcoin-node."""

    def __init__(self, data_dir: Path, port: int) -> None:
        self._port = port
        self._cookie = data_dir / "regtest" / ".cookie"

    def ask(self, method: str, *params: object) -> Any:
        auth = base64.b64encode(self._cookie.read_bytes()).decode()
        body = json.dumps({"method": method, "params": params, "id": 1}).encode()
        connection = http.client.HTTPConnection("127.0.0.1", self._port)
        try:
            connection.request("POST", "/", body, {"Authorization": f"Basic {auth}"})
            answer = json.loads(connection.getresponse().read())
        finally:
            connection.close()
        return answer["result"] if answer["error"] is None else answer["error"]

    def is_ready(self) -> bool:
        try:
            return isinstance(self.ask("getblockcount"), int)
        except OSError:
            return False


@contextmanager
def core(data_dir: Path, *options: str) -> Iterator[Core]:
    """Run bitcoin-node in a directory, with Core's default of a masked block folder."""
    program, port = os.environ["BITCOIN_NODE_V32"], free_port()
    process = subprocess.Popen(
        [program, "-regtest", f"-datadir={data_dir}", f"-rpcport={port}", "-listen=0", "-printtoconsole=0", *options]
    )
    try:
        running = Core(data_dir, port)
        wait_until(running.is_ready, "Core answers", 30)
        yield running
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0


def ours(chain: Chainstate, folder: Path) -> Any:
    """Return what asks our methods as `Core.ask` does."""
    server = RpcServer(full_table())
    server.finish_warmup(NodeContext(REGTEST, chain, folder, lambda: None))

    def ask(method: str, *params: object) -> Any:
        body = server.answer(json.dumps({"method": method, "params": params, "id": 1}), Caller()).body
        assert body is not None
        answer = json.loads(body)
        return answer["result"] if answer["error"] is None else answer["error"]

    return ask


def test_same_verdicts(tmp_path: Path) -> None:
    (tmp_path / "core").mkdir()
    (tmp_path / "ours").mkdir()
    chain = open_chain(tmp_path / "ours")
    ask = ours(chain, tmp_path / "ours")
    with core(tmp_path / "core") as peer:

        def same(method: str, *params: object) -> Any:
            wanted, got = peer.ask(method, *params), ask(method, *params)
            assert got == wanted, (method, params)
            return got

        for block in BASE:
            assert same("submitblock", block.hex()) is None
        for reason, make in CASES.items():
            data = make().serialize()
            assert same("submitblock", data.hex()) == reason.rstrip()
            same("submitblock", data.hex())
            same("submitheader", data[:80].hex())
            same("submitblock", build_block(block_hash(data), len(BASE) + 2).hex())
        for text in ("", "00", "zz", BASE[0].hex()[:-2], BASE[0].hex() + "00"):
            same("submitblock", text)
            same("submitheader", text)
        other = branch(len(BASE), extra=1)
        for block in other:
            same("submitblock", block.hex())
        first, last = (block_hash(block)[::-1].hex() for block in (BASE[50], other[-1]))
        for method, hash_ in (
            ("preciousblock", last),
            ("preciousblock", block_hash(BASE[-1])[::-1].hex()),
            ("invalidateblock", first),
            ("preciousblock", first),
            ("reconsiderblock", first),
            ("invalidateblock", last),
            ("reconsiderblock", last),
            ("invalidateblock", "00"),
            ("invalidateblock", "00" * 32),
        ):
            same(method, hash_)
            same("getbestblockhash")
            assert sorted(map(str, peer.ask("getchaintips"))) == sorted(map(str, ask("getchaintips")))
        same("verifychain", 4, 0)
        same("pruneblockchain", 5)
        same("getnetworkhashps", 20)
        same("generate")
        same("generatetoaddress", 1, "no")
        same("generatetodescriptor", 1, "no")
        same("generateblock", "no", [])
    chain.close()


def test_each_goes_on_with_the_other_s_files(tmp_path: Path) -> None:
    network_dir = tmp_path / "regtest"
    network_dir.mkdir()
    blocks = branch(30)
    chain = open_chain(network_dir)
    feed(chain, blocks[:10])
    feed(chain, branch(3, extra=1))
    chain.close()
    with core(tmp_path) as peer:
        assert peer.ask("getblockcount") == 10
        assert peer.ask("verifychain", 4, 0) is True
        assert len(peer.ask("getchaintips")) == 2
        for block in blocks[10:20]:
            assert peer.ask("submitblock", block.hex()) is None
    chain = open_chain(network_dir)
    assert chain.tip().height == 20
    assert chain.verify(4, 0)
    feed(chain, blocks[20:])
    chain.close()
    with core(tmp_path, "-reindex") as peer:
        wait_until(lambda: peer.ask("getblockcount") == 30, "Core has read our files anew")
        assert len(peer.ask("getchaintips")) == 2
