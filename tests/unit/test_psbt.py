"""PSBTs: the vectors of BIP174, 370, 371 and 373, what Core says of broken ones, and the way of one to its end."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.chains import REGTEST
from node.rpc.psbt_signing import descriptorprocesspsbt, utxoupdatepsbt
from primitives.bip32 import KeyOrigin
from primitives.descriptor_parsing import parse_descriptor
from primitives.errors import PsbtError
from primitives.hashes import sha256
from primitives.keys import PrivateKey, encode_wif, key_id
from primitives.miniscript_types import Fragment
from primitives.psbt import Proprietary, Psbt, PsbtInput, PsbtOutput, combine
from primitives.psbt_reading import decode_psbt, parse_psbt
from primitives.psbt_writing import encode_psbt, serialize_psbt
from primitives.transaction import OutPoint, Transaction, TxIn, TxOut
from rpc.errors import RpcError
from rpc.json import dumps
from rpc.method import Method
from rpc.psbt import analyzepsbt, combinepsbt, converttopsbt, createpsbt, decodepsbt, joinpsbts
from rpc.psbt_finishing import finalizepsbt

VECTORS: dict[str, Any] = json.loads((Path(__file__).parents[1] / "data" / "bip174.json").read_text())
CONTEXT = cast("Any", SimpleNamespace(chain=REGTEST, node=SimpleNamespace(chain=REGTEST, indexes=None, mempool=None)))
KEYS = [PrivateKey(sha256(bytes((number,)))) for number in range(4)]
PUBKEYS = [key.public_key() for key in KEYS]
WIF = [encode_wif(key, REGTEST) for key in KEYS]


def call(method: Method, *params: Any) -> Any:
    result = method(CONTEXT, *method.read(params))
    assert method.mismatch(result) is None  # As its help says.
    return json.loads(bytes(dumps(result)))


def fails(method: Method, *params: Any) -> tuple[int, str]:
    with pytest.raises(RpcError) as caught:
        call(method, *params)
    return caught.value.code, caught.value.message


@pytest.mark.parametrize("text", VECTORS["valid"])
def test_valid_vectors_come_back_and_are_shown(text: str) -> None:
    psbt = decode_psbt(text)
    again = parse_psbt(serialize_psbt(psbt))
    assert serialize_psbt(again) == serialize_psbt(psbt)
    shown = call(decodepsbt, text)
    assert len(shown["inputs"]) == len(psbt.inputs)
    assert call(analyzepsbt, text)["next"] in {"creator", "updater", "signer", "finalizer", "extractor"}


@pytest.mark.parametrize("text", VECTORS["invalid"])
def test_invalid_vectors_are_refused(text: str) -> None:
    assert fails(decodepsbt, text)[0] == -22


def test_the_roles_of_bip174_give_its_results() -> None:
    assert call(combinepsbt, VECTORS["combine"]) == VECTORS["combined"]
    assert call(finalizepsbt, VECTORS["finalize"], False) == {"psbt": VECTORS["finalized"], "complete": True}
    assert call(finalizepsbt, VECTORS["extract"]) == {"hex": VECTORS["extracted"], "complete": True}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "SpanReader::read(): end of data: iostream error"),
        (b"psbt\xfe\0", "Invalid PSBT magic bytes: iostream error"),
        (b"psbt\xff\0", "No unsigned transaction was provided: iostream error"),
        (b"psbt\xff", "Separator is missing at the end of the global map: iostream error"),
        (b"psbt\xff\1\xfb\4\3\0\0\0\0", "Unsupported version number: iostream error"),
        (b"psbt\xff\1\xfb\4\1\0\0\0\0", "There is no PSBT version 1: iostream error"),
        (b"psbt\xff\1\xfb\4\2\0\0\0\0", "PSBT_GLOBAL_TX_VERSION is required in PSBTv2: iostream error"),
        (b"psbt\xff\1\x20\0\1\x20\0", 'Duplicate Key, global key "20" already provided: iostream error'),
        (b"psbt\xff\2\0\0\0", "Size of key was not 1 for the type Global Unsigned TX: iostream error"),
    ],
)
def test_broken_bytes_are_told_in_core_s_words(data: bytes, message: str) -> None:
    with pytest.raises(PsbtError) as caught:
        parse_psbt(data)
    assert str(caught.value) == message


def test_broken_texts_are_told_too() -> None:
    assert fails(decodepsbt, "x") == (-22, "TX decode failed invalid base64")
    extra = base64.b64encode(base64.b64decode(VECTORS["valid"][5]) + b"\0").decode()
    assert fails(decodepsbt, extra) == (-22, "TX decode failed extra data after PSBT")


HASHES = st.binary(min_size=32, max_size=32)
ORIGINS = st.builds(
    KeyOrigin, st.binary(min_size=4, max_size=4), st.lists(st.integers(0, 2**32 - 1), max_size=3).map(tuple)
)
SCRIPTS = st.binary(max_size=12)
PUBLIC = st.sampled_from(PUBKEYS)
XONLY = st.sampled_from([pubkey[1:] for pubkey in PUBKEYS])
LEAF_ORIGINS = st.dictionaries(XONLY, st.tuples(st.sets(HASHES, max_size=2), ORIGINS), max_size=2)
PARTICIPANTS = st.dictionaries(PUBLIC, st.lists(PUBLIC, min_size=1, max_size=3).map(tuple), max_size=2)
PLACES = st.tuples(PUBLIC, st.sampled_from([b"", b"\7" * 32]), PUBLIC)
UNKNOWN = st.dictionaries(st.binary(min_size=1, max_size=4).map(lambda key: b"\xf0" + key), SCRIPTS, max_size=2)
PROPRIETARY = st.builds(
    lambda identifier, subtype, value: Proprietary(
        identifier, subtype, b"\xfc" + bytes((len(identifier),)) + identifier + bytes((subtype,)), value
    ),
    SCRIPTS,
    st.integers(0, 252),
    SCRIPTS,
).map(lambda each: {each.key: each})
PREIMAGES = st.dictionaries(
    st.one_of(
        st.tuples(st.sampled_from([Fragment.SHA256, Fragment.HASH256]), HASHES),
        st.tuples(st.sampled_from([Fragment.RIPEMD160, Fragment.HASH160]), st.binary(min_size=20, max_size=20)),
    ),
    SCRIPTS,
    max_size=2,
)
SIGNATURES = st.sampled_from([(key.public_key(), key.sign(bytes(32)) + b"\1") for key in KEYS])
SCHNORR = st.one_of(st.binary(min_size=64, max_size=65), st.just(b""))
INPUTS = st.builds(
    PsbtInput,
    HASHES,
    st.integers(0, 9),
    sequence=st.none() | st.integers(0, 2**32 - 1),
    time_lock=st.none() | st.integers(500_000_000, 2**32 - 1),
    height_lock=st.none() | st.integers(1, 499_999_999),
    witness_utxo=st.none() | st.builds(TxOut, st.integers(0, 10**9), SCRIPTS),
    partial_signatures=st.lists(SIGNATURES, max_size=2).map(lambda pairs: {key_id(pair[0]): pair for pair in pairs}),
    sighash_type=st.none() | st.sampled_from([0, 1, 0x83]),
    redeem_script=SCRIPTS,
    witness_script=SCRIPTS,
    origins=st.dictionaries(PUBLIC, ORIGINS, max_size=2),
    preimages=PREIMAGES,
    key_path_signature=SCHNORR,
    script_path_signatures=st.dictionaries(st.tuples(XONLY, HASHES), st.binary(min_size=64, max_size=65), max_size=2),
    leaf_scripts=st.dictionaries(
        st.tuples(SCRIPTS, st.sampled_from([0xC0, 0xC2])),
        st.sampled_from([[bytes(33)], [bytes(33), b"\1" * 65]]).map(list),
        max_size=1,
    ),
    xonly_origins=LEAF_ORIGINS,
    internal_key=st.one_of(st.just(b""), XONLY),
    merkle_root=st.sampled_from([b"", b"\3" * 32]),
    musig_participants=PARTICIPANTS,
    musig_nonces=st.dictionaries(PLACES, st.binary(min_size=66, max_size=66), max_size=2),
    musig_signatures=st.dictionaries(PLACES, HASHES, max_size=2),
    proprietary=PROPRIETARY,
    unknown=UNKNOWN,
)
OUTPUTS = st.builds(
    PsbtOutput,
    st.integers(-1, 10**9),
    SCRIPTS,
    SCRIPTS,
    SCRIPTS,
    origins=st.dictionaries(PUBLIC, ORIGINS, max_size=2),
    internal_key=st.one_of(st.just(b""), XONLY),
    tree=st.sampled_from([(), ((0, 0xC0, b"\x51"),), ((1, 0xC0, b"\x51"), (1, 0xC2, b""))]),
    xonly_origins=LEAF_ORIGINS,
    musig_participants=PARTICIPANTS,
    proprietary=PROPRIETARY,
    unknown=UNKNOWN,
)


@settings(max_examples=60)
@given(
    st.builds(
        Psbt,
        st.just(2),
        st.integers(0, 2**32 - 1),
        st.none() | st.integers(0, 2**32 - 1),
        st.lists(INPUTS, max_size=2),
        st.lists(OUTPUTS, max_size=2),
        modifiable=st.none() | st.integers(0, 7),
        proprietary=PROPRIETARY,
        unknown=UNKNOWN,
    )
)
def test_every_field_survives(psbt: Psbt) -> None:
    assert parse_psbt(serialize_psbt(psbt)) == psbt
    merged = combine([psbt, psbt])
    assert merged == (psbt if psbt.unsigned() else None)
    call(decodepsbt, encode_psbt(psbt))


@settings(max_examples=60)
@given(st.sampled_from(VECTORS["valid"]), st.integers(0, 400), st.binary(max_size=2))
def test_damage_is_refused_or_harmless(text: str, place: int, damage: bytes) -> None:
    data = base64.b64decode(text)
    place %= len(data)
    try:
        psbt = parse_psbt(data[:place] + damage + data[place + 1 :])
    except PsbtError:
        return
    assert parse_psbt(serialize_psbt(psbt)) == psbt or psbt.inputs


def spend(descriptor: str, version: int) -> str:
    """Return a PSBT that spends an output of the descriptor and pays to it."""
    expansion = parse_descriptor(descriptor, REGTEST).descriptors[0].expand(0)
    assert expansion
    script = expansion.scripts[-1]
    previous = Transaction(2, (TxIn(OutPoint(b"\1" * 32, 0), b"", 0),), (TxOut(100_000, script),), 0)
    transaction = Transaction(2, (TxIn(OutPoint(previous.txid, 0), b"", 20),), (TxOut(90_000, script),), 0)
    psbt = Psbt.of(transaction, version)
    psbt.inputs[0].non_witness_utxo = previous
    return encode_psbt(psbt)


@pytest.mark.parametrize("version", [0, 2])
@pytest.mark.parametrize(
    ("descriptor", "signers"),
    [
        ("pkh({0})", [[0]]),
        ("sh(wpkh({0}))", [[0]]),
        ("sh(multi(2,{0},{1},{2}))", [[0], [2]]),
        ("wsh(sortedmulti(2,{0},{1},{2}))", [[1], [2]]),
        ("wsh(or_d(pk({0}),and_v(v:pkh({1}),older(10))))", [[1]]),
        ("tr({0})", [[0]]),
        ("tr({0},multi_a(2,{1},{2}))", [[1], [2]]),
    ],
)
def test_a_psbt_goes_from_hand_to_hand(descriptor: str, signers: list[list[int]], version: int) -> None:
    public = descriptor.format(*(pubkey.hex() for pubkey in PUBKEYS))
    text = call(utxoupdatepsbt, spend(public, version), [public])
    parts = []
    for hands in signers:
        names = [WIF[at] if at in hands else PUBKEYS[at].hex() for at in range(4)]
        part = call(descriptorprocesspsbt, text, [descriptor.format(*names)], None, True, False)
        assert part["complete"] is False
        parts.append(part["psbt"])
    merged = call(combinepsbt, parts)
    analysis = call(analyzepsbt, merged)
    assert analysis["next"] == "finalizer"
    assert analysis["fee"] == 0.0001
    final = call(finalizepsbt, merged)
    assert final["complete"] is True
    signed = Transaction.parse(bytes.fromhex(final["hex"]))
    finished = call(finalizepsbt, merged, False)["psbt"]
    assert call(analyzepsbt, finished)["next"] == "extractor"
    if "tr(" not in descriptor:  # Whose size nobody estimates once it is finished.
        assert abs(analysis["estimated_vsize"] - signed.vsize) <= 2


def test_analysis_tells_what_is_missing() -> None:
    public = f"wsh(multi(2,{PUBKEYS[0].hex()},{PUBKEYS[1].hex()}))"
    blank = spend(public, 2)
    (each,) = call(analyzepsbt, blank)["inputs"]
    assert list(each["missing"]) == ["witnessscript"]
    text = call(utxoupdatepsbt, blank, [public])
    (each,) = call(analyzepsbt, text)["inputs"]
    assert each["next"] == "signer"
    assert each["missing"] == {"signatures": [key_id(pubkey).hex() for pubkey in PUBKEYS[:2]]}


def test_a_sighash_that_does_not_match_is_an_error() -> None:
    private = f"wpkh({WIF[0]})"
    text = spend(f"wpkh({PUBKEYS[0].hex()})", 2)
    single = call(descriptorprocesspsbt, text, [private], "SINGLE", True, False)["psbt"]
    assert call(decodepsbt, single)["inputs"][0]["sighash"] == "SINGLE"
    error = (-22, "Specified sighash value does not match value stored in PSBT")
    assert fails(descriptorprocesspsbt, single, [private], "ALL") == error
    assert fails(descriptorprocesspsbt, text, [private], "X") == (-8, "'X' is not a valid sighash parameter.")


def test_psbts_are_made_converted_and_joined() -> None:
    inputs = [{"txid": "11" * 32, "vout": 1}]
    address = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"
    made = [
        call(createpsbt, [{"txid": f"{number:02}" * 32, "vout": 1}], [{address: 1}], 0, True, 2, 0)
        for number in (11, 22)
    ]
    assert call(decodepsbt, call(createpsbt, inputs, []))["psbt_version"] == 2
    assert fails(createpsbt, inputs, [], 0, True, 2, 1) == (-8, "The PSBT version can only be 2 or 0")
    joined = call(decodepsbt, call(joinpsbts, made))
    assert sorted(each["txid"] for each in joined["tx"]["vin"]) == ["11" * 32, "22" * 32]
    assert len(joined["outputs"]) == 2
    twice = f"Input {'11' * 32}:1 exists in multiple PSBTs"
    assert fails(joinpsbts, made[:1] * 2) == (-8, twice)
    assert fails(joinpsbts, made[:1]) == (-8, "At least two PSBTs are required to join PSBTs.")
    newer = call(createpsbt, inputs, [])
    assert fails(joinpsbts, [newer, newer]) == (-8, "joinpsbts only operates on version 0 PSBTs")
    assert fails(combinepsbt, []) == (-8, "Parameter 'txs' cannot be empty")
    assert fails(combinepsbt, made) == (-8, "PSBTs not compatible (different transactions)")
    signed = Transaction(2, (TxIn(OutPoint(b"\1" * 32, 0), b"\x51", 0),), (TxOut(1, b""),), 0).serialize().hex()
    assert fails(converttopsbt, signed) == (-22, "Inputs must not have scriptSigs and scriptWitnesses")
    assert call(decodepsbt, call(converttopsbt, signed, True, None, 0))["tx"]["vin"][0]["scriptSig"]["hex"] == ""
    assert fails(converttopsbt, "00") == (-22, "TX decode failed")


def test_contradicting_lock_times_make_no_transaction() -> None:
    each = PsbtInput(b"\1" * 32, 0, time_lock=500_000_001)
    other = PsbtInput(b"\1" * 32, 1, height_lock=7)
    psbt = Psbt(2, 2, None, [each, other], [])
    assert psbt.unsigned() is None
    assert call(analyzepsbt, encode_psbt(psbt)) == {
        "next": "creator",
        "error": "PSBT cannot be made into a valid transaction",
    }
    assert fails(utxoupdatepsbt, encode_psbt(psbt)) == (-25, "The transaction cannot be valid")
    each.height_lock = 9
    assert psbt.lock_time() == 9
