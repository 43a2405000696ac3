"""RPC methods tell which transactions hang together and what the mempool pays."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from mempool_chain import MempoolChain, coins_of, mempool_chain, spend

from common.chains import REGTEST
from node.context import NodeContext
from node.rpc.server import RpcServer
from node.rpc.table import full_table
from rpc.request import Caller

Ask = Callable[..., Any]


@pytest.fixture
def chain(tmp_path: Path) -> Iterator[MempoolChain]:
    with mempool_chain(tmp_path / "chain", 5) as made:
        yield made


@pytest.fixture
def ask(chain: MempoolChain, tmp_path: Path) -> Ask:
    server = RpcServer(full_table())
    server.finish_warmup(
        NodeContext(REGTEST, chain.chain, tmp_path, lambda: None, mempool=chain.pool, acceptance=chain.acceptance)
    )

    def ask(method: str, *params: Any) -> Any:
        body = server.answer(json.dumps({"method": method, "params": list(params), "id": 1}), Caller()).body
        assert body is not None
        reply = json.loads(body, parse_float=str)
        return reply["error"] or reply["result"]

    return ask


def test_clusters(chain: MempoolChain, ask: Ask) -> None:
    cheap = spend(chain.take(), fee=200, outputs=2)
    rich = spend(coins_of(cheap)[:1], fee=9_000)
    poor = spend(coins_of(cheap)[1:], fee=150)
    alone = spend(chain.take(), fee=5_000)
    for tx in (cheap, rich, poor, alone):
        chain.send(tx)
    names = {tx: tx.txid[::-1].hex() for tx in (cheap, rich, poor, alone)}
    assert ask("getmempoolcluster", names[alone]) == {
        "clusterweight": alone.weight,
        "txcount": 1,
        "chunks": [{"chunkfee": "0.00005000", "chunkweight": alone.weight, "txs": [names[alone]]}],
    }
    both = cheap.weight + rich.weight
    for tx in (cheap, rich, poor):
        assert ask("getmempoolcluster", names[tx]) == {
            "clusterweight": both + poor.weight,
            "txcount": 3,
            "chunks": [
                {"chunkfee": "0.00009200", "chunkweight": both, "txs": [names[cheap], names[rich]]},
                {"chunkfee": "0.00000150", "chunkweight": poor.weight, "txs": [names[poor]]},
            ],
        }
    assert ask("getmempoolfeeratediagram") == [
        {"weight": 0, "fee": "0.00000000"},
        {"weight": alone.weight, "fee": "0.00005000"},
        {"weight": alone.weight + both, "fee": "0.00014200"},
        {"weight": alone.weight + both + poor.weight, "fee": "0.00014350"},
    ]
    ask("prioritisetransaction", names[poor], 0, 100_000)
    assert [chunk["chunkfee"] for chunk in ask("getmempoolcluster", names[rich])["chunks"]] == [
        "0.00100350",
        "0.00009000",
    ]
    chain.mine_all()
    assert ask("getmempoolfeeratediagram") == [{"weight": 0, "fee": "0.00000000"}]


def test_what_is_not_there(ask: Ask) -> None:
    assert ask("getmempoolcluster", "00" * 32) == {"code": -5, "message": "Transaction not in mempool"}
    assert ask("getmempoolcluster", "00") == {
        "code": -8,
        "message": "txid must be of length 64 (not 2, for '00')",
    }
