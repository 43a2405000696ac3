"""Runs a test of Core whose nodes should talk to each other, though ours do not yet: python carry.py TEST [OPTION ...].

Instead of connections between nodes there are pairs of them, and whenever the test waits for nodes to agree, blocks and
transactions are carried between the nodes of a pair by RPC. What the test does and checks stays Core's. Tests about the
network itself cannot run so.
"""

from __future__ import annotations

import runpy
import sys
from pathlib import Path
from typing import Any, Final

TEST: Final = Path(sys.argv[1])
sys.path.insert(0, str(TEST.parent))

from test_framework.authproxy import JSONRPCException  # type: ignore[import-not-found] # noqa: E402 - of Core's checkout
from test_framework.test_framework import BitcoinTestFramework  # type: ignore[import-not-found] # noqa: E402


class Carrier:
    """The pairs of a test's nodes, and what each node refused."""

    def __init__(self) -> None:
        self.pairs: set[frozenset[int]] = set()
        self._old: dict[tuple[int, int], set[str]] = {}
        self._refused: dict[int, set[str | tuple[str, str]]] = {}

    def join(self, nodes: Any, one: int, other: int) -> None:
        """Let two nodes exchange what is new from now on, and the chain as it is."""
        self.pairs.add(frozenset((one, other)))
        for a, b in ((one, other), (other, one)):
            self._old[a, b] = set(nodes[a].getrawmempool())

    def leave(self, one: int, other: int | None = None) -> None:
        """End a pair, or all of a node."""
        self.pairs -= {pair for pair in self.pairs if one in pair and (other is None or other in pair)}

    def carry(self, nodes: Any) -> None:
        """Carry until nothing new is found."""
        moved = True
        while moved:
            moved = False
            for pair in list(self.pairs):
                one, other = pair
                if nodes[one].running and nodes[other].running:
                    for a, b in ((one, other), (other, one)):
                        moved |= self._blocks(nodes[a], nodes[b]) or self._transactions(nodes[a], nodes[b])
                        moved |= _below_snapshot(nodes[a], nodes[b])

    def _blocks(self, source: Any, target: Any) -> bool:
        best = source.getbestblockhash()
        if best in self._refused.setdefault(target.index, set()) or source.getblockcount() <= target.getblockcount():
            return False
        missing, block = [], best
        while not _has_block(target, block):
            missing.append(block)
            block = source.getblockheader(block)["previousblockhash"]
        before = set(target.getrawmempool())
        for each in reversed(missing):
            target.submitblock(source.getblock(each, 0))
        # What a reorganisation puts back into a mempool is not sent to others.
        put_back = set(target.getrawmempool()) - before
        for pair in self._old:
            if pair[0] == target.index:
                self._old[pair] |= put_back
        if target.getbestblockhash() != best:
            self._refused[target.index].add(best)
        target.syncwithvalidationinterfacequeue()
        return bool(missing)

    def _transactions(self, source: Any, target: Any) -> bool:
        there = set(target.getrawmempool())
        refused = self._refused.setdefault(target.index, set())
        old = self._old[source.index, target.index]
        moved = False
        for txid in source.getrawmempool():
            if txid in there or txid in old or (txid, target.getbestblockhash()) in refused:
                continue
            try:
                target.sendrawtransaction(source.getrawtransaction(txid), 0)
                moved = True
            except JSONRPCException as error:
                if "missingorspent" not in str(error):
                    refused.add((txid, target.getbestblockhash()))
        return moved


def _has_block(node: Any, block: str) -> bool:
    """Whether a node has, or had, more of a block than its header."""
    try:
        return bool(node.getblockheader(block)["nTx"])
    except JSONRPCException:
        return False


def _below_snapshot(source: Any, target: Any) -> bool:
    """Bring the blocks that are below the snapshot that a node goes on from; whether it took any."""
    below, *snapshot = target.getchainstates()["chainstates"]
    if not snapshot:
        return False
    base = target.getblockheader(snapshot[0]["snapshot_blockhash"])["height"]
    for height in range(below["blocks"] + 1, min(base, source.getblockcount()) + 1):
        target.submitblock(source.getblock(source.getblockhash(height), 0))
    return bool(target.getchainstates()["chainstates"][0] != below)


def _patch(framework: Any) -> None:
    """Replace what needs connections."""
    carrier = Carrier()
    sync_blocks, sync_mempools, wait_until = framework.sync_blocks, framework.sync_mempools, framework.wait_until
    stop_node, stop_nodes = framework.stop_node, framework.stop_nodes

    def connect(self: Any, a: int, b: int, **_: Any) -> None:
        carrier.join(self.nodes, a, b)
        carrier.carry(self.nodes)

    def disconnect(_: Any, a: int, b: int) -> None:
        carrier.leave(a, b)

    def carried(original: Any) -> Any:
        def sync(self: Any, *args: Any, **kwargs: Any) -> Any:
            carrier.carry(self.nodes)
            return original(self, *args, **kwargs)

        return sync

    def waited(self: Any, test_function: Any, *args: Any, **kwargs: Any) -> Any:
        def check() -> Any:
            carrier.carry(self.nodes)
            return test_function()

        return wait_until(self, check, *args, **kwargs)

    def stopped(self: Any, i: int, *args: Any, **kwargs: Any) -> Any:
        carrier.carry(self.nodes)
        carrier.leave(i)
        return stop_node(self, i, *args, **kwargs)

    def all_stopped(self: Any, *args: Any, **kwargs: Any) -> Any:
        carrier.pairs.clear()
        return stop_nodes(self, *args, **kwargs)

    framework.connect_nodes, framework.disconnect_nodes = connect, disconnect
    framework.sync_blocks, framework.sync_mempools = carried(sync_blocks), carried(sync_mempools)
    framework.wait_until, framework.stop_node, framework.stop_nodes = waited, stopped, all_stopped


if __name__ == "__main__":
    _patch(BitcoinTestFramework)
    sys.argv = sys.argv[1:]
    runpy.run_path(str(TEST), run_name="__main__")
