"""RPC methods about peers and waiting transactions, while there are none."""

from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from node.context import NodeContext
from node.mempool.mempool import Mempool
from node.network_options import NODE_NETWORK, NODE_WITNESS, NetworkOptions, Proxy
from node.policy.options import MempoolOptions
from node.rpc.context import RpcContext
from node.rpc.mempool import getrawmempool
from node.rpc.server import RpcServer
from node.rpc.table import full_table
from rpc.errors import RpcError
from rpc.request import Request
from rpc.server import RpcOptions

NETWORK = NetworkOptions(
    "/pynode:1/", ("ipv4", "onion"), {"onion": Proxy("127.0.0.1:9050")}, NODE_NETWORK | NODE_WITNESS
)


@dataclass
class Warned:
    is_loading_blocks: bool = False
    warnings: dict[int, str] = field(default_factory=lambda: {1: "odd", 2: "odder"})
    historical: object = None
    """The chain below a snapshot, where there is one."""


@dataclass
class Node:
    chainstate: Warned = field(default_factory=Warned)
    network: NetworkOptions = NETWORK
    mempool: Mempool = field(default_factory=lambda: Mempool(MempoolOptions()))


def call(name: str, *values: Any, deprecated: frozenset[str] = frozenset()) -> Any:
    table = full_table()
    server = RpcServer(table, RpcOptions(deprecated=deprecated))
    found = table.find(name)
    assert found is not None
    result = found.function(RpcContext(cast("NodeContext", Node()), cast("Request", None), server), *values)
    assert all(part.mismatch(result) is None for part in found.results[:1]) or name == "getrawmempool"
    return result


def test_nobody_is_there() -> None:
    assert call("getconnectioncount") == 0
    assert call("getpeerinfo") == []
    assert call("getnettotals")["totalbytesrecv"] == 0
    info = call("getnetworkinfo")
    assert info["subversion"] == "/pynode:1/"
    assert info["networkactive"] is False
    assert (info["localservices"], info["localservicesnames"]) == ("0000000000000009", ["NETWORK", "WITNESS"])
    assert [net["name"] for net in info["networks"] if net["reachable"]] == ["ipv4", "onion"]
    assert [net["proxy"] for net in info["networks"]] == ["", "", "127.0.0.1:9050", "", ""]
    assert info["warnings"] == ["odd", "odder"]
    assert call("getnetworkinfo", deprecated=frozenset({"warnings"}))["warnings"] == "odder"


def test_nothing_waits() -> None:
    info = call("getmempoolinfo")
    assert (info["loaded"], info["size"]) == (False, 0)
    assert call("getrawmempool", False, False) == []
    assert call("getrawmempool", True, False) == {}
    assert call("getrawmempool", False, True) == {"txids": [], "mempool_sequence": 1}
    with pytest.raises(RpcError, match="Verbose results cannot contain mempool sequence values"):
        getrawmempool.function(cast("RpcContext", None), True, True)
