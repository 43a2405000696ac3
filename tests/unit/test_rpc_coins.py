"""RPC methods on coins, filters, indexes and proofs, on a small chain with a spend."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from block_factory import REGTEST_GENESIS_HASH, block_hash, build_block, double_sha256, spend
from conftest import wait_until

from common.chains import REGTEST
from node.chainstate import Chainstate
from node.context import NodeContext
from node.indexes.indexes import Indexes, IndexOptions
from node.mempool.mempool import Mempool
from node.policy.options import MempoolOptions
from node.rpc.server import RpcServer
from node.rpc.table import full_table
from rpc.server import RpcOverIpc

Ask = Callable[..., Any]
HEIGHT = 103


def open_node(folder: Path, options: IndexOptions) -> Iterator[Ask]:
    chainstate = Chainstate(folder, REGTEST)
    failures: list[str] = []
    indexes = Indexes(folder / "indexes", "regtest", chainstate, options, failures.append)
    indexes.start()
    server = RpcServer(full_table())
    server.finish_warmup(
        NodeContext(REGTEST, chainstate, folder, lambda: None, indexes=indexes, mempool=Mempool(MempoolOptions()))
    )
    parent = REGTEST_GENESIS_HASH
    coinbase = b""
    for height in range(1, HEIGHT + 1):
        spent = [spend(coinbase + bytes(4), 10**9, 5)] if height == HEIGHT else []
        block = build_block(parent, height, transactions=spent)
        if height == 1:
            coinbase = double_sha256(block[81:])
        parent = block_hash(block)
        assert chainstate.process_block(block).accepted
    wait_until(lambda: all(thread.synced for thread in (indexes.coins, *indexes.optional)), "all is indexed")

    def ask(method: str, *params: Any) -> Any:
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
        answer = json.loads(RpcOverIpc(server).execute_rpc(body, "/", "me"))
        return answer["result"] if "result" in answer else (answer["error"]["code"], answer["error"]["message"])

    yield ask
    assert failures == []
    indexes.stop()
    chainstate.close()


@pytest.fixture
def ask(tmp_path: Path) -> Iterator[Ask]:
    yield from open_node(tmp_path, IndexOptions(transactions=True, filters=True, coin_stats=True))


@pytest.fixture
def bare(tmp_path: Path) -> Iterator[Ask]:
    yield from open_node(tmp_path, IndexOptions())


def test_coins(ask: Ask) -> None:
    tip = ask("getblockhash", HEIGHT)
    coinbase, txid = ask("getblock", tip)["tx"]
    assert ask("gettxout", txid, 0) == {
        "bestblock": tip,
        "confirmations": 1,
        "value": 10.0,
        "scriptPubKey": {"asm": "1", "desc": "raw(51)#8lvh9jxk", "hex": "51", "type": "nonstandard"},
        "coinbase": False,
    }
    assert ask("gettxout", coinbase, 0)["coinbase"]
    assert ask("gettxout", ask("getblock", ask("getblockhash", 1))["tx"][0], 0) is None
    computed = ask("gettxoutsetinfo", "muhash", None, False)
    indexed = ask("gettxoutsetinfo", "muhash")
    assert computed["muhash"] == indexed["muhash"]
    assert computed["txouts"] == indexed["txouts"] == HEIGHT + 1
    assert computed["total_amount"] == indexed["total_amount"]
    assert indexed["block_info"]["prevout_spent"] == 50
    assert len(ask("gettxoutsetinfo")["hash_serialized_3"]) == 64
    found = ask("scantxoutset", "start", ["raw(51)", "addr(bcrt1q4u4nsgk6ug0sqz7r3rj9tykjxrsl0yy4d0wwte)"])
    assert found["success"]
    assert (len(found["unspents"]), found["total_amount"]) == (HEIGHT + 1, computed["total_amount"])
    assert ask("scantxoutset", "status") is None
    assert ask("scantxoutset", "abort") is False


def test_filters_proofs_and_indexes(ask: Ask) -> None:
    tip = ask("getblockhash", HEIGHT)
    assert set(ask("getblockfilter", tip)) == {"filter", "header"}
    scanned = ask("scanblocks", "start", ["raw(51)"], 101, None, "basic", {"filter_false_positives": True})
    assert scanned["relevant_blocks"] == [ask("getblockhash", height) for height in (101, 102, 103)]
    assert scanned["completed"]
    txid = ask("getblock", tip)["tx"][1]
    proof = ask("gettxoutproof", [txid])
    assert ask("verifytxoutproof", proof) == [txid]
    spent = ask("getblock", ask("getblockhash", 1))["tx"][0]
    assert ask("verifytxoutproof", ask("gettxoutproof", [spent])) == [spent]
    state = {"synced": True, "best_block_height": HEIGHT}
    assert ask("getindexinfo", "txindex") == {"txindex": state}
    assert set(ask("getindexinfo")) == {"txindex", "basic block filter index", "coinstatsindex"}


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (("getblockfilter", "00" * 32), (-1, "Index is not enabled for filtertype basic")),
        (("getblockfilter", "00" * 32, "other"), (-5, "Unknown filtertype")),
        (("scanblocks", "start", []), (-1, "Index is not enabled for filtertype basic")),
        (("scantxoutset", "start"), (-1, "scanobjects argument is required for the start action")),
        (("scantxoutset", "other"), (-8, "Invalid action 'other'")),
        (("gettxoutsetinfo", "sha"), (-8, "'sha' is not a valid hash_type")),
        (("gettxoutsetinfo", "none", 5), (-8, "Querying specific block heights requires coinstatsindex")),
        (("gettxoutproof", []), (-8, "Parameter 'txids' cannot be empty")),
        (("gettxoutproof", ["00" * 32]), (-5, "Transaction not yet in block")),
    ],
)
def test_without_optional_indexes(bare: Ask, call: tuple[Any, ...], error: tuple[int, str]) -> None:
    assert bare(*call) == error
