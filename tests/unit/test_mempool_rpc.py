"""Methods about mempool and fees where something is not there, or asked for wrongly; the rest is compared with Core."""

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, NamedTuple, cast

import pytest

from node.fees.estimator import FeeEstimator
from node.mempool.mempool import Mempool
from node.policy.options import MempoolOptions
from node.rpc.server import RpcServer
from node.rpc.table import full_table
from primitives.fee_rate import FeeRate
from rpc.errors import (
    RPC_CLIENT_MEMPOOL_DISABLED,
    RPC_INTERNAL_ERROR,
    RPC_INVALID_ADDRESS_OR_KEY,
    RPC_INVALID_PARAMETER,
    RPC_MISC_ERROR,
    RpcError,
)

TABLE = full_table()
UNKNOWN = "00" * 32


class Seen(NamedTuple):
    txid: bytes
    height: int
    base_fee: int
    vsize: int


@dataclass
class Node:
    mempool: Mempool | None = field(default_factory=lambda: Mempool(MempoolOptions(min_relay=FeeRate(7000))))
    fees: Any = None
    indexes: Any = None
    acceptance: Any = None


def call(node: Node, name: str, *values: Any) -> Any:
    found = TABLE.find(name)
    assert found is not None
    context = SimpleNamespace(node=node, server=RpcServer(TABLE))
    return found.function(cast("Any", context), *values)


def failure(node: Node, name: str, *values: Any) -> tuple[int, str]:
    with pytest.raises(RpcError) as raised:
        call(node, name, *values)
    return raised.value.code, raised.value.message


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("getmempoolinfo", ()),
        ("getrawmempool", (False, False)),
        ("getmempoolentry", (UNKNOWN,)),
        ("getmempoolancestors", (UNKNOWN, False)),
        ("getmempooldescendants", (UNKNOWN, False)),
        ("gettxspendingprevout", ([{"txid": UNKNOWN, "vout": 0}], None)),
        ("gettxout", (UNKNOWN, 0, True)),
        ("savemempool", ()),
        ("importmempool", ("mempool.dat", None)),
    ],
)
def test_without_a_mempool(name: str, values: tuple[Any, ...]) -> None:
    expected = (RPC_CLIENT_MEMPOOL_DISABLED, "Mempool disabled or instance not found")
    assert failure(Node(mempool=None), name, *values) == expected


def test_a_transaction_that_is_not_there() -> None:
    for name, more in (("getmempoolentry", ()), ("getmempoolancestors", (True,)), ("getmempooldescendants", (True,))):
        expected = (RPC_INVALID_ADDRESS_OR_KEY, "Transaction not in mempool")
        assert failure(Node(), name, UNKNOWN, *more) == expected


def test_spenders_without_their_index() -> None:
    wanted = [{"txid": UNKNOWN, "vout": 3}]
    assert call(Node(), "gettxspendingprevout", wanted, None) == wanted
    text = "Mempool lacks a relevant spend, and txospenderindex is unavailable."
    assert failure(Node(), "gettxspendingprevout", wanted, {"mempool_only": False}) == (RPC_MISC_ERROR, text)


def test_a_mempool_that_is_not_loaded_is_not_saved() -> None:
    assert failure(Node(), "savemempool") == (RPC_MISC_ERROR, "The mempool was not loaded yet")


@pytest.mark.parametrize(
    ("name", "values"), [("estimatesmartfee", (6, "economical", None)), ("estimaterawfee", (6, 0.95))]
)
def test_without_an_estimator(name: str, values: tuple[Any, ...]) -> None:
    assert failure(Node(), name, *values) == (RPC_INTERNAL_ERROR, "Fee estimation disabled")


@pytest.fixture
def node() -> Node:
    """Know that a thousand satoshis for 1,000 bytes are enough."""
    estimator = FeeEstimator()
    for height in range(1, 40):
        estimator.block_connected(height, [Seen(bytes([height - 1, n]) * 16, height - 1, 100, 100) for n in range(9)])
        for number in range(9):
            estimator.transaction_added(Seen(bytes([height, number]) * 16, height, 100, 100), counts=True)
    return Node(fees=SimpleNamespace(estimator=estimator, next_block=None))


def test_no_estimate_is_below_what_the_mempool_takes(node: Node) -> None:
    assert call(node, "estimatesmartfee", 6, "conservative", None) == {"feerate": 7000, "blocks": 6}
    assert call(node, "estimatesmartfee", 6, "UNSET", {"fee_rate_estimator": "block_policy"}) == {
        "feerate": 7000,
        "blocks": 6,
    }
    raw = call(node, "estimaterawfee", 6, 0.95)
    assert raw["short"]["feerate"] == 1000
    assert set(raw["short"]) == {"feerate", "decay", "scale", "pass", "fail"}
    assert set(call(node, "estimaterawfee", 13, 0.95)) == {"medium", "long"}


@pytest.mark.parametrize(
    ("name", "values", "text"),
    [
        ("estimatesmartfee", (0, "unset", None), "Invalid conf_target, must be between 1 and 1008"),
        ("estimatesmartfee", (1009, "unset", None), "Invalid conf_target, must be between 1 and 1008"),
        (
            "estimatesmartfee",
            (6, "fast", None),
            'Invalid estimate_mode parameter, must be one of: "unset", "economical", "conservative"',
        ),
        ("estimaterawfee", (6, -0.1), "Invalid threshold"),
        ("estimaterawfee", (6, 1.1), "Invalid threshold"),
    ],
)
def test_what_cannot_be_asked(node: Node, name: str, values: tuple[Any, ...], text: str) -> None:
    assert failure(node, name, *values) == (RPC_INVALID_PARAMETER, text)


def test_the_estimators_together_fail_where_one_does(node: Node) -> None:
    assert call(node, "estimatesmartfee", 6, "unset", {}) == {
        "errors": ["mempool_policy: Mempool not loaded yet, no fee rate estimate available"],
        "blocks": 2,
    }
