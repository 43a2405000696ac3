"""What RPC methods say of branches, deployments and progress."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from regtest_node import RegtestNode, regtest_node

from node.rpc.block_stats import percentiles, truncated_median
from node.rpc.server import RpcServer
from node.rpc.table import full_table
from rpc.server import RpcOptions, RpcOverIpc


@pytest.fixture
def node(tmp_path: Path) -> Iterator[RegtestNode]:
    with regtest_node(tmp_path) as opened:
        yield opened


def ask(node: RegtestNode, method: str, *params: Any, deprecated: tuple[str, ...] = ()) -> Any:
    server = RpcServer(full_table(), RpcOptions(doc_check=True, deprecated=frozenset(deprecated)))
    server.finish_warmup(node.services.node())
    reply = json.loads(RpcOverIpc(server).execute_rpc(json.dumps({"method": method, "params": params}), "/", ""))
    assert reply["error"] is None, reply
    return reply["result"]


def test_tips_of_branches(node: RegtestNode) -> None:
    chain = node.extend(5)
    node.extend(2, extra=1, on=chain[1])
    assert [(tip["height"], tip["branchlen"], tip["status"]) for tip in ask(node, "getchaintips")] == [
        (5, 0, "active"),
        (4, 2, "valid-headers"),
    ]
    node.chainstate.invalidate_block(chain[3])
    assert [(tip["height"], tip["branchlen"], tip["status"]) for tip in ask(node, "getchaintips")] == [
        (5, 3, "invalid"),
        (4, 0, "active"),
    ]
    assert ask(node, "getblock", chain[4].hash[::-1].hex())["confirmations"] == -1


def test_a_header_without_its_block(node: RegtestNode) -> None:
    from block_factory import build_block

    tip = node.extend(1)[0]
    block = build_block(tip.hash, 2)
    node.chainstate.process_header(block[:80])
    assert ask(node, "getchaintips")[0]["status"] == "headers-only"
    assert ask(node, "getblockchaininfo")["headers"] == 2


def test_warnings_are_one_text_if_asked(node: RegtestNode) -> None:
    node.chainstate.warned(1, "odd")
    node.chainstate.warned(2, "odder")
    assert ask(node, "getblockchaininfo")["warnings"] == ["odd", "odder"]
    assert ask(node, "getblockchaininfo", deprecated=("warnings",))["warnings"] == "odder"


def test_signals_lock_a_deployment_in(node: RegtestNode) -> None:
    # The factory's blocks do not signal.
    node.extend(144)
    dummy = ask(node, "getdeploymentinfo")["deployments"]["testdummy"]
    assert dummy["bip9"]["status"] == "started"
    assert dummy["bip9"]["since"] == 144
    assert dummy["bip9"]["statistics"] == {
        "period": 144,
        "elapsed": 1,
        "count": 0,
        "threshold": 108,
        "possible": True,
    }
    assert dummy["bip9"]["signalling"] == "-"
    assert not dummy["active"]


@pytest.mark.parametrize(("values", "median"), [([], 0), ([5], 5), ([1, 2], 1), ([9, 1, 4], 4), ([4, 1, 8, 3], 3)])
def test_median_is_rounded_down(values: list[int], median: int) -> None:
    assert truncated_median(values) == median


def test_percentiles_by_weight() -> None:
    assert percentiles([], 0) == [0] * 5
    assert percentiles([(1, 10), (2, 15), (3, 75)], 100) == [1, 2, 3, 3, 3]
    assert percentiles([(7, 1)], 1) == [7] * 5


def test_activity_of_a_descriptor(node: RegtestNode) -> None:
    first, second, _ = node.extend(3)
    hashes = [entry.hash[::-1].hex() for entry in (second, first)]
    found = ask(node, "getdescriptoractivity", hashes, ["raw(51)"])["activity"]
    assert [(each["type"], each["height"], each["vout"]) for each in found] == [("receive", 1, 0), ("receive", 2, 0)]
    assert ask(node, "getdescriptoractivity", hashes, ["raw(52)"]) == {"activity": []}
