"""What RPC tells of a wallet follows the chain and the mempool; its methods refuse what they cannot do."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from json_rpc_node import AnswerError
from mempool_chain import Coin, spend
from regtest_node import RegtestNode, regtest_node
from wallet_server import WalletServer, wallet_server

from common.chains import REGTEST
from primitives import address, bip32
from primitives.block import Block
from primitives.descriptor_checksum import add_checksum
from primitives.merkle import MerkleBlock
from primitives.transaction import Transaction, TxOut
from rpc.help import help_text
from wallet.rpc.table import wallet_table

XPRV = bip32.encode_private(bip32.ExtendedKey.from_seed(bytes(range(32))), REGTEST)
DESCRIPTOR = add_checksum(f"wpkh({XPRV}/0/*)")


@dataclass
class Setup:
    node: RegtestNode
    server: WalletServer
    folder: Path

    def rpc(self, method: str, *params: Any) -> Any:
        return self.server.rpc(method, *params, wallet="w")

    def error(self, method: str, *params: Any) -> Any:
        _, error = self.server.reply(method, *params, wallet="w")
        assert error is not None
        return error["code"], error["message"]

    def payment(self, text: str, value: int = 100_000, coin: Coin | None = None) -> Transaction:
        """Make a transaction that pays an address."""
        script = address.decode(text, REGTEST)
        return spend([coin or self.node.mempool.take()[0]], extra=[TxOut(value, script)])

    def pay(self, text: str, value: int = 100_000) -> str:
        """Send one and return its id."""
        tx = self.payment(text, value)
        self.node.mempool.send(tx)
        return tx.txid[::-1].hex()


@pytest.fixture
def setup(tmp_path: Path) -> Iterator[Setup]:
    with regtest_node(tmp_path / "node") as node:
        node.mempool.prepare(5)
        with wallet_server(tmp_path / "wallets", node, keypool=5) as server:
            server.rpc("createwallet", "w")
            yield Setup(node, server, tmp_path)


def test_a_payment_is_told_from_the_mempool_to_a_block_and_back(setup: Setup) -> None:
    text = setup.rpc("getnewaddress", "mine")
    txid = setup.pay(text)
    assert setup.rpc("getbalances")["mine"]["untrusted_pending"] == "0.00100000"
    (waiting,) = setup.rpc("listtransactions")
    assert (waiting["txid"], waiting["confirmations"], waiting["trusted"]) == (txid, 0, False)
    assert "blocktime" not in waiting
    (coin,) = setup.rpc("listunspent", 0)
    assert (coin["safe"], coin["ancestorcount"], coin["label"]) == (False, 1, "mine")
    assert setup.rpc("listunspent", 0, 9999999, [], False) == []
    block = setup.node.mempool.mine_all()
    (confirmed,) = setup.rpc("listtransactions")
    assert (confirmed["confirmations"], confirmed["blocktime"]) == (1, block.header.time)
    assert setup.rpc("getbalance") == setup.rpc("getreceivedbylabel", "mine") == "0.00100000"
    since = setup.rpc("listsinceblock", block.header.previous[::-1].hex())
    assert [each["txid"] for each in since["transactions"]] == [txid]
    setup.node.mempool.undo()
    setup.node.extend(2, extra=1)
    again = setup.rpc("listsinceblock", block.hash[::-1].hex())
    assert [each["txid"] for each in again["removed"]] == [each["txid"] for each in again["transactions"]] == [txid]
    assert again["transactions"][0]["confirmations"] == 0
    assert setup.rpc("gettransaction", txid, False, True)["decoded"]["vout"][1]["scriptPubKey"]["address"] == text


def test_locks_that_are_stored_outlive_the_wallet(setup: Setup) -> None:
    text = setup.rpc("getnewaddress")
    coins = [{"txid": setup.pay(text), "vout": 1} for _ in range(2)]
    setup.node.mempool.mine_all()
    setup.rpc("lockunspent", False, coins[:1])
    setup.rpc("lockunspent", False, coins[1:], True)
    assert len(setup.rpc("listlockunspent")) == 2
    assert setup.rpc("listunspent") == []
    setup.server.rpc("unloadwallet", "w")
    setup.server.rpc("loadwallet", "w")
    assert setup.rpc("listlockunspent") == coins[1:]
    setup.rpc("lockunspent", True)
    assert setup.rpc("listlockunspent") == []


def test_an_import_finds_what_was_paid_before(setup: Setup) -> None:
    setup.server.rpc("createwallet", "other", False, True)
    (request,) = [{"desc": DESCRIPTOR, "timestamp": 0, "active": True, "range": 4}]
    assert setup.server.rpc("importdescriptors", [request], wallet="other") == [{"success": True}]
    text = setup.server.rpc("getnewaddress", wallet="other")
    confirmed = setup.pay(text)
    setup.node.mempool.mine_all()
    waiting = setup.pay(text)
    setup.server.rpc("createwallet", "late", False, True)
    assert setup.server.rpc("importdescriptors", [request], wallet="late") == [{"success": True}]
    found = setup.server.rpc("listtransactions", wallet="late")
    assert [(each["txid"], each["confirmations"]) for each in found] == [(confirmed, 1), (waiting, 0)]
    assert setup.server.rpc("getnewaddress", wallet="late") == setup.server.rpc("getnewaddress", wallet="other")


def test_what_is_imported_offline_is_looked_for_once_there_is_a_node(setup: Setup) -> None:
    setup.server.rpc("createwallet", "other", False, True)
    request = {"desc": DESCRIPTOR, "timestamp": 0, "active": True, "range": 4}
    setup.server.rpc("importdescriptors", [request], wallet="other")
    txid = setup.pay(setup.server.rpc("getnewaddress", wallet="other"))
    setup.node.mempool.mine_all()
    setup.server.rpc("createwallet", "late", False, True)
    setup.server.rpc("unloadwallet", "late")
    with wallet_server(setup.folder / "offline") as offline:
        (setup.folder / "wallets" / "late").rename(setup.folder / "offline" / "late")
        offline.rpc("loadwallet", "late")
        assert offline.rpc("importdescriptors", [request]) == [{"success": True}]
        assert offline.rpc("listtransactions") == []
    (setup.folder / "offline" / "late").rename(setup.folder / "wallets" / "late")
    setup.server.rpc("loadwallet", "late")
    assert [each["txid"] for each in setup.server.rpc("listtransactions", wallet="late")] == [txid]


def test_a_rescan_tells_its_heights_and_refuses_wrong_ones(setup: Setup) -> None:
    tip = setup.node.chainstate.tip().height
    assert setup.rpc("rescanblockchain") == {"start_height": 0, "stop_height": tip}
    assert setup.rpc("rescanblockchain", 3, 5) == {"start_height": 3, "stop_height": 5}
    assert setup.error("rescanblockchain", tip + 1) == (-8, "Invalid start_height")
    assert setup.error("rescanblockchain", 0, -1) == (-8, "Invalid stop_height")
    assert setup.error("rescanblockchain", 5, 3) == (-8, "stop_height must be greater than start_height")
    assert setup.rpc("abortrescan") is False


def test_no_two_scans_run_at_once(setup: Setup) -> None:
    wallet = setup.server.context.wallets()[0]
    busy = (-4, "Wallet is currently rescanning. Abort existing rescan or wait.")
    with wallet.rescan.reserved() as is_free:
        assert is_free
        assert setup.error("rescanblockchain") == busy
        assert setup.error("importdescriptors", [{"desc": DESCRIPTOR, "timestamp": 0}]) == busy
        assert setup.rpc("abortrescan") is True
        assert setup.rpc("abortrescan") is False


def test_private_keys_of_an_encrypted_wallet_need_its_passphrase(setup: Setup) -> None:
    text = setup.rpc("getnewaddress", "", "legacy")
    setup.rpc("encryptwallet", "pass")
    locked = (-13, "Error: Please enter the wallet passphrase with walletpassphrase first.")
    for method, *params in (
        ("listdescriptors", True),
        ("gethdkeys", {"private": True}),
        ("signmessage", text, "m"),
        ("importdescriptors", [{"desc": DESCRIPTOR, "timestamp": 0}]),
        ("rescanblockchain",),
        ("createwalletdescriptor", "bech32"),
        ("addhdkey",),
        ("derivehdkey", "m/0h"),
    ):
        assert setup.error(method, *params) == locked, method
    assert all("/0h" in each["desc"] for each in setup.rpc("listdescriptors")["descriptors"])
    setup.rpc("walletpassphrase", "pass", 100)
    assert "tprv" in setup.rpc("listdescriptors", True)["descriptors"][0]["desc"]
    assert setup.rpc("signmessage", text, "m")
    assert setup.rpc("importdescriptors", [{"desc": DESCRIPTOR, "timestamp": "now"}])[0]["success"]
    setup.rpc("walletlock")
    setup.server.rpc("unloadwallet", "w")
    setup.server.rpc("loadwallet", "w")
    setup.rpc("walletpassphrase", "pass", 100)
    assert XPRV in str(setup.rpc("listdescriptors", True))


def _proof(block: Block, txid: bytes) -> str:
    return MerkleBlock.build(block.header, [tx.txid for tx in block.transactions], {txid}).serialize().hex()


def test_single_transactions_come_with_a_proof_and_go(tmp_path: Path) -> None:
    with regtest_node(tmp_path / "node") as node:
        node.mempool.prepare(2)
        with wallet_server(tmp_path / "wallets", node, "removeprunedfunds", keypool=5) as server:
            server.rpc("createwallet", "w", False, True)
            setup = Setup(node, server, tmp_path)
            script = address.decode("bcrt1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqdku202", REGTEST)
            other = spend(node.mempool.take(), extra=[TxOut(1000, script)])
            request = {"desc": DESCRIPTOR, "timestamp": "now", "active": True, "range": 4}
            server.rpc("createwallet", "first", False, True)
            server.rpc("importdescriptors", [request], wallet="first")
            tx = setup.payment(server.rpc("getnewaddress", wallet="first"))
            block = node.mempool.mine([tx, other])
            raw, proof = tx.serialize().hex(), _proof(block, tx.txid)
            nothing = (-5, "No addresses in wallet correspond to included transaction")
            assert setup.error("importprunedfunds", raw, proof) == nothing
            node.extend(200)  # So that the import does not look at the block.
            setup.rpc("importdescriptors", [request])
            setup.rpc("importprunedfunds", raw, proof)
            assert setup.rpc("getbalance") == "0.00100000"
            missing = (-5, "Transaction given doesn't exist in proof")
            assert setup.error("importprunedfunds", raw, _proof(block, other.txid)) == missing
            torn = bytearray.fromhex(proof)
            torn[40] ^= 1
            assert setup.error("importprunedfunds", raw, torn.hex()) == (-5, "Something wrong with merkleblock")
            txid = tx.txid[::-1].hex()
            setup.rpc("removeprunedfunds", txid)
            assert setup.rpc("listtransactions") == []
            assert setup.error("removeprunedfunds", txid) == (-4, f"Transaction {txid} does not belong to this wallet")


def test_what_needs_a_node_says_so_offline(tmp_path: Path) -> None:
    with wallet_server(tmp_path / "wallets") as server:
        server.rpc("createwallet", "w")
        for method in ("rescanblockchain", "listsinceblock"):
            with pytest.raises(AnswerError, match="not connected to a node"):
                server.rpc(method)
        assert server.rpc("listtransactions") == server.rpc("listunspent") == []
        assert server.rpc("getbalance") == "0.00000000"


def test_a_transaction_is_given_up_only_if_nobody_has_it(setup: Setup) -> None:
    text = setup.rpc("getnewaddress")
    txid = setup.pay(text)
    assert setup.error("abandontransaction", txid) == (-5, "Transaction not eligible for abandonment")
    assert setup.error("abandontransaction", "00" * 32) == (-5, "Invalid or non-wallet transaction id")


def test_change_is_no_payment_unless_asked_for(setup: Setup) -> None:
    text, change = setup.rpc("getnewaddress"), setup.rpc("getrawchangeaddress")
    setup.pay(text)
    setup.pay(change)
    setup.node.mempool.mine_all()
    shown = setup.rpc("listsinceblock")["transactions"]
    assert {each["address"] for each in shown} == {text, change}  # Received from others, so neither is change.
    assert setup.rpc("getaddressinfo", change)["ischange"] is True
    assert setup.rpc("listreceivedbyaddress", 0, True) == [
        each for each in setup.rpc("listreceivedbyaddress") if each["address"] == text
    ]


@pytest.mark.parametrize("method", wallet_table().methods(), ids=lambda method: method.name)
def test_every_method_has_help(method: Any) -> None:
    text = help_text(method)
    assert text.startswith(method.name)
    assert method.help
    assert all(arg.help or arg.inner for arg in method.args)
