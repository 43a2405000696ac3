"""What waits in a wallet is offered to the node again."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from mempool_chain import spend
from regtest_node import RegtestNode, regtest_node
from wallet_server import WalletServer, wallet_server

from common.chains import REGTEST
from node.chain import LocalChain
from primitives import address
from primitives.transaction import Transaction, TxOut
from wallet.resubmitting import Resender, resubmit
from wallet.transaction import INACTIVE
from wallet.wallet import Wallet


class ReadyChain(LocalChain):
    """The chain of a node that knows of blocks as young as those of the network."""

    def is_ready_to_broadcast(self) -> bool:
        return True


@pytest.fixture
def node(tmp_path: Path) -> Iterator[RegtestNode]:
    with regtest_node(tmp_path / "node") as made:
        made.mempool.prepare(2)
        yield made


@pytest.fixture
def server(node: RegtestNode, tmp_path: Path) -> Iterator[WalletServer]:
    with wallet_server(tmp_path / "wallets", node, keypool=5) as made:
        made.rpc("createwallet", "w")
        yield made


@pytest.fixture
def wallet(server: WalletServer) -> Wallet:
    return server.context.wallets()[0]


def waiting(node: RegtestNode, server: WalletServer, wallet: Wallet) -> Transaction:
    """Have the wallet know a transaction that the mempool does not have."""
    script = address.decode(server.rpc("getnewaddress"), REGTEST)
    tx = spend(node.mempool.take(), extra=[TxOut(5000, script)])
    wallet.add_transaction(tx, INACTIVE)
    return tx


def test_loading_a_wallet_offers_what_waits(node: RegtestNode, server: WalletServer, wallet: Wallet) -> None:
    tx = waiting(node, server, wallet)
    assert tx.txid not in node.mempool.txids()
    server.rpc("unloadwallet", "w")
    server.rpc("loadwallet", "w")
    assert tx.txid in node.mempool.txids()
    assert server.rpc("listtransactions")[0]["txid"] == tx.txid[::-1].hex()


def test_what_is_given_up_stays_so(node: RegtestNode, server: WalletServer, wallet: Wallet) -> None:
    tx = waiting(node, server, wallet)
    server.rpc("abandontransaction", tx.txid[::-1].hex())
    assert resubmit(wallet) == 0
    assert tx.txid not in node.mempool.txids()


class SlowChain(LocalChain):
    """The chain of a node that takes its time for one transaction."""

    asked = threading.Event()
    go_on = threading.Event()

    def broadcast_transaction(self, tx: bytes, max_tx_fee: int, relay: bool = True) -> str:
        self.asked.set()
        assert self.go_on.wait(20)
        return super().broadcast_transaction(tx, max_tx_fee, relay)


def test_nobody_gives_up_what_is_just_sent(node: RegtestNode, server: WalletServer, wallet: Wallet) -> None:
    first, second = waiting(node, server, wallet), waiting(node, server, wallet)
    chain = SlowChain(node.services)
    server.context.chain = chain
    given_up: list[bool] = []

    def give_up() -> None:
        for name in (tx.txid[::-1].hex() for tx in (first, second)):
            _, error = server.reply("abandontransaction", name)
            given_up.append(error is None)

    sender = threading.Thread(target=resubmit, args=(wallet,))
    owner = threading.Thread(target=give_up)
    sender.start()
    assert chain.asked.wait(20)
    owner.start()
    owner.join(0.2)
    assert given_up == []
    chain.go_on.set()
    sender.join()
    owner.join()
    sent = [tx.txid in node.mempool.txids() for tx in (first, second)]
    assert sent[0]
    assert given_up == [not each for each in sent]


def test_what_left_the_mempool_at_once_is_not_said_to_be_there(
    node: RegtestNode, server: WalletServer, wallet: Wallet
) -> None:
    class Full(LocalChain):
        """The chain of a node that puts a transaction out again before it answers."""

        def broadcast_transaction(self, tx: bytes, max_tx_fee: int, relay: bool = True) -> str:
            answer = super().broadcast_transaction(tx, max_tx_fee, relay)
            node.mempool.clock.set_mock(node.mempool.clock.now() + 400 * 3600)
            node.mempool.pool.expire(node.mempool.clock.now())
            assert wallet.wait_until_synced()
            return answer

    tx = waiting(node, server, wallet)
    server.context.chain = Full(node.services)
    resubmit(wallet)
    assert tx.txid not in node.mempool.txids()
    assert not wallet.transactions[tx.txid].in_mempool


def test_what_the_last_block_could_not_have_waits(node: RegtestNode, server: WalletServer, wallet: Wallet) -> None:
    tx = waiting(node, server, wallet)
    assert resubmit(wallet, all_of_them=False) == 0
    now = server.context.now()
    server.context.set_mock_time(now + 600)
    node.extend()
    wallet.wait_until_synced()
    assert resubmit(wallet, all_of_them=False) == 1
    assert tx.txid in node.mempool.txids()


def test_it_is_sent_again_after_half_a_day_to_one_and_a_half(
    node: RegtestNode, server: WalletServer, wallet: Wallet
) -> None:
    tx = waiting(node, server, wallet)
    start = server.context.now()
    server.context.set_mock_time(start + 600)
    node.extend()
    wallet.wait_until_synced()
    server.context.chain = ReadyChain(node.services)
    resender = Resender(server.context)
    try:
        # Counted from when the wallet was loaded.
        server.context.set_mock_time(start + 12 * 3600 - 60)
        resender.look()
        assert tx.txid not in node.mempool.txids()
        server.context.set_mock_time(start + 36 * 3600)
        resender.look()
        assert tx.txid in node.mempool.txids()
    finally:
        resender.close()
