"""What signature checks a transaction costs (BIP141; Core: GetTransactionSigOpCost)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from primitives.errors import ScriptError
from primitives.opcodes import OP_16
from primitives.script import count_sigops, is_pay_to_script_hash, iterate, witness_program
from primitives.transaction import WITNESS_SCALE_FACTOR

if TYPE_CHECKING:
    from collections.abc import Sequence

    from primitives.transaction import Transaction, TxIn

_P2WPKH: Final = b"\x00\x14"


class HasScript(Protocol):
    """An output, or a coin."""

    @property
    def script_pubkey(self) -> bytes:
        """What spending it must satisfy."""


def sigop_cost(transaction: Transaction, spent: Sequence[HasScript]) -> int:
    """Return the cost of a transaction, no coinbase, that spends these outputs."""
    legacy = cost = 0
    for _, script in transaction.outputs:
        if not (len(script) == 22 and script[:2] == _P2WPKH):
            legacy += count_sigops(script)
    for each, output in zip(transaction.inputs, spent, strict=True):
        script, script_sig = output.script_pubkey, each.script_sig
        if script_sig:
            legacy += count_sigops(script_sig)
        if len(script) == 22 and script[:2] == _P2WPKH:
            cost += 1
            continue
        if is_pay_to_script_hash(script):
            script = redeem_script(script_sig)
            legacy += count_sigops(script, accurate=True)
        cost += _witness_cost(script, each)
    return WITNESS_SCALE_FACTOR * legacy + cost


def redeem_script(script_sig: bytes) -> bytes:
    """Return what a script pushes last, which P2SH runs; nothing if it does not only push, or pushes a number."""
    if len(script_sig) == 23 and script_sig[0] == 22:
        return script_sig[1:]
    last = b""
    try:
        for opcode, data in iterate(script_sig):
            if opcode > OP_16:
                return b""
            last = data
    except ScriptError:
        return b""
    return last


def _witness_cost(script: bytes, each: TxIn) -> int:
    program = witness_program(script)
    if program is None or program[0] != 0:
        return 0
    if len(program[1]) == 20:
        return 1
    if len(program[1]) == 32 and each.witness:
        return count_sigops(each.witness[-1], accurate=True)
    return 0
