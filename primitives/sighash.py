"""What a signature signs: the sighash of legacy inputs, of segwit v0 (BIP143), taproot and tapscript (BIP341, BIP342).

Core: SignatureHash and SignatureHashSchnorr in src/script/interpreter.cpp.
"""

from __future__ import annotations

import struct
from functools import cached_property
from typing import TYPE_CHECKING, Final

from primitives.encoding import compact_size, sized
from primitives.errors import ScriptError
from primitives.hashes import sha256, sha256d, tagged_hash
from primitives.opcodes import OP_CODESEPARATOR, OP_PUSHDATA1, OP_PUSHDATA2, OP_PUSHDATA4
from primitives.script import iterate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from primitives.transaction import Transaction, TxIn, TxOut

DEFAULT: Final = 0
ALL: Final = 1
NONE: Final = 2
SINGLE: Final = 3
ANYONECANPAY: Final = 0x80

_OUTPUT_MASK: Final = 0x1F
_TAPROOT_TYPES: Final = frozenset({0, 1, 2, 3, 0x81, 0x82, 0x83})
_UINT32: Final = struct.Struct("<I")
_INT32: Final = struct.Struct("<i")
_INT64: Final = struct.Struct("<q")
_ONE: Final = b"\1" + bytes(31)
_NO_CODE_SEPARATOR: Final = 0xFFFFFFFF


class Sighashes:
    """The sighashes of a transaction's inputs; what several share is computed once."""

    def __init__(self, transaction: Transaction, spent: Sequence[TxOut] | None = None) -> None:
        """Take a transaction and, for taproot, what its inputs spend."""
        self._transaction = transaction
        self._spent = spent

    def legacy(self, index: int, script_code: bytes, hash_type: int) -> bytes:
        """Return what an input that is not segwit's signs; a missing output of SINGLE gives the number 1."""
        transaction = self._transaction
        kind = hash_type & _OUTPUT_MASK
        if kind == SINGLE and index >= len(transaction.outputs):
            return _ONE
        inputs = [
            _outpoint(each)
            + sized(without_code_separators(script_code) if at == index else b"")
            + _UINT32.pack(each.sequence if at == index or kind not in {NONE, SINGLE} else 0)
            for at, each in enumerate(transaction.inputs)
            if at == index or not hash_type & ANYONECANPAY
        ]
        if kind == NONE:
            outputs = []
        elif kind == SINGLE:
            outputs = [b"\xff" * 8 + b"\0"] * index + [transaction.outputs[index].serialize()]
        else:
            outputs = [output.serialize() for output in transaction.outputs]
        return sha256d(
            _UINT32.pack(transaction.version)
            + compact_size(len(inputs))
            + b"".join(inputs)
            + compact_size(len(outputs))
            + b"".join(outputs)
            + _UINT32.pack(transaction.lock_time)
            + _INT32.pack(hash_type)
        )

    def segwit_v0(self, index: int, script_code: bytes, amount: int, hash_type: int) -> bytes:
        """Return what an input of segwit v0 signs (BIP143)."""
        transaction = self._transaction
        each = transaction.inputs[index]
        kind = hash_type & _OUTPUT_MASK
        anyone = bool(hash_type & ANYONECANPAY)
        outputs = bytes(32)
        if kind not in {NONE, SINGLE}:
            outputs = sha256(self._outputs)
        elif kind == SINGLE and index < len(transaction.outputs):
            outputs = sha256d(transaction.outputs[index].serialize())
        return sha256d(
            _UINT32.pack(transaction.version)
            + (bytes(32) if anyone else sha256(self._prevouts))
            + (bytes(32) if anyone or kind in {NONE, SINGLE} else sha256(self._sequences))
            + _outpoint(each)
            + sized(script_code)
            + _INT64.pack(amount)
            + _UINT32.pack(each.sequence)
            + outputs
            + _UINT32.pack(transaction.lock_time)
            + _INT32.pack(hash_type)
        )

    def taproot(
        self, index: int, hash_type: int, *, leaf_hash: bytes = b"", annex: bytes | None = None
    ) -> bytes | None:
        """Return what an input of taproot signs, for a script with its leaf's hash; None where nothing may be signed.

        Without code separators (BIP341, BIP342).
        """
        transaction = self._transaction
        if self._spent is None or hash_type not in _TAPROOT_TYPES:
            return None
        kind = hash_type & 3 or ALL
        parts = [b"\0", bytes((hash_type,)), _UINT32.pack(transaction.version), _UINT32.pack(transaction.lock_time)]
        if not hash_type & ANYONECANPAY:
            parts += (self._prevouts, self._amounts, self._scripts, self._sequences)
        if kind == ALL:
            parts.append(self._outputs)
        parts.append(bytes((2 * bool(leaf_hash) + (annex is not None),)))
        if hash_type & ANYONECANPAY:
            each = transaction.inputs[index]
            parts += (_outpoint(each), self._spent[index].serialize(), _UINT32.pack(each.sequence))
        else:
            parts.append(_UINT32.pack(index))
        if annex is not None:
            parts.append(sha256(sized(annex)))
        if kind == SINGLE:
            if index >= len(transaction.outputs):
                return None
            parts.append(sha256(transaction.outputs[index].serialize()))
        if leaf_hash:
            parts += (leaf_hash, b"\0", _UINT32.pack(_NO_CODE_SEPARATOR))
        return tagged_hash("TapSighash", b"".join(parts))

    @cached_property
    def _prevouts(self) -> bytes:
        return sha256(b"".join(map(_outpoint, self._transaction.inputs)))

    @cached_property
    def _sequences(self) -> bytes:
        return sha256(b"".join(_UINT32.pack(each.sequence) for each in self._transaction.inputs))

    @cached_property
    def _outputs(self) -> bytes:
        return sha256(b"".join(output.serialize() for output in self._transaction.outputs))

    @cached_property
    def _amounts(self) -> bytes:
        return sha256(b"".join(_INT64.pack(output.value) for output in self._spent or ()))

    @cached_property
    def _scripts(self) -> bytes:
        return sha256(b"".join(sized(output.script_pubkey) for output in self._spent or ()))


def without_code_separators(script: bytes) -> bytes:
    """Return a script as legacy signatures sign it."""
    if OP_CODESEPARATOR not in script:
        return script
    kept = b""
    at = 0
    try:
        for opcode, data in iterate(script):
            size = _operation_size(opcode, data)
            kept += b"" if opcode == OP_CODESEPARATOR else script[at : at + size]
            at += size
    except ScriptError:
        pass  # What cannot be read is signed as it stands.
    return kept + script[at:]


def _operation_size(opcode: int, data: bytes) -> int:
    return 1 + {OP_PUSHDATA1: 1, OP_PUSHDATA2: 2, OP_PUSHDATA4: 4}.get(opcode, 0) + len(data)


def _outpoint(each: TxIn) -> bytes:
    return each.prevout.txid + _UINT32.pack(each.prevout.index)
