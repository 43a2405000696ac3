"""Transactions, replacements, packages and blocks made by chance: our mempool answers and holds what v31's does."""

import random
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from block_factory import build_block
from json_rpc_node import CORE, PYNODE, JsonRpcNode, core, json_rpc_node
from mempool_chain import SCRIPT, Coin, coins_of, spend

from node.block_builder import solve, with_root
from primitives.block import Block
from primitives.transaction import OutPoint, Transaction, TxIn, TxOut

pytestmark = pytest.mark.skipif("31" not in CORE, reason="BITCOIN_NODE_V31 is not set")
OPTIONS = ("-persistmempool=0", "-txindex=0", "-acceptnonstdtxn=0", "-checkmempool=0")
LIMITED = ("-maxmempool=1", "-limitclustersize=10", "-limitclustercount=12")
ONLY_V32 = frozenset(("vsize_adjusted", "vsize_bip141"))
ANCHOR = b"\x51\x02\x4e\x73"
START = 2_000_000_000
COUNT = 300
STEPS = 200
FILLING = 95
BASE = COUNT // 20 + 110
"""No block up to this height is undone."""


def plain(value: Any) -> Any:
    """Leave out what v31 does not tell."""
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items() if key not in ONLY_V32}
    return [plain(each) for each in value] if isinstance(value, (list, tuple)) else value


@dataclass
class Pair:
    """Both nodes, told the same."""

    own: JsonRpcNode
    other: JsonRpcNode
    chance: random.Random
    confirmed: list[Coin] = field(default_factory=list)
    made: list[Coin] = field(default_factory=list)
    sent: list[Transaction] = field(default_factory=list)
    spent: set[OutPoint] = field(default_factory=set)
    largest: int = 3000
    """Bytes that transactions may have without a purpose."""
    time: int = START
    answers: dict[str, int] = field(default_factory=dict)

    def both(self, method: str, *params: Any) -> tuple[Any, Any]:
        """Ask both, who must answer alike."""
        result, error = self.other.reply(method, *params)
        assert plain(self.own.reply(method, *params)) == plain((result, error)), (method, params)
        return result, error

    def found(self) -> None:
        """Have coins that anybody may spend."""
        self.both("setmocktime", self.time)
        self.mine_blocks(COUNT // 20 + 100)
        for height in range(1, COUNT // 20 + 1):
            block = self.other.rpc("getblock", self.other.rpc("getblockhash", height), 2)
            coinbase = Transaction.parse(bytes.fromhex(block["tx"][0]["hex"]))
            [coin] = coins_of(coinbase)[:1]
            fan = spend([coin], fee=10_000, outputs=20)
            self.both("sendrawtransaction", fan.serialize().hex(), 0)
            self.confirmed += coins_of(fan)
        self.mine_blocks(1)

    def mine_blocks(self, count: int) -> None:
        """Have Core make blocks."""
        for each in self.other.rpc("generatetodescriptor", count, f"raw({SCRIPT.hex()})"):
            self.hand_over(each)

    def hand_over(self, name: str) -> None:
        assert self.own.rpc("submitblock", self.other.rpc("getblock", name, 0)) is None

    # --- transactions --------------------------------------------------------------------------------------------

    def coin(self) -> Coin:
        """Choose a coin, mostly one that is not spent yet."""
        chance = self.chance
        free = [coin for coin in self.made[-60:] if coin.prevout not in self.spent]
        if free and chance.random() < 0.5:
            return chance.choice(free)
        if self.made and chance.random() < 0.2:
            return chance.choice(self.made[-30:])
        free = [coin for coin in self.confirmed if coin.prevout not in self.spent]
        return chance.choice(self.confirmed if chance.random() < 0.2 or not free else free)

    def make(self, coins: list[Coin] | None = None) -> Transaction:
        """Make a transaction, mostly a good one."""
        chance = self.chance
        if coins is None:
            coins = [self.coin() for _ in range(chance.choice([1, 1, 1, 2, 3]))]
            if chance.random() < 0.97:
                coins = list(dict.fromkeys(coins))
        extra = []
        kind = chance.random()
        if kind < 0.06:
            extra.append(TxOut(chance.choice([0, 240, 1000]), ANCHOR))
        elif kind < 0.08:
            extra.append(TxOut(100, chance.choice([b"\x51", b"\x6a\x01\x02", b"\x00\x14" + bytes(20)])))
        fee = chance.choice([0, 5, 10, 12, 50, 100, 500, 1000, 2000, 5000, 20_000, 100_000])
        tx = spend(
            coins,
            fee=min(fee + chance.randrange(20) * (fee > 20), sum(coin.value for coin in coins) // 2),
            outputs=chance.choice([1, 1, 2, 2, 3]),
            version=chance.choice([2, 2, 2, 2, 2, 1, 3, 3, 3, 3, 4][: 10 + (chance.random() < 0.1)]),
            sequence=chance.choice([0xFFFFFFFD] * 15 + [0xFFFFFFFF, 0xFFFFFFFE, 0, 0, 1, 2, 0x400001]),
            lock_time=chance.choice([0] * 20 + [self.height() - 1, self.height(), self.height() + 2, START - 5]),
            extra=extra,
            padding=chance.choice([0, 20, 300, *[self.largest] * (5 if self.largest > 3000 else 1)]),
        )
        return self.spoil(tx) if chance.random() < 0.08 else tx

    def spoil(self, tx: Transaction) -> Transaction:
        """Make it bad, perhaps."""
        chance = self.chance
        first, *rest = tx.inputs
        kind = chance.randrange(7)
        if kind == 0:
            first = first._replace(witness=())
        elif kind == 1:
            first = first._replace(witness=(b"\x52",))
        elif kind == 2:
            first = first._replace(witness=(b"\1", b"\x51"))
        elif kind == 3:
            first = first._replace(script_sig=b"\x51")
        elif kind == 4:
            first = first._replace(prevout=OutPoint(first.prevout.txid, 77))
        elif kind == 5:
            return Transaction(tx.version, tx.inputs, (*tx.outputs, TxOut(21 * 10**14, b"\x51" * 25)), tx.lock_time)
        else:
            return Transaction(tx.version, (*tx.inputs, TxIn(OutPoint(bytes(32), 0xFFFFFFFF), b"", 0)), tx.outputs, 0)
        return Transaction(tx.version, (first, *rest), tx.outputs, tx.lock_time)

    def height(self) -> int:
        return int(self.other.rpc("getblockcount"))

    def note(self, answer: Any) -> None:
        text = str(answer)[:60]
        self.answers[text] = self.answers.get(text, 0) + 1

    def fill(self) -> None:
        """Send so much that the mempool is nearly full."""
        for coin in self.confirmed[:FILLING]:
            tx = spend([coin], fee=self.chance.randrange(1000, 30_000), padding=self.largest)
            self.both("sendrawtransaction", tx.serialize().hex(), 0)
            self.remember(tx)

    # --- what may happen -----------------------------------------------------------------------------------------

    def send(self) -> None:
        tx = self.chance.choice(self.sent) if self.sent and self.chance.random() < 0.05 else self.make()
        rate = self.chance.choice([0, 0, 0, "0.10", "0.0001"])
        result, error = self.both("sendrawtransaction", tx.serialize().hex(), rate, "0.001")
        self.note(error and error["message"])
        if result is not None:
            self.remember(tx)

    def remember(self, tx: Transaction) -> None:
        """Know of a transaction that came in."""
        self.sent.append(tx)
        self.made += coins_of(tx)
        self.spent.update(each.prevout for each in tx.inputs)

    def ask(self) -> None:
        txs = [self.make()]
        while self.chance.random() < 0.6 and len(txs) < 6:
            coins = coins_of(self.chance.choice(txs)) or [self.coin()]
            txs.append(self.make([self.chance.choice(coins)]))
        result, _ = self.both("testmempoolaccept", [tx.serialize().hex() for tx in txs], 0)
        self.note(result and result[-1].get("reject-reason", result[-1].get("package-error")))

    def submit(self) -> None:
        parents = [self.make() for _ in range(self.chance.choice([1, 1, 1, 2, 3]))]
        coins = [self.chance.choice(coins_of(tx)) for tx in parents if coins_of(tx)]
        if self.chance.random() < 0.2:
            coins.append(self.coin())
        if not coins:
            return
        txs = [*parents, self.make(list(dict.fromkeys(coins)))]
        if self.chance.random() < 0.1:
            self.chance.shuffle(txs)
        result, error = self.both("submitpackage", [tx.serialize().hex() for tx in txs], 0, "0.001")
        self.note(error["message"] if error else result["package_msg"])
        waiting = set(self.other.rpc("getrawmempool"))
        for tx in txs:
            if tx.txid[::-1].hex() in waiting:
                self.remember(tx)

    def prioritise(self) -> None:
        if self.sent:
            txid = self.chance.choice(self.sent[-40:]).txid[::-1].hex()
            self.both("prioritisetransaction", txid, 0, self.chance.randrange(-3000, 3000))
            self.both("getprioritisedtransactions")

    def mine(self) -> None:
        """Mine some of what waits, or something else."""
        waiting: dict[str, Any] = self.other.rpc("getrawmempool", True)
        chosen: dict[str, None] = {}

        def choose(txid: str) -> None:
            if txid not in chosen:
                for parent in waiting[txid]["depends"]:
                    choose(parent)
                chosen[txid] = None

        for txid in sorted(waiting):
            if self.chance.random() < 0.3:
                choose(txid)
        txs = list(chosen)
        spent = [tx for tx in self.sent if tx.txid[::-1].hex() in waiting and tx.txid[::-1].hex() not in chosen]
        confirmed = {coin.prevout: coin for coin in self.confirmed}
        if spent and self.chance.random() < 0.5:
            coins = [confirmed.get(each.prevout) for each in self.chance.choice(spent).inputs]
            known = [coin for coin in coins if coin is not None]
            if known and len(known) == len(coins):
                txs.append(spend(known, fee=self.chance.randrange(50)).serialize().hex())
        hash_, error = self.other.reply("generateblock", "raw(51)", txs)
        if error is None:
            self.hand_over(hash_["hash"])
            block = self.other.rpc("getblock", hash_["hash"], 2)
            for each in block["tx"][1:]:
                self.confirmed += coins_of(Transaction.parse(bytes.fromhex(each["hex"])))

    def undo(self) -> None:
        """Call the tip invalid, and perhaps think better of it.

        Of several blocks Core undoes one after the other, and checks what comes back after each; we after all of them.
        """
        height = self.height()
        if height > BASE:
            name = self.other.rpc("getblockhash", height)
            self.both("invalidateblock", name)
            if self.chance.random() < 0.3:
                self.both("reconsiderblock", name)

    def fork(self) -> None:
        """Let another branch take over."""
        depth = self.chance.randrange(5)
        height = self.height() - depth
        if height < BASE:
            return
        name = self.other.rpc("getblockhash", height)
        for number in range(depth + 1):
            header = self.other.rpc("getblockheader", name)
            block = Block.parse(
                build_block(bytes.fromhex(name)[::-1], height + 1 + number, extra=self.chance.randrange(99))
            )
            block = Block(replace(block.header, time=header["mediantime"] + 1, nonce=0), block.transactions)
            solved, _ = solve(with_root(block), 1000)
            assert solved is not None
            self.both("submitblock", solved.serialize().hex())
            name = solved.header.hash[::-1].hex()
        assert self.other.rpc("getbestblockhash") == name

    def wait(self) -> None:
        self.time += self.chance.choice([1, 20, 600, 2000])
        self.both("setmocktime", self.time)

    def compare(self) -> None:
        """Compare all they know."""
        own, other = self.own.rpc("getmempoolinfo"), self.other.rpc("getmempoolinfo")
        for info in (own, other):
            info.pop("optimal")
            info.pop("fullrbf", None)  # Only v31 says so.
        # Core counts clusters as they stand before it has put them in order.
        assert abs(own.pop("usage") - other.pop("usage")) <= 64 * 8
        assert own == other
        self.both("getprioritisedtransactions")
        ours, theirs = self.own.rpc("getrawmempool", True), self.other.rpc("getrawmempool", True)
        assert ours.keys() == theirs.keys()
        for txid, entry in theirs.items():
            found = plain(ours[txid])
            for each in (found, entry):
                each.pop("bip125-replaceable", None)
                each["depends"].sort()
                each["spentby"].sort()
            assert found == entry


@pytest.mark.parametrize(
    ("seed", "options", "full"),
    [
        (1, (), False),
        (2, (*LIMITED, "-mempoolexpiry=1"), False),
        (3, LIMITED, True),
        (4, ("-acceptnonstdtxn=1",), False),
    ],
    ids=["ordinary", "short-lived", "full", "not-standard"],
)
def test_both_hold_the_same(tmp_path: Path, seed: int, options: tuple[str, ...], full: bool) -> None:
    with (
        json_rpc_node(PYNODE, tmp_path / "own", *OPTIONS, *options) as own,
        json_rpc_node(core("31"), tmp_path / "core", *OPTIONS, *options) as other,
    ):
        pair = Pair(own, other, random.Random(seed), largest=9000 if full else 3000)
        pair.found()
        kinds = [pair.send] * 20 + [pair.ask] * 3 + [pair.submit] * 4 + [pair.prioritise] * 2 + [pair.wait] * 2
        if full:
            pair.fill()
        else:
            kinds += [pair.mine] * 2
        kinds += [pair.undo, pair.fork]
        for step in range(STEPS):
            pair.chance.choice(kinds)()
            if step % 10 == 0:
                pair.compare()
        pair.compare()
        assert len(pair.answers) > 15, pair.answers
