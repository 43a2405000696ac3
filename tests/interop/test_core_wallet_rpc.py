"""A wallet with the same descriptors on the same chain answers as Core's, field by field."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from json_rpc_node import CORE, AnswerError, JsonRpcNode, core, json_rpc_node
from regtest_node import RegtestNode, regtest_node
from wallet_server import WalletServer, wallet_server

from common.chains import REGTEST
from primitives import bip32
from primitives.descriptor_checksum import add_checksum
from primitives.transaction import Transaction

TIME = 1_700_000_000
MASTER = bip32.ExtendedKey.from_seed(bytes(range(32)))
XPRV = bip32.encode_private(MASTER, REGTEST)
OTHER = bip32.encode_public(bip32.ExtendedKey.from_seed(bytes(range(1, 33))).neuter(), REGTEST)
SHAPES = (
    f"wpkh({XPRV}/84h/1h/0h/<0;1>/*)",
    f"tr({XPRV}/86h/1h/0h/<0;1>/*)",
    f"pkh({XPRV}/44h/1h/0h/<0;1>/*)",
    f"sh(wpkh({XPRV}/49h/1h/0h/<0;1>/*))",
)
UNORDERED = {"listunspent", "listsinceblock", "listlockunspent"}


def canonical(value: Any) -> Any:
    """Return a value with lists in an order of their own: those that Core keeps in no order."""
    if isinstance(value, list):
        return sorted((canonical(each) for each in value), key=lambda each: json.dumps(each, sort_keys=True))
    if isinstance(value, dict):
        return {key: canonical(each) for key, each in value.items()}
    return value


def with_sorted_txids(value: Any) -> Any:
    """Return what addresses received, with the transactions of each in order."""
    return value and [{**each, "txids": sorted(each["txids"])} for each in value]


def differences(ours: Any, theirs: Any, path: str = "") -> Iterator[str]:
    """Tell what differs, also in the order of keys."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        if list(ours) != list(theirs):
            yield f"{path}: keys {list(ours)}, theirs {list(theirs)}"
        for key in set(ours) & set(theirs):
            yield from differences(ours[key], theirs[key], f"{path}.{key}")
    elif isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        for place, (each, other) in enumerate(zip(ours, theirs, strict=True)):
            yield from differences(each, other, f"{path}[{place}]")
    elif ours != theirs:
        yield f"{path}: {ours}, theirs {theirs}"


@dataclass
class Pair:
    theirs: JsonRpcNode
    node: RegtestNode
    ours: WalletServer
    height: int = 0

    def both(self, method: str, *params: Any, wallet: str = "w") -> Any:
        """Have both do the same, and see that they say the same of it."""
        theirs, their_error = self.theirs.reply(method, *params, wallet=wallet)
        ours, our_error = self.ours.reply(method, *params, wallet=wallet)
        assert our_error == their_error, (method, params)
        if method in UNORDERED:
            theirs, ours = canonical(theirs), canonical(ours)
        if method == "listreceivedbyaddress":
            theirs, ours = with_sorted_txids(theirs), with_sorted_txids(ours)
        assert list(differences(ours, theirs)) == [], (method, params)
        return ours

    def follow(self) -> None:
        """Give our node the blocks that Core's has."""
        for block in self.theirs.blocks_above(self.height):
            assert self.node.chainstate.process_block(block).accepted
            self.height += 1

    def mine(self, count: int, address: str) -> None:
        self.theirs.rpc("generatetoaddress", count, address)
        self.follow()

    def send(self, raw: str) -> str:
        """Put a transaction into both mempools."""
        txid: str = self.theirs.rpc("sendrawtransaction", raw, 0)
        self.theirs.rpc("syncwithvalidationinterfacequeue")
        self.node.mempool.send(Transaction.parse(bytes.fromhex(raw)))
        return txid

    def spend(self, inputs: list[Any], outputs: Any) -> str:
        """Send a transaction of theirs."""
        raw = self.theirs.rpc("createrawtransaction", inputs, outputs)
        return self.send(self.theirs.rpc("signrawtransactionwithwallet", raw, wallet="w")["hex"])

    def fund(self, address: str, amount: float) -> str:
        """Pay an address from a wallet that is not compared."""
        funded = self.theirs.rpc("sendtoaddress", address, amount, wallet="rich")
        self.theirs.rpc("syncwithvalidationinterfacequeue")
        raw = self.theirs.rpc("getrawtransaction", funded)
        self.node.mempool.send(Transaction.parse(bytes.fromhex(raw)))
        return str(funded)

    def compare_all(self) -> None:
        """Compare whatever tells of the wallet's transactions."""
        for method, params in (
            ("getbalance", []),
            ("getbalance", ["*", 1]),
            ("getbalance", ["*", 6]),
            ("getbalances", []),
            ("listunspent", []),
            ("listunspent", [0]),
            ("listunspent", [0, 5, [], False]),
            ("listunspent", [0, 9999999, [], True, {"minimumAmount": 1, "include_immature_coinbase": True}]),
            ("listtransactions", []),
            ("listtransactions", ["*", 1000]),
            ("listtransactions", ["*", 3, 2]),
            ("listtransactions", ["one", 10]),
            ("listsinceblock", []),
            ("listsinceblock", [self.theirs.rpc("getblockhash", 101), 3]),
            ("listsinceblock", ["", 1, False, True, True]),
            ("listsinceblock", ["", 1, False, False, True, "one"]),
            ("listreceivedbyaddress", []),
            ("listreceivedbyaddress", [0, True]),
            ("listreceivedbyaddress", [1, True, False, "", True]),
            ("listreceivedbylabel", []),
            ("listreceivedbylabel", [0, True]),
            ("listaddressgroupings", []),
            ("listlockunspent", []),
            ("listdescriptors", []),
            ("listlabels", []),
            ("getwalletinfo", []),
        ):
            self.both(method, *params)
        for txid in {each["txid"] for each in self.theirs.rpc("listtransactions", "*", 1000, wallet="w")}:
            for verbose in (False, True):
                self.both("gettransaction", txid, False, verbose)


@pytest.fixture(scope="module", params=[version for version in CORE if version == "32"])
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    folder = tmp_path_factory.mktemp("pair")
    options = ("-disablewallet=0", f"-mocktime={TIME}", "-keypool=20", "-fallbackfee=0.0001")
    with (
        json_rpc_node(core(request.param), folder / "theirs", *options) as theirs,
        regtest_node(folder / "ours") as node,
        wallet_server(folder / "wallets", node, keypool=20) as ours,
    ):
        ours.context.set_mock_time(TIME)
        pair = Pair(theirs, node, ours)
        theirs.rpc("createwallet", "rich")
        theirs.rpc("generatetoaddress", 102, theirs.rpc("getnewaddress", wallet="rich"))
        pair.follow()
        for each in (theirs, ours):
            each.rpc("createwallet", "w", False, True)
        requests = [{"desc": add_checksum(shape), "active": True, "range": [0, 19], "timestamp": 0} for shape in SHAPES]
        assert pair.both("importdescriptors", requests) == [{"success": True}] * len(SHAPES)
        yield pair


def test_descriptors_are_listed_the_same(pair: Pair) -> None:
    for params in ([], [True]):
        pair.both("listdescriptors", *params)
    for options in ({}, {"active_only": True}, {"private": True}):
        pair.both("gethdkeys", options)


def test_history_is_the_same_in_all_states(pair: Pair) -> None:
    first = pair.both("getnewaddress", "one")
    taproot = pair.both("getnewaddress", "two", "bech32m")
    legacy = pair.both("getnewaddress", "one", "legacy")
    wrapped = pair.both("getnewaddress", "", "p2sh-segwit")
    pair.compare_all()
    for address, amount in ((first, 1.5), (taproot, 2), (legacy, 0.7), (wrapped, 3.25)):
        pair.fund(address, amount)
    pair.compare_all()
    pair.mine(1, first)
    pair.compare_all()
    rich = pair.theirs.rpc("getnewaddress", wallet="rich")
    coin = next(each for each in pair.theirs.rpc("listunspent", wallet="w") if each["address"] == legacy)
    change = pair.both("getrawchangeaddress")
    sent = pair.spend([{"txid": coin["txid"], "vout": coin["vout"]}], {rich: 0.2, change: 0.49, taproot: 0.0099})
    pair.compare_all()
    pair.spend([{"txid": sent, "vout": 1}], [{rich: 0.4899}, {"data": "00ff"}])
    pair.compare_all()
    pair.mine(3, rich)
    pair.compare_all()
    pair.mine(100, rich)
    pair.compare_all()
    for address in (first, taproot, legacy, wrapped, change, rich):
        pair.both("getaddressinfo", address)
        pair.both("getreceivedbyaddress", address)
        pair.both("getreceivedbyaddress", address, 0, True)
    for label in ("one", "two", "", "none", "*"):
        pair.both("getreceivedbylabel", label)
        pair.both("getaddressesbylabel", label)


def test_coins_are_locked_and_unlocked(pair: Pair) -> None:
    coins = [{key: each[key] for key in ("txid", "vout")} for each in pair.theirs.rpc("listunspent", wallet="w")]
    pair.both("lockunspent", False, coins[:2])
    pair.both("lockunspent", False, coins[2:3], True)
    pair.both("listlockunspent")
    pair.both("listunspent")
    pair.both("lockunspent", False, coins[:1])
    pair.both("lockunspent", False, coins[:1], True)
    pair.both("lockunspent", True, coins[:1])
    pair.both("lockunspent", True, coins[:1])
    for wrong in (
        [{"txid": "00" * 32, "vout": 0}],
        [{"txid": coins[0]["txid"], "vout": 99}],
        [{"txid": coins[0]["txid"], "vout": -1}],
        [{"txid": "xx", "vout": 0}],
        [{"txid": coins[0]["txid"]}],
        [{"txid": coins[0]["txid"], "vout": "0"}],
        ["no"],
    ):
        pair.both("lockunspent", False, wrong)
    pair.both("lockunspent", True)
    pair.both("listlockunspent")


def test_wrong_arguments_get_the_same_errors(pair: Pair) -> None:
    unknown = "11" * 32
    for method, params in (
        ("getbalance", ["x"]),
        ("getbalance", ["*", 0, False, True]),
        ("getbalance", [1]),
        ("listtransactions", [""]),
        ("listtransactions", ["*", -1]),
        ("listtransactions", ["*", 1, -1]),
        ("gettransaction", [unknown]),
        ("gettransaction", ["zz"]),
        ("abandontransaction", [unknown]),
        ("abandontransaction", [pair.theirs.rpc("listtransactions", "*", 1, wallet="w")[0]["txid"]]),
        ("listsinceblock", [unknown]),
        ("listsinceblock", ["", 0]),
        ("listsinceblock", ["xyz"]),
        ("listreceivedbyaddress", [1, False, False, "nonsense"]),
        ("getreceivedbyaddress", ["nonsense"]),
        ("getreceivedbyaddress", ["bcrt1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqdku202"]),
        ("listunspent", [1, 2, ["nonsense"]]),
        ("listunspent", [1, 2, ["bcrt1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqdku202"] * 2]),
        ("listunspent", [1, 2, [], True, {"unknown": 1}]),
        ("listunspent", [1, 2, [], True, {"maximumCount": "1"}]),
        ("rescanblockchain", [-1]),
        ("rescanblockchain", [100000]),
        ("rescanblockchain", [5, 4]),
        ("rescanblockchain", [0, 100000]),
        ("signmessage", ["nonsense", "m"]),
        ("signmessage", ["bcrt1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqdku202", "m"]),
        ("signmessage", ["mfWxJ45yp2SFn7UciZyNpvDKrzbhyfKrY8", "m"]),
        ("importprunedfunds", ["00", "00"]),
        ("importprunedfunds", ["zz", "00"]),
        ("removeprunedfunds", [unknown]),
        ("walletdisplayaddress", ["nonsense"]),
        ("walletdisplayaddress", ["mfWxJ45yp2SFn7UciZyNpvDKrzbhyfKrY8"]),
        ("derivehdkey", ["m/0"]),
        ("derivehdkey", ["m/0x"]),
        ("derivehdkey", ["m/0h", {"hdkey": "no"}]),
        ("derivehdkey", ["m/0h", {"hdkey": OTHER}]),
        ("createwalletdescriptor", ["bech32"]),
        ("createwalletdescriptor", ["nokind"]),
        ("createwalletdescriptor", ["bech32", {"hdkey": OTHER}]),
        ("addhdkey", ["nokey"]),
        ("addhdkey", [OTHER]),
    ):
        pair.both(method, *params)


def test_rescans_find_the_same(pair: Pair) -> None:
    for params in ([], [10], [10, 20], [0, 0]):
        pair.both("rescanblockchain", *params)
    pair.both("abortrescan")
    pair.compare_all()


def test_messages_are_signed_the_same(pair: Pair) -> None:
    legacy = next(iter(pair.theirs.rpc("getaddressesbylabel", "one", wallet="w")))
    pair.both("signmessage", legacy, "a message")
    addresses = pair.theirs.rpc("getaddressesbylabel", "one", wallet="w")
    for address in addresses:
        pair.both("signmessage", address, "a message é")


def test_keys_are_derived_the_same(pair: Pair) -> None:
    pair.both("derivehdkey", "m/87h/0h/0h")
    pair.both("derivehdkey", "87h/1/", {"private": True})
    pair.both("createwalletdescriptor", "bech32", {"internal": True})


@pytest.mark.parametrize(
    "request_",
    [
        {"desc": "pkh()"},
        {},
        {"desc": f"wpkh({XPRV}/0/*)"},
        {"desc": add_checksum(f"wpkh({XPRV}/0/*)"), "range": [5, 1]},
        {"desc": add_checksum(f"wpkh({XPRV}/0/*)"), "range": -1},
        {"desc": add_checksum(f"wpkh({XPRV}/0/*)"), "range": "x"},
        {"desc": add_checksum(f"wpkh({XPRV}/0/*)"), "range": [0, 10], "next_index": 11},
        {"desc": add_checksum(f"wpkh({XPRV}/0/*)"), "label": "no"},
        {"desc": add_checksum(f"wpkh({XPRV}/0)"), "range": [0, 1]},
        {"desc": add_checksum(f"wpkh({XPRV}/0)"), "active": True},
        {"desc": add_checksum(f"wpkh({XPRV}/0)"), "internal": True, "label": "no"},
        {"desc": add_checksum(f"wpkh({XPRV}/0)"), "label": "*"},
        {"desc": add_checksum(f"wpkh({XPRV}/<0;1>/*)"), "internal": True},
        {"desc": add_checksum(f"wpkh({XPRV}/<0;1>/*)"), "label": "no"},
        {"desc": add_checksum(f"combo({XPRV}/7/*)"), "active": True},
        {"desc": add_checksum(f"wpkh({OTHER}/0/*)"), "range": 3},
        {"desc": add_checksum(f"unused({XPRV})")},
        {"desc": add_checksum("raw(51)")},
    ],
)
def test_wrong_imports_get_the_same_errors(pair: Pair, request_: dict[str, Any]) -> None:
    pair.both("importdescriptors", [{"timestamp": "now", **request_}])


def test_wrong_calls_of_an_import_fail_as_a_whole(pair: Pair) -> None:
    good = add_checksum(f"wpkh({XPRV}/0)")
    for requests in ([{"desc": good}], [{"desc": good, "timestamp": "then"}], [{"desc": good, "timestamp": None}],
                     [{"desc": 1, "timestamp": 1}], [{"desc": good, "timestamp": 1, "active": "yes"}],
                     [{"desc": good, "timestamp": 1, "label": 3}], ["x"], "x"):  # fmt: skip
        pair.both("importdescriptors", requests)


def test_all_kinds_of_descriptors_are_imported_the_same(pair: Pair) -> None:
    multi = f"multi(1,{XPRV}/48h/*,{OTHER}/48/*)"
    wif = "cVpF924EspNh8KjYsfhgY96mmxvT6DgdWiTYMtMjuM74hJaU5psW"
    for desc, more in (
        (f"wsh({multi})", {"range": [0, 4]}),
        (f"sh(wsh({multi}))", {"range": [0, 4]}),
        (f"sh({multi})", {"range": 3, "internal": True}),
        (f"combo({wif})", {"label": "combo"}),
        (f"pk({XPRV}/9)", {}),
        (f"tr({XPRV}/10,{{pk({OTHER}/1),pk({XPRV}/11)}})", {"label": "tree"}),
        (f"wsh(and_v(v:pk({XPRV}/12),older(5)))", {"label": "mini"}),
        (f"wpkh({XPRV}/84h/1h/0h/0/*)", {"range": [0, 200], "active": True, "next_index": 100}),
        (f"wpkh({XPRV}/84h/1h/0h/0/*)", {"range": [0, 5]}),
        (f"wpkh({XPRV}/13/*h)", {"range": [0, 5]}),
    ):
        pair.both("importdescriptors", [{"desc": add_checksum(desc), "timestamp": "now", **more}])
        pair.both("listdescriptors")
    pair.both("listdescriptors", True)
    pair.both("gethdkeys", {"private": True})
    for label in ("combo", "tree", "mini"):
        for address in pair.both("getaddressesbylabel", label):
            pair.both("getaddressinfo", address)
            pair.fund(address, 0.1)
    for desc in (f"wsh({multi})", f"sh(wsh({multi}))", f"sh({multi})", f"wpkh({XPRV}/13/*h)"):
        told = pair.theirs.rpc("getdescriptorinfo", desc)["descriptor"]
        try:
            address = pair.theirs.rpc("deriveaddresses", add_checksum(desc), [2, 2])[0]
        except AnswerError:
            continue
        assert told
        pair.both("getaddressinfo", address)
        pair.fund(address, 0.2)
    pair.compare_all()
    pair.mine(1, pair.theirs.rpc("getnewaddress", wallet="rich"))
    pair.compare_all()


def test_a_reorganisation_is_told_the_same(pair: Pair) -> None:
    address = pair.both("getnewaddress", "reorg")
    pair.fund(address, 0.3)
    rich = pair.theirs.rpc("getnewaddress", wallet="rich")
    pair.mine(1, address)
    pair.mine(1, rich)
    old = pair.theirs.rpc("getbestblockhash")
    pair.compare_all()
    height = pair.height
    pair.theirs.rpc("invalidateblock", pair.theirs.rpc("getblockhash", height - 1))
    pair.theirs.rpc("setmocktime", TIME + 10)
    pair.ours.context.set_mock_time(TIME + 10)
    pair.theirs.rpc("generatetoaddress", 3, rich)
    pair.height = height - 2
    pair.follow()
    pair.both("listsinceblock", old)
    pair.both("listsinceblock", old, 2, False, True, True)
    pair.compare_all()
