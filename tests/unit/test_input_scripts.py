"""Scripts checked for the mempool: by policy, by consensus, and remembered by the kernel."""

import threading
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from chain_recorder import open_chain

from node import kernel_symbols
from node.chainstate import Chainstate
from node.coin import Coin
from node.input_scripts import InputScripts
from node.kernel import KernelError
from node.policy.reject import Rejection, TxResult
from node.use_gate import ClosedError
from primitives.hashes import hash160, sha256
from primitives.script import pubkey_hash_script, push_data, script_hash_script
from primitives.secp256k1 import public_key, sign_ecdsa, sign_schnorr
from primitives.sighash import Sighashes
from primitives.transaction import OutPoint, Transaction, TxIn, TxOut

SECRET = bytes([7]) * 32
PUBLIC = public_key(SECRET)
P2PKH = pubkey_hash_script(hash160(PUBLIC))
P2WPKH = b"\x00\x14" + hash160(PUBLIC)
P2SH_P2WPKH = script_hash_script(hash160(P2WPKH))
P2TR = b"\x51\x20" + PUBLIC[1:]
P2WSH = b"\x00\x20" + sha256(b"\x51")
FAILED = "mempool-script-verify-flag-failed"
VALUE = 100_000
NUMBERS = count()


def coin(script: bytes, value: int = VALUE) -> Coin:
    return Coin(value, script, 1, is_coinbase=False)


def spend(*scripts: bytes) -> Transaction:
    """Return a transaction that spends one output of each kind, unsigned, and that the kernel cannot remember."""
    txid = sha256(b"%d" % next(NUMBERS))
    inputs = tuple(TxIn(OutPoint(txid, number), b"", 0) for number in range(len(scripts)))
    return Transaction(2, inputs, (TxOut(VALUE, P2WPKH),), 0)


def sign(*scripts: bytes) -> Transaction:
    """Return a transaction that spends one output of each kind."""
    unsigned = spend(*scripts)
    digests = Sighashes(unsigned, [TxOut(VALUE, script) for script in scripts])
    inputs = []
    for index, (each, script) in enumerate(zip(unsigned.inputs, scripts, strict=True)):
        signed = each._replace(script_sig=push_data(P2WPKH) if script == P2SH_P2WPKH else b"")
        if script == P2TR:
            digest = digests.taproot(index, 0)
            assert digest is not None
            signed = signed._replace(witness=(sign_schnorr(SECRET, digest),))
        elif script == P2PKH:
            signature = sign_ecdsa(SECRET, digests.legacy(index, P2PKH, 1)) + b"\x01"
            signed = signed._replace(script_sig=push_data(signature) + push_data(PUBLIC))
        elif script in {P2WPKH, P2SH_P2WPKH}:
            signature = sign_ecdsa(SECRET, digests.segwit_v0(index, P2PKH, VALUE, 1)) + b"\x01"
            signed = signed._replace(witness=(signature, PUBLIC))
        elif script == P2WSH:
            signed = signed._replace(witness=(b"\x51",))
        inputs.append(signed)
    return Transaction(2, tuple(inputs), unsigned.outputs, 0)


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chainstate]:
    chain = open_chain(tmp_path_factory.mktemp("chain"))
    yield chain
    chain.close()


@pytest.fixture
def scripts(chain: Chainstate) -> InputScripts:
    return InputScripts(chain)


def plain(chain: Chainstate, monkeypatch: pytest.MonkeyPatch) -> InputScripts:
    """Return a checker that the pinned build does not help."""
    with monkeypatch.context() as patch:
        patch.setattr(kernel_symbols, "is_pinned_build", lambda: False)
        return InputScripts(chain)


KINDS = [(P2PKH,), (P2WPKH,), (P2SH_P2WPKH,), (P2TR,), (P2PKH, P2WPKH, P2SH_P2WPKH, P2TR, P2WSH)]


@pytest.mark.parametrize("kinds", KINDS)
def test_good_signatures_pass(
    chain: Chainstate, scripts: InputScripts, kinds: tuple[bytes, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    tx = sign(*kinds)
    coins = [coin(kind) for kind in kinds]
    assert scripts.check(tx, coins, consensus=False) is None
    assert scripts.check(tx, coins) is None
    assert plain(chain, monkeypatch).check(tx, coins) is None


def where(tx: Transaction, index: int) -> str:
    """Return what Core's debug text says of an input."""
    txid, number = tx.inputs[index].prevout
    ids = f"{tx.txid[::-1].hex()} (wtxid {tx.wtxid[::-1].hex()})"
    return f"input {index} of {ids}, spending {txid[::-1].hex()}:{number}"


@pytest.mark.parametrize(
    ("kind", "why"),
    [
        (P2WPKH, "Signature must be zero for failed CHECK(MULTI)SIG operation"),
        (P2PKH, "Signature must be zero for failed CHECK(MULTI)SIG operation"),
        (P2TR, "Invalid Schnorr signature"),
    ],
)
def test_a_signature_for_something_else_fails_with_the_input_it_is_in(
    scripts: InputScripts, kind: bytes, why: str
) -> None:
    tx = sign(P2WSH, kind)
    changed = Transaction(tx.version, tx.inputs, (TxOut(VALUE - 1, P2WPKH),), 0)
    coins = [coin(P2WSH), coin(kind)]
    expected = Rejection(TxResult.NOT_STANDARD, f"{FAILED} ({why})", where(changed, 1))
    assert scripts.check(changed, coins) == expected
    assert expected.text == f"{FAILED} ({why}), {where(changed, 1)}"


def test_the_value_that_is_spent_is_signed(scripts: InputScripts) -> None:
    tx = sign(P2WPKH)
    assert scripts.check(tx, [coin(P2WPKH, VALUE + 1)]) is not None
    assert scripts.check(tx, [coin(P2WPKH)]) is None


def test_a_missing_witness_is_told_from_a_wrong_one(scripts: InputScripts) -> None:
    tx = spend(P2WPKH)
    text = f"{FAILED} (Witness program hash mismatch)"
    assert scripts.check(tx, [coin(P2WPKH)]) == Rejection(TxResult.WITNESS_STRIPPED, text, where(tx, 0))
    wrong = Transaction(2, (tx.inputs[0]._replace(witness=(b"", b"")),), tx.outputs, 0)
    text = f"{FAILED} (Script failed an OP_EQUALVERIFY operation)"
    assert scripts.check(wrong, [coin(P2WPKH)]) == Rejection(TxResult.NOT_STANDARD, text, where(wrong, 0))


def test_policy_refuses_what_consensus_allows(
    chain: Chainstate, scripts: InputScripts, monkeypatch: pytest.MonkeyPatch
) -> None:
    upgradable_nop, tx = b"\x51\xb9", spend(b"")
    rejection = scripts.check(tx, [coin(upgradable_nop)])
    assert rejection is not None
    assert rejection.kind is TxResult.NOT_STANDARD
    assert rejection.reason == f"{FAILED} (NOPx reserved for soft-fork upgrades)"
    assert scripts.check(tx, [coin(upgradable_nop)], policy=False) is None
    assert plain(chain, monkeypatch).check(tx, [coin(upgradable_nop)]) is None


def test_consensus_alone_says_so(scripts: InputScripts) -> None:
    tx = spend(P2WSH)
    assert scripts.check(tx, [coin(P2WSH)], policy=False) == Rejection(
        TxResult.CONSENSUS,
        "block-script-verify-flag-failed (Witness program was passed an empty witness)",
        where(tx, 0),
    )


def test_another_build_only_knows_that_a_script_fails(chain: Chainstate, monkeypatch: pytest.MonkeyPatch) -> None:
    scripts = plain(chain, monkeypatch)
    tx = sign(P2WSH, P2WPKH)
    coins = [coin(P2WSH), coin(P2WPKH, VALUE + 1)]
    assert scripts.check(tx, coins) == Rejection(TxResult.NOT_STANDARD, f"{FAILED} (unknown error)", where(tx, 1))
    bare = spend(P2WPKH)
    stripped = scripts.check(bare, [coin(P2WPKH)])
    assert stripped is not None
    assert stripped.kind is TxResult.WITNESS_STRIPPED


def test_the_kernel_remembers_transactions_whose_scripts_hold(scripts: InputScripts) -> None:
    tx = spend(b"")
    good, bad = [coin(b"\x51\x51\x51")], [coin(b"\x00")]
    assert scripts.check(tx, bad, policy=False) is not None
    assert scripts.check(tx, good, policy=False) is None
    # Ids stand for what is spent, so nobody looks at it again.
    assert scripts.check(tx, bad, policy=False) is None


def test_the_kernel_remembers_signatures_and_lets_others_run_meanwhile(scripts: InputScripts) -> None:
    kinds = [P2WPKH, P2TR] * 500
    tx, coins = sign(*kinds), [coin(kind) for kind in kinds]
    times: list[float] = []
    went_on: list[float] = []

    def check() -> None:
        for _ in range(4):
            start = time.perf_counter()
            assert scripts.check(tx, coins, consensus=False) is None
            times.append(time.perf_counter() - start)

    thread = threading.Thread(target=check)
    thread.start()
    while thread.is_alive():
        went_on.append(time.perf_counter())
        time.sleep(0.0005)
    thread.join()
    assert min(times[1:]) < times[0] / 2
    assert len(went_on) > 10


def test_what_does_not_fit_together_is_refused(scripts: InputScripts) -> None:
    with pytest.raises(ValueError, match="1 coins for 2 inputs"):
        scripts.check(spend(b"", b""), [coin(b"")])
    with pytest.raises(ValueError, match="0 coins for 0 inputs"):
        scripts.check(Transaction(2, (), (), 0), [])
    with pytest.raises(KernelError, match="The kernel reads no transaction"):
        scripts.check(Transaction(2, (TxIn(OutPoint(bytes(32), 0), bytes((1 << 25) + 1), 0),), (), 0), [coin(b"")])


def test_a_closed_chain_checks_nothing(tmp_path: Path) -> None:
    chain = open_chain(tmp_path)
    scripts = InputScripts(chain)
    chain.close()
    with pytest.raises(ClosedError):
        scripts.check(sign(P2WPKH), [coin(P2WPKH)])
