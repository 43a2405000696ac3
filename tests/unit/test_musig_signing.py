"""MuSig2: participants add nonces, then parts of a signature, to a PSBT, and use no nonce twice (BIP327, BIP373)."""

import copy

import pytest

from common.chains import REGTEST
from primitives.bip32 import ExtendedKey, encode_private, encode_public
from primitives.descriptor_parsing import parse_descriptor
from primitives.musig import NonceStore, make_nonce, session_id, sign_part
from primitives.psbt import Psbt, PsbtInput, PsbtOutput
from primitives.psbt_signing import PsbtSigner, SigningError
from primitives.script_check import ScriptChecker
from primitives.signing_data import SigningData
from primitives.transaction import TxOut
from wallet.database import WalletDatabase
from wallet.descriptor_keys import DescriptorKeys
from wallet.descriptor_setup import import_descriptor

MASTERS = [ExtendedKey.from_seed(bytes((number,)) * 32) for number in range(1, 4)]
SHAPES = [
    "tr(musig({0},{1},{2})/0/*)",
    "tr(musig({0}/1/*,{1}/2/*,{2}/3/*))",
    "rawtr(musig({0},{1},{2})/*)",
    "tr(50929b74c1a04954b78b4b6035e97a5e078a5a0f28ec96d547bfee9ace803ac0,pk(musig({0},{1},{2})/5/*))",
]


def participant(shape: str, number: int) -> DescriptorKeys:
    """Return the descriptor with the private key of one participant."""
    texts = [encode_private(key, REGTEST) if number == at else encode_public(key.neuter(), REGTEST)
             for at, key in enumerate(MASTERS)]  # fmt: skip
    parsed = parse_descriptor(shape.format(*texts), REGTEST)
    return import_descriptor(
        WalletDatabase(None, REGTEST), REGTEST, 3, parsed.descriptors[0], 0, (0, 3), 0, parsed.data.keys.values(), None
    )


def unsigned(script: bytes) -> Psbt:
    each = PsbtInput(bytes(range(32)), 0, witness_utxo=TxOut(10_000, script))
    return Psbt(2, 2, 0, [each], [PsbtOutput(9_000, b"\x51")])


def process(psbt: Psbt, data: SigningData | None) -> tuple[Psbt, bool]:
    """Return a copy that was signed as far as possible, and whether it is complete."""
    assert data is not None
    given = copy.deepcopy(psbt)
    transaction = given.unsigned()
    assert transaction is not None
    with ScriptChecker(transaction, [psbt.inputs[0].witness_utxo or TxOut(0, b"")]) as checker:
        error, _ = PsbtSigner(given, transaction, checker).sign(0, data)
    assert error in {None, SigningError.INCOMPLETE}
    return given, error is None


def combine(psbts: list[Psbt]) -> Psbt:
    result = copy.deepcopy(psbts[0])
    for each in psbts[1:]:
        result.inputs[0].merge(each.inputs[0])
    return result


@pytest.mark.parametrize("shape", SHAPES)
def test_all_participants_sign_in_two_rounds(shape: str) -> None:
    wallets = [participant(shape, number) for number in range(3)]
    script = list(wallets[0].scripts())[1]
    assert all(script in wallet.scripts() for wallet in wallets)
    start = unsigned(script)
    first = [process(start, wallet.signing_data(script)) for wallet in wallets]
    assert [(len(psbt.inputs[0].musig_nonces), done) for psbt, done in first] == [(1, False)] * 3
    nonces = combine([psbt for psbt, _ in first])
    second = [process(nonces, wallet.signing_data(script)) for wallet in wallets]
    assert [(len(psbt.inputs[0].musig_signatures), done) for psbt, done in second] == [(1, False)] * 3
    result, done = process(combine([psbt for psbt, _ in second]), SigningData())
    assert done
    assert result.inputs[0].final_witness


def test_a_nonce_signs_once() -> None:
    wallets = [participant(SHAPES[0], number) for number in range(3)]
    script = next(iter(wallets[0].scripts()))
    start = unsigned(script)
    rounds = [combine([process(start, each.signing_data(script))[0] for each in wallets]) for _ in range(2)]
    assert rounds[0].inputs[0].musig_nonces.keys() == rounds[1].inputs[0].musig_nonces.keys()
    assert not set(rounds[0].inputs[0].musig_nonces.values()) & set(rounds[1].inputs[0].musig_nonces.values())
    for given in rounds:
        signed, _ = process(given, wallets[0].signing_data(script))
        again, _ = process(given, wallets[0].signing_data(script))
        assert (len(signed.inputs[0].musig_signatures), len(again.inputs[0].musig_signatures)) == (1, 0)
    # Another wallet of the same keys, say after a restart, has none of the nonces.
    other, _ = process(rounds[0], participant(SHAPES[0], 1).signing_data(script))
    assert not other.inputs[0].musig_signatures


def test_nobody_signs_before_all_nonces_are_there() -> None:
    wallets = [participant(SHAPES[0], number) for number in range(3)]
    script = next(iter(wallets[0].scripts()))
    start = unsigned(script)
    some = combine([process(start, each.signing_data(script))[0] for each in wallets[:2]])
    given, done = process(some, wallets[0].signing_data(script))
    assert (len(given.inputs[0].musig_nonces), given.inputs[0].musig_signatures, done) == (2, {}, False)


def test_nobody_takes_part_without_a_place_for_nonces() -> None:
    wallet = participant(SHAPES[0], 0)
    script = next(iter(wallet.scripts()))
    data = wallet.signing_data(script)
    assert data is not None
    data.nonces = None
    given, _ = process(unsigned(script), data)
    assert not given.inputs[0].musig_nonces


def test_a_store_gives_each_nonce_out_once_and_drops_the_oldest() -> None:
    keys = [key.private_key() for key in MASTERS]
    pubkeys = sorted(key.public_key() for key in keys if key)
    key = keys[0]
    assert key is not None
    store = NonceStore(size=2)
    sessions = []
    for _ in range(3):
        made = make_nonce(key, pubkeys, bytes(32))
        assert made is not None
        sessions.append(session_id(pubkeys[0], key.public_key(), bytes(32), made[1]))
        store.put(sessions[-1], made[0])
    assert store.take(sessions[0]) is None
    nonce = store.take(sessions[1])
    assert nonce is not None
    assert store.take(sessions[1]) is None
    assert nonce.take() is not None
    assert nonce.take() is None
    assert sign_part(key, nonce, pubkeys, [], bytes(32), {}) is None
