"""Sighashes, signatures and whole inputs: the vectors of BIP143 and BIP341, and what Core's own VerifyScript says."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.chains import REGTEST
from node.rpc.signing import combinerawtransaction, signrawtransactionwithkey
from primitives.descriptor_parsing import parse_descriptor
from primitives.hashes import hash160, sha256
from primitives.keys import PrivateKey, encode_wif
from primitives.script import multisig_script, pubkey_hash_script, pubkey_script, script_hash_script, witness_script
from primitives.script_check import ScriptChecker
from primitives.sighash import ALL, ANYONECANPAY, DEFAULT, NONE, SINGLE, Sighashes, without_code_separators
from primitives.signing_data import SigningData
from primitives.taproot import Leaf, TapTree, depths_are_complete, infer_tree
from primitives.transaction import OutPoint, Transaction, TxIn, TxOut
from primitives.transaction_signing import merge_transactions, sign_transaction
from rpc.errors import RpcError

KEYS = [PrivateKey(sha256(bytes((number,)))) for number in range(3)]
PUBKEYS = [key.public_key() for key in KEYS]
HEX = [pubkey.hex() for pubkey in PUBKEYS]
CONTEXT = cast("Any", SimpleNamespace(node=SimpleNamespace(chain=REGTEST, indexes=None, mempool=None)))


def spending(*outputs: TxOut, sequence: int = 20, lock_time: int = 150) -> tuple[Transaction, dict[OutPoint, TxOut]]:
    coins = {OutPoint(bytes((number + 1,)) * 32, number): output for number, output in enumerate(outputs)}
    inputs = tuple(TxIn(outpoint, b"", sequence) for outpoint in coins)
    made = (TxOut(1000, witness_script(0, bytes(20))), TxOut(2000, b"\x51"))
    return Transaction(2, inputs, made, lock_time), coins


def knowing(*keys: PrivateKey, scripts: tuple[bytes, ...] = ()) -> SigningData:
    known = SigningData()
    for key in keys:
        known.add_key(key)
    for script in scripts:
        known.add_script(script)
    return known


def test_segwit_v0_is_signed_as_bip143_says() -> None:
    # BIP143, native P2WPKH.
    transaction = Transaction.parse(
        bytes.fromhex(
            "0100000002fff7f7881a8099afa6940d42d1e7f6362bec38171ea3edf433541db4e4ad969f0000000000eeffffffef51e1b804cc89"
            "d182d279655c3aa89e815b1b309fe287d9b2b55d57b90ec68a0100000000ffffffff02202cb206000000001976a9148280b37df378"
            "db99f66f85c95a783a76ac7a6d5988ac9093510d000000001976a9143bde42dbee7e4dbe6a21b2d50ce2f0167faa815988ac110000"
            "00"
        )
    )
    digest = Sighashes(transaction).segwit_v0(
        1, bytes.fromhex("76a9141d0f172a0ecb48aee1be1f2687d2963ae33f71a188ac"), 600000000, ALL
    )
    assert digest.hex() == "c37af31116d1b27caf68aae9e3ac82f1477929014d5b917657d0eb49478cb670"


def test_a_missing_output_of_single_signs_the_number_one() -> None:
    transaction, _ = spending(*[TxOut(1, b"\x51")] * 3)
    assert Sighashes(transaction).legacy(2, b"\x51", SINGLE).hex() == "01" + "00" * 31
    assert Sighashes(transaction, [TxOut(1, b"")] * 3).taproot(2, SINGLE) is None


def test_code_separators_are_not_signed_but_data_like_them_is() -> None:
    assert without_code_separators(bytes.fromhex("ab51ab02abab")).hex() == "5102abab"
    assert without_code_separators(bytes.fromhex("51ab4c")).hex() == "514c"  # A broken push stays.


@pytest.mark.parametrize("hash_type", [kind | more for kind in (ALL, NONE, SINGLE) for more in (0, ANYONECANPAY)])
def test_every_kind_of_output_is_signed_so_that_core_takes_it(hash_type: int) -> None:
    two_of_three = multisig_script(2, PUBKEYS)
    wrapped = witness_script(0, hash160(PUBKEYS[0]))
    witness_multisig = witness_script(0, sha256(two_of_three))
    outputs = [
        pubkey_script(PUBKEYS[0]),
        pubkey_hash_script(hash160(PUBKEYS[0])),
        two_of_three,
        script_hash_script(hash160(two_of_three)),
        wrapped,
        script_hash_script(hash160(wrapped)),
        witness_multisig,
        script_hash_script(hash160(witness_multisig)),
        witness_script(1, PUBKEYS[0][1:]),
    ]
    # With SINGLE each input needs an output of its own.
    transaction, coins = spending(*(TxOut(5000 + at, script) for at, script in enumerate(outputs)))
    transaction = Transaction(2, transaction.inputs, tuple(coins.values()), 0)
    known = knowing(*KEYS[:2], scripts=(two_of_three, wrapped, witness_multisig))
    signed, errors = sign_transaction(transaction, known, coins, hash_type)
    assert not errors
    with ScriptChecker(signed, list(coins.values())) as checker:
        for index, (each, coin) in enumerate(zip(signed.inputs, coins.values(), strict=True)):
            assert checker.error(index, coin, each.script_sig, each.witness) is None


def test_taproot_is_spent_by_key_and_by_the_smallest_script() -> None:
    text = f"tr({HEX[0]},{{pk({HEX[1]}),{{multi_a(2,{HEX[1]},{HEX[2]}),and_v(v:pk({HEX[2]}),older(10))}}}})"
    expansion = parse_descriptor(text, REGTEST).descriptors[0].expand(0)
    assert expansion
    transaction, coins = spending(TxOut(9000, expansion.scripts[0]))
    sizes = []
    for keys in (KEYS, KEYS[1:], KEYS[2:]):
        known = knowing(*keys)
        known.merge(expansion.data)
        signed, errors = sign_transaction(transaction, known, coins, DEFAULT)
        assert not errors
        sizes.append([len(item) for item in signed.inputs[0].witness])
    assert sizes[0] == [64]
    assert sizes[1] == [64, 34, 65]
    assert sizes[2] == [64, 36, 97]


@pytest.mark.parametrize(
    ("text", "keys", "elements"),
    [
        ("or_d(pk({0}),and_v(v:pkh({1}),older(10)))", [0], 1),
        ("or_d(pk({0}),and_v(v:pkh({1}),older(10)))", [1], 3),
        ("or_d(pk({0}),and_v(v:pkh({1}),older(21)))", [1], None),  # The input is only 20 old.
        ("thresh(2,pk({0}),s:pk({1}),sln:after(100))", [1], 3),
        ("andor(pk({0}),pk({1}),pk({2}))", [2], 2),
        ("and_v(or_c(pk({0}),v:after(150)),pk({1}))", [1], 2),
        ("and_v(or_c(pk({0}),v:after(151)),pk({1}))", [1], None),
    ],
)
def test_miniscripts_are_satisfied_by_what_there_is(text: str, keys: list[int], elements: int | None) -> None:
    (descriptor,) = parse_descriptor(f"wsh({text.format(*HEX)})", REGTEST).descriptors
    expansion = descriptor.expand(0)
    assert expansion
    transaction, coins = spending(TxOut(9000, expansion.scripts[0]))
    known = knowing(*(KEYS[at] for at in keys))
    known.merge(expansion.data)
    signed, errors = sign_transaction(transaction, known, coins, ALL)
    assert bool(errors) == (elements is None)
    if elements is not None:
        assert len(signed.inputs[0].witness) == elements + 1


def test_signatures_of_several_come_together() -> None:
    script = multisig_script(2, PUBKEYS)
    witness = witness_script(0, sha256(script))
    transaction, coins = spending(TxOut(7, script_hash_script(hash160(script))), TxOut(8, witness))
    parts = [sign_transaction(transaction, knowing(key, scripts=(script,)), coins, ALL)[0] for key in KEYS[::2]]
    merged = merge_transactions(parts, coins)
    with ScriptChecker(merged, list(coins.values())) as checker:
        for index, (each, coin) in enumerate(zip(merged.inputs, coins.values(), strict=True)):
            assert checker.error(index, coin, each.script_sig, each.witness) is None
    second, errors = sign_transaction(parts[0], knowing(KEYS[2], scripts=(script,)), coins, ALL)
    assert not errors
    assert second == merged


def test_what_cannot_be_signed_is_told_in_core_s_words() -> None:
    script = multisig_script(2, PUBKEYS)
    outputs = [
        pubkey_hash_script(hash160(PUBKEYS[0])),
        witness_script(0, hash160(PUBKEYS[0])),
        witness_script(0, sha256(script)),
        b"\x6a",
    ]
    transaction, coins = spending(*(TxOut(5, output) for output in outputs), TxOut(1, b""))
    del coins[transaction.inputs[4].prevout]
    errors = sign_transaction(transaction, knowing(KEYS[1], scripts=(script,)), coins, ALL)[1]
    assert errors == {
        0: "Unable to sign input, invalid stack size (possibly missing key)",
        1: "Witness program hash mismatch",
        2: "CHECK(MULTI)SIG failing with non-zero signature (possibly need more signatures)",
        3: "OP_RETURN was encountered",
        4: "Input not found or already spent",
    }


def test_the_rpc_signs_and_merges() -> None:
    transaction, coins = spending(TxOut(100_000_000, witness_script(0, hash160(PUBKEYS[0]))))
    ((outpoint, coin),) = coins.items()
    previous = {"txid": outpoint.txid[::-1].hex(), "vout": outpoint.index, "scriptPubKey": coin.script_pubkey.hex()}
    params = [transaction.serialize().hex(), [encode_wif(KEYS[0], REGTEST)], [previous | {"amount": "1"}]]
    result = signrawtransactionwithkey(CONTEXT, *signrawtransactionwithkey.read(params))
    assert result["complete"] is True
    assert signrawtransactionwithkey.mismatch(result) is None
    params[2] = [previous]
    for arguments, code, text in (
        (params, -3, "Missing amount for CTxOut(nValue=21000000.00000000, scriptPubKey="),
        (["00", [], None], -22, "TX decode failed. Make sure the tx has at least one input."),
        ([params[0], ["x"], None], -5, "Invalid private key"),
        ([params[0], [], None, "ALL|x"], -8, "'ALL|x' is not a valid sighash parameter."),
        ([params[0], [], [previous | {"vout": -1}]], -22, "vout cannot be negative"),
    ):
        with pytest.raises(RpcError) as caught:
            signrawtransactionwithkey(CONTEXT, *signrawtransactionwithkey.read(arguments))
        assert (caught.value.code, caught.value.message[: len(text)]) == (code, text)
    with pytest.raises(RpcError, match="At least two transactions required"):
        combinerawtransaction(CONTEXT, [])
    with pytest.raises(RpcError, match="Transaction number 2 not compatible with first transaction"):
        combinerawtransaction(CONTEXT, [params[0], Transaction(1, transaction.inputs, (), 0).serialize().hex()])


TREES = st.recursive(st.binary(min_size=1, max_size=8), lambda inner: st.tuples(inner, inner), max_leaves=12)


def leaves(tree: object, depth: int = 0) -> list[Leaf]:
    if isinstance(tree, bytes):
        return [Leaf(depth, tree)]
    return [leaf for part in cast("tuple[object, object]", tree) for leaf in leaves(part, depth + 1)]


@settings(max_examples=50)
@given(TREES)
def test_a_taproot_tree_comes_back_from_its_control_blocks(tree: object) -> None:
    made = TapTree(PUBKEYS[0][1:], tuple(leaves(tree)))
    assert depths_are_complete(leaf.depth for leaf in made.leaves)
    found = infer_tree(made.spend_data(), made.output_key())
    assert found is not None
    assert sorted(found) == sorted(made.leaves)
    assert TapTree(made.internal_key, found).output_key() == made.output_key()


def test_incomplete_depths_make_no_tree() -> None:
    for depths in ([1], [1, 2], [2, 1], [1, 1, 1], [0, 0], [129]):
        assert not depths_are_complete(depths)
    for complete in ([], [0], [1, 1], [1, 2, 2], [2, 2, 1], [2, 2, 2, 2]):
        assert depths_are_complete(complete)
