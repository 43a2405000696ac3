"""Records that are missing or hold anything: the wallet is refused in Core's words, or loads and can be used."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.chains import REGTEST
from primitives.descriptor import OutputType
from primitives.transaction import OutPoint, Transaction, TxIn, TxOut
from rpc.errors import RPC_WALLET_ERROR, RpcError
from rpc.server import MethodServer
from wallet.address_book import Purpose
from wallet.context import WalletContext
from wallet.database import FILE_NAME
from wallet.errors import DatabaseError
from wallet.loader import create_wallet, load_wallet, unload_wallet
from wallet.record_encoding import text
from wallet.rpc.context import RpcContext
from wallet.rpc.table import full_table
from wallet.settings import WalletSettings
from wallet.transaction import INACTIVE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wallet.wallet import Wallet

Rows = dict[bytes, bytes]

CORRUPT = "Wallet corrupted"
UNKNOWN = "Unrecognized descriptor found."


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> WalletContext:
    return WalletContext(REGTEST, tmp_path_factory.mktemp("wallets"), WalletSettings(keypool=1))


@pytest.fixture(scope="module")
def sound(context: WalletContext) -> Rows:
    """The records of an encrypted wallet that has some of each kind."""
    wallet, _ = create_wallet(context, "w", 0, "pass")
    script = wallet.keypool.new_address(OutputType.BECH32, "label")
    previous = b"\1" * 32
    for number in range(2):
        tx = Transaction(2, (TxIn(OutPoint(previous, 0), b"", 0),), (TxOut(1000, script),), number)
        previous = wallet.add_transaction(tx, INACTIVE).txid
        wallet.records.write_variant(tx.txid, tx.wtxid, tx.serialize())
    wallet.lock_coin((previous, 0), persist=True)
    wallet.book.set_used(script, used=True)
    wallet.book.set(b"\0\x14" + b"\7" * 20, "other", Purpose.SEND)
    rows = dict(wallet.database.items())
    unload_wallet(context, wallet)
    return rows


def write(context: WalletContext, rows: Rows) -> None:
    with closing(sqlite3.connect(context.wallet_dir / "w" / FILE_NAME, isolation_level=None)) as database:
        database.execute("BEGIN")
        database.execute("DELETE FROM main")
        database.executemany("INSERT INTO main VALUES(?, ?)", list(rows.items()))
        database.execute("COMMIT")


def load(context: WalletContext, rows: Rows) -> tuple[Wallet, list[str]] | str:
    """Return the wallet that has these records, and warnings; or why there is none."""
    write(context, rows)
    try:
        return load_wallet(context, "w")
    except DatabaseError as error:
        return str(error)


def use(wallet: Wallet) -> None:
    """Do what looks at all that was loaded."""
    wallet.encryption.unlock("pass")
    for _, _, keys in wallet.descriptors.all_active():
        if keys.can_get_addresses():
            wallet.keypool.top_up()
    wallet.ledger.balances()
    assert all(wallet.is_mine(script) for script in wallet.scripts)
    assert [entry.label for _, entry in wallet.book.entries()]


def keys_of(rows: Rows, kind: str) -> list[bytes]:
    return [key for key in rows if key.startswith(text(kind))]


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_any_record_may_hold_anything(context: WalletContext, sound: Rows, data: st.DataObject) -> None:
    rows = dict(sound)
    key = data.draw(st.sampled_from(sorted(rows)))
    value = rows.pop(key)
    if data.draw(st.booleans()):
        name = key[: 1 + key[0]]
        key = name + data.draw(st.sampled_from((key[len(name) :], key[len(name) : -1], key[len(name) :] + b"\0")))
        # A range of billions would be watched, as Core does, and take as long.
        end = len(value) - 12 if key.startswith(text("walletdescriptor")) else len(value)
        at = data.draw(st.integers(0, max(0, end - 24)))
        rows[key] = value[:at] + data.draw(st.binary(max_size=12)) + value[at + data.draw(st.integers(0, 12)) :]
    loaded = load(context, rows)
    if isinstance(loaded, str):
        assert loaded.startswith("Wallet loading failed. ")
        known = (CORRUPT, UNKNOWN, "newer version of", "legacy wallet")
        assert any(words in loaded for words in known), loaded
        return
    wallet, _ = loaded
    try:
        use(wallet)
    finally:
        unload_wallet(context, wallet)


def damaged(rows: Rows, kind: str, value: bytes | None) -> Rows:
    """Return the records with the first of a kind replaced, or missing."""
    (key, *_) = keys_of(rows, kind)
    return {each: old for each, old in rows.items() if each != key} | ({} if value is None else {key: value})


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("flags", b"\0", CORRUPT),
        ("walletdescriptor", b"", UNKNOWN),
        ("walletdescriptor", None, CORRUPT),
        ("activeexternalspk", bytes(32), CORRUPT),
        ("mkey", b"", CORRUPT),
        ("walletdescriptorckey", b"\5", CORRUPT),
        ("wtxvariant", b"", CORRUPT),
        ("tx", b"", CORRUPT),
    ],
)
def test_what_money_depends_on_is_not_passed_over(
    context: WalletContext, sound: Rows, kind: str, value: bytes | None, expected: str
) -> None:
    found = load(context, damaged(sound, kind, value))
    assert isinstance(found, str)
    assert expected in found
    assert str(context.wallet_dir / "w" / FILE_NAME) in found


@pytest.fixture
def loaded(context: WalletContext) -> Iterator[list[Wallet]]:
    """What is put in is unloaded afterwards."""
    wallets: list[Wallet] = []
    yield wallets
    for wallet in wallets:
        unload_wallet(context, wallet)


@pytest.mark.parametrize("kind", ["version", "bestblock_nomerkle"])
def test_what_can_be_made_up_for_is_no_reason_to_refuse(
    context: WalletContext, sound: Rows, loaded: list[Wallet], kind: str
) -> None:
    rows = {**sound, text(kind): b"\1"}
    found = load(context, rows)
    assert not isinstance(found, str)
    wallet, warnings = found
    loaded.append(wallet)
    assert warnings == []
    assert wallet.records.best_block() == []
    use(wallet)


def test_a_lost_order_is_told_and_later_transactions_stay_behind(
    context: WalletContext, sound: Rows, loaded: list[Wallet]
) -> None:
    found = load(context, {**sound, text("orderposnext"): b"\1"})
    assert not isinstance(found, str)
    wallet, warnings = found
    loaded.append(wallet)
    (warning,) = warnings
    assert warning.endswith(
        "! All keys read correctly, but transaction data or address metadata may be missing or incorrect."
    )
    assert [wtx.position for wtx in wallet.history.ordered] == [0, 1]
    assert wallet.next_position() == 2


@pytest.mark.parametrize("position", ["99999999999999999999999", "9223372036854775807", "-9" + "9" * 5000, "x"])
def test_a_position_may_be_any_text(context: WalletContext, sound: Rows, loaded: list[Wallet], position: str) -> None:
    key = keys_of(sound, "tx")[0]
    before, number, after = sound[key].partition(b"\1n\1")
    found = load(context, {**sound, key: before + number[:2] + text(position) + after[1:]})
    assert not isinstance(found, str)
    wallet, _ = found
    loaded.append(wallet)
    assert len(wallet.history.ordered) == 2
    assert wallet.next_position() > max(wtx.position for wtx in wallet.history.ordered)


@pytest.mark.parametrize("numbers", [(-1, 0, 9), (0, 1, 9), (10, 0, 9), (0, 5, 2)])
def test_a_descriptor_whose_numbers_contradict_each_other_gives_no_address(
    context: WalletContext, sound: Rows, numbers: tuple[int, int, int]
) -> None:
    key = keys_of(sound, "walletdescriptor")[0]
    tail = b"".join(number.to_bytes(4, "little", signed=True) for number in numbers)
    found = load(context, {**sound, key: sound[key][:-12] + tail})
    assert isinstance(found, str)
    assert CORRUPT in found


def test_a_descriptor_that_cannot_be_told_is_said_to_be_so(
    context: WalletContext, sound: Rows, loaded: list[Wallet]
) -> None:
    lost = set(keys_of(sound, "walletdescriptorlhcache"))
    found = load(context, {key: value for key, value in sound.items() if key not in lost})
    assert not isinstance(found, str)
    wallet, _ = found
    loaded.append(wallet)
    server = MethodServer(full_table(), RpcContext)
    server.finish_warmup(context)
    for method in ("listdescriptors", "gethdkeys"):
        with pytest.raises(RpcError, match=r"^Can't get descriptor string\.$") as info:
            server.call(method)
        assert info.value.code == RPC_WALLET_ERROR
    assert wallet.encryption.unlock("pass")
    assert len(server.call("listdescriptors")["descriptors"]) == 8
