"""The RPC methods that make, submit, judge, invalidate and prune blocks, with Core's codes and texts."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from block_factory import block_hash, build_block
from chain_recorder import branch, feed, open_chain

from common.chains import REGTEST
from node.block_builder import add_witness_nonce
from node.chainstate_options import PRUNE_MANUALLY, ChainstateOptions, Deployment
from node.context import NodeContext
from node.rpc.server import RpcServer
from node.rpc.table import full_table
from node.templates.options import MiningPolicy, TemplateOptions
from primitives.block import Block, BlockHeader
from primitives.transaction import OutPoint, Transaction, TxIn, TxOut
from rpc.request import Caller

ADDRESS = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"
KEY = "tpubD6NzVbkrYhZ4XgiXtGrdW5XDAPFCL9h7we1vwNCpn8tGbBcgfVYjXyhWo4E1xkh56hjod1RhGjxbaTLV3X4FyWuejifB9jusQ46QzG87VKp"
RANGED = f"pkh({KEY}/0/*)"
HARDENED = RANGED.replace("0/*", "0'/0")


class Node:
    """A node without a process."""

    def __init__(self, folder: Path, **options: object) -> None:
        self.chain = open_chain(folder, **options)
        self.context = NodeContext(REGTEST, self.chain, folder, lambda: None)
        self.server = RpcServer(full_table())
        self.server.finish_warmup(self.context)

    def _reply(self, method: str, params: tuple[object, ...]) -> Any:
        body = self.server.answer(json.dumps({"method": method, "params": params, "id": 1}), Caller()).body
        assert body is not None
        return json.loads(body)

    def get(self, method: str, *params: object) -> Any:
        reply = self._reply(method, params)
        assert reply["error"] is None
        return reply["result"]

    def error(self, method: str, *params: object) -> tuple[int, str]:
        error = self._reply(method, params)["error"]
        return error["code"], error["message"]


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    made = Node(tmp_path)
    yield made
    made.chain.close()


def test_generating(node: Node) -> None:
    hashes = node.get("generatetoaddress", 20, ADDRESS)
    assert len(hashes) == 20
    assert node.get("getbestblockhash") == hashes[-1]
    entry = node.chain.tip()
    block = Block.parse(node.chain.read_block(entry))
    coinbase = block.transactions[0]
    assert coinbase.outputs[0] == TxOut(50 * 10**8, bytes.fromhex("0014751e76e8199196d454941c45d1b3a323f1433bd6"))
    assert coinbase.outputs[1].script_pubkey.startswith(bytes.fromhex("6a24aa21a9ed"))
    assert coinbase.inputs[0] == TxIn(OutPoint(bytes(32), 0xFFFFFFFF), b"\x01\x14", 0xFFFFFFFE, (bytes(32),))
    assert coinbase.lock_time == 19
    assert block.header.version == 0x20000000
    assert len(node.get("generatetodescriptor", 2, "raw(51)")) == 2
    assert Block.parse(node.chain.read_block(node.chain.tip())).transactions[0].outputs[0].script_pubkey == b"\x51"
    assert node.get("generatetoaddress", 1, ADDRESS, 0) == []
    assert node.get("generatetoaddress", 0, ADDRESS) == []
    assert node.get("verifychain", 4, 0) is True


def test_halving_and_mocked_time(node: Node) -> None:
    try:
        node.context.clock.set_mock(1_700_000_000)
        node.get("generatetoaddress", 150, ADDRESS)
    finally:
        node.context.clock.set_mock(0)
    block = Block.parse(node.chain.read_block(node.chain.tip()))
    assert block.transactions[0].outputs[0].value == 25 * 10**8
    # Each block must be later than the median of the eleven before it.
    assert block.header.time >= 1_700_000_000
    assert node.chain.tip().time - 1_700_000_000 <= 150


@pytest.mark.parametrize(
    ("method", "params", "code", "text"),
    [
        ("generatetoaddress", [1, "3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy"], -5, "Error: Invalid address"),
        ("generatetodescriptor", [1, "raw(zz)"], -5, "Raw script is not hex"),
        ("generateblock", ["1234", []], -5, "Error: Invalid address or descriptor"),
        (
            "generateblock",
            [RANGED, []],
            -8,
            "Ranged descriptor not accepted. Maybe pass through deriveaddresses first?",
        ),
        ("generateblock", [HARDENED, []], -5, "Cannot derive script without private keys"),
        ("generateblock", [ADDRESS, [5]], -3, "JSON value of type number is not of expected type string"),
        ("generateblock", [ADDRESS, ["00" * 32]], -5, f"Transaction {'00' * 32} not in mempool."),
        (
            "generateblock",
            [ADDRESS, ["0000"]],
            -22,
            "Transaction decode failed for 0000. Make sure the tx has at least one input.",
        ),
        (
            "generate",
            [],
            -32601,
            "generate\n\nhas been replaced by the -generate cli option. Refer to -help for more information.\n",
        ),
        ("submitblock", [""], -22, "Block decode failed"),
        ("submitblock", ["zz"], -22, "Block decode failed"),
        ("submitheader", ["00"], -22, "Block header decode failed"),
        ("submitheader", ["00" * 80], -25, f"Must submit previous header ({'00' * 32}) first"),
        ("invalidateblock", ["00" * 32], -5, "Block not found"),
        ("reconsiderblock", ["00" * 32], -5, "Block not found"),
        ("preciousblock", ["00" * 32], -5, "Block not found"),
        ("preciousblock", ["00"], -8, "blockhash must be of length 64 (not 2, for '00')"),
        ("pruneblockchain", [5], -1, "Cannot prune blocks because node is not in prune mode."),
        ("getnetworkhashps", [0], -8, "Invalid nblocks. Must be a positive number or -1."),
        ("getnetworkhashps", [1, 5], -8, "Block does not exist at specified height"),
    ],
)
def test_errors(node: Node, method: str, params: list[object], code: int, text: str) -> None:
    assert node.error(method, *params) == (code, text)


def test_block_of_given_transactions(node: Node) -> None:
    node.get("generatetodescriptor", 101, "raw(51)")
    first = node.chain.at(1)
    assert first is not None
    coinbase = Block.parse(node.chain.read_block(first)).transactions[0]
    source = (TxIn(OutPoint(coinbase.txid, 0), b"", 0),)
    spend, again = (
        Transaction(2, source, (TxOut(value, b"\x51" * 70),), 0).serialize().hex() for value in (10**8, 10**7)
    )
    made = node.get("generateblock", ADDRESS, [spend], False)
    assert node.get("getblockcount") == 101
    block = Block.parse(bytes.fromhex(made["hex"]))
    assert [tx.serialize().hex() for tx in block.transactions[1:]] == [spend]
    assert block.transactions[0].outputs[0].value == 50 * 10**8
    assert node.get("submitblock", made["hex"]) is None
    assert node.get("getbestblockhash") == made["hash"]
    code, text = node.error("generateblock", ADDRESS, [again])
    assert code == -25
    assert text.startswith("TestBlockValidity failed: bad-txns-inputs-missingorspent, ")
    assert node.get("generateblock", "raw(52)", [])["hash"] == node.get("getbestblockhash")


def test_submitting(node: Node) -> None:
    blocks = branch(2)
    assert node.get("submitblock", blocks[1].hex()) == "prev-blk-not-found"
    assert node.get("submitblock", blocks[0].hex()) is None
    assert node.get("submitblock", blocks[0].hex()) == "duplicate"
    assert node.get("submitblock", branch(1, extra=1)[0].hex()) == "inconclusive"
    assert node.get("submitheader", blocks[1][:80].hex()) is None
    assert node.get("submitheader", blocks[1].hex()) is None
    bad = BlockHeader.parse(blocks[1][:80])
    later = BlockHeader(3, bad.previous, bad.merkle_root, bad.time, 0x207FFFFE, 0).serialize()
    code, reason = node.error("submitheader", later.hex())
    assert (code, reason in ("high-hash", "bad-diffbits")) == (-25, True)
    too_much = build_block(block_hash(blocks[0]), 2, reward=10**12)
    assert node.get("submitblock", too_much.hex()) == "bad-cb-amount"
    assert node.get("submitblock", too_much.hex()) == "duplicate-invalid"


def test_block_that_lost_its_witness(node: Node) -> None:
    block = Block.parse(bytes.fromhex(node.get("generateblock", ADDRESS, [], False)["hex"]))
    assert node.get("submitblock", block.serialize(witness=False).hex()) is None
    assert node.chain.tip().hash == block.hash
    assert add_witness_nonce(Block.parse(branch(1)[0])) == Block.parse(branch(1)[0])


def test_invalidating_and_back(node: Node) -> None:
    hashes = [hash_[::-1].hex() for hash_ in feed(node.chain, branch(5))]
    assert node.get("invalidateblock", hashes[2]) is None
    assert node.get("getblockcount") == 2
    assert node.get("submitblock", branch(5)[2].hex()) == "duplicate-invalid"
    assert node.get("reconsiderblock", hashes[2]) is None
    assert node.get("getbestblockhash") == hashes[-1]
    other = branch(5, extra=1)
    feed(node.chain, other)
    assert node.get("preciousblock", block_hash(other[-1])[::-1].hex()) is None
    assert node.chain.tip().hash == block_hash(other[-1])


def test_pruning(tmp_path: Path) -> None:
    node = Node(tmp_path, prune_target=PRUNE_MANUALLY, fast_prune=True)
    feed(node.chain, branch(99))
    assert node.error("pruneblockchain", 5) == (-1, "Blockchain is too short for pruning.")
    feed(node.chain, branch(901, node.chain.tip().hash, 99))
    assert node.error("pruneblockchain", -1) == (-8, "Negative block height.")
    shorter = (-8, "Blockchain is shorter than the attempted prune height.")
    assert node.error("pruneblockchain", 1001) == shorter
    late = (-8, "Could not find block with at least the specified timestamp.")
    assert node.error("pruneblockchain", 2_000_000_000) == late
    assert node.get("pruneblockchain", 100) == -1
    by_time = node.chain.at(500)
    assert by_time is not None
    height = node.get("pruneblockchain", by_time.time + 2 * 60 * 60)
    assert 0 < height <= 500
    assert node.get("pruneblockchain", 1000) >= height
    node.chain.close()


def test_mining_info(node: Node) -> None:
    info = node.get("getmininginfo")
    assert "currentblockweight" not in info
    assert info["networkhashps"] == 0
    node.get("generatetoaddress", 30, ADDRESS)
    info = node.get("getmininginfo")
    assert (info["blocks"], info["currentblockweight"], info["currentblocktx"]) == (30, 8000, 0)
    assert (info["bits"], info["target"], info["chain"]) == ("207fffff", "7fffff" + "0" * 58, "regtest")
    assert info["next"] == {
        "height": 31,
        "bits": "207fffff",
        "difficulty": info["difficulty"],
        "target": info["target"],
    }
    assert node.get("getnetworkhashps", -1, 20) > 0


def test_versions_and_heights_that_options_give(tmp_path: Path) -> None:
    options = ChainstateOptions(
        deployments=(("testdummy", Deployment(-2, 2**62)),), activation_heights=(("segwit", 3), ("csv", 4))
    )
    node = Node(tmp_path, deployments=options.deployments, activation_heights=options.activation_heights)
    with pytest.raises(KeyError):
        open_chain(tmp_path / "other", activation_heights=(("no", 3),))
    node.context = replace(node.context, mining=MiningPolicy(version=0x20001000))
    node.server.finish_warmup(node.context)
    node.get("generatetoaddress", 3, ADDRESS)
    coinbases = []
    for height in (1, 2, 3):
        entry = node.chain.at(height)
        assert entry is not None
        block = Block.parse(node.chain.read_block(entry))
        assert block.header.version == 0x20001000
        coinbases.append(block.transactions[0])
    assert [coinbase.has_witness for coinbase in coinbases] == [False, False, True]
    node.context = replace(node.context, mining=MiningPolicy())
    assert node.context.miner.templates.create(TemplateOptions()).header.version == 0x20000000
    node.chain.close()
