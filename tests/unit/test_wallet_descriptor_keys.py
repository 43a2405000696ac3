"""Descriptors of a wallet: their addresses in order, their ranges, their keys plain and encrypted."""

from collections.abc import Iterator

import pytest

from common.chains import MAIN, REGTEST
from primitives.bip32 import ExtendedKey, encode_private
from primitives.descriptor import OutputType
from primitives.descriptor_parsing import parse_descriptor
from primitives.keys import PrivateKey, key_id
from wallet.crypter import decrypt_master_key, encrypt_master_key, new_key
from wallet.database import WalletDatabase
from wallet.descriptor_keys import DescriptorKeys
from wallet.descriptor_records import DescriptorRecord, DescriptorRecords
from wallet.descriptor_setup import (
    import_descriptor,
    load_descriptors,
    master_key_descriptors,
    new_master_key,
    standard_descriptor,
)
from wallet.errors import KeypoolError, RecordError, UnknownDescriptorError, WalletError
from wallet.records import MasterKeyRecord, Records

XPRV = encode_private(ExtendedKey.from_seed(bytes(range(32))), REGTEST)
OTHER = encode_private(ExtendedKey.from_seed(bytes(range(1, 33))), REGTEST)
POOL = 5


@pytest.fixture
def database() -> Iterator[WalletDatabase]:
    with WalletDatabase(None, REGTEST) as opened:
        yield opened


def add(
    database: WalletDatabase, text: str, *, start: int = 0, end: int = 0, encryption_key: bytes | None = None
) -> DescriptorKeys:
    parsed = parse_descriptor(text, REGTEST)
    (descriptor,) = parsed.descriptors
    keys = parsed.data.keys.values()
    return import_descriptor(database, REGTEST, POOL, descriptor, 7, (start, end), start, keys, encryption_key)


def load(database: WalletDatabase) -> DescriptorKeys:
    (keys,) = load_descriptors(database, REGTEST, POOL)
    return keys


def scripts_of(text: str, positions: range) -> list[bytes]:
    parsed = parse_descriptor(text, REGTEST)
    found = [parsed.descriptors[0].expand(position, parsed.data) for position in positions]
    return [script for each in found if each is not None for script in each.scripts]


TEXTS = [
    f"wpkh({XPRV}/84h/1h/0h/0/*)",
    f"wpkh({XPRV}/0/*h)",
    f"pkh({XPRV}/1/*)",
    f"sh(wpkh([00000000/1]{XPRV}/49h/*))",
    f"tr({XPRV}/86h/*,{{pk({OTHER}/1h/*),multi_a(1,{OTHER}/2/*,{XPRV}/3h/*h)}})",
    f"wsh(multi(2,{XPRV}/0h/*,{OTHER}/1/*))",
    f"wsh(and_v(v:pk({XPRV}/0h/*),or_d(pk({OTHER}/4/5/*),older(10))))",
    f"tr(musig({XPRV}/1h,{OTHER}/2)/3/*)",
    f"tr(musig({XPRV}/1h/*,{OTHER}/2/*))",
    f"combo({XPRV}/3h/*)",
]


@pytest.mark.parametrize("text", TEXTS)
def test_a_range_is_watched_and_loads_again_without_private_keys(database: WalletDatabase, text: str) -> None:
    made = add(database, text, end=3)
    assert list(made.scripts()) == scripts_of(text, range(POOL))
    assert (made.range_start, made.range_end, made.next_index, made.keypool_size) == (0, POOL, 0, POOL)
    again = load(database)
    assert list(again.scripts()) == list(made.scripts())
    assert again.id == made.id
    assert (
        again.private_text()
        == made.private_text()
        == parse_descriptor(text, REGTEST).descriptors[0].private_text(parse_descriptor(text, REGTEST).data)
    )
    database.erase_prefix(b"\x13walletdescriptorkey")
    public = load(database)
    assert list(public.scripts()) == list(made.scripts())
    assert not public.has_private_keys
    assert public.public_text() == made.public_text()
    hardened = "*h" in text
    assert public.top_up(POOL + 1) is not hardened


@pytest.mark.parametrize("text", TEXTS)
def test_addresses_are_given_out_in_order_and_once(database: WalletDatabase, text: str) -> None:
    keys = add(database, text)
    if text.startswith("combo"):
        with pytest.raises(KeypoolError, match="No addresses available"):
            keys.new_script()
        return
    given = [keys.new_script() for _ in range(2)]
    again = load(database)
    given += [again.new_script() for _ in range(POOL)]
    assert given == scripts_of(text, range(POOL + 2))
    assert again.index_of(given[-1]) == POOL + 1


def test_an_address_is_taken_back_only_if_it_was_the_last(database: WalletDatabase) -> None:
    keys = add(database, TEXTS[0])
    first, second = keys.new_script(), keys.new_script()
    keys.return_script(0)
    assert keys.next_index == 2
    keys.return_script(1)
    assert keys.new_script() == second != first
    assert load(database).next_index == 2


def test_use_of_an_address_gives_out_those_before_it(database: WalletDatabase) -> None:
    keys = add(database, TEXTS[0])
    told: list[bytes] = []
    keys.on_scripts = told.extend
    scripts = scripts_of(TEXTS[0], range(20))
    assert keys.mark_used(scripts[3]) == scripts[:4]
    assert told == scripts[POOL : POOL + 4]
    assert (keys.next_index, keys.range_end) == (4, 4 + POOL)
    assert keys.mark_used(scripts[2]) == []
    assert keys.mark_used(b"unknown") == []
    assert keys.new_script() == scripts[4]
    assert load(database).next_index == 5


def test_one_script_is_watched_where_there_is_no_range(database: WalletDatabase) -> None:
    keys = add(database, f"wpkh({XPRV}/1h/2)")
    assert (keys.range_start, keys.range_end, len(list(keys.scripts()))) == (0, 1, 1)
    assert not keys.can_get_addresses()
    assert list(load(database).scripts()) == scripts_of(f"wpkh({XPRV}/1h/2)", range(1))


def test_descriptors_without_keys_or_scripts(database: WalletDatabase) -> None:
    assert list(add(database, "raw(51)").scripts()) == [b"\x51"]
    unused = add(database, f"unused({XPRV})")
    assert list(unused.scripts()) == []
    assert unused.has_private_keys
    assert sorted(len(list(keys.scripts())) for keys in load_descriptors(database, REGTEST, POOL)) == [0, 1]


def test_a_range_may_begin_later(database: WalletDatabase) -> None:
    keys = add(database, TEXTS[0], start=10, end=12)
    assert list(keys.scripts()) == scripts_of(TEXTS[0], range(10, 15))
    assert keys.new_script() == scripts_of(TEXTS[0], range(10, 11))[0]
    assert list(load(database).scripts()) == scripts_of(TEXTS[0], range(10, 15))


def test_an_import_again_may_only_widen_the_range(database: WalletDatabase) -> None:
    keys = add(database, TEXTS[0], start=10, end=20)
    reason = r"new range must include current range = \[10,19\]"
    for start, end in ((11, 20), (10, 19)):
        with pytest.raises(WalletError, match=reason):
            keys.update(8, start, end, start, [])
    keys.update(8, 5, 21, 6, [])
    assert (keys.creation_time, keys.range_start, keys.next_index) == (8, 5, 6)
    assert list(load(database).scripts()) == list(keys.scripts()) == scripts_of(TEXTS[0], range(5, 21))


def test_a_new_master_key_makes_eight_descriptors(database: WalletDatabase) -> None:
    made = master_key_descriptors(database, REGTEST, 1, 5, None, new_master_key())
    assert [(kind, internal) for kind, internal, _ in made] == [
        (kind, internal) for internal in (False, True) for kind in OutputType
    ]
    assert {keys.descriptor.output_type() for kind, _, keys in made} == set(OutputType)
    assert len({key.public_key for _, _, keys in made for key in keys.extended_keys()}) == 1
    loaded = {keys.id: keys for keys in load_descriptors(database, REGTEST, 1)}
    for _, _, keys in made:
        assert loaded[keys.id].new_script() == keys.new_script()


def test_standard_descriptors_follow_their_bips() -> None:
    seed = "5eb00bbddcf069084889a8ab9155568165f5c453ccb85e70811aaed6f6da5fc19a5ac40b389cd370d086206dec8aa6c43daea6690f20ad3d8d48b2d2ce9e38e4"  # noqa: E501 - "abandon ... about", the mnemonic of BIP84 and BIP86
    master = ExtendedKey.from_seed(bytes.fromhex(seed))
    known = parse_descriptor(f"pkh({encode_private(master, MAIN)})", MAIN).data
    first = {
        kind: expansion.scripts[0].hex()
        for kind in OutputType
        if (expansion := standard_descriptor(MAIN, master, kind, internal=False).expand(0, known))
    }
    assert first[OutputType.BECH32] == "0014c0cebcd6c3d3ca8c75dc5ec62ebe55330ef910e2"
    assert first[OutputType.BECH32M] == "5120a60869f0dbcf1dc659c9cecbaf8050135ea9e8cdc487053f1dc6880949dc684c"
    assert first[OutputType.LEGACY] == "76a914d986ed01b7a22225a70edbf2ba7cfb63a15cb3aa88ac"
    assert first[OutputType.P2SH_SEGWIT] == "a9143fb6e95812e57bb4691f9a4a628862a61a4f769b87"


def test_encrypted_keys_are_there_while_the_wallet_is_unlocked(database: WalletDatabase) -> None:
    master_key = new_key()
    unlocked: list[bytes | None] = [None]
    keys = add(database, TEXTS[1])
    keys.encryption_key = lambda: unlocked[0]
    script = next(iter(keys.scripts()))
    private_text = keys.private_text()
    with database.transaction():
        Records(database).write_master_key(1, encrypt_master_key(b"passphrase", master_key))
        keys.encrypt(master_key)
    assert keys.is_encrypted
    assert keys.has_private_keys
    (root,) = keys.extended_keys()
    root_id = key_id(root.public_key)
    for each in (keys, load(database)):
        each.encryption_key = lambda: unlocked[0]
        unlocked[0] = None
        assert each.private_key(root_id) is None
        assert each.has_private_key(root_id)
        assert XPRV not in each.private_text()
        assert each.signing_data(script).keys == {}  # type: ignore[union-attr]
        assert not each.top_up(POOL + 1)
        with pytest.raises(WalletError, match="writing descriptor private key failed"):
            each.add_keys([PrivateKey(b"\1" * 32)])
        assert not each.check_key(new_key())
        assert each.check_key(master_key)
        unlocked[0] = master_key
        assert each.private_text() == private_text
        assert each.signing_data(script).keys  # type: ignore[union-attr]
        assert each.top_up(POOL + 1)
    assert database.items(b"\x13walletdescriptorkey") == []


def test_a_locked_wallet_runs_out_of_hardened_addresses(database: WalletDatabase) -> None:
    keys = add(database, TEXTS[1])
    keys.encrypt(new_key())
    for _ in range(POOL):
        keys.new_script()
    with pytest.raises(KeypoolError, match="Error: Keypool ran out, please call keypoolrefill first"):
        keys.new_script()


def test_keys_come_encrypted_into_an_encrypted_wallet(database: WalletDatabase) -> None:
    master_key = new_key()
    Records(database).write_master_key(1, MasterKeyRecord(bytes(48), bytes(8), 0, 1))
    with pytest.raises(WalletError, match="writing descriptor private key failed"):
        add(database, TEXTS[0])
    keys = add(database, TEXTS[0], encryption_key=master_key)
    assert keys.is_encrypted
    assert keys.private_text() == load(database).private_text() != TEXTS[0]
    assert load(database).check_key(master_key)


def test_keys_of_which_some_decrypt_are_told(database: WalletDatabase) -> None:
    master_key = new_key()
    keys = add(database, TEXTS[5])
    keys.encrypt(master_key)
    (name, value), *_ = database.items(b"\x14walletdescriptorckey")
    for name, value in database.items(b"\x14walletdescriptorckey")[1:]:
        database.put(name, value[:1] + bytes(len(value) - 1))
    with pytest.raises(WalletError, match="some keys decrypt but not all"):
        load(database).check_key(master_key)


def test_data_for_who_solves_and_signs(database: WalletDatabase) -> None:
    keys = add(database, TEXTS[0])
    script = list(keys.scripts())[2]
    solving = keys.solving_data(script)
    signing = keys.signing_data(script)
    assert solving is not None
    assert signing is not None
    ((key, pubkey),) = solving.pubkeys.items()
    assert solving.keys == {}
    assert solving.origins[key][1].path == (84 | 1 << 31, 1 | 1 << 31, 1 << 31, 0, 2)
    assert signing.keys[key].public_key() == pubkey
    by_pubkey = keys.signing_data_of_pubkey(pubkey)
    assert by_pubkey is not None
    assert by_pubkey.keys == signing.keys
    assert keys.solving_data(b"") is keys.signing_data(b"") is keys.signing_data_of_pubkey(b"") is None


def test_stored_descriptors_that_are_damaged_are_refused(database: WalletDatabase) -> None:
    keys = add(database, TEXTS[0])
    text = keys.record().descriptor
    records = DescriptorRecords(database)
    records.write(keys.id, DescriptorRecord(text[:-1] + "q", 0, 0, 0, 0))
    with pytest.raises(UnknownDescriptorError, match="Invalid descriptor: Provided checksum"):
        load(database)
    records.write(keys.id, DescriptorRecord("future(1)#qqqqqqqq", 0, 0, 0, 0))
    with pytest.raises(UnknownDescriptorError):
        load(database)
    records.write(keys.id, DescriptorRecord(parse_descriptor("raw(51)", REGTEST).descriptors[0].text(), 0, 0, 0, 0))
    with pytest.raises(RecordError, match="The descriptor ID calculated by the wallet differs from the one in DB"):
        load(database)


def test_a_passphrase_decrypts_the_master_key_and_a_wrong_one_does_not() -> None:
    key = new_key()
    record = encrypt_master_key(b"right", key)
    assert record.iterations >= 25_000
    assert decrypt_master_key(b"right", record) == key
    assert all(decrypt_master_key(b"wrong%d" % number, record) != key for number in range(3))
    assert decrypt_master_key(b"right", MasterKeyRecord(record.encrypted, b"", 0, 1)) is None
    assert decrypt_master_key(b"right", MasterKeyRecord(record.encrypted, record.salt, 1, 1)) is None
