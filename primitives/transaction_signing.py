"""Signing and merging whole transactions (Core: SignTransaction in src/script/sign.cpp)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from primitives import sighash
from primitives.script_check import NULLFAIL_TEXT, STACK_TEXT, ScriptChecker
from primitives.sighash import Sighashes
from primitives.signatures import InputSigner
from primitives.signing import InputSolution, produce_signature, solution_of_input
from primitives.signing_data import SigningData
from primitives.transaction import MAX_MONEY, Transaction

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from primitives.transaction import OutPoint, TxIn, TxOut

NOT_FOUND: Final = "Input not found or already spent"
MISSING_AMOUNT: Final = "Missing amount"
_TEXTS: Final = {
    STACK_TEXT: "Unable to sign input, invalid stack size (possibly missing key)",
    NULLFAIL_TEXT: "CHECK(MULTI)SIG failing with non-zero signature (possibly need more signatures)",
}


def sign_transaction(
    transaction: Transaction, known: SigningData, coins: Mapping[OutPoint, TxOut], hash_type: int
) -> tuple[Transaction, dict[int, str]]:
    """Sign the inputs whose coins and keys are known; return the result and what is wrong with which input.

    A coin whose value nobody knows has MAX_MONEY.
    """
    spent = [coins[each.prevout] for each in transaction.inputs if each.prevout in coins]
    all_spent = spent if len(spent) == len(transaction.inputs) else None
    sighashes = Sighashes(transaction, all_spent)
    inputs = list(transaction.inputs)
    errors: dict[int, str] = {}
    single = hash_type & ~sighash.ANYONECANPAY == sighash.SINGLE
    with ScriptChecker(transaction, all_spent) as checker:
        for index, each in enumerate(transaction.inputs):
            coin = coins.get(each.prevout)
            if coin is None:
                errors[index] = NOT_FOUND
                continue
            signer = InputSigner(transaction, sighashes, index, coin.value, hash_type)
            verify = _verifier(checker, index, coin)
            solution = solution_of_input(each.script_sig, each.witness, coin.script_pubkey, signer, verify)
            if not single or index < len(transaction.outputs):
                produce_signature(known, signer, coin.script_pubkey, solution, verify)
            inputs[index] = signed = _signed(each, solution)
            if coin.value == MAX_MONEY and signed.witness:
                errors[index] = MISSING_AMOUNT
            elif not solution.complete:
                error = checker.error(index, coin, signed.script_sig, signed.witness)
                if error is not None:
                    errors[index] = _TEXTS.get(error, error)
    return Transaction(transaction.version, tuple(inputs), transaction.outputs, transaction.lock_time), errors


def merge_transactions(variants: Sequence[Transaction], coins: Mapping[OutPoint, TxOut]) -> Transaction:
    """Merge the signatures of transactions that differ in nothing else; all coins must be known."""
    first = variants[0]
    spent = [coins[each.prevout] for each in first.inputs]
    sighashes = Sighashes(first, spent)
    inputs = []
    with ScriptChecker(first, spent) as checker:
        for index, (each, coin) in enumerate(zip(first.inputs, spent, strict=True)):
            signer = InputSigner(first, sighashes, index, coin.value, sighash.ALL)
            verify = _verifier(checker, index, coin)
            merged = InputSolution()
            for variant in variants:
                given = variant.inputs[index]
                found = solution_of_input(given.script_sig, given.witness, coin.script_pubkey, signer, verify)
                merged = merged.merge(found)
            produce_signature(SigningData(), signer, coin.script_pubkey, merged, verify)
            inputs.append(_signed(each, merged))
    return Transaction(first.version, tuple(inputs), first.outputs, first.lock_time)


def _verifier(checker: ScriptChecker, index: int, coin: TxOut) -> Callable[[bytes, Sequence[bytes]], bool]:
    return lambda script_sig, witness: checker.error(index, coin, script_sig, witness) is None


def _signed(each: TxIn, solution: InputSolution) -> TxIn:
    return each._replace(script_sig=solution.script_sig, witness=solution.witness)
