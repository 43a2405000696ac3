"""What signature checks a transaction costs (BIP141; Core: GetTransactionSigOpCost)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from primitives.script import count_sigops, is_pay_to_script_hash, is_push_only, iterate, witness_program
from primitives.transaction import WITNESS_SCALE_FACTOR

if TYPE_CHECKING:
    from collections.abc import Sequence

    from primitives.transaction import Transaction, TxIn, TxOut


def sigop_cost(transaction: Transaction, spent: Sequence[TxOut]) -> int:
    """Return the cost of a transaction, no coinbase, that spends these outputs."""
    scripts = [each.script_sig for each in transaction.inputs]
    scripts += [output.script_pubkey for output in transaction.outputs]
    cost = WITNESS_SCALE_FACTOR * sum(map(count_sigops, scripts))
    for each, output in zip(transaction.inputs, spent, strict=True):
        script = output.script_pubkey
        if is_pay_to_script_hash(script) and is_push_only(each.script_sig):
            script = _last_push(each.script_sig)
            cost += WITNESS_SCALE_FACTOR * count_sigops(script, accurate=True)
        cost += _witness_cost(script, each)
    return cost


def _last_push(script: bytes) -> bytes:
    last = b""
    for _, data in iterate(script):
        last = data
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
