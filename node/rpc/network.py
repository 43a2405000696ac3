"""RPC methods about peers, of which a node has none yet (Core: src/rpc/net.cpp)."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from common.version import CORE_VERSION
from node.network_options import NETWORKS, NODE_NETWORK, service_names
from node.rpc.mempool_access import mempool_of
from rpc.help import examples
from rpc.json import Amount
from rpc.method import Kind, Result, method

if TYPE_CHECKING:
    from node.rpc.context import RpcContext
    from rpc.json import Json

PROTOCOL_VERSION: Final = 70016


@method(
    "network",
    "getconnectioncount",
    result=Result(Kind.NUM, "", "How many peers there are"),
    help="Returns the number of connections to other nodes.",
    examples=examples("getconnectioncount"),
)
def getconnectioncount(context: RpcContext) -> Json:
    """Count the peers."""
    del context
    return 0


@method(
    "network",
    "getpeerinfo",
    result=Result(Kind.ARR, "", "The peers", (Result(Kind.OBJ_DYN, "", "A peer", (Result(Kind.ANY, "", "A fact"),)),)),
    help="Returns what is known of each peer.",
    examples=examples("getpeerinfo"),
)
def getpeerinfo(context: RpcContext) -> Json:
    """List the peers."""
    del context
    return []


@method(
    "network",
    "getnettotals",
    result=Result(
        Kind.OBJ,
        "",
        "",
        (
            Result(Kind.NUM, "totalbytesrecv", "Bytes received"),
            Result(Kind.NUM, "totalbytessent", "Bytes sent"),
            Result(Kind.NUM_TIME, "timemillis", "The time, in milliseconds"),
            Result(
                Kind.OBJ,
                "uploadtarget",
                "",
                (
                    Result(Kind.NUM, "timeframe", "Of how many seconds the target is"),
                    Result(Kind.NUM, "target", "The target in bytes, 0 for none"),
                    Result(Kind.BOOL, "target_reached", "Whether so much was sent"),
                    Result(Kind.BOOL, "serve_historical_blocks", "Whether old blocks are sent"),
                    Result(Kind.NUM, "bytes_left_in_cycle", "Bytes left in this time"),
                    Result(Kind.NUM, "time_left_in_cycle", "Seconds left in this time"),
                ),
            ),
        ),
    ),
    help="Returns how much went to and came from peers.",
    examples=examples("getnettotals"),
)
def getnettotals(context: RpcContext) -> Json:
    """Count bytes."""
    del context
    return {
        "totalbytesrecv": 0,
        "totalbytessent": 0,
        "timemillis": int(time.time() * 1000),
        "uploadtarget": {
            "timeframe": 86400,
            "target": 0,
            "target_reached": False,
            "serve_historical_blocks": True,
            "bytes_left_in_cycle": 0,
            "time_left_in_cycle": 0,
        },
    }


_NETWORK: Final = Result(
    Kind.OBJ,
    "",
    "",
    (
        Result(Kind.STR, "name", f"One of {', '.join(NETWORKS)}"),
        Result(Kind.BOOL, "limited", "Whether it is left out"),
        Result(Kind.BOOL, "reachable", "Whether it can be reached"),
        Result(Kind.STR, "proxy", "The proxy to it, empty for none"),
        Result(Kind.BOOL, "proxy_randomize_credentials", "Whether each connection uses other credentials"),
    ),
)
_ADDRESS: Final = Result(
    Kind.OBJ,
    "",
    "",
    (
        Result(Kind.STR, "address", "The address"),
        Result(Kind.NUM, "port", "The port"),
        Result(Kind.NUM, "score", "How sure we are of it"),
    ),
)


@method(
    "network",
    "getnetworkinfo",
    result=Result(
        Kind.OBJ,
        "",
        "",
        (
            Result(Kind.NUM, "version", "The version of Bitcoin Core whose interfaces it follows"),
            Result(Kind.STR, "subversion", "How it presents itself to peers"),
            Result(Kind.NUM, "protocolversion", "The version of the protocol"),
            Result(Kind.STR_HEX, "localservices", "What it offers to peers"),
            Result(Kind.ARR, "localservicesnames", "The same by name", (Result(Kind.STR, "SERVICE_NAME", "A name"),)),
            Result(Kind.BOOL, "localrelay", "Whether it wants transactions from peers"),
            Result(Kind.NUM, "timeoffset", "By how many seconds the clocks of peers are ahead"),
            Result(Kind.NUM, "connections", "How many peers there are"),
            Result(Kind.NUM, "connections_in", "How many of them came to us"),
            Result(Kind.NUM, "connections_out", "How many of them we went to"),
            Result(Kind.BOOL, "networkactive", "Whether it talks to peers"),
            Result(Kind.ARR, "networks", "What is known of each network", (_NETWORK,)),
            Result(Kind.NUM, "relayfee", "The least fee rate of what is relayed, in BTC/kvB"),
            Result(Kind.NUM, "incrementalfee", "By how much a replacement must pay more, in BTC/kvB"),
            Result(Kind.ARR, "localaddresses", "Our addresses", (_ADDRESS,)),
            Result(Kind.ARR, "warnings", "What is wrong", (Result(Kind.STR, "", "A warning"),), skip_type_check=True),
        ),
    ),
    help="Returns the state of the connections to other nodes.",
    examples=examples("getnetworkinfo"),
)
def getnetworkinfo(context: RpcContext) -> Json:
    """Describe the network as the options say; there are no peers yet."""
    network = context.node.network
    options = mempool_of(context).options
    proxies = network.proxies
    # Old blocks cannot be had from a node that has not verified what is below a snapshot.
    services = network.services & ~(NODE_NETWORK if context.node.chainstate.historical is not None else 0)
    return {
        "version": CORE_VERSION,
        "subversion": network.user_agent,
        "protocolversion": PROTOCOL_VERSION,
        "localservices": f"{services:016x}",
        "localservicesnames": service_names(services),
        "localrelay": False,
        "timeoffset": 0,
        "networkactive": False,
        "connections": 0,
        "connections_in": 0,
        "connections_out": 0,
        "networks": [
            {
                "name": name,
                "limited": name not in network.reachable,
                "reachable": name in network.reachable,
                "proxy": proxies[name].address if name in proxies else "",
                "proxy_randomize_credentials": name in proxies and proxies[name].randomize_credentials,
            }
            for name in NETWORKS
        ],
        "relayfee": Amount(options.min_relay.per_kvb),
        "incrementalfee": Amount(options.incremental.per_kvb),
        "localaddresses": [],
        "warnings": context.server.warnings_result(context.node.chainstate.warnings.values()),
    }


METHODS: Final = (getconnectioncount, getnettotals, getnetworkinfo, getpeerinfo)
