"""Signing, updating and finalizing PSBTs (BIP174's roles; Core: src/psbt.cpp)."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final, Protocol

from primitives import sighash
from primitives.hashes import hash160, ripemd160, sha256, sha256d
from primitives.miniscript_types import Fragment
from primitives.script import witness_program
from primitives.secp256k1 import parse_xonly
from primitives.sighash import Sighashes
from primitives.signatures import DummySigner, InputSigner
from primitives.signing import InputSolution, produce_signature
from primitives.signing_data import SigningData
from primitives.taproot import Leaf, TapTree
from primitives.transaction import OutPoint, Transaction, TxIn

if TYPE_CHECKING:
    from collections.abc import Sequence

    from primitives.psbt import Psbt, PsbtInput, PsbtOutput
    from primitives.signatures import Signer
    from primitives.transaction import TxOut


_HASHES: Final = {
    Fragment.RIPEMD160: ripemd160,
    Fragment.SHA256: sha256,
    Fragment.HASH160: hash160,
    Fragment.HASH256: sha256d,
}


class Checker(Protocol):
    """What checks an input by the rules of policy."""

    def error(self, index: int, output: TxOut, script_sig: bytes, witness: Sequence[bytes], /) -> str | None:
        """Return why an input cannot spend an output with this script and witness, None if it can."""


class SigningError(StrEnum):
    """Why an input of a PSBT is not complete; the values are Core's texts."""

    MISSING_INPUTS = "Inputs missing or spent"
    SIGHASH_MISMATCH = "Specified sighash value does not match value stored in PSBT"
    INCOMPLETE = "Input needs additional signatures or other data"
    EXTERNAL_SIGNER_NOT_FOUND = "External signer not found"
    EXTERNAL_SIGNER_FAILED = "External signer failed to sign"
    INVALID_TRANSACTION = "The transaction cannot be valid"


@dataclass(slots=True)
class PsbtSigner:
    """Signs the inputs of one PSBT, whose inputs and outputs are all there and whose lock times agree."""

    psbt: Psbt
    transaction: Transaction
    checker: Checker
    _sighashes: Sighashes = field(init=False)

    def __post_init__(self) -> None:
        """See what is spent."""
        self._sighashes = Sighashes(self.transaction, spent_outputs(self.psbt))

    def is_verified(self, index: int) -> bool:
        """Whether an input has its final scriptSig and witness, and they hold."""
        each = self.psbt.inputs[index]
        utxo = each.utxo()
        return utxo is not None and self.checker.error(index, utxo, each.final_script_sig, each.final_witness) is None

    def sign(
        self,
        index: int,
        known: SigningData,
        *,
        hash_type: int | None = None,
        finalize: bool = True,
        dummy: bool = False,
    ) -> tuple[SigningError | None, InputSolution]:
        """Add to an input what is known and can be signed; return what is wrong, if anything is, and what was found.

        `dummy` puts signatures of the right size in place of true ones.
        """
        each = self.psbt.inputs[index]
        solution = InputSolution()
        utxo = each.utxo()
        if utxo is None:
            return SigningError.MISSING_INPUTS, solution
        program = witness_program(utxo.script_pubkey)
        is_taproot = program is not None and program[0] == 1 and len(program[1]) == 32
        # When it makes dummies Core does not say what is spent, so it verifies no taproot.
        if not (dummy and is_taproot) and self.is_verified(index):
            return None, solution
        default = sighash.DEFAULT if is_taproot else sighash.ALL
        hash_type = default if hash_type is None else hash_type
        if each.sighash_type is not None and each.sighash_type != hash_type:
            return SigningError.SIGHASH_MISMATCH, solution
        if hash_type != sighash.DEFAULT and (is_taproot or hash_type != sighash.ALL):
            each.sighash_type = hash_type
        if not _signatures_have_type(each, hash_type):
            return SigningError.SIGHASH_MISMATCH, solution
        fill_solution(each, solution)
        signer: Signer = InputSigner(self.transaction, self._sighashes, index, utxo.value, hash_type)
        if dummy:
            complete = produce_signature(
                known,
                DummySigner(),
                utxo.script_pubkey,
                solution,
                lambda _, witness: not any(item in witness for item in _wrong_preimages(each)),
            )
        else:
            complete = produce_signature(
                known,
                signer,
                utxo.script_pubkey,
                solution,
                lambda script_sig, witness: self.checker.error(index, utxo, script_sig, witness) is None,
            )
        # Without the whole transaction nobody knows what is spent, but a signature of segwit says so itself.
        if each.non_witness_utxo is None and not solution.is_segwit:
            return SigningError.INCOMPLETE, InputSolution()
        solution.complete = solution.complete and finalize
        update_input(each, solution)
        if solution.is_segwit:
            each.witness_utxo = utxo
        return None if complete else SigningError.INCOMPLETE, solution

    def finalize(self) -> bool:
        """Finish all inputs whose signatures are there; whether all are."""
        nothing = SigningData()
        errors = [
            self.sign(index, nothing, hash_type=each.sighash_type)[0] for index, each in enumerate(self.psbt.inputs)
        ]
        return not any(errors)

    def extract(self) -> Transaction:
        """Return the transaction with the final scripts and witnesses."""
        inputs = tuple(
            given._replace(script_sig=each.final_script_sig, witness=each.final_witness)
            for given, each in zip(self.transaction.inputs, self.psbt.inputs, strict=True)
        )
        return Transaction(self.transaction.version, inputs, self.transaction.outputs, self.transaction.lock_time)


def spent_outputs(psbt: Psbt) -> list[TxOut] | None:
    """Return what the inputs spend, None if some is not known."""
    found = [output for each in psbt.inputs if (output := each.utxo()) is not None]
    return found if len(found) == len(psbt.inputs) else None


def fill_solution(each: PsbtInput, solution: InputSolution) -> None:
    """Tell a solution what an input of a PSBT knows; a final one is complete."""
    if each.is_final:
        solution.script_sig, solution.witness = each.final_script_sig, each.final_witness
        solution.complete = True
        return
    solution.signatures.update(each.partial_signatures)
    solution.redeem_script, solution.witness_script = each.redeem_script, each.witness_script
    for pubkey, origin in each.origins.items():
        solution.pubkeys[hash160(pubkey)] = (pubkey, origin)
    solution.key_path_signature = each.key_path_signature
    solution.script_path_signatures.update(each.script_path_signatures)
    solution.spend.internal_key, solution.spend.merkle_root = each.internal_key, each.merkle_root
    for (script, version), controls in each.leaf_scripts.items():
        for control in controls:
            solution.spend.add_script(script, version, control)
    _fill_origins(each, solution)
    solution.preimages.update(each.preimages)
    solution.musig_nonces.update(each.musig_nonces)
    solution.musig_signatures.update(each.musig_signatures)


def _fill_origins(each: PsbtInput | PsbtOutput, solution: InputSolution) -> None:
    for pubkey, (leaves, origin) in each.xonly_origins.items():
        solution.xonly_origins[pubkey] = (set(leaves), origin)
        solution.xonly_keys[hash160(pubkey)] = pubkey
    solution.musig_participants.update(each.musig_participants)


def update_input(each: PsbtInput, solution: InputSolution) -> None:
    """Tell an input of a PSBT what was found; of a complete one only the end is kept."""
    if solution.complete:
        each.partial_signatures.clear()
        each.origins.clear()
        each.redeem_script = each.witness_script = b""
        each.final_script_sig = solution.script_sig or each.final_script_sig
        each.final_witness = solution.witness or each.final_witness
        return
    for key_id, pair in solution.signatures.items():
        each.partial_signatures.setdefault(key_id, pair)
    _update_common(each, solution)
    each.key_path_signature = solution.key_path_signature or each.key_path_signature
    for place, signature in solution.script_path_signatures.items():
        each.script_path_signatures.setdefault(place, signature)
    each.merkle_root = solution.spend.merkle_root or each.merkle_root
    for leaf, controls in solution.spend.scripts.items():
        each.leaf_scripts.setdefault(leaf, list(controls))
    for digest, preimage in solution.preimages.items():
        each.preimages.setdefault(digest, preimage)
    for signer, nonce in solution.musig_nonces.items():
        each.musig_nonces.setdefault(signer, nonce)
    for signer, part in solution.musig_signatures.items():
        each.musig_signatures.setdefault(signer, part)


def _update_common(each: PsbtInput | PsbtOutput, solution: InputSolution) -> None:
    each.redeem_script = each.redeem_script or solution.redeem_script
    each.witness_script = each.witness_script or solution.witness_script
    for pubkey, origin in solution.pubkeys.values():
        each.origins.setdefault(pubkey, origin)
    each.internal_key = solution.spend.internal_key or each.internal_key
    for pubkey, (leaves, origin) in solution.xonly_origins.items():
        each.xonly_origins.setdefault(pubkey, (set(leaves), origin))
    for aggregate, participants in solution.musig_participants.items():
        each.musig_participants.setdefault(aggregate, participants)


def update_output(output: PsbtOutput, known: SigningData) -> None:
    """Add to an output the scripts and key origins that are known, as if it were to be spent."""
    solution = InputSolution(redeem_script=output.redeem_script, witness_script=output.witness_script)
    for pubkey, origin in output.origins.items():
        solution.pubkeys[hash160(pubkey)] = (pubkey, origin)
    if output.tree and parse_xonly(output.internal_key) is not None:
        leaves = tuple(Leaf(depth, script, version) for depth, version, script in output.tree)
        solution.tree = TapTree(output.internal_key, leaves)
        solution.spend.merge(solution.tree.spend_data())
    _fill_origins(output, solution)
    spending = Transaction(2, (TxIn(OutPoint(bytes(32), 0xFFFFFFFF), b"", 0xFFFFFFFF),), (), 0)
    signer = InputSigner(spending, Sighashes(spending), 0, output.amount, sighash.ALL)
    produce_signature(known, signer, output.script, solution, lambda *_: False)
    _update_common(output, solution)
    if solution.tree is not None and solution.tree.leaves:
        # Core writes the leaves from the right.
        output.tree = tuple((leaf.depth, leaf.version, leaf.script) for leaf in reversed(solution.tree.leaves))


def drop_unneeded_transactions(psbt: Psbt) -> None:
    """Drop whole previous transactions where each input is segwit v1 and signs all that is spent."""
    for each in psbt.inputs:
        program = witness_program(each.witness_utxo.script_pubkey) if each.witness_utxo else None
        if program is None or program[0] == 0 or (each.sighash_type or 0) & 0x80:
            return
    for each in psbt.inputs:
        each.non_witness_utxo = None


def _wrong_preimages(each: PsbtInput) -> list[bytes]:
    return [found for (fragment, digest), found in each.preimages.items() if _HASHES[fragment](found) != digest]


def _signatures_have_type(each: PsbtInput, hash_type: int) -> bool:
    """Whether the signatures that are there already sign as much."""
    taproot = [*each.script_path_signatures.values()]
    if each.key_path_signature:
        taproot.append(each.key_path_signature)
    if hash_type == sighash.DEFAULT:
        return all(len(signature) == 64 for signature in taproot)
    legacy = [signature for _, signature in each.partial_signatures.values()]
    return all(len(signature) == 65 and signature[-1] == hash_type for signature in taproot) and all(
        signature[-1] == hash_type for signature in legacy
    )
