"""What happens by chance to a wallet: ours, loaded from a copy of Core's, has its balances and its history."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from json_rpc_node import CORE, JsonRpcNode, core, json_rpc_node
from regtest_node import RegtestInit, RegtestNode, regtest_node

from common.chains import REGTEST
from node.mempool.results import ResultKind
from primitives import address
from primitives.transaction import Transaction
from wallet.context import WalletContext
from wallet.database_files import open_database
from wallet.ledger import Payment
from wallet.settings import WalletSettings
from wallet.transaction import INACTIVE, Confirmed
from wallet.wallet import Wallet

KEYPOOL = 20
OPTIONS = ("-disablewallet=0", f"-keypool={KEYPOOL}", "-fallbackfee=0.0001", "-persistmempool=0", "-txindex=0")
START = 2_000_000_000
STEPS = 80
KINDS = ("legacy", "p2sh-segwit", "bech32", "bech32m")
FOREIGN = "bcrt1qs758ursh4q9z627kt3pp5yysm78ddny6txaqgw"
BASE = 130
"""No block up to this height is undone."""
NOT_ALWAYS_THERE = frozenset(("bip125-replaceable", "alternate_wtxids"))
OWNERS_NOTES = frozenset(("replaces_txid", "replaced_by_txid"))
"""What only the wallet knows that made the transactions."""

pytestmark = pytest.mark.skipif(not CORE, reason="no BITCOIN_NODE_V31 or BITCOIN_NODE_V32 is set")


def shown(hash_: bytes) -> str:
    return hash_[::-1].hex()


@dataclass
class Pair:
    """Core's node with its wallet, and ours."""

    core: JsonRpcNode
    node: RegtestNode
    wallet: Wallet
    chance: random.Random
    time: int = START

    # --- what may happen -----------------------------------------------------------------------------------------

    def send(self) -> None:
        chance = self.chance
        kind = chance.choice(KINDS)
        own = chance.random() < 0.5
        to = self.core.rpc("getnewaddress", "", kind) if own else FOREIGN
        amount = chance.choice(["0.001", "0.5", "3.7", "20"])
        if chance.random() < 0.2:
            to = {to: amount, FOREIGN: "0.01", self.core.rpc("getnewaddress", "", kind): "0.02"}
            txid, error = self.core.reply("sendmany", "", to)
        else:
            txid, error = self.core.reply("sendtoaddress", to, amount)
        if error is None:
            self.relay()
            self.share(txid)
        else:
            assert error["code"] in {-4, -6}, error

    def bump(self) -> None:
        waiting = [each["txid"] for each in self.core.rpc("listtransactions", "*", 50) if not each["confirmations"]]
        if waiting:
            bumped, error = self.core.reply("bumpfee", self.chance.choice(waiting))
            if error is None:
                self.relay()
                self.share(bumped["txid"])

    def mine(self) -> None:
        to = self.core.rpc("getnewaddress") if self.chance.random() < 0.4 else FOREIGN
        for name in self.core.rpc("generatetoaddress", self.chance.choice([1, 1, 1, 2, 5]), to):
            self.hand_over(name)

    def steal(self) -> None:
        """Mine something that spends what a transaction of the mempool or of a left block spends."""
        candidates = [
            each["txid"]
            for each in self.core.rpc("listtransactions", "*", 100)
            if each["category"] == "send" and each["confirmations"] == 0
        ]
        if not candidates:
            return
        old = self.core.rpc(
            "decoderawtransaction", self.core.rpc("gettransaction", self.chance.choice(candidates))["hex"]
        )
        inputs = [{"txid": each["txid"], "vout": each["vout"]} for each in old["vin"]][:1]
        coin = self.core.rpc("gettxout", inputs[0]["txid"], inputs[0]["vout"], False)
        if coin is None:
            return
        to = self.core.rpc("getnewaddress") if self.chance.random() < 0.3 else FOREIGN
        raw = self.core.rpc("createrawtransaction", inputs, [{to: format(float(coin["value"]) * 0.9, ".8f")}])
        signed = self.core.rpc("signrawtransactionwithwallet", raw)
        if signed["complete"]:
            self.hand_over(self.core.rpc("generateblock", "raw(51)", [signed["hex"]])["hash"])

    def undo(self) -> None:
        height = self.core.rpc("getblockcount")
        count = self.chance.choice([1, 1, 2, 3])
        if height - count < BASE:
            return
        name = self.core.rpc("getblockhash", height - count + 1)
        self.core.rpc("invalidateblock", name)
        self.node.mempool.undo(count)

    def expire(self) -> None:
        """Let what waits be forgotten, and perhaps give it up."""
        self.pass_time(340 * 3600)
        self.send()
        # Core also forgets when it refuses what it sent, as that hangs on what is forgotten; ours never gets that.
        known = set(self.core.rpc("getrawmempool"))
        if any(shown(entry.txid) not in known for entry in self.node.mempool.pool.entries()):
            self.node.mempool.acceptance.limit_size()
        for each in self.core.rpc("listtransactions", "*", 100):
            if not each["confirmations"] and not each["abandoned"] and self.chance.random() < 0.5:
                _, error = self.core.reply("abandontransaction", each["txid"])
                if error is None:
                    assert self.wallet.wait_until_synced()
                    assert self.wallet.abandon(bytes.fromhex(each["txid"])[::-1])

    # --- keeping both the same -----------------------------------------------------------------------------------

    def pass_time(self, seconds: int) -> None:
        assert self.wallet.wait_until_synced()
        self.core.rpc("syncwithvalidationinterfacequeue")
        self.time += seconds
        self.core.rpc("setmocktime", self.time)
        self.node.mempool.clock.set_mock(self.time)

    def relay(self) -> None:
        """Give our node what it lacks of Core's mempool, the parents first."""
        for txid, entry in sorted(
            self.core.rpc("getrawmempool", True).items(), key=lambda each: int(each[1]["ancestorcount"])
        ):
            del entry
            if bytes.fromhex(txid)[::-1] not in self.node.mempool.pool:
                tx = Transaction.parse(bytes.fromhex(self.core.rpc("getrawtransaction", txid)))
                result = self.node.mempool.acceptance.accept(tx)
                assert result.kind is ResultKind.VALID, result

    def share(self, txid: str) -> None:
        """Give our wallet what the mempool did not take, so that only Core's wallet has it."""
        if txid not in self.core.rpc("getrawmempool"):
            tx = Transaction.parse(bytes.fromhex(self.core.rpc("gettransaction", txid)["hex"]))
            self.wallet.add_transaction(tx, INACTIVE)

    def hand_over(self, name: str) -> None:
        verdict = self.node.chainstate.process_block(bytes.fromhex(self.core.rpc("getblock", name, 0)))
        assert verdict.accepted

    def swap(self) -> None:
        """Load our wallet again, and let Core load a copy of it in place of its own."""
        folder = self.wallet.database.directory
        assert folder is not None
        copy = folder.parent / "copy.dat"
        self.wallet.close()
        self.wallet = load(self.node, folder)
        self.wallet.backup(copy)
        self.core.rpc("unloadwallet", "w")
        self.core.rpc("restorewallet", "ours", str(copy))
        self.relay()  # A wallet that is loaded sends what waits.

    # --- comparing -----------------------------------------------------------------------------------------------

    def compare(self) -> None:
        self.core.rpc("syncwithvalidationinterfacequeue")
        assert {shown(txid) for txid in self.node.mempool.txids()} == set(self.core.rpc("getrawmempool"))
        assert self.wallet.wait_until_synced()
        with self.wallet.lock:
            stored = {txid: wtx.serialize() for txid, wtx in self.wallet.transactions.items()}
            assert not self.wallet.database.in_transaction
            assert dict(self.wallet.records.transactions()) == stored
            assert self.own_balances() == self.core_balances()
            lines = [self.line(each) for each in self.wallet.ledger.last_payments(100_000)]
        theirs = [self.comparable(each) for each in self.core.rpc("listtransactions", "*", 100_000)]
        assert len(lines) == len(theirs)
        for mine, other in zip(lines, theirs, strict=True):
            assert {key: mine.get(key) for key in other} == other
            assert set(mine) - set(other) <= NOT_ALWAYS_THERE

    def own_balances(self) -> dict[str, str]:
        found = self.wallet.ledger.balances(include_nonmempool=True)
        names = ("trusted", "untrusted_pending", "immature", "nonmempool")
        return {name: amount(getattr(found, name)) for name in names}

    def core_balances(self) -> dict[str, str]:
        mine: dict[str, Any] = self.core.rpc("getbalances")["mine"]
        if "nonmempool" not in mine:
            assert amount(self.wallet.ledger.balances().trusted) == mine["trusted"]
            return self.own_balances()
        return dict(mine)

    def comparable(self, line: dict[str, Any]) -> dict[str, Any]:
        return {key: value for key, value in line.items() if key not in NOT_ALWAYS_THERE | OWNERS_NOTES}

    def line(self, payment: Payment) -> dict[str, Any]:
        """Return a line as `listtransactions` has it."""
        wallet, wtx = self.wallet, payment.wtx
        history = wallet.history
        found: dict[str, Any] = {
            "category": payment.category.value,
            "amount": amount(payment.amount),
            "vout": payment.index,
            "abandoned": wtx.is_abandoned,
            "confirmations": history.depth(wtx),
            "txid": shown(wtx.txid),
            "wtxid": shown(wtx.tx.wtxid),
            "alternate_wtxids": sorted(map(shown, wtx.others)),
            "walletconflicts": [shown(each) for each in sorted(history.conflicts(wtx))],
            "mempoolconflicts": [shown(each) for each in sorted(wtx.mempool_conflicts)],
            "time": wtx.time,
            "timereceived": wtx.time_received,
        }
        if (text := address.encode(payment.script, REGTEST)) is not None:
            found["address"] = text
        if (entry := wallet.book.entry(payment.script)) is not None:
            found["label"] = entry.label
        if wtx.tx.is_coinbase:
            found["generated"] = True
        if payment.category.value == "send":
            found["fee"] = amount(payment.fee)
        else:
            found["parent_descs"] = sorted(keys.public_text() or "" for keys in wallet.descriptors_of(payment.script))
        if isinstance(wtx.state, Confirmed):
            found["blockhash"] = shown(wtx.state.block)
            found["blockheight"] = wtx.state.height
            found["blockindex"] = wtx.state.index
            found["blocktime"] = wallet.block_time(wtx.state.block)
        else:
            found["trusted"] = wallet.ledger.is_trusted(wtx)
        return found


def amount(satoshis: int) -> str:
    return f"{'-' if satoshis < 0 else ''}{abs(satoshis) // 10**8}.{abs(satoshis) % 10**8:08}"


@contextmanager
def pair_of(tmp_path: Path, version: str, seed: int) -> Iterator[Pair]:
    with (
        json_rpc_node(core(version), tmp_path / "core", *OPTIONS) as other,
        regtest_node(tmp_path / "node") as node,
    ):
        other.rpc("setmocktime", START)
        node.mempool.clock.set_mock(START)
        other.rpc("createwallet", "w")
        wallet = load_copy(other, node, tmp_path / "w")
        pair = Pair(other, node, wallet, random.Random(seed))
        try:
            for name in other.rpc("generatetoaddress", 10, other.rpc("getnewaddress")):
                pair.hand_over(name)
            for name in other.rpc("generatetoaddress", BASE - 10, FOREIGN):
                pair.hand_over(name)
            yield pair
        finally:
            pair.wallet.close()


def load_copy(other: JsonRpcNode, node: RegtestNode, folder: Path) -> Wallet:
    """Load a copy of Core's wallet with our node."""
    folder.mkdir()
    other.rpc("backupwallet", str(folder / "wallet.dat"))
    return load(node, folder)


def load(node: RegtestNode, folder: Path) -> Wallet:
    """Load a wallet with our node."""
    init = RegtestInit(node)
    settings = WalletSettings(keypool=KEYPOOL)
    context = WalletContext(REGTEST, folder.parent, settings, chain=init.make_chain(), make_events=init.make_events)
    context.now = node.mempool.clock.now  # type: ignore[method-assign]
    database = open_database(folder, REGTEST, must_exist=True)
    wallet, warnings = Wallet.load("w", database, context)
    assert not warnings
    wallet.start()
    return wallet


@pytest.mark.parametrize("version", CORE)
@pytest.mark.timeout(300)
def test_balances_and_history_are_those_of_core(tmp_path: Path, version: str) -> None:
    with pair_of(tmp_path, version, 7) as pair:
        steps = [pair.send, pair.send, pair.send, pair.bump, pair.mine, pair.mine, pair.steal, pair.undo, pair.expire]
        pair.compare()
        for number in range(STEPS):
            step = pair.chance.choice(steps)
            pair.pass_time(pair.chance.randrange(600))
            step()
            if number % 4 == 0:
                pair.compare()
        pair.compare()
        assert any(wtx.is_abandoned for wtx in pair.wallet.transactions.values())
        assert any(wtx.is_block_conflicted for wtx in pair.wallet.transactions.values())
        pair.swap()
        pair.compare()
