"""getblocktemplate without transactions: what is in a template, what it refuses, proposals and long polling."""

import json
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from bad_blocks import BASE, CASES
from block_factory import GENESIS_TIME, REGTEST_GENESIS_HASH, build_block
from chain_recorder import feed, open_chain

from common.chains import MAIN, REGTEST, SIGNET
from node.chainstate import Chainstate
from node.chainstate_options import ChainstateOptions, Deployment
from node.context import NodeContext
from node.rpc.server import RpcServer
from node.rpc.table import full_table
from node.templates.options import MiningPolicy
from rpc.request import Caller

SEGWIT = {"rules": ["segwit"]}
ADDRESS = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"


class Node:
    """A node without a process."""

    def __init__(self, folder: Path, **options: object) -> None:
        self.chain = open_chain(folder, **options)
        self.server = RpcServer(full_table())
        self.context = NodeContext(REGTEST, self.chain, folder, lambda: None)
        self.server.finish_warmup(self.context)

    def ask(self, method: str, *params: object) -> Any:
        body = self.server.answer(json.dumps({"method": method, "params": params, "id": 1}), Caller()).body
        assert body is not None
        reply = json.loads(body)
        if reply["error"] is not None:
            return reply["error"]["code"], reply["error"]["message"]
        return reply["result"]

    def template(self, **request: object) -> Any:
        return self.ask("getblocktemplate", SEGWIT | request)


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    made = Node(tmp_path)
    yield made
    made.context.clock.set_mock(0)
    made.context.miner.close()
    made.chain.close()


def test_template(node: Node) -> None:
    node.context.clock.set_mock(GENESIS_TIME + 1000)
    genesis = REGTEST_GENESIS_HASH[::-1].hex()
    assert node.template() == {
        "capabilities": ["proposal"],
        "version": 0x20000000,
        "rules": ["csv", "!segwit", "taproot"],
        "vbavailable": {},
        "vbrequired": 0,
        "previousblockhash": genesis,
        "transactions": [],
        "coinbaseaux": {},
        "coinbasevalue": 5_000_000_000,
        "longpollid": f"{genesis}0",
        "target": "7fffff" + "00" * 29,
        "mintime": GENESIS_TIME + 1,
        "mutable": ["time", "transactions", "prevblock"],
        "noncerange": "00000000ffffffff",
        "sigoplimit": 80_000,
        "sizelimit": 4_000_000,
        "weightlimit": 4_000_000,
        "curtime": GENESIS_TIME + 1000,
        "bits": "207fffff",
        "height": 1,
        "default_witness_commitment": ("6a24aa21a9ede2f61c3f71d1defd3fa999dfa36953755c690689799962b48bebd836974e8cf9"),
    }
    node.context.clock.set_mock(GENESIS_TIME + 1100)
    assert node.template()["curtime"] == GENESIS_TIME + 1100
    node.context.clock.set_mock(GENESIS_TIME + 900)
    # The time of a template never goes back.
    assert node.template()["curtime"] == GENESIS_TIME + 1000
    node.ask("generatetoaddress", 1, ADDRESS)
    assert node.template()["height"] == 2


def test_signals_and_old_rules(tmp_path: Path) -> None:
    node = Node(tmp_path, activation_heights=(("segwit", 300),), deployments=(("testdummy", Deployment(0, 2**62)),))
    found = node.template()
    assert (found["rules"], found["sigoplimit"], found["sizelimit"]) == (["csv"], 20_000, 1_000_000)
    assert "weightlimit" not in found
    node.context.miner.close()
    for height, version, available, rules in (
        (143, 0x30000000, {"testdummy": 28}, []),
        (287, 0x30000000, {"testdummy": 28}, []),
        (431, 0x20000000, {}, ["testdummy"]),
    ):
        node.ask("generatetoaddress", height - node.chain.tip().height, ADDRESS)
        found = node.template()
        assert (found["version"], found["vbavailable"]) == (version, available)
        assert found["rules"][-len(rules) :] == rules or not rules
    node.chain.close()


def test_version_of_the_operator(node: Node) -> None:
    node.server.finish_warmup(replace(node.context, mining=MiningPolicy(version=1337)))
    assert node.template()["version"] == 1337


@pytest.mark.parametrize(
    ("request_", "error"),
    [
        (
            {},
            (-8, 'getblocktemplate must be called with the segwit rule set (call with {"rules": ["segwit"]})'),
        ),
        ({"mode": 1}, (-8, "Invalid mode")),
        ({"mode": "else", "rules": ["segwit"]}, (-8, "Invalid mode")),
        ({"rules": [1]}, (-3, "JSON value of type number is not of expected type string")),
        ({"mode": "proposal"}, (-3, "Missing data String key for proposal")),
        ({"mode": "proposal", "data": "00"}, (-22, "Block decode failed")),
        (
            {"rules": ["segwit"], "longpollid": "00"},
            (-8, "longpollid must be of length 64 (not 2, for '00')"),
        ),
    ],
)
def test_requests_that_cannot_be(node: Node, request_: object, error: tuple[int, str]) -> None:
    assert node.ask("getblocktemplate", request_) == error


def test_main_chain_needs_peers(node: Node) -> None:
    node.chain.chain = MAIN
    assert node.template() == (-9, "pynode is not connected!")


def test_proposals(node: Node) -> None:
    def judge(block: bytes) -> Any:
        return node.template(mode="proposal", data=block.hex())

    good = build_block(REGTEST_GENESIS_HASH, 1)
    assert judge(good) is None
    assert judge(good[:-1]) == (-22, "Block decode failed")
    feed(node.chain, BASE)
    assert judge(good) == "duplicate"
    skipped = {"high-hash", "bad-txns-duplicate", "prev-blk-not-found"}
    for reason, make in CASES.items():
        found = judge(make().serialize())
        if reason not in skipped:
            assert (reason, found) == (reason, reason.rstrip())
    assert judge(CASES["high-hash"]().serialize()) is None
    assert judge(CASES["prev-blk-not-found"]().serialize()) == "inconclusive-not-best-prevblk"
    bad = CASES["bad-cb-amount"]().serialize()
    node.ask("submitblock", bad.hex())
    assert judge(bad) == "duplicate-invalid"
    stale = build_block(REGTEST_GENESIS_HASH, 1, extra=1)
    node.ask("submitblock", stale.hex())
    assert judge(stale) == "duplicate-inconclusive"
    assert node.chain.tip().height == len(BASE)


def poll(node: Node, longpollid: object) -> tuple[threading.Thread, list[Any]]:
    found: list[Any] = []
    thread = threading.Thread(target=lambda: found.append(node.template(longpollid=longpollid)))
    thread.start()
    return thread, found


def test_long_polling(node: Node) -> None:
    id_ = node.template()["longpollid"]
    thread, found = poll(node, id_)
    time.sleep(0.2)
    assert thread.is_alive()
    node.ask("generatetoaddress", 1, ADDRESS)
    thread.join()
    assert found[0]["height"] == 2
    # What names another tip is over at once.
    for other in (id_, "00" * 32, "00" * 32 + "x"):
        assert node.template(longpollid=other)["height"] == 2


def test_long_polling_ends_with_the_node(node: Node) -> None:
    # What is no text waits for the next block too.
    thread, found = poll(node, 5)
    time.sleep(0.1)
    node.context.miner.interrupt()
    thread.join()
    assert found == [(-9, "Shutting down")]


def test_signets(tmp_path: Path) -> None:
    chain = Chainstate(tmp_path, SIGNET, ChainstateOptions(signet_challenge=b"\x51"))
    node = Node.__new__(Node)
    node.chain = chain
    node.server = RpcServer(full_table())
    node.context = NodeContext(SIGNET, chain, tmp_path, lambda: None)
    node.server.finish_warmup(node.context)
    text = 'getblocktemplate must be called with the signet rule set (call with {"rules": ["segwit", "signet"]})'
    assert node.template() == (-8, text)
    found = node.template(rules=["segwit", "signet"])
    assert found["rules"] == ["csv", "!segwit", "taproot", "!signet"]
    assert (found["signet_challenge"], found["bits"], found["vbavailable"]) == ("51", "1e0377ae", {})
    assert node.ask("getmininginfo")["signet_challenge"] == "51"
    chain.close()
