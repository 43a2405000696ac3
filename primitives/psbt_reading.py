"""PSBTs from bytes, with Core's words for what is wrong (BIP174, 370, 371, 373; Core: src/psbt.h)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from primitives.bip32 import public_from_bytes
from primitives.errors import DecodeError, PsbtError
from primitives.keys import COMPRESSED_SIZE
from primitives.message_signing import decode_base64
from primitives.psbt import Psbt, PsbtOutput
from primitives.psbt_fields import HIGHEST_VERSION, MAGIC
from primitives.psbt_input_reading import read_input
from primitives.psbt_reader import (
    Reader,
    entries,
    expect_key,
    null_if_zero,
    read_leaf_origin,
    read_origin,
    read_participants,
    read_proprietary,
    read_pubkey,
    require_v2,
)
from primitives.taproot import LEAF_VERSION_MASK, MAX_DEPTH, depths_are_complete

if TYPE_CHECKING:
    from primitives.transaction import Transaction

_XPUB_SIZE: Final = 78


def decode_psbt(text: str) -> Psbt:
    """Read a PSBT in base64. Raises PsbtError."""
    data = decode_base64(text)
    if data is None:
        raise PsbtError("invalid base64")
    return parse_psbt(data)


def parse_psbt(data: bytes) -> Psbt:
    """Read a PSBT that is all of `data`. Raises PsbtError."""
    reader = Reader(data)
    try:
        psbt = _read_psbt(reader)
    except DecodeError as error:
        raise PsbtError(error.stream_text()) from None
    if not reader.is_empty():
        raise PsbtError("extra data after PSBT")
    return psbt


def _read_output(reader: Reader, version: int, output: PsbtOutput | None) -> PsbtOutput:
    found = output or PsbtOutput(0, b"")
    found_amount = found_script = False
    for kind, key in entries(reader, "output", "an output"):
        match kind:
            case 0x00:
                expect_key("Output redeemScript", key)
                found.redeem_script = reader.vector()
            case 0x01:
                expect_key("Output witnessScript", key)
                found.witness_script = reader.vector()
            case 0x02:
                pubkey = read_pubkey(key, "BIP32 keypath")
                found.origins.setdefault(pubkey, read_origin(reader, reader.size()))
            case 0x03:
                expect_key("Output Amount", key)
                require_v2(version, "Output amount")
                found.amount = reader.stated_number(8, signed=True)
                found_amount = True
            case 0x04:
                expect_key("Output Script", key)
                require_v2(version, "Output script")
                found.script = reader.vector()
                found_script = True
            case 0x05:
                expect_key("Output Taproot Internal Key", key)
                found.internal_key = null_if_zero(reader.stated_bytes(32))
            case 0x06:
                expect_key("Output Taproot Tree Key", key)
                found.tree = _read_tree(Reader(reader.vector()))
            case 0x07:
                expect_key("Output Taproot BIP32 Keypath", key, 33)
                found.xonly_origins.setdefault(key[1:], read_leaf_origin(reader, "Output"))
            case 0x08:
                expect_key("Output MuSig2 Participants Pubkeys", key, COMPRESSED_SIZE + 1)
                found.musig_participants.setdefault(*read_participants(reader, key, "Output"))
            case 0xFC:
                found.proprietary.setdefault(key, read_proprietary(reader, key))
            case _:
                found.unknown[key] = reader.vector()
    if version >= 2 and not found_amount:
        raise DecodeError("Output amount is required in PSBTv2")
    if version >= 2 and not found_script:
        raise DecodeError("Output script is required in PSBTv2")
    return found


def _read_tree(reader: Reader) -> tuple[tuple[int, int, bytes], ...]:
    if reader.is_empty():
        raise DecodeError("Output Taproot tree must not be empty")
    tree = []
    while not reader.is_empty():
        leaf = (reader.number(1), reader.number(1), reader.vector())
        if leaf[0] > MAX_DEPTH:
            raise DecodeError("Output Taproot tree has as leaf greater than Taproot maximum depth")
        if leaf[1] & ~LEAF_VERSION_MASK:
            raise DecodeError("Output Taproot tree has a leaf with an invalid leaf version")
        tree.append(leaf)
    if not depths_are_complete(depth for depth, _, _ in tree):
        raise DecodeError("Output Taproot tree is malformed")
    return tuple(tree)


class _Global:
    """What the first map says."""

    def __init__(self) -> None:
        self.psbt = Psbt(0, 0, None, [], [])
        self.transaction: Transaction | None = None
        self.input_count: int | None = None
        self.output_count: int | None = None
        self.tx_version: int | None = None
        self.fallback_lock_time: int | None = None


def _read_global(reader: Reader) -> _Global:
    found = _Global()
    psbt = found.psbt
    for kind, key in entries(reader, "global", "the global"):
        match kind:
            case 0x00:
                expect_key("Global Unsigned TX", key)
                found.transaction = reader.stated(lambda: reader.transaction(allow_witness=False))
                if any(each.script_sig for each in found.transaction.inputs):
                    raise DecodeError("Unsigned tx does not have empty scriptSigs and scriptWitnesses.")
            case 0x01:
                expect_key("Global XPUB", key, _XPUB_SIZE + 1)
                xpub = public_from_bytes(key[5:])
                if xpub is None:
                    raise DecodeError("Invalid pubkey")
                psbt.xpubs.setdefault((key[1:5], xpub), read_origin(reader, reader.size()))
            case 0x02:
                expect_key("Global Transaction Version", key)
                found.tx_version = reader.stated_number(4)
            case 0x03:
                expect_key("Global Fallback Locktime", key)
                found.fallback_lock_time = reader.stated_number(4)
            case 0x04:
                expect_key("Global Input Count", key)
                found.input_count = reader.stated(reader.size)
            case 0x05:
                expect_key("Global Output Count", key)
                found.output_count = reader.stated(reader.size)
            case 0x06:
                expect_key("Global TX Modifiable Flags", key)
                psbt.modifiable = reader.stated_number(1)
            case 0xFB:
                expect_key("Global PSBT Version", key)
                psbt.version = reader.stated_number(4)
                if psbt.version > HIGHEST_VERSION:
                    raise DecodeError("Unsupported version number")
            case 0xFC:
                psbt.proprietary.setdefault(key, read_proprietary(reader, key))
            case _:
                psbt.unknown[key] = reader.vector()
    return found


def _check_global(found: _Global) -> None:
    only_v2 = (
        ("PSBT_GLOBAL_TX_VERSION", found.tx_version),
        ("PSBT_GLOBAL_FALLBACK_LOCKTIME", found.fallback_lock_time),
        ("PSBT_GLOBAL_INPUT_COUNT", found.input_count),
        ("PSBT_GLOBAL_OUTPUT_COUNT", found.output_count),
        ("PSBT_GLOBAL_TX_MODIFIABLE", found.psbt.modifiable),
    )
    version = found.psbt.version
    if version == 1:
        raise DecodeError("There is no PSBT version 1")
    if version == 0:
        if found.transaction is None:
            raise DecodeError("No unsigned transaction was provided")
        for name, value in only_v2:
            if value is not None:
                raise DecodeError(f"{name} is not allowed in PSBTv0")
        return
    for at in (0, 2, 3):
        if only_v2[at][1] is None:
            raise DecodeError(f"{only_v2[at][0]} is required in PSBTv2")
    if found.transaction is not None:
        raise DecodeError("PSBT_GLOBAL_UNSIGNED_TX is not allowed in PSBTv2")


def _read_psbt(reader: Reader) -> Psbt:
    if reader.take(5) != MAGIC:
        raise DecodeError("Invalid PSBT magic bytes")
    found = _read_global(reader)
    _check_global(found)
    psbt, transaction = found.psbt, found.transaction
    blank = None
    if transaction is not None:
        blank = Psbt.of(transaction, 0)
        psbt.tx_version, psbt.fallback_lock_time = transaction.version, transaction.lock_time
        found.input_count, found.output_count = len(transaction.inputs), len(transaction.outputs)
    else:
        psbt.tx_version, psbt.fallback_lock_time = found.tx_version or 0, found.fallback_lock_time
    while not reader.is_empty() and len(psbt.inputs) < (found.input_count or 0):
        each = read_input(reader, psbt.version, blank.inputs[len(psbt.inputs)] if blank else None)
        psbt.inputs.append(each)
        if each.non_witness_utxo is not None:
            if each.non_witness_utxo.txid != each.previous_txid:
                raise DecodeError("Non-witness UTXO does not match outpoint hash")
            if each.previous_index >= len(each.non_witness_utxo.outputs):
                raise DecodeError("Input specifies output index that does not exist")
    if len(psbt.inputs) != found.input_count:
        raise DecodeError("Inputs provided does not match the number of inputs in transaction.")
    while not reader.is_empty() and len(psbt.outputs) < (found.output_count or 0):
        output = _read_output(reader, psbt.version, blank.outputs[len(psbt.outputs)] if blank else None)
        psbt.outputs.append(output)
    if len(psbt.outputs) != found.output_count:
        raise DecodeError("Outputs provided does not match the number of outputs in transaction.")
    return psbt
