"""Wallets killed at any moment, while blocks and transactions come and go, lose nothing and count nothing twice."""

import random
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from mempool_chain import SCRIPT, spend
from regtest_node import RegtestInit, RegtestNode, connected_to, regtest_node
from wallet_lab import OTHERS, FakeKeys, plain_balances

from common.chains import REGTEST
from node.mempool.mempool import RemovalReason
from primitives.transaction import Transaction, TxOut
from wallet.context import WalletContext
from wallet.database import WalletDatabase
from wallet.flags import BLANK
from wallet.wallet import Wallet

TESTS = Path(__file__).resolve().parents[1]
KILLS = 8


def start_follower(address: str, folder: Path) -> subprocess.Popen[str]:
    program = [sys.executable, str(TESTS / "wallet_follower.py"), address, str(folder)]
    process = subprocess.Popen(program, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "started\n"
    return process


class Traffic:
    """Makes blocks and transactions, leaves blocks, and spends double."""

    def __init__(self, node: RegtestNode, chance: random.Random) -> None:
        self.mempool = node.mempool
        self.chance = chance
        self.number = 1

    def step(self) -> None:
        mempool, chance = self.mempool, self.chance
        match chance.randrange(6):
            case 0 | 1 if mempool.coins:
                paid = [TxOut(chance.randrange(10_000, 90_000), OTHERS)]
                mempool.acceptance.accept(
                    spend([chance.choice(mempool.coins)], fee=chance.randrange(1000, 9000), extra=paid)
                )
            case 2 | 3:
                self.mine([entry.transaction() for entry in mempool.pool.in_mining_order()])
            case 4 if mempool.chain.tip().height > 110:
                mempool.undo(chance.randrange(1, 4))
                if chance.random() < 0.5:
                    mempool.pool.remove_with_descendants(list(mempool.pool.entries()), RemovalReason.EXPIRY)
                for _ in range(chance.randrange(4)):
                    self.mine()
            case _:
                self.mine()

    def mine(self, transactions: Sequence[Transaction] = ()) -> None:
        """Add a block unlike any other: some were left for good."""
        self.number += 1
        self.mempool.mine(transactions, extra=self.number)


def open_wallet(node: RegtestNode, folder: Path) -> Wallet:
    init = RegtestInit(node)
    context = WalletContext(REGTEST, folder.parent, chain=init.make_chain(), make_events=init.make_events)
    database = WalletDatabase(folder, REGTEST, unsafe_sync=True)
    database.verify()
    wallet, warnings = Wallet.load("w", database, context)
    assert not warnings
    return follow(wallet)


def follow(wallet: Wallet) -> Wallet:
    wallet.take_descriptor(FakeKeys([SCRIPT]))  # type: ignore[arg-type] # It has all that is asked here.
    wallet.history.find_all_own()
    wallet.start()
    assert wallet.wait_until_synced()
    return wallet


def test_killed_wallets_know_what_others_know(tmp_path: Path) -> None:
    chance = random.Random(3)
    with regtest_node(tmp_path / "node") as node, connected_to(node, tmp_path) as connected:
        node.mempool.prepare(30)
        folder = tmp_path / "wallets" / "w"
        folder.parent.mkdir()
        traffic = Traffic(node, chance)
        for _ in range(KILLS):
            process = start_follower(connected.address, folder)
            try:
                end = time.monotonic() + chance.random() * 0.8
                while time.monotonic() < end:
                    traffic.step()
            finally:
                process.kill()
                process.communicate()
            if chance.random() < 0.5:
                traffic.step()
        wallet = open_wallet(node, folder)
        fresh = Wallet.create("x", WalletDatabase(tmp_path / "x", REGTEST), wallet.context, BLANK)
        fresh.must_rescan = True
        follow(fresh)
        try:
            with wallet.lock, fresh.lock:
                assert wallet.ledger.balances() == fresh.ledger.balances() == plain_balances(wallet)
                certain = {txid: wtx.state for txid, wtx in fresh.transactions.items()}
                assert {txid: wallet.transactions[txid].state for txid in certain} == certain
                for txid, wtx in wallet.transactions.items():
                    assert txid in certain or not (wtx.is_confirmed or wtx.in_mempool)
        finally:
            fresh.close()
            wallet.close()
