"""What hangs together is mined in the same order as in Core, also after replacements, blocks and reorganisations."""

import random
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from json_rpc_node import CORE, PYNODE, JsonRpcNode, core, json_rpc_node

from primitives.transaction import Transaction

TIME = 1_800_000_000
SCRIPT = b"\x51" + b"\x61" * 9
OPTIONS = ("-acceptnonstdtxn", f"-mocktime={TIME}", "-txindex=0")
COINS = 200
VALUE = 50 * 10**8 // (COINS + 1)


class Spender:
    """Makes transactions at random from coins of its own, each below some that it made before."""

    def __init__(self, seed: int, coinbase: bytes) -> None:
        self.random = random.Random(seed)
        self.fan = make([coinbase], [VALUE] * COINS)
        self.free = [(output(self.fan, number), VALUE) for number in range(COINS)]
        self.spent: list[tuple[list[bytes], int, int]] = []  # inputs, their value and what it paid

    def next(self) -> bytes:
        chosen = self.random
        # The newest outputs are taken most often, so that clusters grow.
        places = {max(0, len(self.free) - 1 - int(chosen.expovariate(0.1))) for _ in range(chosen.choice((1, 1, 2, 3)))}
        coins = [self.free.pop(place) for place in sorted(places, reverse=True)]
        value = sum(each for _, each in coins)
        fee = chosen.choice((150, 200, 400, 400, 1000, 3000, 10_000)) * len(coins)
        return self.make([coin for coin, _ in coins], value, min(fee, value // 3), chosen.choice((1, 1, 2, 2, 3, 5)))

    def make(self, inputs: list[bytes], value: int, fee: int, count: int) -> bytes:
        left = value - fee
        values = [left // count] * (count - 1) + [left - left // count * (count - 1)]
        raw = make(inputs, values)
        self.free += [(output(raw, number), each) for number, each in enumerate(values)]
        self.spent.append((inputs, value, fee))
        return raw

    def replacement(self) -> bytes:
        inputs, value, fee = self.random.choice(self.spent)
        return self.make(inputs, value, min(fee * self.random.choice((2, 5, 30)) + 300, value // 2), 1)


def make(inputs: list[bytes], values: list[int]) -> bytes:
    return (
        struct.pack("<iB", 2, len(inputs))
        + b"".join(prevout + b"\0" + struct.pack("<I", 0xFFFFFFFD) for prevout in inputs)
        + bytes([len(values)])
        + b"".join(struct.pack("<qB", value, len(SCRIPT)) + SCRIPT for value in values)
        + bytes(4)
    )


def output(transaction: bytes, index: int) -> bytes:
    return Transaction.parse(transaction).txid + struct.pack("<I", index)


@pytest.fixture(params=CORE)
def nodes(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[list[JsonRpcNode]]:
    with (
        json_rpc_node(core(request.param), tmp_path / "theirs", *OPTIONS) as theirs,
        json_rpc_node(PYNODE, tmp_path / "ours", *OPTIONS) as ours,
    ):
        yield [theirs, ours]


def both(nodes: list[JsonRpcNode], calls: list[tuple[str, list[Any]]]) -> list[Any]:
    """Make the same calls to both."""
    theirs, ours = ([node.reply(method, *params) for method, params in calls] for node in nodes)
    assert ours == theirs
    return theirs


def compare(nodes: list[JsonRpcNode]) -> list[str]:
    """Compare the orders and all clusters."""
    txids = nodes[0].rpc("getrawmempool")
    assert nodes[1].rpc("getrawmempool") == txids
    both(nodes, [("getmempoolfeeratediagram", []), *(("getmempoolcluster", [txid]) for txid in txids)])
    usages = [node.rpc("getmempoolinfo")["usage"] for node in nodes]
    assert usages[0] == usages[1]
    return list(txids)


@pytest.mark.parametrize("seed", range(3))
def test_clusters_are_in_the_same_order(nodes: list[JsonRpcNode], seed: int) -> None:
    theirs, ours = nodes
    first = theirs.rpc("generatetodescriptor", 101, "raw(51)")
    blocks = theirs.batch([("getblock", [each, 0]) for each in first])
    ours.batch([("submitblock", [each]) for each in blocks])
    coinbase = bytes.fromhex(theirs.rpc("getblock", first[0])["tx"][0])[::-1] + bytes(4)
    spender = Spender(seed, coinbase)
    both(nodes, [("sendrawtransaction", [spender.fan.hex(), 0])])
    tip = theirs.rpc("generatetodescriptor", 1, "raw(51)")[0]
    assert ours.rpc("submitblock", theirs.rpc("getblock", tip, 0)) is None
    for turn in range(6):
        both(nodes, [("sendrawtransaction", [spender.next().hex(), 0]) for _ in range(40)])
        txids = compare(nodes)
        both(nodes, [("sendrawtransaction", [spender.replacement().hex(), 0]) for _ in range(8)])
        deltas = [(spender.random.choice(txids), spender.random.randrange(-3000, 9000)) for _ in range(4)]
        both(nodes, [("prioritisetransaction", [txid, 0, delta]) for txid, delta in deltas])
        txids = compare(nodes)
        if turn % 2:
            # A block with the first half of what is there, in the order that both have.
            block = theirs.rpc("generateblock", "raw(51)", txids[: len(txids) // 2])["hash"]
            assert ours.rpc("submitblock", theirs.rpc("getblock", block, 0)) is None
            compare(nodes)
    block = theirs.rpc("getbestblockhash")
    both(nodes, [("invalidateblock", [block])])
    compare(nodes)
