"""Records of a wallet's database are read as they were written, and refused when they are not whole."""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.chains import REGTEST
from primitives.bip32 import ExtendedKey
from primitives.keys import PrivateKey, key_id
from primitives.transaction import OutPoint
from wallet.database import WalletDatabase
from wallet.descriptor_records import DescriptorCache, DescriptorRecord, DescriptorRecords
from wallet.errors import RecordError
from wallet.record_encoding import Reader, decode_private_key, encode_private_key, text
from wallet.records import LEGACY_KINDS, MasterKeyRecord, Records

KEY = ExtendedKey.from_seed(bytes(16))
ID = bytes(range(32))
DESCRIPTOR = DescriptorRecord("wpkh(...)#checksum", 1_700_000_000, 3, 0, 1000)


@pytest.fixture
def database() -> Iterator[WalletDatabase]:
    with WalletDatabase(None, REGTEST) as opened:
        yield opened


@pytest.fixture
def records(database: WalletDatabase) -> Records:
    return Records(database)


def test_a_new_wallet_has_no_records(records: Records) -> None:
    assert records.flags() is None
    assert records.version() is None
    assert records.minimum_version() is None
    assert records.order_position_next() is None
    assert records.best_block() == []
    assert records.names() == {}
    assert not records.has(LEGACY_KINDS)


def test_what_there_is_once(records: Records) -> None:
    records.write_flags(1 << 34 | 4)
    records.write_version(-1)
    records.write_minimum_version(169900)
    records.write_order_position_next(-1)
    assert records.flags() == 1 << 34 | 4
    assert (records.version(), records.minimum_version(), records.order_position_next()) == (-1, 169900, -1)


def test_the_best_block_is_where_older_software_does_not_look(records: Records, database: WalletDatabase) -> None:
    records.write_best_block([ID, bytes(32)])
    assert records.best_block() == [ID, bytes(32)]
    assert database.get(b"\x09bestblock") == b"\x80\x11\x01\0\0"
    database.put(b"\x09bestblock", b"\x80\x11\x01\0\1" + b"\7" * 32)
    assert records.best_block() == [b"\7" * 32]


def test_the_address_book(records: Records) -> None:
    for address in ("a", "ab"):
        records.write_name(address, f"ä label of {address}")
        records.write_purpose(address, "receive")
        records.write_previously_spent(address, True)
        records.write_receive_request(address, "1", "please")
    assert records.names() == {"a": "ä label of a", "ab": "ä label of ab"}
    assert records.purposes() == {"a": "receive", "ab": "receive"}
    assert records.previously_spent() == {"a", "ab"}
    records.write_previously_spent("ab", False)
    assert records.previously_spent() == {"a"}
    records.erase_address_data("a")
    assert records.address_data() == [("ab", "rr1", "please")]
    records.erase_receive_request("ab", "1")
    records.erase_name("a")
    records.erase_purpose("a")
    assert (set(records.names()), set(records.purposes())) == ({"ab"}, {"ab"})
    assert records.address_data() == []


def test_transactions_and_locked_coins(records: Records) -> None:
    records.write_transaction(ID, b"transaction")
    records.write_variant(ID, bytes(32), b"variant")
    records.write_locked_coin(OutPoint(ID, 7))
    assert records.transactions() == [(ID, b"transaction")]
    assert records.variants() == [(ID, b"variant")]
    assert records.locked_coins() == [OutPoint(ID, 7)]
    records.erase_transaction(ID)
    records.erase_locked_coin(OutPoint(ID, 7))
    assert (records.transactions(), records.variants(), records.locked_coins()) == ([], [], [])


def test_master_keys_and_active_descriptors(records: Records) -> None:
    key = MasterKeyRecord(bytes(48), bytes(8), 0, 25000, b"more")
    records.write_master_key(2, key)
    assert records.master_keys() == {2: key}
    records.erase_master_key(2)
    assert records.master_keys() == {}
    records.write_active_descriptor(3, ID, internal=True)
    assert records.active_descriptors(internal=True) == {3: ID}
    assert records.active_descriptors(internal=False) == {}
    records.erase_active_descriptor(3, internal=True)
    assert records.active_descriptors(internal=True) == {}


def test_kinds_are_told_apart_and_erased(records: Records, database: WalletDatabase) -> None:
    database.put(text("key") + b"x", b"")
    database.put(text("keymeta") + b"x", b"")
    assert records.has(["keymeta"])
    records.erase_kinds(["key"])
    assert not records.has(["key"])
    assert records.has(["keymeta"])


@given(st.binary(min_size=32, max_size=32).filter(any), st.booleans())
def test_private_keys_are_read_back_from_der(secret: bytes, compressed: bool) -> None:
    key = PrivateKey(b"\0" + secret[1:] if any(secret[1:]) else secret, compressed)
    encoded = encode_private_key(key)
    assert len(encoded) == (214 if compressed else 279)
    assert decode_private_key(encoded, compressed=compressed) == key


@given(st.binary(max_size=50) | st.binary(max_size=40).map(b"\x30\x20\x02\x01\x01\x04".__add__))
def test_other_bytes_are_no_private_key(data: bytes) -> None:
    key = decode_private_key(data, compressed=True)
    assert key is None or key.secret.lstrip(b"\0") in data


def test_descriptors_with_their_caches_and_keys(database: WalletDatabase) -> None:
    private = PrivateKey(bytes(31) + b"\1")
    pubkey = private.public_key()
    public = KEY.neuter()
    records = DescriptorRecords(database)
    records.write(ID, DESCRIPTOR)
    records.write_cache(ID, DescriptorCache({0: public}, {(1, 5): public}, {2: public}))
    records.write_key(ID, private)
    (stored,) = records.all()
    assert (stored.id, stored.record) == (ID, DESCRIPTOR)
    assert stored.cache == DescriptorCache({0: public}, {(1, 5): public}, {2: public})
    assert stored.keys == {key_id(pubkey): private}
    records.write_encrypted_key(ID, pubkey, b"encrypted")
    (stored,) = records.all()
    assert stored.keys == {}
    assert stored.encrypted_keys == {key_id(pubkey): (pubkey, b"encrypted")}


def test_a_private_key_that_was_damaged_is_refused(database: WalletDatabase) -> None:
    records = DescriptorRecords(database)
    records.write(ID, DESCRIPTOR)
    records.write_key(ID, PrivateKey(bytes(31) + b"\1"))
    ((name, value),) = database.items(text("walletdescriptorkey"))
    database.put(name, value[:9] + b"\7" + value[10:])
    with pytest.raises(RecordError, match="unencrypted key CPubKey/CPrivKey corrupt"):
        list(records.all())
    database.erase(name)
    database.put(name[:-33] + b"\5" + name[-32:], value)
    with pytest.raises(RecordError, match="unencrypted key CPubKey corrupt"):
        list(records.all())


@given(st.binary(max_size=60))
def test_records_that_end_too_soon_are_refused(data: bytes) -> None:
    for read in (Reader.text, Reader.sized, Reader.size, lambda reader: reader.take(61)):
        try:
            read(Reader(data))
        except RecordError:
            continue


def test_damaged_records_are_refused(records: Records, database: WalletDatabase) -> None:
    database.put(text("flags"), b"\0\0")
    with pytest.raises(RecordError):
        records.flags()
    database.put(text("bestblock_nomerkle"), bytes(4) + b"\2" + bytes(63))
    assert records.best_block() == []  # The chain is scanned again.
    database.put(text("mkey") + bytes(4), b"\1")
    with pytest.raises(RecordError):
        records.master_keys()
