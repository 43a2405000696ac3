"""The same clients on pynode and on Bitcoin Core's real nodes: our miner, our view of a template, both generations."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from conftest import wait_until
from running_programs import BIN, free_port

from interfaces.init import Init
from interfaces.mining import BlockCreateOptions, BlockWaitOptions
from ipc import RemoteError, aio

ROOT = Path(__file__).parents[2]
MINER = ROOT / "examples" / "miner.py"
CORES = [f"BITCOIN_NODE_V{version}" for version in ("31", "32") if os.environ.get(f"BITCOIN_NODE_V{version}")]


@dataclass
class Node:
    """A running node on a chain of 16 blocks: below, a node of v31 builds no template for IPC."""

    folder: Path
    name: str

    @property
    def socket(self) -> str:
        return str(self.folder / "regtest" / "node.sock")

    def cli(self, *words: str) -> Any:
        found = subprocess.run(
            [BIN / "pycli", "-regtest", f"-datadir={self.folder}", *words],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        try:
            return json.loads(found.stdout)
        except ValueError:
            return found.stdout or found.stderr


@pytest.fixture(params=["pynode", *CORES])
def node(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Node]:
    program = os.environ.get(request.param) or str(BIN / "pynode")
    (tmp_path / "bitcoin.conf").write_text(f"[regtest]\nrpcport={free_port()}\n")
    options = ["-regtest", f"-datadir={tmp_path}", "-ipcbind=unix", "-listen=0", "-printtoconsole=0", "-disablewallet"]
    process = subprocess.Popen([program, *options])
    try:
        running = Node(tmp_path, request.param)
        wait_until(lambda: running.cli("getblockcount") == 0, "the node answers", 30)
        assert len(running.cli("generatetodescriptor", "16", "raw(51)")) == 16
        yield running
    finally:
        process.terminate()
        assert process.wait(30) == 0


def test_example_mines(node: Node) -> None:
    found = subprocess.run(
        [sys.executable, MINER, node.socket, "3"], capture_output=True, text=True, timeout=30, check=False
    )
    assert (found.returncode, found.stderr) == (0, "")
    assert [line[-10:] for line in found.stdout.splitlines()] == ["height=17)", "height=18)", "height=19)"]
    assert node.cli("getblockcount") == 19
    coinbase = node.cli("getblock", node.cli("getbestblockhash").strip(), "2")["tx"][0]
    assert coinbase["vin"][0]["coinbase"] == "0113056d696e6572"


def test_example_is_short() -> None:
    assert len(MINER.read_text().splitlines()) < 40


def test_looking_at_a_template(node: Node) -> None:
    found = node.cli("ipctemplate")
    assert found["height"] == 17
    assert found["previousblockhash"] == node.cli("getbestblockhash").strip()
    assert (found["fees"], found["sigops"], found["transactions"]) == (0, 0, [])
    assert (found["bits"], found["version"]) == ("207fffff", 0x20000000)
    coinbase = found["coinbase"]
    assert (coinbase["value"], coinbase["scriptsigprefix"], coinbase["merklepath"]) == (5_000_000_000, "0111", [])
    assert coinbase["requiredoutputs"][0]["script"].startswith("6a24aa21a9ed")
    by_rpc = node.cli("getblocktemplate", '{"rules": ["segwit"]}')
    assert by_rpc["default_witness_commitment"] == coinbase["requiredoutputs"][0]["script"]
    assert (by_rpc["height"], by_rpc["coinbasevalue"]) == (found["height"], coinbase["value"])
    assert "block_reserved_weight (1)" in node.cli("ipctemplate", '{"block_reserved_weight": 1}')
    assert "wrong" in node.cli("ipctemplate", '{"wrong": 1}')
    assert node.cli("ipctemplate", "{}", "{}") == "error: ipctemplate takes one object of options\n"


def test_waiting_with_asyncio(node: Node) -> None:
    async def main() -> None:
        async with await aio.connect(node.socket, Init) as init:
            mining = await init.make_mining()
            assert mining is not None
            template = await mining.create_new_block(BlockCreateOptions(), cooldown=False)
            assert template is not None
            waiting = asyncio.create_task(template.wait_next(BlockWaitOptions()))
            await asyncio.sleep(0.1)
            await asyncio.to_thread(node.cli, "generatetodescriptor", "1", "raw(51)")
            following = await asyncio.wait_for(waiting, 10)
            assert following is not None
            assert (await following.get_coinbase_tx()).lock_time == 17
            # A tip of just now; what the first blocks got by their median time may be later.
            waiting = asyncio.create_task(following.wait_next(BlockWaitOptions()))
            await asyncio.sleep(0.1)
            await following.interrupt_wait()
            assert await asyncio.wait_for(waiting, 10) is None
            with pytest.raises(RemoteError, match=r"block_reserved_weight \(0\)"):
                await mining.create_new_block(BlockCreateOptions(block_reserved_weight=0), cooldown=False)
            await following.close()
            await template.close()

    asyncio.run(main())
