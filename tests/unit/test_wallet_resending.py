"""What waits in a wallet is offered to the node again."""

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
