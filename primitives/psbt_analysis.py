"""What a PSBT still lacks, who is next, and what it will cost (Core: src/node/psbt.cpp)."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING, Final

from primitives.psbt_signing import PsbtSigner
from primitives.script import is_unspendable
from primitives.signing_data import SigningData
from primitives.sigops import sigop_cost
from primitives.transaction import MAX_MONEY

if TYPE_CHECKING:
    from primitives.psbt import Psbt
    from primitives.psbt_signing import Checker
    from primitives.signing import InputSolution
    from primitives.transaction import Transaction, TxOut

BYTES_PER_SIGOP: Final = 20
_WEIGHT_PER_BYTE: Final = 4


class Role(IntEnum):
    """Who works on a PSBT, in this order (BIP174)."""

    CREATOR = 0
    UPDATER = 1
    SIGNER = 2
    FINALIZER = 3
    EXTRACTOR = 4


@dataclass(slots=True)
class InputAnalysis:
    """The state of one input."""

    has_utxo: bool = True
    is_final: bool = False
    next: Role = Role.EXTRACTOR
    missing: InputSolution | None = None
    """What was found and what is missing, where something is."""


@dataclass(slots=True)
class Analysis:
    """The state of a PSBT; with an `error` there is nothing else."""

    inputs: list[InputAnalysis] = field(default_factory=list)
    next: Role = Role.CREATOR
    vsize: int | None = None
    fee_rate: int | None = None
    """Satoshis for a thousand virtual bytes."""
    fee: int | None = None
    error: str = ""


def analyze(psbt: Psbt, transaction: Transaction, checker: Checker) -> Analysis:
    """Tell the state of a PSBT of this transaction. The PSBT is not kept: give a copy."""
    analysis = Analysis()
    signer = PsbtSigner(psbt, transaction, checker)
    total = 0
    for index, each in enumerate(psbt.inputs):
        utxo = each.utxo()
        if utxo is not None:
            if not 0 <= utxo.value <= MAX_MONEY or total + utxo.value > MAX_MONEY:
                return Analysis(error=f"PSBT is not valid. Input {index} has invalid value")
            total += utxo.value
            if is_unspendable(utxo.script_pubkey):
                return Analysis(error=f"PSBT is not valid. Input {index} spends unspendable output")
        analysis.inputs.append(_analyze_input(signer, index, has_utxo=utxo is not None))
    analysis.next = min((each.next for each in analysis.inputs), default=Role.EXTRACTOR)
    if all(each.has_utxo for each in analysis.inputs):
        paid = 0
        for output in psbt.outputs:
            paid += output.amount
            if not 0 <= output.amount <= MAX_MONEY or paid > MAX_MONEY:
                return Analysis(error="PSBT is not valid. Output amount invalid")
        analysis.fee = total - paid
        analysis.vsize = _estimate_size(signer)
        if analysis.vsize is not None:
            analysis.fee_rate = analysis.fee * 1000 // analysis.vsize
    return analysis


def _analyze_input(signer: PsbtSigner, index: int, *, has_utxo: bool) -> InputAnalysis:
    if signer.is_verified(index):
        return InputAnalysis(is_final=True)
    error, solution = signer.sign(index, SigningData())
    if error is None:
        return InputAnalysis(next=Role.FINALIZER)
    lacks_more = solution.missing_pubkeys or solution.missing_redeem_script or solution.missing_witness_script
    only_signatures = solution.missing_signatures and not lacks_more
    return InputAnalysis(has_utxo, next=Role.SIGNER if only_signatures else Role.UPDATER, missing=solution)


def _estimate_size(signer: PsbtSigner) -> int | None:
    """Return the virtual size with dummies for what is not signed, None if an input cannot be solved."""
    spent: list[TxOut] = []
    for index, each in enumerate(signer.psbt.inputs):
        error, _ = signer.sign(index, SigningData(), dummy=True)
        utxo = each.utxo()
        if error is not None or utxo is None:
            return None
        spent.append(utxo)
    transaction = signer.extract()
    weight = max(transaction.weight, sigop_cost(transaction, spent) * BYTES_PER_SIGOP)
    return (weight + _WEIGHT_PER_BYTE - 1) // _WEIGHT_PER_BYTE
