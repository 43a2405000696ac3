"""Our mempool beside Core's: the same answers while transactions, packages and blocks come by chance."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import pytest
from chain_recorder import open_chain
from json_rpc_node import CORE, JsonRpcNode, core, json_rpc_node
from mempool_chain import SCRIPT, Coin, MempoolChain, coins_of, spend

from common.chains import REGTEST
from node.context import NodeContext
from node.policy.options import MempoolOptions
from node.rpc.server import RpcServer
from node.rpc.table import full_table
from primitives.block import Block
from primitives.transaction import OutPoint, Transaction, TxIn, TxOut
from rpc.request import Caller

pytestmark = pytest.mark.skipif(not CORE, reason="neither BITCOIN_NODE_V31 nor BITCOIN_NODE_V32 is set")
TIGHT = MempoolOptions(cluster_count=8, cluster_size_vbytes=20_000)
TIGHT_WORDS = ("-limitclustercount=8", "-limitclustersize=20")
ANCHOR = b"\x51\x02\x4e\x73"
STEPS = 400
LATER = {"vsize_adjusted", "vsize_bip141"}
COINS = 400


@dataclass
class Traffic:
    """Says the same to both, and compares what they answer."""

    node: JsonRpcNode
    ours: MempoolChain
    server: RpcServer
    random: Random
    confirmed: list[Coin] = field(default_factory=list)
    known: dict[bytes, Transaction] = field(default_factory=dict)
    """All transactions ever made."""
    undone: tuple[int, ...] = (1, 1, 2)
    """How many blocks leave at once. One only where clusters are small: Core lets each one's transactions come back,
    and cuts clusters, before the next leaves; ours all together, as both do when another branch takes over."""
    base: int = 0
    """The height of the block that made the coins, which stays."""
    seen: dict[str, int] = field(default_factory=dict)
    """How often each reason was heard."""

    def ask(self, method: str, *params: Any) -> tuple[Any, Any]:
        """Return what ours answers: result and error."""
        body = self.server.answer(json.dumps({"method": method, "params": list(params), "id": 1}), Caller()).body
        assert body is not None
        reply = json.loads(body, parse_float=str)
        return reply["result"], reply["error"]

    def both(self, method: str, *params: Any) -> Any:
        """Ask both, which must answer the same."""
        theirs = self.node.reply(method, *params)
        ours = self.ask(method, *params)
        assert in_order(ours) == in_order(theirs), (method, params)
        self.count(theirs)
        return theirs[0]

    def count(self, reply: Any) -> None:
        if isinstance(reply, list | tuple):
            for each in reply:
                self.count(each)
        elif isinstance(reply, dict):
            for name, each in reply.items():
                if name in {"reject-reason", "error", "package_msg", "message", "package-error"} and each:
                    word = str(each).partition(",")[0]
                    self.seen[word] = self.seen.get(word, 0) + 1
                self.count(each)

    # --- making --------------------------------------------------------------------------------------------------

    def pooled(self) -> list[Transaction]:
        found = [entry.transaction() for entry in self.ours.pool.entries()]
        self.random.shuffle(found)
        return found

    def coins(self, version: int) -> list[Coin]:
        """Choose what to spend: confirmed, of the mempool, spent there already, or never heard of."""
        chosen: dict[OutPoint, Coin] = {}
        pooled = self.pooled()
        alike = [tx for tx in pooled if tx.version == version] if self.random.random() < 0.9 else pooled
        for _ in range(self.random.choice((1, 1, 1, 2, 3))):
            chance = self.random.random()
            if chance < 0.35 or not pooled:
                coin = self.confirmed[self.random.randrange(len(self.confirmed))]
            elif chance < 0.8 and alike:
                coin = self.random.choice(spendable(self.random.choice(alike)))
            elif chance < 0.97:
                used = self.random.choice(self.random.choice(pooled).inputs).prevout
                coin = Coin(used, self.value_of(used))
            else:
                coin = self.random.choice(spendable(self.random.choice(list(self.known.values()))))
            chosen[coin.prevout] = coin
        return list(chosen.values())

    def value_of(self, prevout: OutPoint) -> int:
        known = self.known.get(prevout.txid)
        return known.outputs[prevout.index].value if known else 10**6

    def make(self, coins: list[Coin] | None = None, version: int = 0, fee: int = -1) -> Transaction:
        random = self.random
        version = version or random.choice((2, 2, 3))
        coins = coins or self.coins(version)
        padding = random.choice((0,) * 12 + (300, 900, 4000, 9700))
        if fee < 0:
            fee = random.choice((0, 5, 20, 100, 500, 500, 2000, 10_000, 50_000)) * random.randrange(1, 4)
            fee += padding * random.choice((0, 1, 1, 3))
        extra = [TxOut(random.choice((0, 0, 200)), ANCHOR)] if random.random() < 0.15 else []
        total = sum(coin.value for coin in coins)
        tx = spend(
            coins,
            fee=min(fee, total // 2) if not extra or random.random() < 0.5 else 0,
            outputs=random.choice((1, 1, 2, 3)),
            version=version,
            extra=extra,
            padding=padding,
        )
        anchors = {coin.prevout for coin in coins if self.script_of(coin.prevout) == ANCHOR}
        inputs = tuple(each._replace(witness=()) if each.prevout in anchors else each for each in tx.inputs)
        tx = Transaction(tx.version, inputs, tx.outputs, tx.lock_time)
        self.known[tx.txid] = tx
        return tx

    def script_of(self, prevout: OutPoint) -> bytes:
        known = self.known.get(prevout.txid)
        return known.outputs[prevout.index].script_pubkey if known else SCRIPT

    def family(self) -> list[Transaction]:
        """Make a child with parents."""
        random = self.random
        version = random.choice((2, 3))
        parents = [
            self.make(version=version, fee=random.choice((0, 0, 10, 1000)))
            for _ in range(random.choice((1, 1, 1, 2, 3)))
        ]
        spent = [random.choice(spendable(tx)) for tx in parents]
        dust = [
            Coin(OutPoint(tx.txid, index), output.value)
            for tx in parents
            for index, output in enumerate(tx.outputs)
            if output.script_pubkey == ANCHOR and random.random() < 0.8
        ]
        own = self.coins(version) if random.random() < 0.2 else []
        unique = {coin.prevout: coin for coin in (*spent, *dust, *own)}
        child = self.make(list(unique.values()), version if random.random() < 0.95 else 5 - version)
        members = [*parents, child]
        if random.random() < 0.05:
            random.shuffle(members)
        if random.random() < 0.05:
            members.append(members[0])
        return members

    # --- doing ---------------------------------------------------------------------------------------------------

    def step(self) -> None:
        """Do one thing by chance."""
        chance = self.random.random()
        if chance < 0.55:
            tx = self.make().serialize().hex()
            self.both("testmempoolaccept", [tx], 0)
            self.both("sendrawtransaction", tx, 0)
        elif chance < 0.75:
            members = [tx.serialize().hex() for tx in self.family()]
            if self.random.random() < 0.5:
                self.both("testmempoolaccept", members, 0)
            self.both("submitpackage", members, 0)
        elif chance < 0.85:
            self.both(
                "testmempoolaccept", [self.make().serialize().hex() for _ in range(self.random.randrange(2, 5))], 0
            )
        elif chance < 0.9 and (pooled := self.pooled()):
            self.both("prioritisetransaction", pooled[0].txid[::-1].hex(), 0, self.random.choice((-1000, 300, 5000)))
        elif chance < 0.95:
            self.mine()
        else:
            self.undo()

    def mine(self) -> None:
        """Add a block with some of the mempool."""
        pool = self.ours.pool
        entries = {}
        for tx in self.pooled()[: self.random.randrange(6)]:
            entry = pool.get(tx.txid)
            assert entry is not None
            for each in pool.graph.ancestors(entry):
                entries[each] = len(pool.graph.ancestors(each))
        order = [entry.txid[::-1].hex() for entry in sorted(entries, key=lambda each: (entries[each], each.txid))]
        reply, error = self.node.reply("generateblock", self.place(), order)
        assert error is None, error
        self.take_block(reply["hash"])

    def take_block(self, hash_: str) -> None:
        data = bytes.fromhex(self.node.rpc("getblock", hash_, 0))
        assert self.ours.chain.process_block(data).accepted
        spent = {each.prevout for tx in Block.parse(data).transactions for each in tx.inputs}
        self.confirmed = [coin for coin in self.confirmed if coin.prevout not in spent]

    def undo(self) -> None:
        """Leave a block or two, and add as many others."""
        count = self.random.choice(self.undone)
        tip = self.ours.chain.tip()
        if tip.height - count < self.base:
            return
        leave = tip.ancestor(tip.height - count + 1)
        self.node.rpc("invalidateblock", leave.hash[::-1].hex())
        self.ours.chain.invalidate_block(leave)
        self.compare()
        for _ in range(count):
            self.take_block(self.node.rpc("generateblock", self.place(), [])["hash"])

    def place(self) -> str:
        """Return an output that no block had, so that no block comes twice."""
        return f"raw(6a04{self.random.randbytes(4).hex()})"

    def compare(self) -> None:
        """Compare all there is."""
        theirs = self.node.rpc("getrawmempool", True)
        for entry in self.ours.pool.entries():
            other = theirs.pop(entry.txid[::-1].hex())
            assert other["wtxid"] == entry.wtxid[::-1].hex()
            assert (other["vsize"], other["weight"]) == (entry.vsize, entry.weight)
            assert other["fees"]["base"] == btc(entry.base_fee)
            assert other["fees"]["modified"] == btc(entry.fee)
            graph = self.ours.pool.graph
            assert other["ancestorcount"] == len(graph.ancestors(entry))
            assert other["descendantcount"] == len(graph.descendants(entry))
            fee, weight = graph.chunk_feerate(entry)
            assert (other["fees"]["chunk"], other["chunkweight"]) == (btc(fee), weight)
        assert theirs == {}


def btc(satoshis: int) -> str:
    return f"{'-' if satoshis < 0 else ''}{abs(satoshis) // 10**8}.{abs(satoshis) % 10**8:08d}"


def spendable(tx: Transaction) -> list[Coin]:
    return [
        Coin(OutPoint(tx.txid, index), output.value)
        for index, output in enumerate(tx.outputs)
        if output.script_pubkey in {SCRIPT, ANCHOR}
    ]


def in_order(value: Any) -> Any:
    """Sort lists whose order is nobody's promise, and leave out what came with v32."""
    if isinstance(value, dict):
        return {
            name: sorted(each) if name in {"replaced-transactions", "effective-includes"} else in_order(each)
            for name, each in value.items()
            if name not in LATER
        }
    return [in_order(each) for each in value] if isinstance(value, list | tuple) else value


@contextmanager
def traffic(folder: Path, version: str, seed: int, *, tight: bool) -> Iterator[Traffic]:
    words = ("-persistmempool=0", *(TIGHT_WORDS if tight else ()))
    with json_rpc_node(core(version), folder / "core", *words) as node:
        ours = MempoolChain(open_chain(folder / "ours"), TIGHT if tight else MempoolOptions())
        try:
            server = RpcServer(full_table())
            context = NodeContext(
                REGTEST, ours.chain, folder, lambda: None, mempool=ours.pool, acceptance=ours.acceptance
            )
            server.finish_warmup(context)
            made = Traffic(node, ours, server, Random(seed), undone=(1,) if tight else (1, 1, 2))
            begin(made)
            yield made
        finally:
            ours.close()


def begin(made: Traffic) -> None:
    """Make confirmed coins."""
    node = made.node
    for hash_ in node.rpc("generatetodescriptor", 102, "raw(51)"):
        made.take_block(hash_)
    coinbase = Block.parse(bytes.fromhex(node.rpc("getblock", node.rpc("getblockhash", 1), 0))).transactions[0]
    fan = Transaction(
        2, (TxIn(OutPoint(coinbase.txid, 0), b"", 0xFFFFFFFF),), tuple(TxOut(10**6, SCRIPT) for _ in range(COINS)), 0
    )
    made.take_block(node.rpc("generateblock", "raw(51)", [fan.serialize().hex()])["hash"])
    made.confirmed = coins_of(fan)
    made.base = made.ours.chain.tip().height
    made.ours.pool.loaded = True


@pytest.mark.parametrize("version", CORE)
@pytest.mark.parametrize(("seed", "tight"), [(1, True), (2, False)])
def test_answers_are_the_same(tmp_path: Path, version: str, seed: int, tight: bool) -> None:
    with traffic(tmp_path, version, seed, tight=tight) as made:
        for number in range(STEPS):
            made.step()
            if number % 10 == 9:
                made.compare()
        made.compare()
        assert len(made.seen) > 8, made.seen
