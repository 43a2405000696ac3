"""How large what satisfies a descriptor's scripts can be (Core: MaxSatisfactionWeight and others of descriptor.cpp)."""

from __future__ import annotations

from typing import Final

from primitives.descriptor import (
    Address,
    Descriptor,
    Multisig,
    OutputType,
    PublicKey,
    PublicKeyHash,
    Raw,
    RawTaproot,
    ScriptHash,
    Taproot,
    WitnessPublicKeyHash,
    WitnessScriptHash,
)
from primitives.descriptor_miniscript import Miniscript
from primitives.encoding import compact_size
from primitives.script import push_number
from primitives.transaction import WITNESS_SCALE_FACTOR

_LOW_R_SIGNATURE: Final = 71
_ANY_SIGNATURE: Final = 72
_SCHNORR_SIGNATURE: Final = 65
_KEY_PATH: Final = 1 + _SCHNORR_SIGNATURE
_OUTPOINT_AND_SEQUENCE: Final = 32 + 4 + 4


def is_segwit(descriptor: Descriptor) -> bool:
    """Whether its scripts are witness programs, be it behind a P2SH hash."""
    return descriptor.output_type() not in {None, OutputType.LEGACY}


def input_weight(descriptor: Descriptor, *, low_r: bool = True, segwit_transaction: bool = True) -> int | None:
    """Return the most an input weighs that spends an output of a descriptor; None if that is not known.

    Taproot outputs are taken to be spent by their key. `low_r`: who signs makes ECDSA signatures of 71 bytes at most.
    In a transaction with witnesses each input has a count of its own.
    """
    weight = satisfaction_weight(descriptor, low_r=low_r)
    elements = satisfaction_elements(descriptor)
    if weight is None or elements is None:
        return None
    if is_segwit(descriptor):
        script_sig_length, witness_length = 1, len(compact_size(elements))
    else:
        script_sig_length = len(compact_size(weight // WITNESS_SCALE_FACTOR))
        witness_length = int(segwit_transaction)
    return (_OUTPOINT_AND_SEQUENCE + script_sig_length) * WITNESS_SCALE_FACTOR + witness_length + weight


def satisfaction_weight(descriptor: Descriptor, *, low_r: bool) -> int | None:
    """Return the most that scriptSig and witness weigh without their lengths, None if that is not known."""
    match descriptor:
        case Taproot() | RawTaproot():
            return _KEY_PATH
        case WitnessPublicKeyHash() | WitnessScriptHash():
            return _satisfaction_size(descriptor, low_r=low_r)
        case ScriptHash(inner):
            script, inside = _script_size(inner), _satisfaction_size(inner, low_r=low_r)
            if script is None or inside is None:
                return None
            return (1 + script) * WITNESS_SCALE_FACTOR + inside * (1 if is_segwit(inner) else WITNESS_SCALE_FACTOR)
        case PublicKey() | PublicKeyHash() | Multisig(in_taproot=False):
            size = _satisfaction_size(descriptor, low_r=low_r)
            return None if size is None else size * WITNESS_SCALE_FACTOR
        case _:
            return None


def satisfaction_elements(descriptor: Descriptor) -> int | None:
    """Return the most elements that satisfy a descriptor, with the script behind a hash; None if not known."""
    match descriptor:
        case PublicKey() | Taproot() | RawTaproot():
            return 1
        case PublicKeyHash() | WitnessPublicKeyHash():
            return 2
        case Multisig(threshold, members, in_taproot=in_taproot):
            return len(members) if in_taproot else 1 + threshold
        case ScriptHash(inner) | WitnessScriptHash(inner):
            inside = satisfaction_elements(inner)
            return None if inside is None else 1 + inside
        case Miniscript(node=node):
            return node.stack_size()
        case _:
            return None


def _satisfaction_size(descriptor: Descriptor, *, low_r: bool) -> int | None:
    """Return the most bytes that satisfy a descriptor, each element with its length."""
    signature = _LOW_R_SIGNATURE if low_r else _ANY_SIGNATURE
    match descriptor:
        case PublicKey(xonly=xonly):
            return 1 + (_SCHNORR_SIGNATURE if xonly else signature)
        case PublicKeyHash(key):
            return 1 + signature + 1 + key.size()
        case WitnessPublicKeyHash():
            return 1 + signature + 1 + 33
        case Multisig(threshold, members, in_taproot=in_taproot):
            if in_taproot:
                return (1 + _SCHNORR_SIGNATURE) * threshold + len(members) - threshold
            return 1 + (1 + signature) * threshold
        case WitnessScriptHash(inner):
            script, inside = _script_size(inner), _satisfaction_size(inner, low_r=low_r)
            return None if script is None or inside is None else len(compact_size(script)) + script + inside
        case Miniscript(node=node):
            return node.witness_size()
        case _:
            return None


def _script_size(descriptor: Descriptor) -> int | None:
    match descriptor:
        case PublicKey(key, xonly=xonly):
            return 1 + (32 if xonly else key.size()) + 1
        case PublicKeyHash():
            return 25
        case WitnessPublicKeyHash():
            return 22
        case ScriptHash():
            return 23
        case WitnessScriptHash() | Taproot() | RawTaproot():
            return 34
        case Multisig(threshold, members, in_taproot=in_taproot):
            if in_taproot:
                return 34 * len(members) + len(push_number(threshold)) + 1
            keys = sum(1 + key.size() for key in members)
            return 1 + len(push_number(len(members))) + len(push_number(threshold)) + keys
        case Miniscript(node=node):
            return node.script_size
        case Address(script) | Raw(script):
            return len(script)
        case _:
            return None
