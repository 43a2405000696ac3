"""Which forms of transactions are relayed (Core: src/policy/policy.cpp).

Nearly all scripts are of a few fixed forms, which their length and first bytes tell: only others are read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from primitives.dust import SPEND_SIZE, dust_threshold
from primitives.errors import ScriptError
from primitives.opcodes import OP_1, OP_1NEGATE, OP_16, OP_PUSHDATA4, OP_RESERVED, OP_RETURN
from primitives.script import (
    MAX_SCRIPT_ELEMENT_SIZE,
    MAX_SCRIPT_SIZE,
    TxoutType,
    count_sigops,
    is_pay_to_script_hash,
    is_push_only,
    iterate,
    solve,
    witness_program,
)
from primitives.sigops import redeem_script, sigop_cost

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from node.coin import Coin
    from node.policy.options import MempoolOptions
    from primitives.fee_rate import FeeRate
    from primitives.transaction import Transaction, TxIn

__all__ = [
    "MAX_STANDARD_SIGOP_COST",
    "MAX_STANDARD_WEIGHT",
    "MIN_STRIPPED_SIZE",
    "adjusted_weight",
    "dust_outputs",
    "dust_threshold",
    "inputs_debug",
    "sigop_cost",
    "spends_witness_program",
    "standard_reason",
    "virtual_size",
    "witness_reason",
]

MAX_STANDARD_WEIGHT: Final = 400_000
MIN_STRIPPED_SIZE: Final = 65
"""Smaller ones could be taken for an inner node of a merkle tree: "tx-size-small"."""
MAX_STANDARD_SIGOP_COST: Final = 16_000
"""More is "bad-txns-too-many-sigops", with the cost for debug."""

_MAX_DUST_OUTPUTS: Final = 1
_MAX_SCRIPT_SIG_SIZE: Final = 1650
_MAX_P2SH_SIGOPS: Final = 15
_MAX_LEGACY_SIGOPS: Final = 2_500
_MAX_P2WSH_SCRIPT_SIZE: Final = 3600
_MAX_P2WSH_ITEMS: Final = 100
_MAX_ITEM_SIZE: Final = 80
"""Of a P2WSH or tapscript stack."""
ANCHOR_SCRIPT: Final = b"\x51\x02\x4e\x73"
_ANNEX: Final = 0x50
_TAPSCRIPT: Final = 0xC0
_LEAF_MASK: Final = 0xFE
_NUMBERS: Final = {OP_1NEGATE: b"\x81"} | {OP_1 - 1 + number: bytes((number,)) for number in range(1, 17)}
_NO_OPCODE: Final = "Opcode missing or not understood"
_MAX_STACK_ITEMS: Final = 1000
_MAX_MULTISIG_KEYS: Final = 3
_MOST_SPEND_SIZE: Final = 8 + 3 + SPEND_SIZE
"""With value and length of the output."""
_COMMON: Final = {22: (b"\x00\x14",), 34: (b"\x51\x20", b"\x00\x20")}
"""How scripts of these lengths begin that are P2WPKH, P2TR and P2WSH; any other script of the size is read."""


def standard_reason(tx: Transaction, options: MempoolOptions) -> str | None:
    """Return why a transaction is not standard, None if it is, as far as it shows without what it spends."""
    if not 1 <= tx.version <= 3:
        return "version"
    if tx.weight > MAX_STANDARD_WEIGHT:
        return "tx-size"
    for _, script_sig, _, _ in tx.inputs:
        if script_sig:
            if len(script_sig) > _MAX_SCRIPT_SIG_SIZE:
                return "scriptsig-size"
            if not is_push_only(script_sig):
                return "scriptsig-not-pushonly"
    data_left = options.max_datacarrier or 0
    fee, per_size = options.dust_relay.fee, options.dust_relay.size
    dust = 0
    for value, script in tx.outputs:
        size = len(script)
        if not (size in _COMMON and script[:2] in _COMMON[size]):
            if reason := _output_reason(script, data_left, options):
                return reason
            if script[0] == OP_RETURN:
                data_left -= size
                continue
        if value * per_size < fee * (size + _MOST_SPEND_SIZE) and value < dust_threshold(script, options.dust_relay):
            dust += 1
    return "dust" if dust > _MAX_DUST_OUTPUTS else None


def _output_reason(script: bytes, data_left: int, options: MempoolOptions) -> str | None:
    kind, solution = solve(script)
    if kind is TxoutType.NONSTANDARD:
        return "scriptpubkey"
    if kind is TxoutType.NULL_DATA:
        return "datacarrier" if len(script) > data_left else None
    if kind is TxoutType.MULTISIG:
        if len(solution) - 2 > _MAX_MULTISIG_KEYS:
            return "scriptpubkey"
        return None if options.permit_bare_multisig else "bare-multisig"
    return None


# Dust


def dust_outputs(tx: Transaction, rate: FeeRate) -> tuple[int, ...]:
    """Return the indices of outputs that are dust."""
    return tuple(index for index, (value, script) in enumerate(tx.outputs) if value < dust_threshold(script, rate))


# Inputs


def inputs_debug(tx: Transaction, coins: Sequence[Coin]) -> str | None:
    """Return the debug text of "bad-txns-nonstandard-inputs", None for inputs that spend in a standard way.

    The texts are v32's; v31 says no more than the reason.
    """
    wrong = None
    sigops = 0
    for index, (each, coin) in enumerate(zip(tx.inputs, coins, strict=True)):
        script, script_sig = coin.script_pubkey, each.script_sig
        size = len(script)
        if script_sig:
            sigops += count_sigops(script_sig, accurate=True)
        if size in _COMMON and script[:2] in _COMMON[size]:
            continue
        if is_pay_to_script_hash(script):
            sigops += count_sigops(redeem_script(script_sig), accurate=True)
            wrong = wrong or _redeem_debug(script_sig, index)
        else:
            sigops += count_sigops(script, accurate=True)
            kind = solve(script)[0]
            if kind is TxoutType.NONSTANDARD:
                wrong = wrong or f"input {index} script unknown"
            elif kind is TxoutType.WITNESS_UNKNOWN:
                wrong = wrong or f"input {index} witness program is undefined"
        if sigops > _MAX_LEGACY_SIGOPS:
            return "non-witness sigops exceed bip54 limit"
    return wrong


def _redeem_debug(script_sig: bytes, index: int) -> str | None:
    try:
        script = _pushed(script_sig)
    except ScriptError as error:
        return f"p2sh scriptsig malformed (input {index}: {error})"
    if script is None:
        return f"input {index} P2SH redeemscript missing"
    sigops = count_sigops(script, accurate=True)
    if sigops > _MAX_P2SH_SIGOPS:
        return f"p2sh redeemscript sigops exceed limit (input {index}: {sigops} > {_MAX_P2SH_SIGOPS})"
    return None


def _pushed(script_sig: bytes) -> bytes | None:
    """Return what lies on top after running a script of pushes, None if nothing does.

    Raises ScriptError, with Core's words, where running it fails.
    """
    if len(script_sig) > MAX_SCRIPT_SIZE:
        raise ScriptError("Script is too big")
    top = None
    for before, (opcode, data) in enumerate(_operations(script_sig)):
        if len(data) > MAX_SCRIPT_ELEMENT_SIZE:
            raise ScriptError("Push value size limit exceeded")
        if opcode == OP_RESERVED or opcode > OP_16:
            raise ScriptError(_NO_OPCODE)
        if before == _MAX_STACK_ITEMS:
            raise ScriptError("Stack size limit exceeded")
        top = data if opcode <= OP_PUSHDATA4 else _NUMBERS[opcode]
    return top


def _operations(script: bytes) -> Iterator[tuple[int, bytes]]:
    try:
        yield from iterate(script)
    except ScriptError as error:
        raise ScriptError(_NO_OPCODE) from error


def _redeem_or_nothing(script_sig: bytes) -> bytes:
    try:
        return _pushed(script_sig) or b""
    except ScriptError:
        return b""


# Witnesses


def witness_reason(tx: Transaction, coins: Sequence[Coin]) -> str | None:
    """Return "bad-witness-nonstandard" if a witness is where none belongs, or is larger than policy allows."""
    for each, coin in zip(tx.inputs, coins, strict=True):
        if each.witness and not _is_standard_witness(each, coin.script_pubkey):
            return "bad-witness-nonstandard"
    return None


def _is_standard_witness(each: TxIn, script: bytes) -> bool:
    wrapped = is_pay_to_script_hash(script)
    if wrapped:
        script = _redeem_or_nothing(each.script_sig)
    elif script == ANCHOR_SCRIPT:
        return False
    program = witness_program(script)
    if program is None:
        return False
    version, hash_ = program
    if len(hash_) != 32 or version > 1 or (version == 1 and wrapped):
        return True
    return _is_standard_taproot(each.witness) if version else _is_standard_p2wsh(each.witness)


def _is_standard_p2wsh(stack: tuple[bytes, ...]) -> bool:
    return (
        len(stack[-1]) <= _MAX_P2WSH_SCRIPT_SIZE
        and len(stack) - 1 <= _MAX_P2WSH_ITEMS
        and all(len(item) <= _MAX_ITEM_SIZE for item in stack[:-1])
    )


def _is_standard_taproot(stack: tuple[bytes, ...]) -> bool:
    if len(stack) < 2:
        return True  # A signature for the key.
    control = stack[-1]
    if not control or control[0] == _ANNEX:
        return False
    return control[0] & _LEAF_MASK != _TAPSCRIPT or all(len(item) <= _MAX_ITEM_SIZE for item in stack[:-2])


def spends_witness_program(tx: Transaction, coins: Sequence[Coin]) -> bool:
    """Whether an input needs a witness: where there is none in the transaction, that is why its scripts fail."""
    for each, coin in zip(tx.inputs, coins, strict=True):
        script = coin.script_pubkey
        if is_pay_to_script_hash(script):
            script = _redeem_or_nothing(each.script_sig)
        elif script == ANCHOR_SCRIPT:
            continue
        if witness_program(script) is not None:
            return True
    return False


# Sizes


def adjusted_weight(weight: int, sigop_cost: int, bytes_per_sigop: int) -> int:
    """Return the weight, more for a transaction with many signature checks for its size."""
    return max(weight, sigop_cost * bytes_per_sigop)


def virtual_size(weight: int, sigop_cost: int, bytes_per_sigop: int) -> int:
    """Return a quarter of the adjusted weight, rounded up."""
    return (max(weight, sigop_cost * bytes_per_sigop) + 3) // 4
