"""RPC methods that read the chain answer as Core's node does for the same blocks."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from conftest import wait_until
from regtest_node import RegtestNode, regtest_node
from zoo import KeeperInit

from interfaces.rpc import Rpc
from ipc import Ipc
from node.rpc.server import RpcServer
from node.rpc.table import full_table
from rpc.server import RpcOptions, RpcOverIpc

NODE = os.environ.get("BITCOIN_NODE_V32", "")
pytestmark = pytest.mark.skipif(not NODE, reason="no bitcoin-node v32 here")


@dataclass
class Both:
    core: Rpc
    node: RegtestNode
    ours: Rpc

    def ask_core(self, method: str, *params: Any) -> Any:
        request = {"method": method, "params": list(params), "id": 1}
        return json.loads(self.core.execute_rpc(json.dumps(request), "/", "test"), parse_float=str)

    def ask_ours(self, method: str, *params: Any) -> Any:
        request = {"method": method, "params": list(params), "id": 1}
        return json.loads(self.ours.execute_rpc(json.dumps(request), "/", "test"), parse_float=str)

    def result(self, method: str, *params: Any) -> Any:
        reply = self.ask_core(method, *params)
        assert reply["error"] is None, reply
        return reply["result"]

    def compare(self, method: str, *params: Any, without: tuple[str, ...] = ()) -> Any:
        theirs, ours = self.ask_core(method, *params), self.ask_ours(method, *params)
        for reply in (theirs, ours):
            if isinstance(reply["result"], dict):
                for name in without:
                    reply["result"].pop(name)
        assert ours == theirs
        return ours["result"]


def make_chain(both: Both) -> None:
    """Mine, spend with and without a witness, and leave a stale block."""
    for _ in range(2):
        both.result("generatetodescriptor", 55, "raw(51)")
    coins = []
    for height in (1, 2, 3):
        block = both.result("getblock", both.result("getblockhash", height), 2)
        coins.append({"txid": block["tx"][0]["txid"], "vout": 0})
    witness_script = "0020" + "4ae81572f06e1b88fd5ced7a1a000945432e83e1551e6f721ee9c00b8cc33260"  # of OP_TRUE
    address = both.result("decodescript", witness_script)["address"]
    spend = both.result("createrawtransaction", coins[:2], [{address: 99.99}])
    other = both.result("createrawtransaction", coins[2:], [{address: 49.9}, {"data": "00ff"}])
    both.result("generateblock", "raw(51)", [spend, other])
    txid = both.result("decoderawtransaction", spend)["txid"]
    bare = both.result("createrawtransaction", [{"txid": txid, "vout": 0}], [{address: 99.9}])
    # One input, whose witness is the script itself.
    segwit = bare[:8] + "0001" + bare[8:-8] + "010151" + bare[-8:]
    both.result("generateblock", "raw(51)", [segwit])
    stale = both.result("generateblock", "raw(51)", [])["hash"]
    both.result("invalidateblock", stale)
    both.result("generatetodescriptor", 40, "raw(52)")


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    folder = tmp_path_factory.mktemp("core")
    socket = folder / "node.sock"
    process = subprocess.Popen(
        [
            NODE,
            "-regtest",
            f"-datadir={folder}",
            f"-ipcbind=unix:{socket}",
            "-listen=0",
            "-server=0",
            "-printtoconsole=0",
        ]
    )
    try:
        with Ipc("pyclient", sys.argv[0], KeeperInit(), data_dir=folder) as ipc:
            wait_until(lambda: socket.exists() or process.poll() is not None, "Core listens")
            time.sleep(0.2)
            init = ipc.connect_address(f"unix:{socket}")
            assert init is not None
            core = init.make_rpc()
            assert core is not None
            with regtest_node(folder / "ours") as node:
                ours = RpcServer(full_table(), RpcOptions(doc_check=True))
                ours.finish_warmup(node.services.node())
                both = Both(core, node, RpcOverIpc(ours))
                wait_until(lambda: both.ask_core("getblockcount")["error"] is None, "Core has loaded")
                make_chain(both)
                for height in range(1, both.result("getblockcount") + 1):
                    data = both.result("getblock", both.result("getblockhash", height), 0)
                    node.chainstate.process_block(bytes.fromhex(data))
                yield both
    finally:
        process.terminate()
        process.wait(30)


def heights(both: Both) -> list[int]:
    return [0, 1, 55, 111, 112, both.result("getblockcount")]


def test_headers_and_blocks(both: Both) -> None:
    for height in heights(both):
        hash_ = both.compare("getblockhash", height)
        for verbose in (True, False):
            both.compare("getblockheader", hash_, verbose)
        for verbosity in (0, 1, 2, 3, 4, -1, True, False):
            both.compare("getblock", hash_, verbosity)


def test_block_statistics(both: Both) -> None:
    for height in heights(both):
        both.compare("getblockstats", height)
        both.compare("getblockstats", both.result("getblockhash", height), ["txs", "minfee", "blockhash"])


def test_the_chain_as_a_whole(both: Both) -> None:
    both.compare(
        "getblockchaininfo", without=("size_on_disk", "verificationprogress", "initialblockdownload", "warnings")
    )
    both.compare("getdifficulty")
    both.compare("getdeploymentinfo")
    both.compare("getbestblockhash")
    tip = both.result("getbestblockhash")
    ours = both.ask_ours("getchainstates")["result"]["chainstates"][0]
    theirs = both.result("getchainstates")["chainstates"][0]
    assert ours.keys() == theirs.keys()
    assert ours["bestblockhash"] == theirs["bestblockhash"] == tip
    for height in (1, 2, 143, 144):
        both.compare("getdeploymentinfo", both.result("getblockhash", height))
    both.compare("getchaintxstats")
    both.compare("getchaintxstats", 10)
    both.compare("getchaintxstats", 0, both.result("getblockhash", 50))
    assert both.ask_ours("getblockchaininfo")["result"]["size_on_disk"] > 0


def test_activity_of_descriptors(both: Both) -> None:
    hashes = [both.result("getblockhash", height) for height in (112, 1, 111, 111)]
    activity = both.compare("getdescriptoractivity", hashes, ["raw(51)", {"desc": "raw(00ff)", "range": 3}])["activity"]
    assert {each["type"] for each in activity} == {"spend", "receive"}
    assert both.compare("getdescriptoractivity", [], ["raw(51)"], False) == {"activity": []}
    both.compare("getdescriptoractivity", ["00" * 32], ["raw(51)"])
    both.compare("getdescriptoractivity", ["00"], ["raw(51)"])
    both.compare("getdescriptoractivity", hashes, ["nonsense"])
    both.compare("getdescriptoractivity", hashes, [7])


def test_waiting_ends_with_the_tip(both: Both) -> None:
    tip = both.result("getblockcount")
    both.compare("waitforblockheight", tip)
    both.compare("waitforblockheight", tip + 1, 10)
    both.compare("waitforblock", both.result("getbestblockhash"))
    both.compare("waitforblock", both.result("getblockhash", 1), 10)
    both.compare("waitfornewblock", 10)
    both.compare("waitfornewblock", 0, both.result("getblockhash", 1))
    both.compare("syncwithvalidationinterfacequeue")


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("getblock", ["00" * 32]),
        ("getblock", ["zz"]),
        ("getblock", ["zz" * 32]),
        ("getblock", [7]),
        ("getblockhash", [-1]),
        ("getblockhash", [100_000]),
        ("getblockheader", ["11" * 32]),
        ("getblockheader", ["11"]),
        ("getblockstats", [-1]),
        ("getblockstats", [100_000]),
        ("getblockstats", ["00" * 32]),
        ("getblockstats", [1, ["nonsense"]]),
        ("getblockstats", [1, [2]]),
        ("getchaintxstats", [-1]),
        ("getchaintxstats", [100_000]),
        ("getchaintxstats", [1, "00" * 32]),
        ("getdeploymentinfo", ["00" * 32]),
        ("waitforblock", ["00" * 32, -1]),
        ("waitforblockheight", [1, -1]),
        ("waitfornewblock", [-1]),
        ("waitfornewblock", [1, "ab"]),
    ],
)
def test_bad_arguments(both: Both, method: str, params: list[Any]) -> None:
    both.compare(method, *params)
