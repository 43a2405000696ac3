"""Transactions of a chain as getrawtransaction gives them, by block and by index."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from block_factory import REGTEST_GENESIS_HASH, block_hash, build_block
from conftest import wait_until

from common.chains import REGTEST
from node.chainstate import Chainstate
from node.context import NodeContext
from node.indexes.indexes import Indexes, IndexOptions
from node.rpc.server import RpcServer
from node.rpc.table import full_table
from primitives.block import Block
from primitives.transaction import OutPoint, Transaction, TxIn, TxOut
from rpc.request import Caller
from rpc.script_json import script_fields

MATURITY = 100


def build_chain() -> tuple[list[bytes], Transaction]:
    """Return blocks up to one with a transaction that spends the first coinbase."""
    blocks = [build_block(REGTEST_GENESIS_HASH, 1)]
    while len(blocks) < MATURITY:
        blocks.append(build_block(block_hash(blocks[-1]), len(blocks) + 1))
    first = Block.parse(blocks[0]).transactions[0]
    spend = Transaction(
        2, (TxIn(OutPoint(first.txid, 0), b"", 0xFFFFFFFF),), (TxOut(50 * 10**8 - 1000, b"\x51" * 100),), 0
    )
    blocks.append(build_block(block_hash(blocks[-1]), len(blocks) + 1, transactions=(spend.serialize(),)))
    return blocks, spend


BLOCKS, SPEND = build_chain()
LAST = block_hash(BLOCKS[-1])[::-1].hex()
TXID = SPEND.txid[::-1].hex()
COINBASE = Block.parse(BLOCKS[-1]).transactions[0]
STALE = build_block(block_hash(BLOCKS[-2]), len(BLOCKS), extra=1)
STALE_COINBASE = Block.parse(STALE).transactions[0]

NOT_INDEXED = (
    "No such mempool transaction. Use -txindex or provide a block hash to enable blockchain transaction queries"
)


class Peer:
    """Asks a node that has the chain."""

    def __init__(self, node: NodeContext) -> None:
        self.node = node
        self._server = RpcServer(full_table())
        self._server.finish_warmup(node)

    def _reply(self, params: tuple[object, ...]) -> dict[str, Any]:
        body = self._server.answer(
            json.dumps({"method": "getrawtransaction", "params": params, "id": 1}), Caller()
        ).body
        assert body is not None
        found: dict[str, Any] = json.loads(body, parse_float=str)
        return found

    def get(self, *params: object) -> Any:
        reply = self._reply(params)
        assert reply["error"] is None
        return reply["result"]

    def error(self, *params: object) -> tuple[int, str]:
        error = self._reply(params)["error"]
        return error["code"], error["message"]


@pytest.fixture(scope="module")
def peer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peer]:
    path: Path = tmp_path_factory.mktemp("node")
    chainstate = Chainstate(path, REGTEST)
    for block in (*BLOCKS, STALE):
        chainstate.process_block(block)
    yield Peer(NodeContext(REGTEST, chainstate, path, lambda: None))
    chainstate.close()


@pytest.fixture
def indexed(peer: Peer, tmp_path: Path) -> Iterator[Peer]:
    failures: list[str] = []
    indexes = Indexes(tmp_path, "regtest", peer.node.chainstate, IndexOptions(transactions=True), failures.append)
    indexes.start()
    peer.node.indexes = indexes
    thread = indexes.transactions
    assert thread is not None
    wait_until(lambda: thread.synced, "the transactions are indexed")
    yield peer
    peer.node.indexes = None
    indexes.stop()
    assert not failures


def test_hex_by_block(peer: Peer) -> None:
    for verbosity in (0, False, None, -1):
        assert peer.get(TXID, verbosity, LAST) == SPEND.serialize().hex()


def test_hex_by_index(indexed: Peer) -> None:
    assert indexed.get(TXID) == SPEND.serialize().hex()
    assert indexed.get(COINBASE.txid[::-1].hex()) == COINBASE.serialize().hex()


def test_an_object_by_block(peer: Peer) -> None:
    for verbosity in (1, True):
        found = peer.get(TXID, verbosity, LAST)
        assert next(iter(found)) == "in_active_chain"
        assert found["in_active_chain"] is True
        assert list(found)[-4:] == ["blockhash", "confirmations", "time", "blocktime"]
        assert (found["txid"], found["blockhash"], found["confirmations"]) == (TXID, LAST, 1)
        assert found["time"] == found["blocktime"] == Block.parse(BLOCKS[-1]).header.time
        assert found["hex"] == SPEND.serialize().hex()
        assert "fee" not in found
        assert "prevout" not in found["vin"][0]


def test_an_object_with_what_it_spent(indexed: Peer) -> None:
    assert "in_active_chain" not in indexed.get(TXID, 2)
    for found in (indexed.get(TXID, 2), indexed.get(TXID, 2, LAST)):
        assert found["fee"] == "0.00001000"
        assert found["vin"][0]["prevout"] == {
            "generated": True,
            "height": 1,
            "value": "50.00000000",
            "scriptPubKey": script_fields(b"\x51", REGTEST),
        }


def test_a_coinbase_has_no_fee(peer: Peer) -> None:
    found = peer.get(COINBASE.txid[::-1].hex(), 2, LAST)
    assert "fee" not in found
    assert found["vin"][0]["coinbase"] == COINBASE.inputs[0].script_sig.hex()


def test_a_block_that_is_not_in_the_chain(peer: Peer) -> None:
    found = peer.get(STALE_COINBASE.txid[::-1].hex(), 1, block_hash(STALE)[::-1].hex())
    assert found["in_active_chain"] is False
    assert found["confirmations"] == 0
    assert "blocktime" not in found


@pytest.mark.parametrize(
    ("params", "code", "message"),
    [
        (
            [TXID],
            -5,
            f"{NOT_INDEXED}. Use gettransaction for wallet transactions.",
        ),
        (
            [TXID, 0, block_hash(BLOCKS[3])[::-1].hex()],
            -5,
            "No such transaction found in the provided block. Use gettransaction for wallet transactions.",
        ),
        ([TXID, 0, "foobar"], -8, "parameter 3 must be of length 64 (not 6, for 'foobar')"),
        ([TXID, 0, "Z" * 64], -8, f"parameter 3 must be hexadecimal string (not '{'Z' * 64}')"),
        ([TXID, 0, "00" * 32], -5, "Block hash not found"),
        (["foo"], -8, "parameter 1 must be of length 64 (not 3, for 'foo')"),
        ([TXID, "True"], -3, "JSON value of type string is not of expected type number"),
        ([TXID, []], -3, "JSON value of type array is not of expected type number"),
        (
            ["4a5e1e4baab89f3a32518a88c31bc87f618f76673e2cc77ab2127b7afdeda33b"],
            -5,
            "The genesis block coinbase is not considered an ordinary transaction and cannot be retrieved",
        ),
    ],
)
def test_errors(peer: Peer, params: list[object], code: int, message: str) -> None:
    assert peer.error(*params) == (code, message)


def test_nothing_is_found(indexed: Peer) -> None:
    message = "No such mempool or blockchain transaction. Use gettransaction for wallet transactions."
    assert indexed.error("ab" * 32) == (-5, message)


def test_an_index_that_has_not_caught_up(peer: Peer, tmp_path: Path) -> None:
    indexes = Indexes(tmp_path, "regtest", peer.node.chainstate, IndexOptions(transactions=True), print)
    peer.node.indexes = indexes
    try:
        code, message = peer.error(TXID)
    finally:
        peer.node.indexes = None
        indexes.stop()
    assert code == -5
    assert "Blockchain transactions are still in the process of being indexed" in message


def test_results_are_as_help_tells(indexed: Peer) -> None:
    method = full_table().find("getrawtransaction")
    assert method is not None
    for verbosity in (0, 1, 2):
        reply = indexed.get(TXID, verbosity, LAST)
        assert method.mismatch(json.loads(json.dumps(reply), parse_float=float)) is None or verbosity
