"""Methods and REST that read the mempool answer as Core's; each side loads the other's mempool.dat."""

import json
import shutil
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

import pytest
from block_factory import spend
from json_rpc_node import CORE, PYNODE, AnswerError, JsonRpcNode, core, json_rpc_node
from running_programs import wait_for

from primitives.transaction import Transaction

TIME = 1_800_000_000
SCRIPT = b"\x51" + b"\x61" * 9
WITNESS_SCRIPT = b"\x51"
P2WSH = bytes.fromhex("00204ae81572f06e1b88fd5ced7a1a000945432e83e1551e6f721ee9c00b8cc33260")
SIGOPS = b"\x51" + b"\xac" * 30
OPTIONS = ("-acceptnonstdtxn", f"-mocktime={TIME}", "-txospenderindex", "-limitclustercount=50",
           "-permitbaremultisig=0", "-deprecatedrpc=bip125", "-deprecatedrpc=fullrbf")  # fmt: skip
NEW_IN_32 = ("vsize_adjusted", "vsize_bip141")
VARYING = ("usage", "optimal")
"""What depends on the memory, and on whether Core had time to spare."""


def spend_witness(prevout: bytes, value: int) -> bytes:
    bare = spend(prevout, value, script=SCRIPT)
    return bare[:4] + b"\0\1" + bare[4:-4] + b"\1\1" + WITNESS_SCRIPT + bare[-4:]


def join(prevouts: list[bytes], value: int, *, sequence: int = 0xFFFFFFFF) -> bytes:
    inputs = b"".join(prevout + b"\0" + struct.pack("<I", sequence) for prevout in prevouts)
    return (
        struct.pack("<iB", 2, len(prevouts)) + inputs + b"\1"
        + struct.pack("<qB", value, len(SCRIPT)) + SCRIPT + bytes(4)
    )  # fmt: skip


def output(transaction: bytes, index: int) -> bytes:
    return Transaction.parse(transaction).txid + struct.pack("<I", index)


@dataclass
class Pair:
    version: str
    theirs: JsonRpcNode
    ours: JsonRpcNode
    transactions: list[bytes]
    chain: list[str]

    def both(self, method: str, *params: Any) -> Any:
        """Have both do the same."""
        found = [node.rpc(method, *params) for node in (self.theirs, self.ours)]
        assert found[0] == found[1]
        return found[0]

    def compare(self, method: str, *params: Any) -> Any:
        theirs, ours = self.theirs.reply(method, *params), self.ours.reply(method, *params)
        assert self.shown(ours) == self.shown(theirs), (method, params)
        return theirs

    def in_chunks(self, txids: list[str]) -> list[set[str]]:
        """Return what is mined together, best first: within that, the order is not told."""
        entries = [self.theirs.rpc("getmempoolentry", txid) for txid in txids]
        chunks = [(entry["fees"]["chunk"], entry["chunkweight"]) for entry in entries]
        pairs = zip(txids, chunks, strict=True)
        return [{txid for txid, _ in group} for _, group in groupby(pairs, key=itemgetter(1))]

    def compare_rest(self, target: str) -> None:
        (status, theirs), (our_status, ours) = self.theirs.get(target), self.ours.get(target)
        assert our_status == status
        if "json" in target and status == 200:
            assert self.shown(json.loads(ours)) == self.shown(json.loads(theirs))
        else:
            assert ours == theirs

    def shown(self, value: Any) -> Any:
        """Leave out what may differ."""
        return without(value, (*VARYING, *NEW_IN_32) if self.version == "31" else VARYING)


def without(value: Any, names: tuple[str, ...]) -> Any:
    if isinstance(value, dict):
        return {key: without(each, names) for key, each in value.items() if key not in names}
    return [without(each, names) for each in value] if isinstance(value, (list, tuple)) else value


def made(coinbases: list[bytes]) -> list[bytes]:
    """Make transactions of several shapes, parents first."""
    coin = 10**8
    wide = spend(coinbases[0], *[coin] * 40, 50 * coin - 40 * coin - 3000, script=SCRIPT)
    chain = [spend(output(wide, 0), coin - 200, script=SCRIPT)]
    for number in range(6):
        chain.append(spend(output(chain[-1], 0), coin - 200 - 90 * (number + 1) ** 2, script=SCRIPT))
    fan = [spend(output(wide, number), coin - 100 * number, script=SCRIPT) for number in range(1, 8)]
    joined = join([output(each, 0) for each in fan], 7 * coin - 30_000, sequence=0xFFFFFFFD)
    twice = join([output(wide, 9), output(wide, 8)], 2 * coin - 500)
    witness = spend(coinbases[1], 49 * coin, script=P2WSH)
    spent = spend_witness(output(witness, 0), 48 * coin)
    sigops = spend(coinbases[2], 49 * coin, script=SIGOPS)
    alone = spend(coinbases[3], 49 * coin + coin // 2, script=SCRIPT)
    return [wide, *chain, *fan, joined, twice, witness, spent, sigops, alone]


def feed(theirs: JsonRpcNode, ours: JsonRpcNode) -> Pair:
    hashes = theirs.rpc("generatetodescriptor", 110, "raw(51)")
    blocks = theirs.batch([("getblock", [each, 0]) for each in hashes])
    assert ours.batch([("submitblock", [each]) for each in blocks]) == [None] * 110
    coinbases = theirs.batch([("getblock", [each, 1]) for each in hashes[:5]])
    first = [bytes.fromhex(block["tx"][0])[::-1] + bytes(4) for block in coinbases]
    confirmed = spend(first[4], 49 * 10**8, script=SCRIPT)
    theirs.rpc("generateblock", "raw(51)", [confirmed.hex()])
    tip = theirs.rpc("getbestblockhash")
    assert ours.rpc("submitblock", theirs.rpc("getblock", tip, 0)) is None
    return Pair("", theirs, ours, [*made(first), confirmed], [*hashes, tip])


@pytest.fixture(params=CORE, scope="module")
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    folder = tmp_path_factory.mktemp("mempool")
    with (
        json_rpc_node(core(request.param), folder / "theirs", *OPTIONS) as theirs,
        json_rpc_node(PYNODE, folder / "ours", *OPTIONS) as ours,
    ):
        pair = feed(theirs, ours)
        pair.version = request.param
        for node in (theirs, ours):
            node.batch([("sendrawtransaction", [each.hex(), 0]) for each in pair.transactions[:-1]])
        txids = [Transaction.parse(each).txid[::-1].hex() for each in pair.transactions]
        pair.both("prioritisetransaction", txids[3], 0, 12345)
        pair.both("prioritisetransaction", txids[-2], 0, -700)
        pair.both("prioritisetransaction", "ab" * 32, 0, 77)
        yield pair


def txids_of(pair: Pair) -> list[str]:
    return [Transaction.parse(each).txid[::-1].hex() for each in pair.transactions]


def test_the_whole_mempool(pair: Pair) -> None:
    assert pair.compare("getmempoolinfo")[0]["size"] == len(pair.transactions) - 1
    their_usage, our_usage = (node.rpc("getmempoolinfo")["usage"] for node in (pair.theirs, pair.ours))
    assert 0.8 * their_usage < our_usage < 1.2 * their_usage
    pair.compare("getrawmempool", True)
    orders = [node.rpc("getrawmempool", False, True) for node in (pair.theirs, pair.ours)]
    theirs, ours = orders
    assert pair.in_chunks(ours["txids"]) == pair.in_chunks(theirs["txids"])
    assert ours["mempool_sequence"] == theirs["mempool_sequence"]
    assert pair.ours.rpc("getrawmempool") == pair.ours.rpc("getrawmempool", False) == ours["txids"]
    pair.compare("getrawmempool", True, True)
    pair.compare("getorphantxs")
    pair.compare("getorphantxs", 2)
    pair.compare("getorphantxs", 3)
    pair.compare("getorphantxs", True)


def test_single_transactions(pair: Pair) -> None:
    for txid in txids_of(pair):
        pair.compare("getmempoolentry", txid)
        for method in ("getmempoolancestors", "getmempooldescendants"):
            pair.compare(method, txid)
            pair.compare(method, txid, True)
        for verbosity in (0, 1, 2):
            pair.compare("getrawtransaction", txid, verbosity)
        for place in (0, 1, 9, 50):
            pair.compare("gettxout", txid, place)
            pair.compare("gettxout", txid, place, False)
    pair.compare("getmempoolentry", "zz")
    pair.compare("getmempoolancestors", "00" * 31)
    pair.compare("getrawtransaction", txids_of(pair)[0], 1, pair.chain[0])
    coinbase = pair.both("getblock", pair.chain[0])["tx"][0]
    pair.compare("gettxout", coinbase, 0)
    pair.compare("gettxout", coinbase, 0, False)


def test_what_spends_an_output(pair: Pair) -> None:
    txids = txids_of(pair)
    waiting = [{"txid": txid, "vout": place} for txid in txids[:3] for place in (0, 1, 39, 45)]
    confirmed = {"txid": pair.both("getblock", pair.chain[4])["tx"][0], "vout": 0}
    unspent = {"txid": txids[-1], "vout": 0}
    for outputs in ([waiting[0]], waiting, [confirmed], [unspent, confirmed, waiting[0]]):
        for options in ({}, {"mempool_only": True}, {"mempool_only": False}, {"return_spending_tx": True}, None):
            pair.compare("gettxspendingprevout", outputs, options)
    pair.compare("gettxspendingprevout", [])
    pair.compare("gettxspendingprevout", [{"txid": "00" * 32, "vout": -1}])
    pair.compare("gettxspendingprevout", [{"txid": "00" * 32}])
    pair.compare("gettxspendingprevout", [{"txid": "00" * 32, "vout": 1, "more": 2}])
    pair.compare("gettxspendingprevout", [unspent], {"more": 2})
    pair.compare("gettxspendingprevout", [unspent], {"mempool_only": 2})


def test_rest(pair: Pair) -> None:
    txids = txids_of(pair)
    pair.compare_rest("/rest/mempool/info.json")
    for query in ("", "?verbose=true&mempool_sequence=true", "?verbose=2", "?mempool_sequence=2"):
        pair.compare_rest(f"/rest/mempool/contents.json{query}")
    for query in ("?verbose=false", "?verbose=false&mempool_sequence=true"):
        theirs, ours = (node.get(f"/rest/mempool/contents.json{query}") for node in (pair.theirs, pair.ours))
        assert ours[0] == theirs[0] == 200
        assert sorted(ours[1]) == sorted(theirs[1])
    for form in ("bin", "hex", "json"):
        pair.compare_rest(f"/rest/tx/{txids[0]}.{form}")
        for check in ("", "checkmempool/"):
            pair.compare_rest(f"/rest/getutxos/{check}{txids[0]}-0/{txids[0]}-30/{txids[-1]}-0/{txids[-2]}-0.{form}")


def test_coins_of_the_mempool_are_found_for_signing(pair: Pair) -> None:
    raw = pair.both("createrawtransaction", [{"txid": txids_of(pair)[0], "vout": 35}], [{"data": "00"}])
    pair.compare("signrawtransactionwithkey", raw, [])
    pair.compare("combinerawtransaction", [raw, raw])
    psbt = pair.theirs.rpc("createpsbt", [{"txid": txids_of(pair)[0], "vout": 35}], [{"data": "00"}])
    pair.compare("utxoupdatepsbt", psbt)


def test_activity_of_descriptors(pair: Pair) -> None:
    for descriptor in (f"raw({SCRIPT.hex()})", f"raw({P2WSH.hex()})", "raw(51)"):
        for with_mempool in (True, False):
            found = [
                node.rpc("getdescriptoractivity", pair.chain[-2:], [descriptor], with_mempool)["activity"]
                for node in (pair.theirs, pair.ours)
            ]
            theirs, ours = (sorted(map(repr, map(sorted, map(dict.items, each)))) for each in found)
            assert ours == theirs


@pytest.mark.parametrize("form", [(), ("-persistmempoolv1",)])
@pytest.mark.parametrize("version", CORE)
def test_files_go_both_ways(version: str, form: tuple[str, ...], tmp_path: Path) -> None:
    options = (*OPTIONS, *form)
    with (
        json_rpc_node(core(version), tmp_path / "theirs", *options) as theirs,
        json_rpc_node(PYNODE, tmp_path / "ours", *options) as ours,
    ):
        pair = feed(theirs, ours)
        theirs.batch([("sendrawtransaction", [each.hex(), 0]) for each in pair.transactions[:-1]])
        theirs.rpc("prioritisetransaction", txids_of(pair)[3], 0, 5000)
        theirs.rpc("prioritisetransaction", "ab" * 32, 0, 77)
        shown = seen(theirs)
        theirs.stop()
        ours.stop()
    shutil.copy(theirs.network_dir / "mempool.dat", ours.network_dir / "mempool.dat")
    with json_rpc_node(PYNODE, tmp_path / "ours", *options, f"-mocktime={TIME + 100}") as ours:
        wait_for(lambda: bool(ours.rpc("getmempoolinfo")["loaded"]), "the mempool is loaded")
        assert without(seen(ours), NEW_IN_32) == without(shown, NEW_IN_32)
        ours.stop()
    shutil.copy(ours.network_dir / "mempool.dat", theirs.network_dir / "mempool.dat")
    with json_rpc_node(core(version), tmp_path / "theirs", *options, f"-mocktime={TIME + 200}") as theirs:
        wait_for(lambda: bool(theirs.rpc("getmempoolinfo")["loaded"]), "the mempool is loaded")
        assert seen(theirs) == shown


def seen(node: JsonRpcNode) -> Any:
    return node.rpc("getrawmempool", True), node.rpc("getprioritisedtransactions")


def data(prevout: bytes, size: int, value: int) -> bytes:
    """Spend a coin into another one and bytes of data."""
    script = b"\x6a\x4d" + struct.pack("<H", size) + bytes(size)
    return (
        struct.pack("<iB", 2, 1) + prevout + b"\0\xff\xff\xff\xff\2"
        + struct.pack("<qB", value, len(SCRIPT)) + SCRIPT
        + struct.pack("<qBH", 0, 0xFD, len(script)) + script + bytes(4)
    )  # fmt: skip


@pytest.mark.skipif("32" not in CORE, reason="BITCOIN_NODE_V32 is not set")
def test_estimates_for_the_next_block(tmp_path: Path) -> None:
    """What v32 answers with options, v31 knows nothing of."""
    options = ("-acceptnonstdtxn", f"-mocktime={TIME}")
    with (
        json_rpc_node(core("32"), tmp_path / "theirs", *options) as theirs,
        json_rpc_node(PYNODE, tmp_path / "ours", *options) as ours,
    ):
        pair = feed(theirs, ours)
        pair.version = "32"
        now = TIME

        def compare_all() -> None:
            for mode in ("economical", "conservative"):
                for name in ("none", "block_policy", "mempool_policy", "other"):
                    for verbosity in (1, 2):
                        wanted = {"fee_rate_estimator": name, "verbosity": verbosity}
                        pair.compare("estimatesmartfee", 6, mode, wanted)

        def pass_time() -> None:
            nonlocal now
            now += 8
            pair.both("setmocktime", now)

        compare_all()
        coins = theirs.batch([("getblock", [each, 1]) for each in pair.chain[5:8]])
        firsts = [bytes.fromhex(block["tx"][0])[::-1] + bytes(4) for block in coins]
        many = join(firsts, 149 * 10**8)
        fan = spend(output(many, 0), *[10**8] * 40, script=SCRIPT)
        theirs.rpc("generateblock", "raw(51)", [many.hex(), fan.hex()])
        assert ours.rpc("submitblock", theirs.rpc("getblock", theirs.rpc("getbestblockhash"), 0)) is None
        pass_time()
        compare_all()
        for number in range(40):
            made = data(output(fan, number), 60_000, 10**8 - 100_000 - number * 7919)
            pair.both("sendrawtransaction", made.hex(), 0)
            if number in {5, 13, 20, 39}:
                compare_all()
                pass_time()
                compare_all()
        assert (
            pair.both("estimatesmartfee", 2, "economical", {"fee_rate_estimator": "mempool_policy"})["feerate"]
            > "0.00001"
        )
        with pytest.raises(AnswerError):
            ours.rpc("estimatesmartfee", 2, "economical", {"more": 1})
        # A block that leaves out what pays most is not made of the mempool.
        theirs.rpc("generateblock", "raw(51)", [])
        assert ours.rpc("submitblock", theirs.rpc("getblock", theirs.rpc("getbestblockhash"), 0)) is None
        compare_all()
