"""RPC methods that put transactions into the mempool: results, and errors with Core's codes and texts."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from mempool_chain import SCRIPT, MempoolChain, coins_of, mempool_chain, spend

from common.chains import REGTEST
from node.context import NodeContext
from node.rpc.server import RpcServer
from node.rpc.table import full_table
from primitives.transaction import Transaction, TxOut
from rpc.request import Caller


@dataclass
class Asked:
    """A node and its RPC server."""

    node: MempoolChain
    server: RpcServer

    def rpc(self, method: str, *params: Any) -> tuple[Any, tuple[int, str] | None]:
        """Return result and error."""
        body = self.server.answer(json.dumps({"method": method, "params": list(params), "id": 1}), Caller()).body
        assert body is not None
        reply = json.loads(body, parse_float=str)
        error = reply["error"]
        return reply["result"], None if error is None else (error["code"], error["message"])

    def result(self, method: str, *params: Any) -> Any:
        result, error = self.rpc(method, *params)
        assert error is None, error
        return result


@pytest.fixture
def asked(tmp_path: Path) -> Iterator[Asked]:
    with mempool_chain(tmp_path) as node:
        server = RpcServer(full_table())
        server.finish_warmup(
            NodeContext(REGTEST, node.chain, tmp_path, lambda: None, mempool=node.pool, acceptance=node.acceptance)
        )
        yield Asked(node, server)


def hexed(tx: Transaction) -> str:
    return tx.serialize().hex()


def name(hash_: bytes) -> str:
    return hash_[::-1].hex()


def test_a_transaction_is_sent(asked: Asked) -> None:
    tx = spend(asked.node.take())
    assert asked.result("sendrawtransaction", hexed(tx)) == name(tx.txid)
    assert asked.node.pool.unbroadcast == {tx.txid}
    assert asked.result("sendrawtransaction", hexed(tx)) == name(tx.txid)
    asked.node.mine([tx])
    assert not asked.node.pool.unbroadcast
    assert asked.rpc("sendrawtransaction", hexed(tx))[1] == (-27, "Transaction outputs already in utxo set")


def test_what_is_not_sent(asked: Asked) -> None:
    tx = spend(asked.node.take(), fee=990_000)
    no_inputs = "TX decode failed. Make sure the tx has at least one input."
    assert asked.rpc("sendrawtransaction", "00")[1] == (-22, no_inputs)
    text = "Fee exceeds maximum configured by user (e.g. -maxtxfee, maxfeerate)"
    assert asked.rpc("sendrawtransaction", hexed(tx), "0.0001")[1] == (-25, text)
    assert asked.rpc("sendrawtransaction", hexed(tx))[1] == (-25, text)
    assert not len(asked.node.pool)
    text = "Fee rates larger than or equal to 1BTC/kvB are not accepted"
    assert asked.rpc("sendrawtransaction", hexed(tx), 1)[1] == (-8, text)
    burning = spend(asked.node.take(), extra=[TxOut(500, b"\x6a")])
    text = "Unspendable output exceeds maximum configured by user (maxburnamount)"
    assert asked.rpc("sendrawtransaction", hexed(burning))[1] == (-25, text)
    assert asked.rpc("sendrawtransaction", hexed(burning), 0, "0.00000499")[1] == (-25, text)
    asked.result("sendrawtransaction", hexed(burning), 0, "0.000005")
    cheap = spend(asked.node.take(), fee=1)
    assert asked.rpc("sendrawtransaction", hexed(cheap))[1] == (-26, "min relay fee not met, 1 < 10")
    orphan = spend(coins_of(cheap))
    assert asked.rpc("sendrawtransaction", hexed(orphan))[1] == (-25, "bad-txns-inputs-missingorspent")


def test_asking(asked: Asked) -> None:
    tx = spend(asked.node.take(), fee=1000)
    [answer] = asked.result("testmempoolaccept", [hexed(tx)])
    assert answer == {
        "txid": name(tx.txid),
        "wtxid": name(tx.wtxid),
        "allowed": True,
        "vsize_adjusted": tx.vsize,
        "vsize": tx.vsize,
        "vsize_bip141": tx.vsize,
        "fees": {
            "base": "0.00001000",
            "effective-feerate": f"0.{1000 * 1000 // tx.vsize:08}",
            "effective-includes": [name(tx.wtxid)],
        },
    }
    [answer] = asked.result("testmempoolaccept", [hexed(tx)], "0.00001")
    assert (answer["allowed"], answer["reject-reason"]) == (False, "max-fee-exceeded")
    child = spend(coins_of(tx))
    [answer] = asked.result("testmempoolaccept", [hexed(child)])
    assert (answer["allowed"], answer["reject-reason"]) == (False, "missing-inputs")
    answers = asked.result("testmempoolaccept", [hexed(tx), hexed(child)])
    assert [each["allowed"] for each in answers] == [True, True]
    answers = asked.result("testmempoolaccept", [hexed(tx), hexed(tx)])
    assert [each.get("package-error") for each in answers] == ["package-contains-duplicates"] * 2
    asked.result("sendrawtransaction", hexed(tx))
    [answer] = asked.result("testmempoolaccept", [hexed(tx)])
    assert answer["reject-reason"] == answer["reject-details"] == "txn-already-in-mempool"
    text = "Array must contain between 1 and 25 transactions."
    assert asked.rpc("testmempoolaccept", [])[1] == (-8, text)
    assert asked.rpc("testmempoolaccept", [hexed(tx)] * 26)[1] == (-8, text)
    text = "TX decode failed: aa Make sure the tx has at least one input."
    assert asked.rpc("testmempoolaccept", ["aa"])[1] == (-22, text)


def test_packages(asked: Asked) -> None:
    node = asked.node
    [coin] = node.take()
    old = spend([coin], fee=300)
    asked.result("sendrawtransaction", hexed(old))
    parent = spend([coin], fee=100)
    child = spend(coins_of(parent), fee=3000)
    answer = asked.result("submitpackage", [hexed(parent), hexed(child)])
    size = parent.vsize + child.vsize
    fees = {
        "effective-feerate": f"0.{3100 * 1000 // size:08}",
        "effective-includes": [name(parent.wtxid), name(child.wtxid)],
    }
    sizes = {"vsize_adjusted": parent.vsize, "vsize": parent.vsize, "vsize_bip141": parent.vsize}
    assert answer == {
        "package_msg": "success",
        "tx-results": {
            name(parent.wtxid): {"txid": name(parent.txid), **sizes, "fees": {"base": "0.00000100", **fees}},
            name(child.wtxid): {"txid": name(child.txid), **sizes, "fees": {"base": "0.00003000", **fees}},
        },
        "replaced-transactions": [name(old.txid)],
    }
    assert node.pool.unbroadcast == set()  # As Core: only what is sent alone is.
    again = asked.result("submitpackage", [hexed(parent)])
    assert again["tx-results"][name(parent.wtxid)]["fees"] == {"base": "0.00000100"}
    alone = spend(node.take(), fee=1)
    answer = asked.result("submitpackage", [hexed(alone)])
    assert answer["package_msg"] == "transaction failed"
    assert answer["tx-results"][name(alone.wtxid)]["error"] == "min relay fee not met, 1 < 10"
    text = "package topology disallowed. not child-with-parents or parents depend on each other."
    assert asked.rpc("submitpackage", [hexed(alone), hexed(spend(node.take()))])[1] == (-25, text)
    both = spend([*node.take()], outputs=2)
    twice = [spend(coins_of(both)[:1]), spend(coins_of(both)[:1], fee=7)]
    last = spend([*coins_of(twice[0]), *coins_of(twice[1])])
    answer = asked.result("submitpackage", [*map(hexed, twice), hexed(last)])
    assert answer["package_msg"] == "conflict-in-package"
    assert {each["error"] for each in answer["tx-results"].values()} == {"package-not-validated"}


def test_prioritising(asked: Asked) -> None:
    tx = spend(asked.node.take(), fee=100)
    assert asked.result("prioritisetransaction", name(tx.txid), 0, 900) is True
    told = {"fee_delta": 900, "in_mempool": False}
    assert asked.result("getprioritisedtransactions") == {name(tx.txid): told}
    asked.result("sendrawtransaction", hexed(tx))
    told = {"fee_delta": 900, "in_mempool": True, "modified_fee": 1000}
    assert asked.result("getprioritisedtransactions") == {name(tx.txid): told}
    asked.result("prioritisetransaction", name(tx.txid), None, -900)
    assert asked.result("getprioritisedtransactions") == {}
    text = "Priority is no longer supported, dummy argument to prioritisetransaction must be 0."
    assert asked.rpc("prioritisetransaction", name(tx.txid), 1, 5)[1] == (-8, text)
    dusty = spend(asked.node.take(), fee=0, extra=[TxOut(10, SCRIPT)])
    child = spend(coins_of(dusty), fee=5000)
    assert asked.result("submitpackage", [hexed(dusty), hexed(child)])["package_msg"] == "success"
    text = "Priority is not supported for transactions with dust outputs."
    assert asked.rpc("prioritisetransaction", name(dusty.txid), 0, 5)[1] == (-8, text)
