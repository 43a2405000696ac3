"""How large inputs are once they are signed (Core: CalculateMaximumSignedTxSize in src/wallet/spend.cpp)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from primitives.descriptor import OutputType, PublicKeyHash, ScriptHash, WitnessPublicKeyHash, WitnessScriptHash
from primitives.descriptor_of_script import infer_descriptor
from primitives.encoding import compact_size
from primitives.satisfaction_size import input_weight, is_segwit
from primitives.script import TxoutType, solve
from primitives.transaction import WITNESS_SCALE_FACTOR
from wallet.flags import DISABLE_PRIVATE_KEYS
from wallet.spending.coin_control import CoinControl

if TYPE_CHECKING:
    from collections.abc import Sequence

    from primitives.descriptor import Descriptor
    from primitives.signing_data import SigningData
    from primitives.transaction import OutPoint, Transaction, TxOut
    from wallet.wallet import Wallet

_KINDS = {
    TxoutType.WITNESS_V1_TAPROOT: OutputType.BECH32M,
    TxoutType.WITNESS_V0_KEYHASH: OutputType.BECH32,
    TxoutType.WITNESS_V0_SCRIPTHASH: OutputType.BECH32,
    TxoutType.SCRIPTHASH: OutputType.LEGACY,
    TxoutType.PUBKEYHASH: OutputType.LEGACY,
}


class TransactionSize(NamedTuple):
    """The most a signed transaction takes."""

    vsize: int
    weight: int


class InputSizes:
    """Knows how large inputs of a wallet are, and of others as far as a user tells. Used under the wallet's lock."""

    def __init__(self, wallet: Wallet, control: CoinControl | None = None) -> None:
        """Look into `wallet`, and into what the user says."""
        self._wallet = wallet
        self._control = control or CoinControl()
        self._own: dict[bytes, tuple[int | None, OutputType | None]] = {}
        # Who signs elsewhere may not look for short signatures.
        self._low_r = not wallet.has_flag(DISABLE_PRIVATE_KEYS)

    def descriptor(self, script: bytes) -> Descriptor | None:
        """Return how an output of the wallet's is spent, None if nobody knows."""
        wallet = self._wallet
        for keys in wallet.descriptors_of(script):
            descriptor = keys.descriptor
            if not descriptor.is_solvable():
                continue
            if descriptor.is_single_type():
                return descriptor
            return infer_descriptor(script, wallet.params, keys.solving_data(script))
        return None

    def own_size(self, script: bytes) -> int | None:
        """Return the virtual size of an input that spends an output of the wallet's, None if it cannot be told."""
        return self.own(script)[0]

    def own(self, script: bytes) -> tuple[int | None, OutputType | None]:
        """Return `own_size`, and with which coins such a one is spent first."""
        keys = self._wallet.descriptors_of(script)
        # All scripts of one descriptor are spent alike, but for those of combo().
        shared = keys[0].id if len(keys) == 1 and keys[0].descriptor.is_single_type() else None
        if shared in self._own:
            return self._own[shared]
        descriptor = self.descriptor(script)
        found = (self._size(descriptor, low_r=self._low_r), kind_of(script, descriptor))
        if shared is not None:
            self._own[shared] = found
        return found

    def external_size(self, outpoint: OutPoint, script: bytes) -> int | None:
        """Return the virtual size of an input by what the user says of the output that it spends."""
        return self._size(self._infer(script, self._control.external), low_r=self._is_low_r(outpoint))

    def _is_low_r(self, outpoint: OutPoint) -> bool:
        return self._low_r and not self._control.is_external(outpoint)

    def _size(self, descriptor: Descriptor | None, *, low_r: bool) -> int | None:
        weight = None if descriptor is None else input_weight(descriptor, low_r=low_r)
        return None if weight is None else vsize_of(weight)

    def _infer(self, script: bytes, known: SigningData) -> Descriptor:
        return infer_descriptor(script, self._wallet.params, known)

    def transaction_size(self, transaction: Transaction, spent: Sequence[TxOut]) -> TransactionSize | None:
        """Return the size of a transaction that spends these outputs, None if an input's cannot be told."""
        control = self._control
        descriptors = [
            self.descriptor(output.script_pubkey) or self._infer(output.script_pubkey, control.external)
            for output in spent
        ]
        has_witness = any(is_segwit(descriptor) for descriptor in descriptors)
        inputs, outputs = transaction.inputs, transaction.outputs
        base = 8 + len(compact_size(len(inputs))) + len(compact_size(len(outputs)))
        base += sum(len(output.serialize()) for output in outputs)
        weight = base * WITNESS_SCALE_FACTOR + (2 if has_witness else 0)
        for each, descriptor in zip(inputs, descriptors, strict=True):
            found = control.weight_of(each.prevout)
            if found is None:
                low_r = self._is_low_r(each.prevout)
                found = input_weight(descriptor, low_r=low_r, segwit_transaction=has_witness)
            if found is None:
                return None
            weight += found
        return TransactionSize(vsize_of(weight), weight)


def vsize_of(weight: int) -> int:
    """Return the virtual size of a weight."""
    return (weight + WITNESS_SCALE_FACTOR - 1) // WITNESS_SCALE_FACTOR


def kind_of(script: bytes, descriptor: Descriptor | None) -> OutputType | None:
    """Return with which coins a coin is spent first: by the kind of its address, None for any other."""
    kind, _ = solve(script)
    if kind is TxoutType.SCRIPTHASH and isinstance(descriptor, ScriptHash):
        match descriptor.inner:
            case WitnessPublicKeyHash() | WitnessScriptHash():
                return OutputType.P2SH_SEGWIT
            case PublicKeyHash() | ScriptHash():
                return OutputType.LEGACY
            case _:
                return None
    return _KINDS.get(kind)
