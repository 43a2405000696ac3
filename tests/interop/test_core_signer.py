"""Wallets of a device that signs, Core's and ours, with the same device program: same calls, answers and payments."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pytest
from json_rpc_node import CORE, PYNODE, JsonRpcNode, core, json_rpc_node
from signing_device import command

from primitives.psbt_reading import decode_psbt
from primitives.psbt_writing import encode_psbt

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.skipif("32" not in CORE, reason="BITCOIN_NODE_V32 is not set")

OPTIONS = ("-disablewallet=0", "-fallbackfee=0.0002", "-keypool=5")
TIME = 1_700_000_000
KINDS = ("legacy", "p2sh-segwit", "bech32", "bech32m")


def _in_version_0(word: str) -> str:
    """Return a PSBT as we give it to devices, and other words as they are."""
    if not word.startswith("cHNidP"):
        return word
    psbt = decode_psbt(word)
    return encode_psbt(replace(psbt, version=0, fallback_lock_time=psbt.lock_time()))


@dataclass
class Side:
    """A node and its device."""

    node: JsonRpcNode
    device: Path

    def calls(self) -> list[str]:
        """Return what the device was asked."""
        file = self.device / "calls"
        lines = file.read_text().splitlines() if file.exists() else []
        return [" ".join(map(_in_version_0, line.split()[1:])) for line in lines]

    def ask(self, method: str, *params: Any, wallet: str | None = None) -> Any:
        """Return what it answers, with the device's place left out, and what the device was asked."""
        before = len(self.calls())
        result, error = self.node.reply(method, *params, wallet=wallet)
        if error is not None:
            error["message"] = error["message"].replace(str(self.device), "<device>")
        return result, error, self.calls()[before:]


@dataclass
class Pair:
    theirs: Side
    ours: Side

    def both(self, method: str, *params: Any, wallet: str | None = None) -> Any:
        """Return what both answer, if that is the same and their devices were asked the same."""
        theirs = self.theirs.ask(method, *params, wallet=wallet)
        ours = self.ours.ask(method, *params, wallet=wallet)
        assert ours == theirs, (method, params)
        return theirs[:2]

    def behave(self, how: str = "") -> None:
        for side in (self.theirs, self.ours):
            (side.device / "mode").write_text(how)

    def share_blocks(self) -> None:
        theirs, ours = self.theirs.node, self.ours.node
        for height in range(ours.rpc("getblockcount") + 1, theirs.rpc("getblockcount") + 1):
            block = theirs.rpc("getblock", theirs.rpc("getblockhash", height), 0)
            assert ours.rpc("submitblock", block) is None

    def payment(self, coin: dict[str, Any]) -> tuple[list[Any], dict[str, Any]]:
        """Return arguments of `send` that leave nothing to chance."""
        outputs = {self.elsewhere: 0.3}
        options = {
            "inputs": [{"txid": coin["txid"], "vout": coin["vout"]}],
            "change_address": self.change,
            "change_position": 1,
            "locktime": 7,
            "fee_rate": 3,
            "add_to_wallet": False,
        }
        return [outputs, None, "unset", None], options

    elsewhere: str = ""
    change: str = ""

    def coins(self, kind: str) -> list[dict[str, Any]]:
        """Return the coins that wallet "hww" has on its address of a kind."""
        prefix = {"legacy": "pkh", "p2sh-segwit": "sh(wpkh", "bech32": "wpkh", "bech32m": "tr"}[kind]
        found = self.theirs.node.rpc("listunspent", wallet="hww")
        return [coin for coin in found if coin["desc"].startswith(prefix + "(")]


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    folder = tmp_path_factory.mktemp("signer")
    sides = []
    with ExitStack() as stack:
        for name, program in (("theirs", core("32")), ("ours", PYNODE)):
            device = folder / f"device-{name}"
            device.mkdir()
            node = json_rpc_node(program, folder / name, *OPTIONS, f"-signer={command(device)}")
            sides.append(Side(stack.enter_context(node), device))
        pair = Pair(sides[0], sides[1])
        pair.both("setmocktime", TIME)
        theirs = pair.theirs.node
        theirs.rpc("createwallet", "miner")
        mined = theirs.rpc("getnewaddress", wallet="miner")
        pair.elsewhere = theirs.rpc("getnewaddress", wallet="miner")
        pair.both("createwallet", "hww", True, False, None, None, None, None, True)
        addresses = [pair.both("getnewaddress", "", kind, wallet="hww")[0] for kind in KINDS]
        pair.change = pair.both("getrawchangeaddress", wallet="hww")[0]
        theirs.rpc("generatetoaddress", 110, mined)
        pair.share_blocks()
        for _ in range(4):
            theirs.rpc("sendmany", "", dict.fromkeys(addresses, 0.5), wallet="miner")
        theirs.rpc("generatetoaddress", 1, mined)
        pair.share_blocks()
        yield pair


@pytest.fixture(autouse=True)
def good_device(pair: Pair) -> None:
    pair.behave()


def test_the_wallet_is_made_of_what_the_device_says(pair: Pair) -> None:
    (result, error) = pair.both("enumeratesigners")
    assert error is None
    assert result["signers"]
    pair.both("listdescriptors", wallet="hww")
    info, error = pair.both("getwalletinfo", wallet="hww")
    assert info["external_signer"]
    assert info["keypoolsize"] == 20
    pair.both("gethdkeys", wallet="hww")
    pair.both("gethdkeys", {"private": True}, wallet="hww")
    pair.both("listdescriptors", True, wallet="hww")


@pytest.mark.parametrize("kind", KINDS)
def test_addresses_are_shown(pair: Pair, kind: str) -> None:
    address, _ = pair.both("getnewaddress", "", kind, wallet="hww")
    pair.both("getaddressinfo", address, wallet="hww")
    assert pair.both("walletdisplayaddress", address, wallet="hww")[0] == {"address": address}


def test_addresses_that_are_not_shown(pair: Pair) -> None:
    pair.both("walletdisplayaddress", pair.elsewhere, wallet="hww")
    pair.both("walletdisplayaddress", "nonsense", wallet="hww")
    for how in ("lying", "refusing", "silent", "garbage", "none", "two", "displayaddress:dying"):
        pair.behave(how)
        assert pair.both("walletdisplayaddress", pair.change, wallet="hww")[1] is not None


@pytest.mark.parametrize("kind", KINDS)
def test_payments(pair: Pair, kind: str) -> None:
    arguments, options = pair.payment(pair.coins(kind)[0])
    theirs = pair.theirs.ask("send", *arguments, options, wallet="hww")
    ours = pair.ours.ask("send", *arguments, options, wallet="hww")
    assert theirs[1] is None
    assert ours[2] == theirs[2]
    assert ours[1] is None
    assert ours[0]["txid"] == theirs[0]["txid"]
    assert ours[0]["complete"]
    for result, node in ((ours[0], pair.theirs.node), (theirs[0], pair.ours.node)):
        assert node.rpc("testmempoolaccept", [result["hex"]])[0]["allowed"]


MODES = (
    *("none", "two", "error", "strange error", "nameless", "odd", "object", "dying", "garbage", "no descriptors"),
    *("signtx:dying", "signtx:killed", "signtx:garbage", "refusing", "silent", "broken", "finishing"),
)


@pytest.mark.parametrize("how", MODES)
def test_devices_that_fail(pair: Pair, how: str) -> None:
    pair.behave(how)
    arguments, options = pair.payment(pair.coins("bech32")[0])
    pair.both("send", *arguments, options, wallet="hww")
    pair.both("createwallet", f"other {how}", True, False, None, None, None, None, True)


@pytest.mark.parametrize("how", ["", "none", "signtx:dying", "refusing", "finishing"])
def test_psbts(pair: Pair, how: str) -> None:
    arguments, options = pair.payment(pair.coins("bech32m")[0])
    made, _ = pair.both(
        "walletcreatefundedpsbt", options["inputs"], arguments[0], 7,
        {"changeAddress": pair.change, "changePosition": 1, "fee_rate": 3}, wallet="hww",
    )  # fmt: skip
    pair.behave(how)
    assert pair.both("walletprocesspsbt", made["psbt"], False, wallet="hww")[1] is None
    results = [side.ask("walletprocesspsbt", made["psbt"], wallet="hww") for side in (pair.theirs, pair.ours)]
    # Of taproot each device makes another signature.
    assert results[0][1:] == results[1][1:]
    assert [result and result["complete"] for result, _, _ in results] == [how in {"", "finishing"} or None] * 2


def test_who_signs_nothing_is_asked_once(pair: Pair) -> None:
    pair.behave("lazy")
    arguments, options = pair.payment(pair.coins("bech32")[0])
    theirs = pair.theirs.ask("send", *arguments, options, wallet="hww")
    ours = pair.ours.ask("send", *arguments, options, wallet="hww")
    assert ours[:2] == theirs[:2]
    assert ours[2] == theirs[2][:2]  # Core asks again for each of its descriptors.


def test_what_such_a_wallet_cannot_do(pair: Pair) -> None:
    pair.both("sendtoaddress", pair.elsewhere, 0.1, wallet="hww")
    pair.both("sendmany", "", {pair.elsewhere: 0.1}, wallet="hww")
    address, _ = pair.both("getnewaddress", "", "legacy", wallet="hww")
    pair.both("signmessage", address, "text", wallet="hww")
    pair.both("encryptwallet", "passphrase", wallet="hww")
    pair.both("setwalletflag", "external_signer", False, wallet="hww")
    pair.both("createwalletdescriptor", "bech32", wallet="hww")
    pair.both("keypoolrefill", 7, wallet="hww")
    pair.both("getwalletinfo", wallet="hww")
    pair.both("createwallet", "keys", False, False, None, None, None, None, True)
    pair.both("createwallet", "passphrase", True, False, "x", None, None, None, True)
    pair.both("createwallet", "blank", True, True, None, None, None, None, True)
    pair.both("getwalletinfo", wallet="blank")
    raw = pair.theirs.node.rpc(
        "createrawtransaction", [{key: pair.coins("bech32")[0][key] for key in ("txid", "vout")}],
        {pair.elsewhere: 0.49},
    )  # fmt: skip
    pair.both("signrawtransactionwithwallet", raw, wallet="hww")


def test_each_opens_the_others_file(pair: Pair, tmp_path: Path) -> None:
    described = pair.both("listdescriptors", wallet="hww")
    for giver, taker in ((pair.theirs, pair.ours), (pair.ours, pair.theirs)):
        copy = tmp_path / f"{giver.device.name}.dat"
        giver.node.rpc("backupwallet", str(copy), wallet="hww")
        taker.node.rpc("restorewallet", "copy", str(copy))
        found = taker.node.reply("listdescriptors", wallet="copy")
        assert found[0]["descriptors"] == described[0]["descriptors"]
        assert taker.node.rpc("getwalletinfo", wallet="copy")["external_signer"]


def test_bumping(pair: Pair) -> None:
    arguments, options = pair.payment(pair.coins("bech32")[1])
    options["add_to_wallet"] = True
    sent, error = pair.both("send", *arguments, options, wallet="hww")
    assert error is None
    sides = (pair.theirs.node, pair.ours.node)

    def bump(how: str) -> list[Any]:
        pair.behave(how)
        return [node.reply("bumpfee", sent["txid"], {"fee_rate": 20}, wallet="hww") for node in sides]

    for how in ("refusing", "none", "lazy"):
        theirs, ours = bump(how)
        assert ours == theirs
        assert ours[1] is not None
    theirs, ours = bump("signtx:dying")
    assert ours[1]["code"] == theirs[1]["code"]
    for node, (result, _) in zip(sides, bump(""), strict=True):
        assert result["txid"] in node.rpc("getrawmempool")  # Its change lies anywhere, so each has another id.
        assert sent["txid"] not in node.rpc("getrawmempool")


def test_without_a_program(tmp_path: Path) -> None:
    with (
        json_rpc_node(core("32"), tmp_path / "theirs", *OPTIONS) as theirs,
        json_rpc_node(PYNODE, tmp_path / "ours", *OPTIONS) as ours,
    ):
        for method, *params in (
            ("enumeratesigners",),
            ("createwallet", "hww", True, False, None, None, None, None, True),
        ):
            assert ours.reply(method, *params) == theirs.reply(method, *params)
