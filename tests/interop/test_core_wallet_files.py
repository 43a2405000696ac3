"""Wallets that Core wrote are read here with the same addresses and keys, and ours are loaded by Core."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from json_rpc_node import CORE, JsonRpcNode, core, json_rpc_node

from common.chains import REGTEST
from primitives import address
from primitives.bip32 import ExtendedKey, encode_private
from primitives.descriptor import OutputType
from primitives.descriptor_parsing import parse_descriptor
from primitives.keys import key_id
from wallet.context import WalletContext
from wallet.crypter import decrypt_master_key, encrypt_master_key, new_key
from wallet.database import WalletDatabase
from wallet.database_files import list_databases, open_database
from wallet.descriptor_keys import DescriptorKeys
from wallet.descriptor_setup import (
    OUTPUT_TYPES,
    import_descriptor,
    load_descriptors,
    master_key_descriptors,
    new_master_key,
)
from wallet.records import Records
from wallet.settings import WalletSettings
from wallet.transaction import WalletTx
from wallet.wallet import Wallet

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(not CORE, reason="BITCOIN_NODE_V31 and BITCOIN_NODE_V32 are not set")

POOL = 20
OPTIONS = ("-disablewallet=0", "-fallbackfee=0.0001", f"-keypool={POOL}")
ONE, TWO, THREE = (encode_private(ExtendedKey.from_seed(bytes((number,)) * 32), REGTEST) for number in (1, 2, 3))
DESCRIPTORS = [
    f"wpkh({ONE}/84h/1h/0h/5/*)",
    f"pkh({ONE}/3/*h)",
    f"sh(wpkh([aabbccdd/7h]{ONE}/49h/*))",
    f"tr({ONE}/86h/*,{{pk({TWO}/1h/*),multi_a(1,{TWO}/2/*,{THREE}/3h/*h)}})",
    f"wsh(sortedmulti(2,{ONE}/0h/*,{TWO}/1/*))",
    f"wsh(and_v(v:pk({ONE}/0h/*),or_d(pk({TWO}/4/5/*),older(10))))",
    f"tr(musig({ONE}/1h,{TWO}/2)/3/*)",
    f"tr(musig({ONE}/1h/*,{TWO}/2/*))",
    f"tr({THREE}/8h/*,pk(musig({ONE}/1h,{TWO}/2)/3/*))",
    f"combo({ONE}/3h/*)",
    f"wpkh({ONE}/5h/6)",
]
"""Texts with private keys, of all shapes that number their key expressions differently."""


@pytest.fixture(params=CORE)
def version(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def folder(node: JsonRpcNode, name: str) -> Path:
    return node.network_dir / "wallets" / name


def kind_of(keys: DescriptorKeys) -> OutputType:
    kind = keys.descriptor.output_type()
    assert kind is not None
    return kind


def active(database: WalletDatabase, loaded: dict[bytes, DescriptorKeys]) -> dict[tuple[str, bool], DescriptorKeys]:
    return {
        (OUTPUT_TYPES[number].value, internal): loaded[key]
        for internal in (False, True)
        for number, key in Records(database).active_descriptors(internal=internal).items()
    }


def next_addresses(database: WalletDatabase, loaded: dict[bytes, DescriptorKeys]) -> dict[tuple[str, bool], str | None]:
    return {which: address.encode(keys.new_script(), REGTEST) for which, keys in active(database, loaded).items()}


def addresses_of_core(node: JsonRpcNode, name: str) -> dict[tuple[str, bool], str]:
    return {
        (kind.value, internal): node.wallet(
            name, "getrawchangeaddress" if internal else "getnewaddress", *([kind.value] if internal else ["", kind])
        )
        for internal in (False, True)
        for kind in OUTPUT_TYPES
    }


def described(keys: DescriptorKeys, text: str) -> dict[str, Any]:
    told: dict[str, Any] = {"desc": text, "timestamp": keys.creation_time}
    if keys.is_ranged:
        told |= {"range": [keys.range_start, keys.range_end - 1], "next_index": keys.next_index}
    return told


def told_by_core(node: JsonRpcNode, name: str, *, private: bool) -> list[dict[str, Any]]:
    listed = node.wallet(name, "listdescriptors", private)["descriptors"]
    wanted = ("desc", "timestamp", "range", "next_index")
    return sorted(({key: each[key] for key in wanted if key in each} for each in listed), key=str)


def told_by_us(loaded: dict[bytes, DescriptorKeys], *, private: bool) -> list[dict[str, Any]]:
    return sorted(
        (described(keys, keys.private_text() if private else keys.public_text() or "") for keys in loaded.values()),
        key=str,
    )


def load(database: WalletDatabase) -> dict[bytes, DescriptorKeys]:
    return {keys.id: keys for keys in load_descriptors(database, REGTEST, POOL)}


def import_all(node: JsonRpcNode, name: str) -> None:
    requests = [
        {"desc": parse_descriptor_text(text), "timestamp": 1_600_000_000}
        | ({"range": [0, 7], "next_index": 3} if "*" in text else {})
        for text in DESCRIPTORS
    ]
    results = node.wallet(name, "importdescriptors", requests)
    assert [each["success"] for each in results] == [True] * len(results), results


def parse_descriptor_text(text: str) -> str:
    parsed = parse_descriptor(text, REGTEST)
    return parsed.descriptors[0].private_text(parsed.data) or parsed.descriptors[0].text()


def test_wallets_of_core_open_here(tmp_path: Path, version: str) -> None:
    with json_rpc_node(core(version), tmp_path, *OPTIONS) as node:
        node.rpc("createwallet", "plain")
        node.rpc("createwallet", "locked", False, False, "a passphrase")
        node.rpc("createwallet", "imported", False, True)
        import_all(node, "imported")
        node.wallet("plain", "setlabel", node.wallet("plain", "getnewaddress"), "ä label")
        for name in ("plain", "locked"):
            for _ in range(3):
                addresses_of_core(node, name)
        node.wallet("locked", "walletpassphrase", "a passphrase", 1000)
        private = {name: told_by_core(node, name, private=True) for name in ("plain", "locked", "imported")}
        public = {name: told_by_core(node, name, private=False) for name in private}
        assert sorted(list_databases(node.network_dir / "wallets", REGTEST)) == [
            (name, "sqlite") for name in sorted(private)
        ]
        for name in private:
            node.rpc("unloadwallet", name)
        ours = {}
        for name, texts in private.items():
            with open_database(folder(node, name), REGTEST, must_exist=True) as database:
                loaded = load(database)
                assert told_by_us(loaded, private=False) == public[name]
                if name == "locked":
                    unlock(database, loaded, b"a passphrase")
                assert told_by_us(loaded, private=True) == texts
                ours[name] = next_addresses(database, loaded)
        for name in private:
            node.rpc("loadwallet", name)
            # Ours gave out one of each: Core goes on behind it.
            assert told_by_core(node, name, private=False) != public[name] or name == "imported"
            for used in ours[name].values():
                assert node.wallet(name, "getaddressinfo", used)["ismine"]
        node.rpc("unloadwallet", "plain")
        with open_database(folder(node, "plain"), REGTEST, must_exist=True) as database:
            expected = next_addresses(database, load(database))
            for keys in active(database, load(database)).values():
                keys.return_script(keys.next_index - 1)
        node.rpc("loadwallet", "plain")
        assert addresses_of_core(node, "plain") == expected


def unlock(database: WalletDatabase, loaded: dict[bytes, DescriptorKeys], passphrase: bytes) -> None:
    (record,) = Records(database).master_keys().values()
    wrong = decrypt_master_key(b"wrong", record)
    assert wrong is None or not all(keys.check_key(wrong) for keys in loaded.values())
    key = decrypt_master_key(passphrase, record)
    assert key is not None
    assert all(keys.check_key(key) for keys in loaded.values())
    for keys in loaded.values():
        keys.encryption_key = lambda: key


FLAGS = 1 << 34 | 1 << 2


@pytest.mark.parametrize("encrypted", [False, True])
def test_wallets_of_ours_load_in_core(tmp_path: Path, version: str, encrypted: bool) -> None:
    with json_rpc_node(core(version), tmp_path, *OPTIONS) as node:
        (node.network_dir / "wallets").mkdir(exist_ok=True)
        master_key = new_key() if encrypted else None
        with WalletDatabase(folder(node, "ours"), REGTEST) as database:
            records = Records(database)
            records.write_flags(FLAGS)
            if master_key is not None:
                records.write_master_key(1, encrypt_master_key(b"ours", master_key))
            for kind, internal, keys in master_key_descriptors(
                database, REGTEST, POOL, 1, master_key, new_master_key()
            ):
                records.write_active_descriptor(OUTPUT_TYPES.index(kind), keys.id, internal=internal)
            for text in DESCRIPTORS:
                parsed = parse_descriptor(text, REGTEST)
                positions = (0, 8) if "*" in text else (0, 1)
                import_descriptor(
                    database,
                    REGTEST,
                    POOL,
                    parsed.descriptors[0],
                    1_600_000_000,
                    positions,
                    3 if "*" in text else 0,
                    parsed.data.keys.values(),
                    master_key,
                )
            loaded = load(database)
            public = told_by_us(loaded, private=False)
            if encrypted:
                unlock(database, loaded, b"ours")
            private = told_by_us(loaded, private=True)
            expected = next_addresses(database, loaded)
            for keys in active(database, loaded).values():
                keys.return_script(0)
            used = {script for keys in loaded.values() for script in keys.scripts()}
        node.rpc("loadwallet", "ours")
        assert told_by_core(node, "ours", private=False) == public
        if encrypted:
            assert node.wallet_reply("ours", "walletpassphrase", "wrong", 1)[1]["code"] == -14
            node.wallet("ours", "walletpassphrase", "ours", 1000)
        assert told_by_core(node, "ours", private=True) == private
        for script in sorted(used):
            known = address.encode(script, REGTEST)
            if known:
                assert node.wallet("ours", "getaddressinfo", known)["ismine"], known
        assert addresses_of_core(node, "ours") == expected
        signed = node.wallet("ours", "signmessage", expected["legacy", False], "message")
        assert node.rpc("verifymessage", expected["legacy", False], signed, "message")


def test_a_wallet_that_core_has_open_is_refused_and_the_other_way(tmp_path: Path, version: str) -> None:
    with json_rpc_node(core(version), tmp_path, *OPTIONS) as node:
        node.rpc("createwallet", "w")
        with pytest.raises(Exception, match="Unable to obtain an exclusive lock on the database"):
            open_database(folder(node, "w"), REGTEST, must_exist=True)
        node.rpc("unloadwallet", "w")
        with open_database(folder(node, "w"), REGTEST, must_exist=True):
            _, error = node.reply("loadwallet", "w")
        assert "Unable to obtain an exclusive lock on the database" in error["message"]
        node.rpc("loadwallet", "w")


def test_other_records_of_core_are_read(tmp_path: Path, version: str) -> None:
    with json_rpc_node(core(version), tmp_path, *OPTIONS) as node:
        node.rpc("createwallet", "w", False, False, "", True)  # Avoids reuse.
        mine = node.wallet("w", "getnewaddress", "ä label")
        node.rpc("generatetoaddress", 101, mine)
        other = node.wallet("w", "getnewaddress")
        txid = node.wallet("w", "sendtoaddress", other, 1)
        foreign = address.encode(b"\x00\x14" + bytes(20), REGTEST)
        assert foreign is not None
        node.wallet("w", "setlabel", foreign, "not mine")
        coin = {"txid": txid, "vout": 0}
        node.wallet("w", "lockunspent", False, [coin], True)
        best = node.rpc("getbestblockhash")
        position = len(node.wallet("w", "listtransactions", "*", 1000))
        node.rpc("unloadwallet", "w")
        with open_database(folder(node, "w"), REGTEST, must_exist=True) as database:
            records = Records(database)
            flags = records.flags()
            assert flags is not None
            assert flags == FLAGS | 1
            assert records.names() == {mine: "ä label", other: "", foreign: "not mine"}
            assert records.purposes() == {mine: "receive", other: "receive", foreign: "send"}
            assert records.previously_spent() == {mine}
            assert [(lock.txid[::-1].hex(), lock.index) for lock in records.locked_coins()] == [(txid, 0)]
            assert records.best_block()[0][::-1].hex() == best
            assert txid in {each[::-1].hex() for each, _ in records.transactions()}
            assert len(records.transactions()) == 102
            assert records.order_position_next() == 102 <= position
            assert records.master_keys() == {}
            assert key_id(b"") not in records.active_descriptors(internal=True).values()
            records.write_name(foreign, "changed")
            records.write_best_block(records.best_block())
        node.rpc("loadwallet", "w")
        assert node.wallet("w", "getaddressinfo", foreign)["labels"] == ["changed"]
        assert node.wallet("w", "listlockunspent") == [coin]


def test_a_wallet_with_a_history_goes_to_us_and_back(tmp_path: Path, version: str) -> None:
    with json_rpc_node(core(version), tmp_path, *OPTIONS) as node:
        node.rpc("createwallet", "w", False, False, "a passphrase")
        node.wallet("w", "walletpassphrase", "a passphrase", 1000)
        mine = node.wallet("w", "getnewaddress", "mined")
        node.rpc("generatetoaddress", 103, mine)
        sent = [node.wallet("w", "sendtoaddress", node.wallet("w", "getnewaddress", "self"), 1) for _ in range(2)]
        node.wallet("w", "bumpfee", sent[0])
        node.rpc("generatetoaddress", 1, mine)
        last = node.wallet("w", "sendtoaddress", address.encode(b"\x00\x14" + bytes(20), REGTEST), 2)
        questions: list[tuple[str, list[Any]]] = [
            ("getbalances", []),
            ("listtransactions", ["*", 1000, 0]),
            ("listunspent", [0]),
            ("listaddressgroupings", []),
            ("gettransaction", [last]),
        ]
        before = [_ask(node, *question) for question in questions]
        node.rpc("unloadwallet", "w")
        database = open_database(folder(node, "w"), REGTEST, must_exist=True)
        stored = Records(database).transactions()
        assert len(stored) == 104 + 4
        assert [WalletTx.parse(value).serialize() for _, value in stored] == [value for _, value in stored]
        loaded, warnings = Wallet.load("w", database, WalletContext(REGTEST, tmp_path, WalletSettings(keypool=POOL)))
        try:
            assert warnings == []
            assert {txid for txid, _ in stored} == set(loaded.transactions)
            assert not loaded.encryption.unlock("wrong")
            assert loaded.encryption.unlock("a passphrase")
            ours = address.encode(loaded.keypool.new_address(OutputType.BECH32, "from us"), REGTEST)
            assert loaded.encryption.change_passphrase("a passphrase", "another one")
        finally:
            loaded.close()
        node.rpc("loadwallet", "w")
        assert [_ask(node, *question) for question in questions] == before
        assert node.wallet("w", "getaddressinfo", ours)["labels"] == ["from us"]
        assert node.wallet_reply("w", "walletpassphrase", "a passphrase", 1)[1]["code"] == -14
        node.wallet("w", "walletpassphrase", "another one", 1000)
        assert node.wallet("w", "sendtoaddress", ours, 1)


def _ask(node: JsonRpcNode, method: str, params: list[Any]) -> Any:
    """Ask wallet "w"; coins come in no order."""
    answer = node.wallet("w", method, *params)
    return sorted(answer, key=str) if method == "listunspent" else answer
