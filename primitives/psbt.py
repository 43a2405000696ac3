"""Partially signed transactions, version 0 and 2: what they hold and how several become one (BIP174, 370, 371, 373).

Fields are what Core's src/psbt.h has; empty bytes and None stand for fields that are not there. Reading and writing are
in `psbt_reading` and `psbt_writing`, signing in `psbt_signing`.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from primitives.transaction import SEQUENCE_FINAL, OutPoint, Transaction, TxIn, TxOut

if TYPE_CHECKING:
    from collections.abc import Sequence

    from primitives.bip32 import ExtendedKey, KeyOrigin
    from primitives.miniscript_types import Fragment

INPUTS_MODIFIABLE: Final = 1
OUTPUTS_MODIFIABLE: Final = 2
HAS_SIGHASH_SINGLE: Final = 4

LeafOrigins = dict[bytes, tuple[set[bytes], "KeyOrigin"]]
"""Leaf hashes and origin by x-only key."""


@dataclass(frozen=True, slots=True)
class Proprietary:
    """A field whose meaning its identifier tells, with all of its key."""

    identifier: bytes
    subtype: int
    key: bytes
    value: bytes


@dataclass(slots=True)
class PsbtInput:
    """What is known of an input."""

    previous_txid: bytes
    previous_index: int
    sequence: int | None = None
    time_lock: int | None = None
    height_lock: int | None = None
    non_witness_utxo: Transaction | None = None
    witness_utxo: TxOut | None = None
    partial_signatures: dict[bytes, tuple[bytes, bytes]] = field(default_factory=dict)
    """Public key and signature by the key's hash."""
    sighash_type: int | None = None
    redeem_script: bytes = b""
    witness_script: bytes = b""
    origins: dict[bytes, KeyOrigin] = field(default_factory=dict)
    preimages: dict[tuple[Fragment, bytes], bytes] = field(default_factory=dict)
    final_script_sig: bytes = b""
    final_witness: tuple[bytes, ...] = ()
    key_path_signature: bytes = b""
    script_path_signatures: dict[tuple[bytes, bytes], bytes] = field(default_factory=dict)
    """By x-only key and leaf hash."""
    leaf_scripts: dict[tuple[bytes, int], list[bytes]] = field(default_factory=dict)
    """Control blocks, shortest first, by script and leaf version."""
    xonly_origins: LeafOrigins = field(default_factory=dict)
    internal_key: bytes = b""
    merkle_root: bytes = b""
    musig_participants: dict[bytes, tuple[bytes, ...]] = field(default_factory=dict)
    musig_nonces: dict[tuple[bytes, bytes, bytes], bytes] = field(default_factory=dict)
    """By aggregate key, leaf hash (empty for the key path) and participant; as are partial signatures."""
    musig_signatures: dict[tuple[bytes, bytes, bytes], bytes] = field(default_factory=dict)
    proprietary: dict[bytes, Proprietary] = field(default_factory=dict)
    unknown: dict[bytes, bytes] = field(default_factory=dict)

    @property
    def outpoint(self) -> OutPoint:
        """What the input spends."""
        return OutPoint(self.previous_txid, self.previous_index)

    @property
    def is_final(self) -> bool:
        """Whether it has a final scriptSig or witness."""
        return bool(self.final_script_sig or self.final_witness)

    def utxo(self) -> TxOut | None:
        """Return the output spent, if it is known and is the one that is spent."""
        transaction = self.non_witness_utxo
        if transaction is None:
            return self.witness_utxo
        if self.previous_index >= len(transaction.outputs) or transaction.txid != self.previous_txid:
            return None
        return transaction.outputs[self.previous_index]

    def merge(self, other: PsbtInput) -> None:
        """Add what the other knows; where both know something, ours stays."""
        _merge_fields(self, other)


@dataclass(slots=True)
class PsbtOutput:
    """What is known of an output."""

    amount: int
    script: bytes
    redeem_script: bytes = b""
    witness_script: bytes = b""
    origins: dict[bytes, KeyOrigin] = field(default_factory=dict)
    internal_key: bytes = b""
    tree: tuple[tuple[int, int, bytes], ...] = ()
    """Depth, leaf version and script of each leaf, from the left."""
    xonly_origins: LeafOrigins = field(default_factory=dict)
    musig_participants: dict[bytes, tuple[bytes, ...]] = field(default_factory=dict)
    proprietary: dict[bytes, Proprietary] = field(default_factory=dict)
    unknown: dict[bytes, bytes] = field(default_factory=dict)

    def merge(self, other: PsbtOutput) -> None:
        """Add what the other knows; where both know something, ours stays."""
        _merge_fields(self, other)


@dataclass(slots=True)
class Psbt:
    """A transaction on its way to be signed."""

    version: int
    tx_version: int
    fallback_lock_time: int | None
    inputs: list[PsbtInput]
    outputs: list[PsbtOutput]
    modifiable: int | None = None
    xpubs: dict[tuple[bytes, ExtendedKey], KeyOrigin] = field(default_factory=dict)
    """Origins by the version bytes of an extended key and the key."""
    proprietary: dict[bytes, Proprietary] = field(default_factory=dict)
    unknown: dict[bytes, bytes] = field(default_factory=dict)

    @staticmethod
    def of(transaction: Transaction, version: int) -> Psbt:
        """Return a blank one for a transaction, whose signatures are left out."""
        inputs = [PsbtInput(*each.prevout, each.sequence) for each in transaction.inputs]
        outputs = [PsbtOutput(*each) for each in transaction.outputs]
        return Psbt(version, transaction.version, transaction.lock_time, inputs, outputs)

    def lock_time(self) -> int | None:
        """Return the lock time that inputs ask for, None if they ask for time and height."""
        if self.version >= 2:
            heights_only = timed_only = False
            times = [each.time_lock for each in self.inputs if each.time_lock is not None]
            heights = [each.height_lock for each in self.inputs if each.height_lock is not None]
            for each in self.inputs:
                timed_only |= each.time_lock is not None and each.height_lock is None
                heights_only |= each.time_lock is None and each.height_lock is not None
            if timed_only and heights_only:
                return None
            if heights and not timed_only:
                return max(heights)
            if times and not heights_only:
                return max(times)
        return self.fallback_lock_time or 0

    def unsigned(self) -> Transaction | None:
        """Return the transaction without signatures, None if its lock times contradict each other."""
        lock_time = self.lock_time()
        if lock_time is None:
            return None
        inputs = tuple(
            TxIn(each.outpoint, b"", SEQUENCE_FINAL if each.sequence is None else each.sequence) for each in self.inputs
        )
        outputs = tuple(TxOut(each.amount, each.script) for each in self.outputs)
        return Transaction(self.tx_version, inputs, outputs, lock_time)

    def unique_id(self) -> bytes | None:
        """Return what is the same for PSBTs of one transaction (BIP370)."""
        transaction = self.unsigned()
        if transaction is None or self.version < 2:
            return None if transaction is None else transaction.txid
        inputs = tuple(each._replace(sequence=0) for each in transaction.inputs)
        return Transaction(transaction.version, inputs, transaction.outputs, transaction.lock_time).txid

    def copy(self) -> Psbt:
        """Return one that can be changed apart from this."""
        return copy.deepcopy(self)

    def merge(self, other: Psbt) -> bool:
        """Add what the other knows; False if that is of another transaction or version."""
        own = self.unique_id()
        if own is None or own != other.unique_id() or self.version != other.version:
            return False
        for each, its in zip(self.inputs, other.inputs, strict=True):
            each.merge(its)
        for output, its_output in zip(self.outputs, other.outputs, strict=True):
            output.merge(its_output)
        self.merge_xpubs(other)
        if self.fallback_lock_time is None:
            self.fallback_lock_time = other.fallback_lock_time
        if self.modifiable is not None or other.modifiable is not None:
            mine, its_flags = self.modifiable or 0, other.modifiable or 0
            self.modifiable = mine & its_flags | (mine | its_flags) & HAS_SIGHASH_SINGLE
        _merge_maps(self.proprietary, other.proprietary)
        _merge_maps(self.unknown, other.unknown)
        return True

    def merge_xpubs(self, other: Psbt) -> None:
        """Add the other's extended keys that are not there yet."""
        known = {key for _, key in self.xpubs}
        for (prefix, key), origin in other.xpubs.items():
            if key not in known:
                self.xpubs[prefix, key] = origin


def combine(psbts: Sequence[Psbt]) -> Psbt | None:
    """Return one with all that several of the same transaction know, None if they are not of the same."""
    merged = psbts[0].copy()
    return merged if all(merged.merge(other) for other in psbts[1:]) else None


def _merge_fields(ours: Any, theirs: Any) -> None:
    for name in ours.__slots__:
        mine, its = getattr(ours, name), getattr(theirs, name)
        if name == "sighash_type":
            continue  # Core does not merge it.
        if isinstance(mine, dict):
            _merge_maps(mine, its)
        elif mine is None or mine in {b"", ()}:
            setattr(ours, name, its)


def _merge_maps(ours: dict[Any, Any], theirs: dict[Any, Any]) -> None:
    for key, value in theirs.items():
        ours.setdefault(key, copy.deepcopy(value))
