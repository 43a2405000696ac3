"""What a wallet tells a desktop program of, and that no program holds it up."""

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from conftest import wait_until
from regtest_node import RegtestNode
from served_wallets import engines, heard, loader, local, made

from interfaces.wallet import Wallet, WalletLoader
from interfaces.wallet_callbacks import (
    AddressBookChangedCallback,
    BlockProcessedCallback,
    CanGetAddressesChangedCallback,
    ChangeType,
    LoadWalletCallback,
    ShowProgressCallback,
    StatusChangedCallback,
    TransactionChangedCallback,
    UnloadCallback,
)
from wallet.served import LocalWalletLoader
from wallet.transaction import ABANDONED, INACTIVE

__all__ = ["engines", "heard", "loader", "local"]


class Heard(
    AddressBookChangedCallback,
    BlockProcessedCallback,
    CanGetAddressesChangedCallback,
    LoadWalletCallback,
    ShowProgressCallback,
    StatusChangedCallback,
    TransactionChangedCallback,
    UnloadCallback,
):
    """Writes down what it is called with, and then waits until `go_on` is set."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.go_on = threading.Event()
        self.go_on.set()

    def call(self, *values: Any) -> None:
        self.calls.append(values)
        self.go_on.wait(50)


@pytest.fixture
def listener() -> Iterator[Heard]:
    listener = Heard()
    yield listener
    listener.go_on.set()


def mine(local: RegtestNode, address: str, blocks: int = 1) -> None:
    local.services.rpc().call("generatetoaddress", blocks, address)


def test_transactions_and_blocks(loader: WalletLoader, local: RegtestNode) -> None:
    wallet, transactions, blocks = made(loader), Heard(), Heard()
    address = wallet.get_new_destination("bech32", "")
    with wallet.handle_transaction_changed(transactions), wallet.handle_block_processed(blocks):
        mine(local, address)
        tip = local.chainstate.tip()
        wait_until(lambda: bool(transactions.calls and blocks.calls), "the block is told of")
        (received,) = wallet.get_wallet_txs()
        assert transactions.calls[0] == (received.txid, ChangeType.NEW)
        wait_until(lambda: blocks.calls[-1] == (tip.hash, 1), "the height is told")
        assert wallet.get_balances().immature_balance == 50 * 10**8
        transactions.calls.clear()
        local.services.rpc().call("invalidateblock", tip.hash[::-1].hex())
        wait_until(lambda: (received.txid, ChangeType.UPDATED) in transactions.calls, "the reorganisation is told of")
        wait_until(lambda: blocks.calls[-1][1] == 0, "the height is told")
        assert wallet.get_balances().immature_balance == 0
    transactions.calls.clear()
    mine(local, wallet.get_new_destination("bech32", ""))
    wait_until(lambda: wallet.get_balances().immature_balance > 0, "the block is known")
    time.sleep(0.1)
    assert transactions.calls == []


def test_a_transaction_that_changed_often_is_told_once(
    loader: WalletLoader, local: RegtestNode, engines: list[LocalWalletLoader], listener: Heard
) -> None:
    wallet = made(loader)
    mine(local, wallet.get_new_destination("bech32", ""), 3)
    wait_until(lambda: len(wallet.get_wallet_txs()) == 3, "the blocks are known")
    engine = engines[0].context.find("w")
    assert engine is not None
    first, second, third = engine.history.ordered
    listener.go_on.clear()
    with wallet.handle_transaction_changed(listener):
        engine.add_transaction(first.tx, INACTIVE)
        wait_until(lambda: bool(listener.calls), "the first is told of")
        for _ in range(5):
            for state in (ABANDONED, INACTIVE):
                engine.add_transaction(second.tx, state)
                engine.add_transaction(third.tx, state)
        engine.tracker.remove([third.txid])
        assert len(listener.calls) == 1
        listener.go_on.set()
        wait_until(lambda: len(listener.calls) >= 3, "the others are told of")
        time.sleep(0.1)
        assert listener.calls == [
            (first.txid, ChangeType.UPDATED),
            (second.txid, ChangeType.UPDATED),
            (third.txid, ChangeType.DELETED),
        ]


def test_a_program_that_never_returns(loader: WalletLoader, local: RegtestNode) -> None:
    """Neither the wallet nor other listeners wait for it, and its registration can be ended."""
    wallet, other = made(loader), Heard()
    address = wallet.get_new_destination("bech32", "")
    stuck = [Heard(), Heard(), Heard()]
    for each in stuck:
        each.go_on.clear()
    handlers = [
        wallet.handle_transaction_changed(stuck[0]),
        wallet.handle_block_processed(stuck[1]),
        wallet.handle_unload(stuck[2]),
    ]
    with wallet.handle_transaction_changed(other):
        mine(local, address, 5)
        wait_until(lambda: len({call[0] for call in other.calls}) == 5, "the other hears of all")
        wait_until(lambda: [len(each.calls) for each in stuck] == [1, 1, 0], "two are called once")
        started = time.monotonic()
        loader.unload_wallet("w")
        assert time.monotonic() - started < 5
        wait_until(lambda: len(stuck[2].calls) == 1, "the third is told of the end")
        assert loader.load_wallet("w") == []
        for handler in handlers:
            handler.close()
        assert time.monotonic() - started < 10
        for each in stuck:
            each.go_on.set()


def test_the_end_of_a_wallet(loader: WalletLoader) -> None:
    wallet, unloaded, loaded = made(loader), Heard(), Heard()
    with loader.handle_load_wallet(loaded), wallet.handle_unload(unloaded):
        made(loader, "x")
        wait_until(lambda: loaded.calls == [("x",)], "it is told that one was made")
        loader.unload_wallet("w")
        wait_until(lambda: unloaded.calls == [()], "it is told that one was unloaded")
        loader.load_wallet("w")
        wait_until(lambda: loaded.calls == [("x",), ("w",)], "it is told that one was loaded")


def test_passphrases(loader: WalletLoader) -> None:
    wallet, status = made(loader), Heard()
    with wallet.handle_status_changed(status):
        for act in (lambda: wallet.encrypt_wallet("x"), lambda: wallet.unlock("x"), wallet.lock):
            status.calls.clear()
            act()
            wait_until(lambda: bool(status.calls), "the change is told of")


def test_addresses(loader: WalletLoader) -> None:
    wallet, addresses, available = made(loader), Heard(), Heard()
    theirs = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"
    with wallet.handle_address_book_changed(addresses), wallet.handle_can_get_addresses_changed(available):
        address = wallet.get_new_destination("bech32", "mine")
        wait_until(lambda: len(addresses.calls) == 1, "the new one is told of")
        wallet.set_address_book(theirs, "theirs")
        wait_until(lambda: len(addresses.calls) == 2, "another's is told of")
        wallet.set_address_book(address, "ours")
        wait_until(lambda: len(addresses.calls) == 3, "the label is told of")
        wallet.del_address_book(theirs)
        wait_until(lambda: len(addresses.calls) == 4, "the end is told of")
        wallet.encrypt_wallet("x")
        wait_until(lambda: bool(available.calls), "new descriptors are told of")
    assert addresses.calls == [
        (address, "mine", True, "receive", ChangeType.NEW),
        (theirs, "theirs", False, "send", ChangeType.NEW),
        (address, "ours", True, "receive", ChangeType.UPDATED),
        (theirs, "", False, "", ChangeType.DELETED),
    ]


def rescan(wallet: Wallet, engines: list[LocalWalletLoader]) -> None:
    engine = engines[0].context.find(wallet.get_wallet_name())
    assert engine is not None
    chain = engine.chain
    assert chain is not None
    with engine.rescan.reserved():
        engine.rescan.scan(chain.get_block_hash(0), 0)


def test_a_scan(loader: WalletLoader, engines: list[LocalWalletLoader]) -> None:
    wallet, progress = made(loader), Heard()
    with wallet.handle_show_progress(progress):
        rescan(wallet, engines)
        wait_until(lambda: progress.calls[-1:] == [("[w] Rescanning…", 100)], "the end is told of")
