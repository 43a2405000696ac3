"""What the indexes answer beside what Bitcoin Core answers, on the same chain with spends and forks."""

import base64
import http.client
import json
import os
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import pytest
from block_factory import REGTEST_GENESIS_HASH, block_hash, build_block, double_sha256, spend
from conftest import wait_until
from running_programs import free_port

from common.chains import REGTEST
from node.chainstate import Chainstate
from node.context import NodeContext
from node.indexes.indexes import Indexes, IndexOptions
from node.mempool.mempool import Mempool
from node.policy.options import MempoolOptions
from node.rpc.server import RpcServer
from node.rpc.table import full_table
from rpc.server import RpcOverIpc

VERSIONS = [v for v in ("31", "32") if os.environ.get(f"BITCOIN_NODE_V{v}")]
ALL = IndexOptions(transactions=True, filters=True, coin_stats=True)
KEY = "0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798"
SCRIPTS = {
    f"pkh({KEY})": "76a914751e76e8199196d454941c45d1b3a323f1433bd688ac",
    f"wpkh({KEY})": "0014751e76e8199196d454941c45d1b3a323f1433bd6",
    f"pk({KEY})": f"21{KEY}ac",
    f"sh(wpkh({KEY}))": "a914bcfeb728b584253d5f3f70bcb780e9ef218a68f487",
    f"rawtr({KEY[2:]})": f"5120{KEY[2:]}",
    "raw(51)": "51",
    "raw(6a0161)": "6a0161",
    "raw(5ac1)": "5ac1",
}
Ask = Callable[..., Any]


@dataclass
class Both:
    """The same chain in Core and here."""

    core: Ask
    ours: Ask
    txids: list[str]

    def same(self, *call: Any, ignore: tuple[str, ...] = ()) -> Any:
        """Ask both, compare, and return the answer."""
        wanted, got = self.core(*call), self.ours(*call)
        for key in ignore:
            wanted.pop(key)
            got.pop(key)
        assert got == wanted, call
        return got


def ask_core(cookie: Path, port: int, method: str, *params: Any) -> Any:
    auth = base64.b64encode(cookie.read_bytes()).decode()
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
    connection = http.client.HTTPConnection("127.0.0.1", port)
    try:
        connection.request("POST", "/", body, {"Authorization": f"Basic {auth}"})
        return outcome(json.loads(connection.getresponse().read()))
    finally:
        connection.close()


def outcome(answer: dict[str, Any]) -> Any:
    return answer["result"] if "result" in answer else answer["error"]


def make_chain(random: Random) -> tuple[list[bytes], list[str]]:
    """Return blocks in the order to submit, with a fork, and the ids of transactions."""
    blocks, txids = [], []
    coinbases: dict[int, bytes] = {}
    parent = REGTEST_GENESIS_HASH
    chain: list[bytes] = [parent]
    scripts = [bytes.fromhex(script) for script in SCRIPTS.values()]
    for height in range(1, 131):
        transactions: list[bytes] = []
        if height > 101:
            prevout = coinbases.pop(height - 100)
            length = random.randrange(1, 4)
            for step in range(length):
                values = [random.randrange(1, 10**8) for _ in range(random.randrange(1, 5))]
                script = random.choice(scripts) if step == length - 1 else b"\x51"
                transactions.append(spend(prevout, 3 * 10**9 - step * 10**9, *values, script=script))
                prevout = double_sha256(transactions[-1]) + bytes(4)
            txids += [double_sha256(each)[::-1].hex() for each in transactions]
        block = build_block(parent, height, transactions=transactions)
        coinbase_end = len(block) - sum(map(len, transactions))
        coinbase = block[81:coinbase_end]
        coinbases[height] = double_sha256(coinbase) + bytes(4)
        parent = block_hash(block)
        chain.append(parent)
        blocks.append(block)
    branch = chain[120]
    for height in range(121, 133):
        block = build_block(branch, height, extra=5)
        branch = block_hash(block)
        blocks.append(block)
    return blocks, txids


@pytest.fixture(params=VERSIONS)
def both(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Both]:
    folder = tmp_path / "core"
    folder.mkdir()
    port = free_port()
    options = ["-regtest", f"-datadir={folder}", "-listen=0", f"-rpcport={port}", "-printtoconsole=0", "-server"]
    indexes_on = ["-txindex", "-blockfilterindex", "-coinstatsindex"]
    process = subprocess.Popen([os.environ[f"BITCOIN_NODE_V{request.param}"], *options, *indexes_on])
    try:
        yield from in_step(tmp_path, folder / "regtest" / ".cookie", port, process)
    finally:
        process.terminate()
        process.wait(30)


def in_step(tmp_path: Path, cookie: Path, port: int, process: "subprocess.Popen[bytes]") -> Iterator[Both]:
    """Give Core and us the same blocks."""
    chainstate = Chainstate(tmp_path, REGTEST)
    failures: list[str] = []
    indexes = Indexes(tmp_path / "indexes", "regtest", chainstate, ALL, failures.append)
    indexes.start()
    server = RpcServer(full_table())
    server.finish_warmup(
        NodeContext(REGTEST, chainstate, tmp_path, lambda: None, indexes=indexes, mempool=Mempool(MempoolOptions()))
    )
    rpc = RpcOverIpc(server)

    def ours(method: str, *params: Any) -> Any:
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
        return outcome(json.loads(rpc.execute_rpc(body, "/", "me")))

    def core(method: str, *params: Any) -> Any:
        return ask_core(cookie, port, method, *params)

    def core_answers() -> bool:
        try:
            return bool(core("getblockcount") == 0)
        except OSError:
            assert process.poll() is None
            return False

    wait_until(core_answers, "Core answers")
    blocks, txids = make_chain(Random(3))
    for block in blocks:
        assert core("submitblock", block.hex()) in (None, "inconclusive")
        chainstate.process_block(block)
        if chainstate.tip().height == 130:  # What leaves the chain before an index sees it, it never has.
            wait_until(lambda: all(thread.wait_until_synced() for thread in indexes.optional), "the fork is indexed")
    wait_until(lambda: len([1 for each in core("getindexinfo").values() if each["synced"]]) == 3, "Core has indexed")
    wait_until(lambda: all(t.wait_until_synced() for t in (indexes.coins, *indexes.optional)), "we have indexed")
    yield Both(core, ours, txids)
    assert failures == []
    indexes.stop()
    chainstate.close()


def test_answers(both: Both) -> None:
    height = both.same("getblockcount")
    assert height == 132
    for kind in ("hash_serialized_3", "muhash", "none"):
        found = both.same("gettxoutsetinfo", kind, None, False, ignore=("disk_size",))
        assert found["txouts"] > height
        both.same("gettxoutsetinfo", kind, ignore=("disk_size",) if kind == "hash_serialized_3" else ())
    assert both.same("getindexinfo")["txindex"] == {"synced": True, "best_block_height": height}
    both.same("getindexinfo", "basic block filter index")
    both.same("getindexinfo", "no such")
    for each in range(height + 1):
        block = both.same("getblockhash", each)
        both.same("getblockfilter", block)
        both.same("gettxoutsetinfo", "muhash", each)
        both.same("gettxoutsetinfo", "none", block)
    seen = proven = 0
    for txid in both.txids:
        for index in range(6):
            seen += both.same("gettxout", txid, index) is not None
        proof = both.same("gettxoutproof", [txid])
        if isinstance(proof, str):
            proven += both.same("verifytxoutproof", proof) == [txid]
    assert seen > 10
    assert proven > 10
    for chosen in ([f"combo({KEY})"], list(SCRIPTS), [{"desc": f"pkh({KEY})", "range": [0, 3]}], []):
        found = both.same("scantxoutset", "start", chosen)
        assert found["success"]
        for options in ({}, {"filter_false_positives": True}):
            both.same("scanblocks", "start", chosen, 0, height, "basic", options)
        both.same("scanblocks", "start", chosen, 110, 120)
        both.same("scanblocks", "start", chosen, 110)
    tip = both.same("getblockhash", height)
    fields = ["gettxoutproof", both.core("getblock", tip)["tx"], tip]
    proof = both.same(*fields)
    both.same("verifytxoutproof", proof[:-2] + ("00" if proof[-2:] != "00" else "01"))


ERRORS = [
    ("gettxout", "zz", 0),
    ("gettxout", "00" * 31, 0),
    ("gettxout", "00" * 32, -1),
    ("gettxout", "00" * 32, 2**32),
    ("gettxout", "00" * 32, "0"),
    ("gettxout", "00" * 32),
    ("gettxoutsetinfo", "sha"),
    ("gettxoutsetinfo", "none", -1),
    ("gettxoutsetinfo", "none", 1000),
    ("gettxoutsetinfo", "none", "00" * 32),
    ("gettxoutsetinfo", "none", "abc"),
    ("gettxoutsetinfo", "none", True),
    ("gettxoutsetinfo", "none", 5, False),
    ("gettxoutsetinfo", "hash_serialized_3", 5),
    ("getblockfilter", "00" * 32),
    ("getblockfilter", "1234"),
    ("getblockfilter", "00" * 32, "unknown"),
    ("scantxoutset", "status"),
    ("scantxoutset", "abort"),
    ("scantxoutset", "start"),
    ("scantxoutset", "invalid"),
    ("scantxoutset", "start", "nothing"),
    ("scantxoutset", "start", [5]),
    ("scantxoutset", "start", ["foo(1)"]),
    ("scantxoutset", "start", [{"range": 5}]),
    ("scantxoutset", "start", [{"desc": f"pkh({KEY})", "range": [-1, 10]}]),
    ("scantxoutset",),
    ("scanblocks", "status"),
    ("scanblocks", "abort"),
    ("scanblocks", "start"),
    ("scanblocks", "foobar"),
    ("scanblocks", "start", [f"pkh({KEY})"], 100000000),
    ("scanblocks", "start", [f"pkh({KEY})"], 10, 0),
    ("scanblocks", "start", [f"pkh({KEY})"], 0, 10, "extended"),
    ("scanblocks", "start", [f"pkh({KEY})"], -1),
    ("gettxoutproof", []),
    ("gettxoutproof", ["00" * 32]),
    ("gettxoutproof", ["00" * 32, "00" * 32]),
    ("gettxoutproof", ["ZZ" * 32]),
    ("gettxoutproof", ["00" * 32], "00" * 32),
    ("gettxoutproof", "00" * 32),
    ("verifytxoutproof", ""),
    ("verifytxoutproof", "zz"),
    ("verifytxoutproof", "00" * 100),
    ("verifytxoutproof", "00" * 84 + "01" + "00" * 32 + "0101"),
]


def test_errors(both: Both) -> None:
    newest = both.core("getnetworkinfo")["version"] >= 320000
    for call in ERRORS:
        wanted, got = both.core(*call), both.ours(*call)
        if isinstance(wanted, dict) and isinstance(got, dict):
            if not newest and call == ("scanblocks", "start"):
                continue  # An error of another kind until v32.
            assert (got.get("code"), got.get("message", "").split("\n")[0]) == (
                wanted.get("code"),
                wanted.get("message", "").split("\n")[0],
            ), call
        elif not isinstance(wanted, dict):
            assert got == wanted, call


def test_snapshots_are_the_same_to_the_byte(both: Both, tmp_path: Path) -> None:
    for name, call in (("now", ("latest",)), ("then", ("rollback", {"rollback": 111}))):
        theirs = both.core("dumptxoutset", name, *call)
        ours = both.ours("dumptxoutset", name, *call)
        assert theirs.pop("path") != ours.pop("path")
        assert ours == theirs
        assert (tmp_path / name).read_bytes() == (tmp_path / "core" / "regtest" / name).read_bytes()
    assert both.ours("dumptxoutset", "now", "latest")["message"].endswith("move it out of the way first")
    assert both.ours("dumptxoutset", "no/folder", "latest")["message"].startswith("Couldn't open file")
    assert not list(tmp_path.glob("*.incomplete"))
