"""Random requests to Core's wallet and to ours, over one chain: PSBTs and signatures, wrong ones too, are the same."""

import base64
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from json_rpc_node import CORE, PYNODE, JsonRpcNode, core, json_rpc_node

from common.chains import REGTEST
from primitives import bip32
from primitives.descriptor_checksum import add_checksum

pytestmark = pytest.mark.skipif("32" not in CORE, reason="no BITCOIN_NODE_V32 is set")

OPTIONS = ("-disablewallet=0", "-fallbackfee=0.0001", "-keypool=20", "-mocktime=2000000000")
XPRV = bip32.encode_private(bip32.ExtendedKey.from_seed(bytes(range(32))), REGTEST)
SHAPES = (
    "wpkh({}/84h/1h/0h/<0;1>/*)",
    "tr({}/86h/1h/0h/<0;1>/*)",
    "pkh({}/44h/1h/0h/<0;1>/*)",
    "sh(wpkh({}/49h/<0;1>/*))",
)
TYPES = ("bech32", "bech32m", "legacy", "p2sh-segwit")
RATES = (1, 2, 5.5, "12.345", 100, 1000, 0, 0.999, -1, 1e9, "x", 0.001)
AMOUNTS: tuple[Any, ...] = (
    0,
    1e-8,
    0.00000293,
    0.00000294,
    21e6,
    21000000.00000001,
    -1,
    1e-9,
    "0.1x",
    "",
    " 1",
    0.1 + 0.2,
    True,
    None,
    [],
    ".1",
)
SIGHASHES = ("DEFAULT", "ALL", "NONE", "SINGLE", "ALL|ANYONECANPAY", "SINGLE|ANYONECANPAY", "bad")
STEPS = 120


@dataclass
class Pair:
    """Both nodes with a wallet of the same keys, coins of it, and PSBTs made so far."""

    theirs: JsonRpcNode
    ours: JsonRpcNode
    chance: random.Random
    addresses: list[str] = field(default_factory=list)
    psbts: list[str] = field(default_factory=list)
    succeeded: int = 0

    def both(self, method: str, *params: Any) -> Any:
        """Return what both answer, None if both fail; PSBTs are compared by what they hold."""
        theirs, their_error = self.theirs.wallet_reply("w", method, *params)
        ours, our_error = self.ours.wallet_reply("w", method, *params)
        assert our_error == their_error, (method, params)
        if isinstance(theirs, dict) and "psbt" in theirs:
            decoded = [self.theirs.reply("decodepsbt", each["psbt"]) for each in (ours, theirs)]
            assert decoded[0] == decoded[1], (method, params)
            assert ours | {"psbt": ""} == theirs | {"psbt": ""}, (method, params)
        else:
            assert ours == theirs, (method, params)
        self.succeeded += their_error is None
        return theirs

    def inputs(self) -> list[dict[str, Any]]:
        chance = self.chance
        coins = self.theirs.wallet("w", "listunspent")
        found: list[dict[str, Any]] = []
        for coin in chance.sample(coins, chance.choice([1, 1, 2, 3])):
            found.append({"txid": coin["txid"], "vout": coin["vout"]})
            if chance.random() < 0.1:
                found[-1]["sequence"] = chance.choice([0, 5, 0xFFFFFFFE, 0xFFFFFFFF, -1, 2**32])
            if chance.random() < 0.1:
                found[-1]["weight"] = chance.choice([164, 165, 500, 400_000, 400_001, -1, "x"])
        if chance.random() < 0.05:
            found.append(chance.choice([{"txid": "11" * 32, "vout": 0}, dict(found[0])]))
        return found

    def outputs(self) -> list[dict[str, Any]]:
        chance = self.chance
        found: list[dict[str, Any]] = []
        for _ in range(chance.choice([0, 1, 1, 1, 2, 3])):
            amount = round(chance.uniform(0.001, 0.3), 8) if chance.random() < 0.9 else chance.choice(AMOUNTS)
            address = chance.choice(self.addresses) if chance.random() < 0.95 else "nonsense"
            found.append({address: amount} if chance.random() < 0.9 else {"data": chance.choice(["00", "", "zz"])})
        return found

    def options(self) -> dict[str, Any]:
        chance = self.chance
        found: dict[str, Any] = {"changePosition": chance.choice([0, 0, 0, 1, 2, -1, 9]), "add_inputs": False}
        found["fee_rate"] = chance.choice(RATES)
        for key, values in (
            ("changeAddress", [*self.addresses, "nonsense"]),
            ("change_type", [*TYPES, "x"]),
            ("subtractFeeFromOutputs", [[0], [0, 1], [1], [0, 0], [-1], [True], "x", 1]),
            ("replaceable", [True, False, None, 1]),
            ("max_tx_weight", [259, 260, 400, 1000, 4000, 400_001]),
            ("minconf", [0, 1, -1]),
        ):
            if chance.random() < 0.12:
                found[key] = chance.choice(values)
        return found

    # --- what may be asked ---------------------------------------------------------------------------------------

    def make(self) -> None:
        made = self.both("walletcreatefundedpsbt", self.inputs(), self.outputs(), 77, self.options())
        if made is not None:
            self.psbts.append(made["psbt"])

    def process(self) -> None:
        chance = self.chance
        flags = [chance.random() < 0.8, chance.choice(SIGHASHES), chance.random() < 0.6, chance.random() < 0.6]
        made = self.both("walletprocesspsbt", chance.choice(self.psbts), *flags)
        if made is not None:
            self.psbts.append(made["psbt"])
            self.both("finalizepsbt", made["psbt"])

    def spoil(self) -> None:
        """Ask for what somebody changed in a PSBT."""
        chance = self.chance
        data = bytearray(base64.b64decode(chance.choice(self.psbts)))
        place = chance.randrange(5, len(data))
        match chance.randrange(4):
            case 0:
                data[place] ^= 1 << chance.randrange(8)
            case 1:
                del data[place:]
            case 2:
                data[place:place] = chance.choice([b"\1\3\4\1\0\0\0", b"\1\xf0\1\0", b"\0", b"\1\3\4\x83\0\0\0"])
            case _:
                del data[place : place + chance.choice([1, 2, 33])]
        text = base64.b64encode(data).decode()
        self.both("walletprocesspsbt", text)
        self.both("analyzepsbt", text)

    def sign(self) -> None:
        """Sign a transaction, with wrong claims of what it spends."""
        chance = self.chance
        inputs = [{key: each[key] for key in ("txid", "vout")} for each in self.inputs()]
        raw, error = self.theirs.reply("createrawtransaction", inputs, self.outputs())
        if error is not None:
            return
        claims: list[dict[str, Any]] = []
        for each in inputs:
            claims.append(each | {"scriptPubKey": "0014" + "00" * 20, "amount": 1})
            coin = self.theirs.rpc("gettxout", each["txid"], each["vout"])
            if coin is not None:
                claims[-1] |= {"scriptPubKey": coin["scriptPubKey"]["hex"], "amount": coin["value"]}
            if chance.random() < 0.4:
                key, value = chance.choice(
                    [("amount", 0), ("amount", -1), ("amount", "x"), ("scriptPubKey", "zz"), ("scriptPubKey", "00"),
                     ("redeemScript", "00"), ("witnessScript", "51"), ("vout", -1), ("vout", 1000)]
                )  # fmt: skip
                claims[-1][key] = value
        self.both("signrawtransactionwithwallet", raw, chance.choice([None, claims]), chance.choice([None, *SIGHASHES]))
        self.both("simulaterawtransaction", [raw] * chance.choice([1, 1, 2]))
        self.both("fundrawtransaction", raw, self.options())


@pytest.fixture
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    folder = tmp_path_factory.mktemp("traffic")
    with (
        json_rpc_node(core("32"), folder / "theirs", *OPTIONS) as theirs,
        json_rpc_node(PYNODE, folder / "ours", *OPTIONS) as ours,
    ):
        theirs.rpc("createwallet", "miner")
        mined = theirs.wallet("miner", "getnewaddress")
        theirs.rpc("generatetoaddress", 105, mined)
        shapes = [add_checksum(shape.format(XPRV)) for shape in SHAPES]
        requests = [{"desc": shape, "active": True, "range": [0, 19], "timestamp": 0} for shape in shapes]
        for node in (theirs, ours):
            node.rpc("createwallet", "w", False, True)
            assert all(result["success"] for result in node.wallet("w", "importdescriptors", requests))
        pair = Pair(theirs, ours, random.Random(11))
        pair.addresses = [pair.both("getnewaddress", "", kind) for kind in TYPES]
        for number in range(6):
            theirs.wallet("miner", "sendmany", "", dict.fromkeys(pair.addresses, (number + 1) / 10))
        theirs.rpc("generatetoaddress", 1, mined)
        for height in range(1, theirs.rpc("getblockcount") + 1):
            ours.rpc("submitblock", theirs.rpc("getblock", theirs.rpc("getblockhash", height), 0))
        pair.addresses += [theirs.wallet("miner", "getnewaddress", "", kind) for kind in TYPES]
        yield pair


def test_whatever_is_asked_both_answer_the_same(pair: Pair) -> None:
    while not pair.psbts:
        pair.make()
    for _ in range(STEPS):
        pair.chance.choice([pair.make, pair.make, pair.process, pair.spoil, pair.sign])()
    assert pair.succeeded > STEPS // 4
    for method in ("getbalances", "getwalletinfo"):
        found = [json.dumps(node.wallet("w", method), sort_keys=True) for node in (pair.theirs, pair.ours)]
        assert found[0] == found[1]
