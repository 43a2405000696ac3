"""Devices that sign, behind the program that -signer names (Core: src/external_signer.cpp, doc/external-signer.md).

The wallet gives a device PSBTs to sign and addresses to show; keys never leave it. What comes back is trusted no
further than it goes: only signatures of the very transaction that was asked for are taken.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from interfaces.wallet import ExternalSigner
from primitives import sighash
from primitives.descriptor_parsing import parse_descriptor
from primitives.errors import DescriptorError, PsbtError
from primitives.psbt import PsbtInput
from primitives.psbt_reading import decode_psbt
from primitives.psbt_signing import spent_outputs
from primitives.psbt_writing import encode_psbt
from primitives.script_check import ScriptChecker
from primitives.transaction import Transaction, TxOut
from wallet.errors import NoSignerError, SignerError, SigningFailedError
from wallet.signer_program import SignerProgram

if TYPE_CHECKING:
    from collections.abc import Iterator

    from common.chains import ChainParams
    from primitives.descriptor import Descriptor
    from primitives.psbt import Psbt

_FINGERPRINT: Final = re.compile(r"[0-9a-fA-F]{8}")
_SIGNATURES: Final = (
    *("partial_signatures", "key_path_signature", "script_path_signatures", "final_script_sig", "final_witness"),
    *("musig_nonces", "musig_signatures"),
)
_ANYTHING: Final = TxOut(0, b"")
_SETUP: Final = "SetupDescriptorScriptPubKeyMans: "


class ExternalSigners:
    """The devices that are there, asked each time anew. All raise SignerError."""

    def __init__(self, command: str, params: ChainParams) -> None:
        """Ask the program `command`, with its first arguments, which may be empty: then there are none."""
        self.command = command
        self._program = SignerProgram()
        self._params = params

    def enumerate(self) -> list[ExternalSigner]:
        """Return all devices that are there, each fingerprint once."""
        if not self.command:
            raise NoSignerError("restart bitcoind with -signer=<cmd>")
        result = self._program.run([*_split(self.command), "enumerate"])
        if not isinstance(result, list):
            raise SignerError(f"'{self.command}' received invalid response, expected array of signers")
        found: dict[str, ExternalSigner] = {}
        for each in result:
            fields = each if isinstance(each, dict) else {}
            error = fields.get("error")
            if error is not None:
                raise SignerError(f"'{self.command}' error" + (f": {error}" if isinstance(error, str) else ""))
            fingerprint = fields.get("fingerprint")
            if fingerprint is None:
                raise SignerError(f"'{self.command}' received invalid response, missing signer fingerprint")
            if not isinstance(fingerprint, str) or not _FINGERPRINT.fullmatch(fingerprint):
                raise SignerError(f"'{self.command}' received invalid fingerprint, must be 8 hex characters")
            model = fields.get("model")
            name = model if isinstance(model, str) else ""
            found.setdefault(fingerprint, ExternalSigner(name, fingerprint))
        return list(found.values())

    def find(self) -> ExternalSigner:
        """Return the one device that is there."""
        found = self.enumerate()
        if not found:
            raise NoSignerError("No external signers found")
        if len(found) > 1:
            raise NoSignerError("More than one external signer found. Please connect only one at a time.")
        return found[0]

    def descriptors(self, account: int = 0) -> Iterator[tuple[bool, Descriptor]]:
        """Return what the device makes addresses by, each with whether it is for change."""
        result = self._ask(self.find(), "getdescriptors", "--account", str(account))
        for internal, name in ((False, "receive"), (True, "internal")):
            texts = result.get(name) if isinstance(result, dict) else None
            if not isinstance(texts, list):
                raise SignerError(_SETUP + "Unexpected result")
            for text in texts:
                try:
                    parsed = parse_descriptor(text if isinstance(text, str) else "", self._params)
                except DescriptorError as error:
                    raise SignerError(f'{_SETUP}Invalid descriptor "{text}" ({error})') from error
                yield internal, parsed.descriptors[0]

    def display_address(self, descriptor: str, address: str) -> None:
        """Have the device show an address, which it must find by itself from its descriptor."""
        result = self._ask(self.find(), "displayaddress", "--desc", descriptor)
        fields = result if isinstance(result, dict) else {}
        error, echoed = fields.get("error"), fields.get("address")
        if isinstance(error, str):
            raise SignerError(f"Signer returned error: {error}")
        if not isinstance(echoed, str):
            raise SignerError("Signer did not echo address")
        if echoed != address:
            raise SignerError(f"Signer echoed unexpected address {echoed}")

    def sign(self, signer: ExternalSigner, psbt: Psbt) -> None:
        """Have the device sign, and add to `psbt` what it did."""
        transaction = psbt.unsigned()
        if transaction is None:
            raise SigningFailedError("The transaction cannot be valid")
        # Of version 0, which has the transaction as it is: HWI 3.2 loses lock time and version in version 2.
        text = encode_psbt(replace(psbt, version=0, fallback_lock_time=psbt.lock_time()))
        mark = bytes.fromhex(signer.fingerprint)
        if not any(
            origin.fingerprint == mark
            for each in psbt.inputs
            for origin in (*each.origins.values(), *(origin for _, origin in each.xonly_origins.values()))
        ):
            raise SigningFailedError(
                f"Signer fingerprint {signer.fingerprint} does not match any of the inputs:\n{text}"
            )
        arguments = [*_split(self.command), "--stdin", "--fingerprint", signer.fingerprint, *self._chain]
        result = self._program.run(arguments, f"signtx {text}")
        fields = result if isinstance(result, dict) else {}
        error, signed = fields.get("error"), fields.get("psbt")
        if isinstance(error, str):
            raise SigningFailedError(error)
        if not isinstance(signed, str):
            raise SigningFailedError("Unexpected result from signer")
        try:
            theirs = decode_psbt(signed)
        except PsbtError as wrong:
            raise SigningFailedError(f"TX decode failed {wrong}") from wrong
        if theirs.unsigned() != transaction:
            raise SigningFailedError("The signer returned another transaction than it was asked to sign")
        finished = [index for index, each in enumerate(psbt.inputs) if not each.is_final]
        for each, its in zip(psbt.inputs, theirs.inputs, strict=True):
            _take_signatures(each, its)
        finished = [index for index in finished if psbt.inputs[index].is_final]
        if finished and _hold_elsewhere(psbt, transaction, finished):
            raise SigningFailedError("The signer left open what is paid")

    def _ask(self, signer: ExternalSigner, *arguments: str) -> object:
        return self._program.run([*_split(self.command), "--fingerprint", signer.fingerprint, *self._chain, *arguments])

    @property
    def _chain(self) -> tuple[str, str]:
        return "--chain", self._params.name

    def close(self) -> None:
        """Kill what runs. Idempotent."""
        self._program.close()


def _take_signatures(ours: PsbtInput, theirs: PsbtInput) -> None:
    """Take these alone, so that what the wallet knows of an input is never another's word."""
    taken = PsbtInput(*ours.outpoint)
    for name in _SIGNATURES:
        setattr(taken, name, getattr(theirs, name))
    ours.merge(taken)


def _hold_elsewhere(psbt: Psbt, transaction: Transaction, finished: list[int]) -> bool:
    """Whether one of these inputs would pay anything, though it should sign all outputs."""
    other = Transaction(
        transaction.version, transaction.inputs, (*transaction.outputs, _ANYTHING), transaction.lock_time
    )
    with ScriptChecker(other, spent_outputs(psbt)) as checker:
        for index in finished:
            each = psbt.inputs[index]
            utxo = each.utxo()
            is_asked = (each.sighash_type or sighash.ALL) != sighash.ALL
            if utxo is not None and not is_asked:
                error = checker.error(index, utxo, each.final_script_sig, each.final_witness)
                if error is None:
                    return True
    return False


def _split(command: str) -> list[str]:
    """Return a command's words as Core parts them, without quotes."""
    return re.split(r"[ \t]", command)
