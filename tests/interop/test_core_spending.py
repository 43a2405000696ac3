"""A wallet of Core's and a copy of it here, over the same chain: asked the same, both make the same transactions."""

import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import pytest
from json_rpc_node import CORE, PYNODE, JsonRpcNode, core, json_rpc_node

pytestmark = pytest.mark.skipif(not CORE, reason="BITCOIN_NODE_V31 and BITCOIN_NODE_V32 are not set")

OPTIONS = ("-disablewallet=0", "-fallbackfee=0.0002", "-keypool=20")
TYPES = ("legacy", "p2sh-segwit", "bech32", "bech32m")
MULTISIG = (
    "wsh(sortedmulti(2,[d34db33f/48h]tprv8ZgxMBicQKsPd7Uf69XL1XwhmjHopUGep8GuEiJDZmbQz6o58LninorQAfcKZWARbtRtfnLcJ5MQ2AtHcQJCCRUcMRvmDUjyEmNUWwx8UbK/0/*,"
    "02f9308a019258c31049344f85f89d5229b531c845836f99b08601f113bce036f9))"
)


@dataclass
class Pair:
    """Both nodes, the coins of the wallet by the kind of address, and addresses of somebody else."""

    version: str
    theirs: JsonRpcNode
    ours: JsonRpcNode
    coins: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    elsewhere: list[str] = field(default_factory=list)

    def both(self, method: str, *params: Any, more: tuple[Any, ...] = ()) -> Any:
        """Return what both answer, if they answer the same; we get arguments more."""
        theirs = self.theirs.wallet_reply("w", method, *params)
        ours = self.ours.wallet_reply("w", method, *params, *more)
        assert self.readable(ours) == self.readable(theirs), (method, params)
        return theirs

    def readable(self, reply: Any) -> Any:
        """Return a reply with its PSBT decoded, too."""
        result = reply[0]
        if not isinstance(result, dict) or "psbt" not in result:
            return reply
        return (*reply, self.theirs.rpc("decodepsbt", result["psbt"]))

    def share_block(self) -> None:
        """Give us the blocks that Core has."""
        for height in range(self.ours.rpc("getblockcount") + 1, self.theirs.rpc("getblockcount") + 1):
            block = self.theirs.rpc("getblock", self.theirs.rpc("getblockhash", height), 0)
            assert self.ours.rpc("submitblock", block) is None


def prepare(theirs: JsonRpcNode) -> dict[str, list[dict[str, Any]]]:
    """Give Core's wallet coins of every kind."""
    theirs.rpc("createwallet", "miner")
    theirs.rpc("createwallet", "w")
    mined = theirs.wallet("miner", "getnewaddress")
    theirs.rpc("generatetoaddress", 105, mined)
    described = theirs.rpc("getdescriptorinfo", MULTISIG)
    text = f"{MULTISIG}#{described['checksum']}"
    (result,) = theirs.wallet("w", "importdescriptors", [{"desc": text, "timestamp": "now", "range": [0, 5]}])
    assert result["success"], result
    addresses = {kind: theirs.wallet("w", "getnewaddress", "", kind) for kind in TYPES}
    (addresses["multisig"], *_) = theirs.rpc("deriveaddresses", described["descriptor"], [0, 0])
    for number in range(6):
        amounts = dict.fromkeys(addresses.values(), (number + 1) / 10)
        theirs.wallet("miner", "sendmany", "", amounts)
    theirs.rpc("generatetoaddress", 1, mined)
    found: dict[str, list[dict[str, Any]]] = {}
    kinds = {address: kind for kind, address in addresses.items()}
    for coin in sorted(theirs.wallet("w", "listunspent"), key=lambda coin: (coin["amount"], coin["txid"])):
        found.setdefault(kinds[coin["address"]], []).append({"txid": coin["txid"], "vout": coin["vout"]})
    return found


@pytest.fixture(scope="module", params=CORE)
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    folder = tmp_path_factory.mktemp("spending")
    with ExitStack() as stack:
        theirs = stack.enter_context(json_rpc_node(core(request.param), folder / "theirs", *OPTIONS))
        pair = Pair(request.param, theirs, theirs)
        pair.coins = prepare(theirs)
        pair.elsewhere = [theirs.wallet("miner", "getnewaddress", "", kind) for kind in TYPES]
        pair.ours = stack.enter_context(json_rpc_node(PYNODE, folder / "ours", *OPTIONS))
        pair.share_block()
        theirs.wallet("w", "backupwallet", str(folder / "copy.dat"))
        made = pair.ours.network_dir / "wallets" / "w"
        made.mkdir(parents=True)
        shutil.copy(folder / "copy.dat", made / "wallet.dat")
        pair.ours.rpc("loadwallet", "w")
        yield pair


def fund(pair: Pair, inputs: list[dict[str, Any]], outputs: list[dict[str, Any]], **options: Any) -> Any:
    # Core v31 knows only version 0 of PSBTs.
    version = (True, 2, 0) if pair.version == "31" else ()
    return pair.both(
        "walletcreatefundedpsbt", inputs, outputs, 100, {"changePosition": 1, "fee_rate": 7} | options, more=version
    )


@pytest.mark.parametrize("kind", [*TYPES, "multisig"])
def test_psbts_of_given_coins(pair: Pair, kind: str) -> None:
    for place, address in enumerate(pair.elsewhere):
        result, error = fund(pair, pair.coins[kind][:2], [{address: round(0.05 + place / 100, 8)}])
        assert error is None
        if kind == "multisig":
            continue
        signed, error = pair.both("walletprocesspsbt", result["psbt"])
        assert error is None
        assert signed["complete"]
        assert pair.theirs.rpc("testmempoolaccept", [signed["hex"]])[0]["allowed"]
        assert pair.ours.rpc("testmempoolaccept", [signed["hex"]])[0]["allowed"]
        unsigned = pair.theirs.rpc("finalizepsbt", result["psbt"], False)["psbt"]
        pair.both("walletprocesspsbt", unsigned, False)
        pair.both("walletprocesspsbt", unsigned, True, "SINGLE|ANYONECANPAY", False, False)


def test_fees_and_change(pair: Pair) -> None:
    one, two, three = pair.coins["bech32"][:3]
    address, other = pair.elsewhere[2:]
    raised: list[dict[str, Any]] = [
        {"fee_rate": 0.999},
        {"fee_rate": 0},
        {"fee_rate": "1.2345"},
        {"fee_rate": -1},
        {"feeRate": 0.0001, "fee_rate": None},
        {"feeRate": 0.0001},
        {"conf_target": 6},
        {"fee_rate": None, "conf_target": 0, "estimate_mode": "economical"},
        {"fee_rate": None, "conf_target": 1009, "estimate_mode": "economical"},
        {"fee_rate": None, "estimate_mode": "fast"},
        {"fee_rate": None, "conf_target": 6, "estimate_mode": "CONSERVATIVE"},
        {"estimate_mode": "economical"},
        {"changePosition": 2},
        {"changePosition": -1},
        {"changePosition": 0},
        {"changeAddress": "nonsense"},
        {"changeAddress": other},
        {"changeAddress": other, "change_type": "legacy"},
        {"change_type": "other"},
        {"change_type": "legacy"},
        {"subtractFeeFromOutputs": [0]},
        {"subtractFeeFromOutputs": [0, 0]},
        {"subtractFeeFromOutputs": [1]},
        {"subtractFeeFromOutputs": [-1]},
        {"subtractFeeFromOutputs": [True]},
        {"subtractFeeFromOutputs": [address]},
        {"subtractFeeFromOutputs": ["nobody"]},
        {"subtractFeeFromOutputs": "0"},
        {"subtractFeeFromOutputs": 0},
        {"subtractFeeFromOutputs": {"0": 0}},
        {"add_inputs": False},
        {"minconf": -1},
        {"minconf": 3, "maxconf": 2},
        {"max_tx_weight": 259},
        {"max_tx_weight": 400_001},
        {"max_tx_weight": 300},
        {"input_weights": []},
        {"solving_data": {"pubkeys": ["02"]}},
        {"solving_data": {"pubkeys": "02"}},
        {"solving_data": {"scripts": None}},
        {"solving_data": {"descriptors": 1}},
        {"solving_data": {"pubkeys": ["zz"]}},
        {"solving_data": {"pubkeys": ["02" + "00" * 32]}},
        {"solving_data": {"scripts": ["zz"]}},
        {"solving_data": {"descriptors": ["wpkh()"]}},
        {"replaceable": False},
        {"replaceable": "yes"},
        {"unknown": 1},
        {"lockUnspents": True},
    ]
    for options in raised:
        result, error = fund(pair, [one, two], [{address: 0.1}], **options)
        assert (result is None) != (error is None)
    for amount in (0.1, 0.29999, 0.2999, 0.3, 0.31, 0.00000293, 0.00000294, 0, 21_000_000, 21_000_001, -1):
        fund(pair, [one, two], [{address: amount}], add_inputs=False)
        fund(pair, [one, two], [{address: amount}], add_inputs=False, subtractFeeFromOutputs=[0])
        fund(pair, [one], [{address: amount}, {"data": "aabb"}], add_inputs=False, fee_rate=100)
    for left in range(0, 2000, 100):  # Around where change begins to be worth it.
        outputs = [{address: f"{(30_000_000 - 1300 - left) / 1e8:.8f}"}]
        fund(pair, [one, two], outputs, add_inputs=False)
    fund(pair, [one | {"sequence": 5}, two | {"weight": 500}], [{address: 0.1}])
    fund(pair, [one | {"weight": 164}], [{address: 0.01}])
    fund(pair, [one | {"weight": 400_001}], [{address: 0.01}])
    fund(pair, [one | {"sequence": -1}], [{address: 0.01}])
    fund(pair, [one | {"vout": 999}], [{address: 0.01}])
    fund(pair, [{"txid": "11" * 32, "vout": 0}], [{address: 0.01}])
    fund(pair, [three], [])
    fund(pair, [three], [{address: 0.01}, {address: 0.02}])


def test_raw_transactions(pair: Pair) -> None:
    (one, two), address = pair.coins["bech32m"][:2], pair.elsewhere[0]
    raw = pair.theirs.rpc("createrawtransaction", [one, two], [{address: 0.15}, {"data": "00"}])
    for options in ({"changePosition": 0, "fee_rate": 3}, {"changePosition": 2, "feeRate": 0.0001}, {"fee_rate": 1e9}):
        result, error = pair.both("fundrawtransaction", raw, options)
        if error is not None:
            continue
        signed, error = pair.both("signrawtransactionwithwallet", result["hex"])
        assert error is None
        assert signed["complete"]
        for kind in ("ALL", "NONE|ANYONECANPAY", "SINGLE", "bad"):
            pair.both("signrawtransactionwithwallet", result["hex"], None, kind)
        pair.both("simulaterawtransaction", [signed["hex"]])
        pair.both("simulaterawtransaction", [signed["hex"], signed["hex"]])
    pair.both("fundrawtransaction", "00")
    pair.both("fundrawtransaction", raw, {"input_weights": [{"txid": one["txid"], "vout": one["vout"]}]})
    pair.both("signrawtransactionwithwallet", "00")
    foreign = pair.theirs.rpc("createrawtransaction", [{"txid": "22" * 32, "vout": 1}], [{address: 0.15}])
    pair.both("signrawtransactionwithwallet", foreign)
    pair.both("fundrawtransaction", foreign)
    pair.both("simulaterawtransaction", [foreign])
    previous = {"txid": "22" * 32, "vout": 1, "scriptPubKey": "0014" + "00" * 20, "amount": 1}
    pair.both("signrawtransactionwithwallet", foreign, [previous])
    pair.both("signrawtransactionwithwallet", foreign, [{"txid": "22" * 32}])
    pair.both("importprunedfunds", foreign, "00")


def test_sending(pair: Pair) -> None:
    one, two = pair.coins["p2sh-segwit"][:2]
    address, other = pair.elsewhere[:2]
    fixed = {"add_to_wallet": False, "inputs": [one, two], "change_position": 0, "locktime": 100, "fee_rate": 5}
    keep = ("hex", "txid", "complete")  # Core v31 makes version 0 of PSBTs.

    def send(*params: Any) -> Any:
        theirs, ours = (node.wallet_reply("w", "send", *params) for node in (pair.theirs, pair.ours))
        if theirs[0] is None:
            assert ours == theirs, params
        else:
            assert {key: ours[0].get(key) for key in keep} == {key: theirs[0].get(key) for key in keep}
        return theirs

    assert send([{address: 0.15}], None, None, None, fixed)[0]["complete"]
    send({address: 0.15, other: 0.1}, None, None, None, fixed | {"subtract_fee_from_outputs": [other, 0]})
    send([{address: 0.15}], 6, None, None, fixed)
    send([{address: 0.15}], 6, "economical", None, fixed | {"conf_target": 3})
    send([{address: 0.15}], None, None, 5, fixed)
    send([{address: 0.15}], None, None, None, fixed | {"feeRate": 5})
    send([{address: 0.15}], None, None, None, fixed | {"changeAddress": other})
    send([{address: 0.15}], None, None, None, fixed | {"input_weights": []})
    send([{address: 0.15}], None, None, None, fixed | {"psbt": True})
    send([{address: 100}], None, None, None, fixed)
    send([{"nobody": 1}], None, None, None, fixed)
    send(None, None, None, None, fixed)
    send([], None, None, None, fixed)
    for method, params in (
        ("sendtoaddress", [address, 1000]),
        ("sendtoaddress", [address, "0.1x"]),
        ("sendtoaddress", [address, 0.1, "", "", False, None, 0, "economical"]),
        ("sendtoaddress", [address, 0.1, "", "", False, None, 6, "economical", None, 3]),
        ("sendtoaddress", [address, 0.1, "", "", False, None, None, "no"]),
        ("sendtoaddress", [address, 0.1, "", "", False, None, None, "unset", True]),
        ("sendtoaddress", [address, 0.1, "", "", False, None, None, "unset", None, 0.0001]),
        ("sendtoaddress", [address, 0.00000001]),
        ("sendtoaddress", ["x", 0.1]),
        ("sendmany", ["a", {address: 0.1}]),
        ("sendmany", ["", {}]),
        ("sendmany", ["", {address: 0.1}, 1, "", [other]]),
        ("sendmany", ["", {address: 1000, other: 0.1}]),
        ("sendmany", ["", {"nobody": 0.1}, 1, "", [other]]),
        ("send", [[{"nobody": 0.1}], None, None, None, {"subtract_fee_from_outputs": [0, 0]}]),
        ("bumpfee", ["33" * 32, {"replaceable": None}]),
        ("bumpfee", ["33" * 32, {"original_change_index": None}]),
        ("bumpfee", ["33" * 32]),
        ("bumpfee", ["33"]),
        ("bumpfee", ["33" * 32, {"fee_rate": 1, "conf_target": 3}]),
        ("bumpfee", ["33" * 32, {"outputs": []}]),
        ("bumpfee", ["33" * 32, {"nothing": 1}]),
        ("psbtbumpfee", ["33" * 32, {"outputs": [{address: 0.1}], "original_change_index": 0}]),
        ("walletprocesspsbt", ["nonsense"]),
        ("sendall", [[]]),
        ("sendall", [[{address: 0.1}]]),
        ("sendall", [[address], None, None, 0.0001]),
        ("sendall", [[address], None, None, 5, {"minconf": -1}]),
        ("sendall", [[address], None, None, 5, {"minconf": 2, "maxconf": 1}]),
        ("sendall", [[address], None, None, 5, {"inputs": [one], "send_max": True}]),
        ("sendall", [[address], None, None, 5, {"inputs": [one], "minconf": 1}]),
        ("sendall", [[address], None, None, 5, {"inputs": [{"txid": "44" * 32, "vout": 0}]}]),
        ("sendall", [[address, {other: 1000}], None, None, 5]),
        ("sendall", [[address, {other: 0.00000001}], None, None, 5]),
        ("sendall", [["nobody"], None, None, 5]),
    ):
        result, error = pair.both(method, *params)
        assert result is None, (method, params)
        assert error is not None


def test_sending_all(pair: Pair) -> None:
    coins = [coin for kind in TYPES for coin in pair.coins[kind][:2]]
    address, other = pair.elsewhere[2:]
    fixed = {"add_to_wallet": False, "inputs": coins, "locktime": 100}
    for recipients in ([address], [address, other], [{address: 0.1}, other]):
        for rate in (1, 12.345):
            found = [
                node.wallet("w", "sendall", recipients, None, None, rate, fixed)["hex"]
                for node in (pair.theirs, pair.ours)
            ]
            assert found[0] == found[1]


def test_replacing(pair: Pair) -> None:
    one, two = pair.coins["bech32"][3:5]
    address = pair.elsewhere[2]
    options = {"inputs": [one, two], "change_position": 0, "locktime": 100, "fee_rate": 5}
    sent = [node.wallet("w", "send", [{address: 0.3}], None, None, None, options) for node in (pair.theirs, pair.ours)]
    assert sent[0] == sent[1]
    txid = sent[0]["txid"]
    version = pair.version != "31"
    for given in (
        {"fee_rate": 20},
        {"fee_rate": 5.05},
        {"fee_rate": 1},
        {"fee_rate": 0.01},
        {"fee_rate": 100_000},
        {"fee_rate": 20, "replaceable": False},
        {"fee_rate": 20, "original_change_index": 1},
        {"fee_rate": 20, "original_change_index": 2},
        {"fee_rate": 20, "outputs": [{pair.elsewhere[0]: 0.2}]},
        {"conf_target": 6, "estimate_mode": "economical"},
        {},
    ):
        theirs = pair.theirs.wallet_reply("w", "psbtbumpfee", txid, given | ({"psbt_version": 0} if version else {}))
        ours = pair.ours.wallet_reply("w", "psbtbumpfee", txid, given | {"psbt_version": 0})
        if theirs[0] is None:
            assert ours == theirs, given
            continue
        shown = []
        for node, (result, _) in ((pair.theirs, theirs), (pair.ours, ours)):
            decoded = node.rpc("decodepsbt", result["psbt"])["tx"]
            inputs = sorted((each["txid"], each["vout"], each["sequence"]) for each in decoded["vin"])
            outputs = sorted((each["value"], each["scriptPubKey"]["hex"]) for each in decoded["vout"])
            shown.append((result["origfee"], result["fee"], result["errors"], inputs, outputs))
        assert shown[0] == shown[1], given
    bumped, ours = (node.wallet("w", "bumpfee", txid, {"fee_rate": 30}) for node in (pair.theirs, pair.ours))
    assert {key: ours[key] for key in ("origfee", "fee", "errors")} == {
        key: bumped[key] for key in ("origfee", "fee", "errors")
    }
    for node in (pair.theirs, pair.ours):
        _, error = node.wallet_reply("w", "bumpfee", txid)
        assert error["code"] == -4
        assert "which was already bumped by transaction" in error["message"]
