"""Signing with a wallet's keys (Core: CWallet::SignTransaction and FillPSBT in src/wallet/wallet.cpp)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from primitives import sighash
from primitives.psbt import Psbt
from primitives.psbt_signing import (
    PsbtSigner,
    SigningError,
    drop_unneeded_transactions,
    spent_outputs,
    update_output,
)
from primitives.script import TxoutType, solve
from primitives.script_check import ScriptChecker
from primitives.signing_data import SigningData
from primitives.transaction_signing import sign_transaction
from wallet.errors import NoSignerError, SigningFailedError
from wallet.flags import EXTERNAL_SIGNER

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from primitives.psbt import PsbtInput
    from primitives.transaction import OutPoint, Transaction, TxOut
    from wallet.wallet import Wallet

_EVEN_AND_ODD: Final = (b"\2", b"\3")


class PsbtFillError(Exception):
    """A PSBT cannot be filled; `error` says why."""

    def __init__(self, error: SigningError) -> None:
        super().__init__(error.value)
        self.error: Final = error


def sign_with_wallet(
    wallet: Wallet, transaction: Transaction, coins: Mapping[OutPoint, TxOut], hash_type: int = sighash.DEFAULT
) -> tuple[Transaction, dict[int, str]]:
    """Sign the inputs that the wallet has keys for; return the result and what is wrong with which input."""
    known = SigningData()
    with wallet.lock:
        for script in {coin.script_pubkey for coin in coins.values()}:
            for keys in wallet.descriptors_of(script):
                _learn(known, keys.signing_data(script))
    return sign_transaction(transaction, known, coins, hash_type)


def sign_own(wallet: Wallet, transaction: Transaction) -> Transaction | None:
    """Sign a transaction that spends only outputs of the wallet's transactions, None if it is not complete then."""
    coins = {}
    with wallet.lock:
        for each in transaction.inputs:
            parent = wallet.history.get(each.prevout.txid)
            if parent is None or each.prevout.index >= len(parent.tx.outputs):
                return None
            coins[each.prevout] = parent.tx.outputs[each.prevout.index]
    signed, errors = sign_with_wallet(wallet, transaction, coins)
    return None if errors else signed


def fill_psbt(
    wallet: Wallet,
    psbt: Psbt,
    *,
    hash_type: int | None = None,
    sign: bool = True,
    derivations: bool = True,
    finalize: bool = True,
) -> bool:
    """Add to a PSBT what the wallet, or its device, knows and can sign; whether all inputs are complete.

    Raises PsbtFillError, and SignerError if the program that asks the device fails.
    """
    transaction = psbt.unsigned()
    if transaction is None:
        raise PsbtFillError(SigningError.INVALID_TRANSACTION)
    if sign and wallet.has_flag(EXTERNAL_SIGNER) and not all(each.is_final for each in psbt.inputs):
        # The device has to be told what it signs, and with which of its keys.
        fill_psbt(wallet, psbt, hash_type=hash_type, sign=False, finalize=False)
        _add_spent(wallet, psbt)
        _sign_on_device(wallet, psbt)
    _add_spent(wallet, psbt)
    with wallet.lock:
        known = [_known_of(wallet, each, sign=sign) for each in psbt.inputs]
        outputs = [_solving_data(wallet, output.script_pubkey) for output in transaction.outputs]
    with ScriptChecker(transaction, spent_outputs(psbt)) as checker:
        signer = PsbtSigner(psbt, transaction, checker)
        for index, (each, data) in enumerate(zip(psbt.inputs, known, strict=True)):
            if each.is_final or data is None:
                continue
            error, _ = signer.sign(index, _hide(data, derivations), hash_type=hash_type, finalize=finalize)
            if error not in {None, SigningError.INCOMPLETE}:
                raise PsbtFillError(error)
        for output, solving in zip(psbt.outputs, outputs, strict=True):
            if solving is not None:
                update_output(output, _hide(solving, derivations))
        drop_unneeded_transactions(psbt)
        return all(signer.is_verified(index) for index in range(len(psbt.inputs)))


def _add_spent(wallet: Wallet, psbt: Psbt) -> None:
    """Add the wallet's transactions that a PSBT spends."""
    with wallet.lock:
        for each in psbt.inputs:
            parent = wallet.history.get(each.previous_txid)
            if parent is not None and each.non_witness_utxo is None and not each.is_final:
                each.non_witness_utxo = parent.tx


def sign_psbt(wallet: Wallet, psbt: Psbt) -> Transaction | None:
    """Sign what the wallet can; return the transaction if that is all. Raises as `fill_psbt`."""
    fill_psbt(wallet, psbt, sign=False)
    fill_psbt(wallet, psbt, derivations=False)
    transaction = psbt.unsigned()
    if transaction is None:
        return None
    with ScriptChecker(transaction, spent_outputs(psbt)) as checker:
        signer = PsbtSigner(psbt, transaction, checker)
        return signer.extract() if signer.finalize() else None


def sign_replacement(wallet: Wallet, transaction: Transaction) -> Transaction | None:
    """Sign a transaction that replaces another, or have the device do so; None if it is not complete then.

    Raises SignerError.
    """
    if not wallet.has_flag(EXTERNAL_SIGNER):
        return sign_own(wallet, transaction)
    try:
        return sign_psbt(wallet, Psbt.of(transaction, 2))
    except PsbtFillError:
        return None


def _sign_on_device(wallet: Wallet, psbt: Psbt) -> None:
    """Have the device sign, which may take as long as its user likes. Hold no lock of the wallet."""
    signers = wallet.context.signers
    try:
        signers.sign(signers.find(), psbt)
    except NoSignerError as error:
        wallet.log("%s", error)
        raise PsbtFillError(SigningError.EXTERNAL_SIGNER_NOT_FOUND) from error
    except SigningFailedError as error:
        wallet.log("Failed to sign: %s", error)
        raise PsbtFillError(SigningError.EXTERNAL_SIGNER_FAILED) from error


def _hide(data: SigningData, derivations: bool) -> SigningData:
    return data if derivations else replace(data, origins={})


def _known_of(wallet: Wallet, each: PsbtInput, *, sign: bool) -> SigningData | None:
    """Return what the wallet knows of an input, None if it is not known what that spends."""
    if each.is_final:
        return None
    if each.non_witness_utxo is not None and each.previous_index >= len(each.non_witness_utxo.outputs):
        raise PsbtFillError(SigningError.MISSING_INPUTS)
    utxo = each.utxo()
    if utxo is None:
        return None
    known = SigningData()
    owners = wallet.descriptors_of(utxo.script_pubkey)
    for keys in owners:
        _learn(known, keys.signing_data(utxo.script_pubkey) if sign else keys.solving_data(utxo.script_pubkey))
    pubkeys = set(_listed_keys(each, utxo))
    if pubkeys:
        for keys in wallet.descriptors.by_id.values():
            if keys not in owners:
                for pubkey in pubkeys:
                    _learn(known, keys.signing_data_of_pubkey(pubkey))
    return known if sign else replace(known, keys={})


def _listed_keys(each: PsbtInput, utxo: TxOut) -> Iterator[bytes]:
    """Return the public keys that an input says it takes, of which some may be the wallet's."""
    yield from each.origins
    kind, solutions = solve(utxo.script_pubkey)
    xonly = [*each.xonly_origins]
    if kind is TxoutType.WITNESS_V1_TAPROOT:
        xonly.append(solutions[0])
    for key in xonly:
        for prefix in _EVEN_AND_ODD:
            yield prefix + key


def _solving_data(wallet: Wallet, script: bytes) -> SigningData | None:
    owners = wallet.descriptors_of(script)
    if not owners:
        return None
    known = SigningData()
    for keys in owners:
        _learn(known, keys.solving_data(script))
    return known


def _learn(known: SigningData, data: SigningData | None) -> None:
    if data is not None:
        known.merge(data)
