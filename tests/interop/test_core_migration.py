"""Random legacy wallets become the same descriptor wallets here and in Core, and each program loads the other's."""

from __future__ import annotations

import json
import random
import shutil
import time
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any

import pytest
from berkeley_file import berkeley_bytes
from json_rpc_node import CORE, JsonRpcNode, core, json_rpc_node
from legacy_wallet import TIME, LegacyWallet, p2pkh, p2wpkh, random_wallet
from regtest_node import RegtestNode, regtest_node
from wallet_server import WalletServer, wallet_server

from common.chains import REGTEST
from primitives import address
from primitives.keys import encode_wif
from primitives.transaction import Transaction
from wallet.flags import AVOID_REUSE, DISABLE_PRIVATE_KEYS, KEY_ORIGIN_METADATA
from wallet.legacy.ownership import is_mine
from wallet.legacy.reading import read_legacy_keys
from wallet.transaction import INACTIVE, BlockConflicted, Confirmed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from primitives.keys import PrivateKey

pytestmark = pytest.mark.skipif(not CORE, reason="BITCOIN_NODE_V31 and BITCOIN_NODE_V32 are not set")

SEEDS = range(6)
FOREIGN = "bcrt1qs758ursh4q9z627kt3pp5yysm78ddny6txaqgw"
EMPTY_MAIN = "Error: Not all address book records were migrated"
"""What Core says of a wallet that only watches and knows addresses of others; ours migrates it."""
CHANGED = {"nonmempool", "alternate_wtxids", "bip125-replaceable"}
"""What only one of v31 and v32 tells."""


def canonical(value: Any) -> Any:
    """Return a value with lists in an order of their own."""
    if isinstance(value, list):
        return sorted(map(canonical, value), key=lambda each: json.dumps(each, sort_keys=True))
    return {key: canonical(each) for key, each in value.items()} if isinstance(value, dict) else value


def without_changed(value: Any) -> Any:
    if isinstance(value, list):
        return list(map(without_changed, value))
    if isinstance(value, dict):
        return {key: without_changed(each) for key, each in value.items() if key not in CHANGED}
    return value


def shown(script: bytes) -> str | None:
    return address.encode(script, REGTEST)


@dataclass
class Pair:
    """Core's node and ours, and one legacy wallet at a time in the folders of both."""

    theirs: JsonRpcNode
    node: RegtestNode
    ours: WalletServer
    folder: Path
    is_v31: bool
    height: int = 0

    def follow(self) -> None:
        for block in self.theirs.blocks_above(self.height):
            assert self.node.chainstate.process_block(block).accepted
            self.height += 1

    def confirm(self, tx: Transaction) -> Confirmed:
        """Mine a transaction; return where it is."""
        (block,) = self.theirs.rpc("generatetoaddress", 1, FOREIGN)
        self.follow()
        index = self.theirs.rpc("getblock", block)["tx"].index(tx.txid[::-1].hex())
        return Confirmed(bytes.fromhex(block)[::-1], self.height, index)

    def share(self, txid: str) -> Transaction:
        """Give our node a transaction of theirs, and return it."""
        self.theirs.rpc("syncwithvalidationinterfacequeue")
        tx = Transaction.parse(bytes.fromhex(self.theirs.rpc("getrawtransaction", txid)))
        self.node.mempool.send(tx)
        return tx

    def spend(
        self, tx: Transaction, key: PrivateKey, amount: str = "0.002", *, send: bool = True
    ) -> Transaction | None:
        """Spend what a transaction pays to a key, and perhaps send it."""
        own = {p2pkh(key), p2wpkh(key)} if key.compressed else {p2pkh(key)}
        found = [index for index, output in enumerate(tx.outputs) if output.script_pubkey in own]
        if not found:
            return None
        inputs: list[dict[str, Any]] = [{"txid": tx.txid[::-1].hex(), "vout": index} for index in found]
        raw = self.theirs.rpc("createrawtransaction", inputs, {FOREIGN: "0.001", shown(p2pkh(key)): amount})
        spent = [
            {**each, "scriptPubKey": output.script_pubkey.hex(), "amount": f"{output.value / 1e8:.8f}"}
            for each, output in ((each, tx.outputs[each["vout"]]) for each in inputs)
        ]
        signed = self.theirs.rpc("signrawtransactionwithkey", raw, [encode_wif(key, REGTEST)], spent)
        assert signed["complete"]
        if not send:
            return Transaction.parse(bytes.fromhex(signed["hex"]))
        return self.share(self.theirs.rpc("sendrawtransaction", signed["hex"], 0))

    def fill(self, wallet: LegacyWallet, scripts: list[bytes], keys: Iterable[PrivateKey]) -> None:
        """Let a wallet have labels, and transactions in blocks and outside."""
        chance, own = wallet.chance, read_legacy_keys(wallet.records)
        mine = [script for script in scripts if is_mine(own, script) and shown(script)]
        for script in scripts:
            if chance.random() < 0.3 and shown(script):
                purpose = "receive" if is_mine(own, script) else chance.choice(["send", None])
                wallet.label(script, chance.choice(["a", "b", None]), purpose)
        funding = None
        if mine:
            paid = chance.sample(mine, min(len(mine), 4))
            amounts = {shown(script): f"0.0{number + 2}" for number, script in enumerate(paid)} | {FOREIGN: "0.5"}
            funding = self.share(self.theirs.wallet("rich", "sendmany", "", amounts))
            wallet.add_transaction(funding, self.confirm(funding))
        spenders = [key for key in keys if is_mine(own, p2pkh(key))] if funding else []
        for key in spenders:
            assert funding
            spending = self.spend(funding, key)
            if spending is not None and key is spenders[-1] and chance.random() < 0.5:
                wallet.add_transaction(spending, INACTIVE, TIME + 1)
            elif spending is not None:
                place = self.confirm(spending)
                wallet.add_transaction(spending, place, TIME + 1)
                excluded = self.spend(funding, key, "0.003", send=False) if chance.random() < 0.3 else None
                if excluded is not None:
                    wallet.add_transaction(excluded, BlockConflicted(place.block, place.height), TIME + 2)
        tip, genesis = (bytes.fromhex(self.theirs.rpc("getblockhash", at))[::-1] for at in (self.height, 0))
        # Without, the chain is scanned. v31 refuses that, and what Core so finds used it stores only if it is unlocked.
        if self.is_v31 or wallet.passphrase or chance.random() < 0.7:
            wallet.best_block(tip, genesis)

    def place(self, wallet: bytes, name: str) -> None:
        for folder in (self.theirs.network_dir / "wallets", self.folder):
            (folder / name).mkdir()
            (folder / name / "wallet.dat").write_bytes(wallet)

    def migrate(self, name: str, passphrase: str) -> tuple[Any, Any]:
        """Migrate in both; return the results, None for ours where both failed alike."""
        theirs, their_error = self.theirs.reply("migratewallet", name, passphrase)
        ours, our_error = self.ours.reply("migratewallet", name, passphrase)
        if their_error is not None and their_error["message"] in {EMPTY_MAIN, "bad_function_call"}:
            assert our_error is None
            return None, ours
        assert (our_error, ours is None) == (their_error, theirs is None)
        for result in (theirs, ours):
            if result is not None:
                del result["backup_path"]
        return theirs, ours

    def both(self, wallet: str, method: str, *params: Any) -> tuple[Any, Any]:
        return self.theirs.wallet(wallet, method, *params), self.ours.rpc(method, *params, wallet=wallet)

    def unlock(self, name: str, passphrase: str) -> None:
        if passphrase:
            self.both(name, "walletpassphrase", passphrase, 60)

    def compare(self, name: str, scripts: list[bytes], *, private: bool, same_seed: bool) -> None:
        """Compare all that tells of a wallet."""
        told = [each["descriptors"] for each in self.both(name, "listdescriptors", private)]
        if not same_seed:
            told = [[each for each in listed if not each["active"]] for listed in told]
        assert canonical(without_times(told[1])) == canonical(without_times(told[0]))
        info = [dict(each) for each in self.both(name, "getwalletinfo")]
        for each in info:
            each.pop("unlocked_until", None)
        assert info[1] == info[0]
        calls: list[tuple[Any, ...]] = [
            ("getbalances",),
            ("listtransactions", "*", 100),
            ("listunspent", 0),
            ("listlabels",),
            *(("getaddressesbylabel", label) for label in self.theirs.wallet(name, "listlabels")),
            *(("getaddressinfo", shown(script)) for script in scripts if shown(script)),
        ]
        for call in calls:
            theirs, ours = self.both(name, *call)
            if self.is_v31:
                theirs, ours = without_changed(theirs), without_changed(ours)
            if same_seed or "embedded" not in str(theirs):
                assert canonical(ours) == canonical(theirs), call


def without_times(listed: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return descriptors without when those were made that are new."""
    return [{key: value for key, value in each.items() if key != "timestamp" or not each["active"]} for each in listed]


@pytest.fixture(params=CORE)
def pair(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Pair]:
    options = ("-disablewallet=0", "-fallbackfee=0.0001", "-keypool=20", "-txindex=1", "-maxtxfee=1")
    with (
        json_rpc_node(core(request.param), tmp_path / "core", *options) as theirs,
        regtest_node(tmp_path / "node") as node,
        wallet_server(tmp_path / "ours", node) as ours,
    ):
        pair = Pair(theirs, node, ours, tmp_path / "ours", request.param == "31")
        now = int(time.time())
        theirs.rpc("setmocktime", now)
        ours.context.set_mock_time(now)
        theirs.rpc("createwallet", "rich")
        theirs.rpc("generatetoaddress", 110, theirs.wallet("rich", "getnewaddress"))
        pair.follow()
        yield pair


def check_random_wallet(pair: Pair, seed: int) -> None:
    wallet, scripts, keys = random_wallet(seed)
    scripts = list(dict.fromkeys(scripts))
    pair.fill(wallet, scripts, keys)
    flags = wallet.chance.choice([0, 0, AVOID_REUSE, KEY_ORIGIN_METADATA])
    may_disable = not keys and not wallet.passphrase  # Core refuses what is encrypted and must not have keys.
    wallet.flags(flags | (wallet.chance.choice([0, DISABLE_PRIVATE_KEYS]) if may_disable else 0))
    name = f"w{seed}"
    pair.place(wallet.data(4096, wallet.chance.choice("<>")), name)
    theirs, ours = pair.migrate(name, wallet.passphrase)
    if theirs is None:
        return
    assert ours == theirs
    names = sorted(set(theirs.values()))
    same_seed = any(key.startswith(b"\7hdchain") for key in wallet.records)
    for each in names:
        is_main = each == name
        if is_main:
            pair.unlock(name, wallet.passphrase)
        pair.compare(each, scripts, private=is_main and bool(keys), same_seed=same_seed)
    exchange(pair, names)
    for each in names:
        if each == name:
            pair.unlock(name, wallet.passphrase)
        pair.compare(each, scripts, private=each == name and bool(keys), same_seed=same_seed)
        pair.theirs.rpc("unloadwallet", each)
        pair.ours.rpc("unloadwallet", each)


def exchange(pair: Pair, names: list[str]) -> None:
    """Let each program load what the other made."""
    for name in names:
        theirs, ours = pair.theirs.network_dir / "wallets" / name, pair.folder / name
        pair.theirs.rpc("unloadwallet", name)
        pair.ours.rpc("unloadwallet", name)
        theirs.rename(theirs.with_name("moving"))
        shutil.move(ours, theirs)
        shutil.move(theirs.with_name("moving"), ours)
        pair.theirs.rpc("loadwallet", name)
        pair.ours.rpc("loadwallet", name)


def test_random_wallets_become_the_same(pair: Pair) -> None:
    for seed in SEEDS:
        check_random_wallet(pair, seed)


def test_broken_files_are_told_of_alike(pair: Pair) -> None:
    """Those of which Core tells at all: it ends, or goes on for ever, on some."""
    wallet, *_ = random_wallet(3)
    pair.fill(wallet, [], [])
    good = berkeley_bytes(wallet.records, 512)
    chance = random.Random(5)
    files = [good[: chance.randrange(4096, len(good))] for _ in range(10)]
    for place, value in product((8, 16, 20, 24, 25, 48, 32, 88, 520, 532, 537, 1032, 1048, 1064), (0, 7)):
        files.append(good[:place] + bytes((value,)) + good[place + 1 :])
    for number, data in enumerate(files):
        pair.place(data, f"w{number}")
        pair.migrate(f"w{number}", wallet.passphrase)
