"""The fee estimator knows what Core's v31 knows after the same transactions and blocks, and files go both ways."""

import io
import random
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from block_factory import double_sha256, spend
from json_rpc_node import CORE, JsonRpcNode, core, json_rpc_node

from node.fees.estimate import Horizon
from node.fees.estimator import FeeEstimator
from node.fees.fee_file import FeeFile, read_estimates, written
from node.rpc.fees import horizon_json
from rpc.json import dumps, loads

pytestmark = pytest.mark.skipif("31" not in CORE, reason="BITCOIN_NODE_V31 is not set")
TARGETS = (1, 2, 3, 5, 6, 11, 12, 13, 20, 24, 25, 47, 48, 49, 144, 500, 504, 1008)
SCRIPT = b"\x51" + b"\x61" * 9
OPTIONS = ("-acceptnonstdtxn", "-minrelaytxfee=0.000001", "-persistmempool=0")


class Seen(NamedTuple):
    txid: bytes
    height: int
    base_fee: int
    vsize: int


@dataclass
class Traffic:
    """Sends Core transactions and blocks by chance, and tells the estimator the same."""

    node: JsonRpcNode
    estimator: FeeEstimator
    random: random.Random
    height: int = 0
    coins: list[bytes] = field(default_factory=list)
    pool: dict[bytes, Seen] = field(default_factory=dict)
    spent: dict[bytes, tuple[bytes, int]] = field(default_factory=dict)
    parents: set[bytes] = field(default_factory=set)
    value: int = 0

    def found(self) -> None:
        """Make coins that anybody can spend."""
        hashes = self.node.rpc("generatetodescriptor", 108, "raw(51)")
        blocks = self.node.batch([("getblock", [each, 1]) for each in hashes[:8]])
        self.value = (50 * 10**8) // 240
        made = [spend(bytes.fromhex(block["tx"][0])[::-1] + bytes(4), *[self.value] * 240, script=SCRIPT)
                for block in blocks]  # fmt: skip
        self.node.rpc("generateblock", "raw(51)", [each.hex() for each in made])
        for each in made:
            self.coins += [double_sha256(each) + struct.pack("<I", number) for number in range(240)]
        self.random.shuffle(self.coins)
        while self.height < 109:
            self.height += 1
            self.estimator.block_connected(self.height, [])

    def send(self, coin: bytes, value: int, fee: int) -> bytes:
        data = spend(coin, value - fee, script=SCRIPT)
        txid = double_sha256(data)
        assert self.node.rpc("sendrawtransaction", data.hex(), 0, 21_000_000) == txid[::-1].hex()
        seen = Seen(txid, self.height, fee, len(data))
        if coin in self.spent:
            old = self.spent[coin][0]
            self.estimator.transaction_removed(old)
            del self.pool[old]
        self.estimator.transaction_added(seen, counts=coin[:32] not in self.pool)
        if coin[:32] in self.pool:
            self.parents |= {coin[:32], txid}
        self.pool[txid] = seen
        self.spent[coin] = txid, fee
        return txid

    def step(self) -> None:
        """Send some, replace some, then mine those that pay well."""
        for _ in range(self.random.randrange(0, 12)):
            fee = int(70 * 2 ** self.random.uniform(-3, 11) / 10) + 8
            txid = self.send(self.coins.pop(), self.value, fee)
            if self.random.random() < 0.1:
                self.send(txid + bytes(4), self.value - fee, fee * 2)
        replaceable = [(coin, fee) for coin, (txid, fee) in self.spent.items()
                       if txid in self.pool and txid not in self.parents]  # fmt: skip
        for coin, fee in self.random.sample(replaceable, min(len(replaceable), self.random.randrange(3))):
            self.send(coin, self.value, fee * 2 + 20)
        threshold = 2 ** self.random.uniform(-3, 9)
        alone = [txid for txid in self.pool if txid not in self.parents]
        mined = [txid for txid in alone if self.pool[txid].base_fee / self.pool[txid].vsize > threshold / 4]
        if self.random.random() < 0.1:
            mined = []
        self.node.rpc("generateblock", "raw(51)", [txid[::-1].hex() for txid in mined])
        self.height += 1
        self.estimator.block_connected(self.height, [self.pool.pop(txid) for txid in mined])

    def compare(self) -> None:
        answers = self.node.batch([
            *(("estimaterawfee", [target, threshold]) for target in TARGETS for threshold in (0.5, 0.95, 1)),
            *(("estimatesmartfee", [target, mode]) for target in TARGETS for mode in ("economical", "conservative")),
        ])  # fmt: skip
        for target in TARGETS:
            for threshold in (0.5, 0.95, 1):
                ours = {
                    horizon.value: horizon_json(*self.estimator.raw(target, threshold, horizon))
                    for horizon in Horizon
                    if target <= self.estimator.longest_target(horizon)
                }
                assert as_text(ours) == as_text(answers.pop(0)), (target, threshold)
        for target in TARGETS:
            for conservative in (False, True):
                theirs = answers.pop(0)
                smart = self.estimator.smart(target, conservative=conservative)
                assert smart.target == theirs["blocks"]
                assert (smart.feerate == 0) == ("errors" in theirs)
                if smart.feerate > 100:
                    assert f"{smart.feerate / 10**8:.8f}" == theirs["feerate"]


def as_text(value: Any) -> Any:
    """Let numbers be texts, as Core writes them."""
    if isinstance(value, dict) and any(not isinstance(each, str) for each in value.values()):
        value = loads(dumps(value))
    if isinstance(value, dict):
        return {key: as_text(each) for key, each in value.items()}
    return [as_text(each) for each in value] if isinstance(value, list) else str(getattr(value, "text", value))


@pytest.fixture
def traffic(tmp_path: Path) -> Iterator[Traffic]:
    with json_rpc_node(core("31"), tmp_path / "core", *OPTIONS) as node:
        traffic = Traffic(node, FeeEstimator(), random.Random(31))
        traffic.found()
        yield traffic


def test_estimates_and_files_are_the_same(traffic: Traffic, tmp_path: Path) -> None:
    for number in range(90):
        traffic.step()
        if number % 15 == 14:
            traffic.compare()
    traffic.node.stop()
    traffic.estimator.forget_unconfirmed()
    theirs = traffic.node.network_dir / "fee_estimates.dat"
    with traffic.estimator.settled():
        assert written(traffic.estimator) == theirs.read_bytes()
    ours = FeeFile(tmp_path / "ours.dat")
    ours.flush(traffic.estimator)
    (tmp_path / "ours.dat").replace(theirs)
    with json_rpc_node(core("31"), tmp_path / "core", *OPTIONS) as node:
        traffic.node = node
        traffic.estimator = FeeEstimator()
        read_estimates(io.BytesIO(theirs.read_bytes()), traffic.estimator)
        traffic.pool.clear()
        traffic.spent.clear()
        traffic.compare()
        for _ in range(20):
            traffic.step()
        traffic.compare()
        assert traffic.estimator.smart(6, conservative=False).feerate
        node.stop()
        traffic.estimator.forget_unconfirmed()
        with traffic.estimator.settled():
            assert written(traffic.estimator) == theirs.read_bytes()
