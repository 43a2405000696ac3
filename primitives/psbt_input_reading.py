"""The map of a PSBT's input from bytes (BIP174, 370, 371, 373; Core: PSBTInput::Unserialize)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from primitives.errors import DecodeError
from primitives.keys import COMPRESSED_SIZE, key_id
from primitives.psbt import PsbtInput
from primitives.psbt_fields import PREIMAGES
from primitives.psbt_reader import (
    entries,
    expect_key,
    null_if_zero,
    read_leaf_origin,
    read_origin,
    read_participant,
    read_participants,
    read_proprietary,
    read_pubkey,
    require_v2,
)
from primitives.script import is_valid_signature_encoding

if TYPE_CHECKING:
    from primitives.psbt_reader import Reader

_LOCKTIME_THRESHOLD: Final = 500_000_000
_NONCE_SIZE: Final = 66


def read_input(reader: Reader, version: int, each: PsbtInput | None) -> PsbtInput:
    """Read an input; `each` is what version 0 says of it elsewhere. Raises DecodeError."""
    found = each or PsbtInput(b"", 0)
    found_txid = found_index = False
    for kind, key in entries(reader, "input", "an input"):
        match kind:
            case 0x00:
                expect_key("Input Non-witness UTXO", key)
                found.non_witness_utxo = reader.stated(lambda: reader.transaction(allow_witness=True))
            case 0x01:
                expect_key("Input Witness UTXO", key)
                output = reader.stated(reader.output)
                found.witness_utxo = None if output.value == -1 else output
            case 0x02:
                pubkey = read_pubkey(key, "partial signature pubkey")
                signature = reader.vector()
                if not signature or not _is_signature(signature):
                    raise DecodeError("Signature is not a valid encoding")
                found.partial_signatures.setdefault(key_id(pubkey), (pubkey, signature))
            case 0x03:
                expect_key("Input Sighash Type", key)
                found.sighash_type = reader.stated_number(4, signed=True)
            case 0x04:
                expect_key("Input redeemScript", key)
                found.redeem_script = reader.vector()
            case 0x05:
                expect_key("Input witnessScript", key)
                found.witness_script = reader.vector()
            case 0x06:
                pubkey = read_pubkey(key, "BIP32 keypath")
                found.origins.setdefault(pubkey, read_origin(reader, reader.size()))
            case 0x07:
                expect_key("Input Final scriptSig", key)
                found.final_script_sig = reader.vector()
            case 0x08:
                expect_key("Input Final scriptWitness", key)
                found.final_witness = reader.stated(reader.stack)
            case 0x0A | 0x0B | 0x0C | 0x0D:
                fragment, name, size = PREIMAGES[kind]
                expect_key(f"Input {name} Preimage", key, size + 1)
                found.preimages.setdefault((fragment, key[1:]), reader.vector())
            case 0x0E:
                expect_key("Input Previous TXID", key)
                require_v2(version, "Previous txid")
                found.previous_txid = reader.stated_bytes(32)
                found_txid = True
            case 0x0F:
                expect_key("Input Previous Output's Index", key)
                require_v2(version, "Previous output's index")
                found.previous_index = reader.stated_number(4)
                found_index = True
            case 0x10:
                expect_key("Input Sequence", key)
                require_v2(version, "Sequence")
                found.sequence = reader.stated_number(4)
            case 0x11:
                expect_key("Input Required Time Based Locktime", key)
                require_v2(version, "Required time based locktime")
                found.time_lock = reader.stated_number(4)
                if found.time_lock < _LOCKTIME_THRESHOLD:
                    raise DecodeError("Required time based locktime is invalid (less than 500000000)")
            case 0x12:
                expect_key("Input Required Height Based Locktime", key)
                require_v2(version, "Required height based locktime")
                found.height_lock = reader.stated_number(4)
                if found.height_lock >= _LOCKTIME_THRESHOLD:
                    text = "Required height based locktime is invalid (greater than or equal to 500000000)"
                    raise DecodeError(text)
                if not found.height_lock:
                    raise DecodeError("Required height based locktime is invalid (0)")
            case _:
                _read_taproot_input(reader, kind, key, found)
    if version >= 2 and not found_txid:
        raise DecodeError("Previous TXID is required in PSBTv2")
    if version >= 2 and not found_index:
        raise DecodeError("Previous output's index is required in PSBTv2")
    return found


def _read_taproot_input(reader: Reader, kind: int, key: bytes, found: PsbtInput) -> None:
    match kind:
        case 0x13:
            expect_key("Input Taproot Key Path Signature", key)
            found.key_path_signature = _schnorr(reader, "key path")
        case 0x14:
            expect_key("Input Taproot Script Path Signature", key, 65)
            signature = _schnorr(reader, "script path")
            found.script_path_signatures.setdefault((key[1:33], key[33:]), signature)
        case 0x15:
            if len(key) < 34:
                raise DecodeError("Input Taproot leaf script key is not at least 34 bytes")
            if (len(key) - 2) % 32:
                raise DecodeError("Input Taproot leaf script key's control block size is not valid")
            script = reader.vector()
            if not script:
                raise DecodeError("Input Taproot leaf script must be at least 1 byte")
            controls = found.leaf_scripts.setdefault((script[:-1], script[-1]), [])
            controls.append(key[1:])
            controls.sort(key=lambda control: (len(control), control))
        case 0x16:
            expect_key("Input Taproot BIP32 Keypath", key, 33)
            found.xonly_origins.setdefault(key[1:], read_leaf_origin(reader, "Input"))
        case 0x17:
            expect_key("Input Taproot Internal Key", key)
            found.internal_key = null_if_zero(reader.stated_bytes(32))
        case 0x18:
            expect_key("Input Taproot Merkle Root", key)
            found.merkle_root = null_if_zero(reader.stated_bytes(32))
        case 0x1A:
            expect_key("Input MuSig2 Participants Pubkeys", key, COMPRESSED_SIZE + 1)
            found.musig_participants.setdefault(*read_participants(reader, key, "Input"))
        case 0x1B:
            place = read_participant(key, "pubnonce")
            nonce = reader.vector()
            if len(nonce) != _NONCE_SIZE:
                raise DecodeError("Input musig2 pubnonce value is not 66 bytes")
            found.musig_nonces.setdefault(place, nonce)
        case 0x1C:
            place = read_participant(key, "partial sig")
            found.musig_signatures.setdefault(place, reader.stated_bytes(32))
        case 0xFC:
            found.proprietary.setdefault(key, read_proprietary(reader, key))
        case _:
            found.unknown[key] = reader.vector()


def _is_signature(signature: bytes) -> bool:
    return is_valid_signature_encoding(signature) and 1 <= signature[-1] & ~0x80 <= 3


def _schnorr(reader: Reader, name: str) -> bytes:
    signature = reader.vector()
    if len(signature) < 64:
        raise DecodeError(f"Input Taproot {name} signature is shorter than 64 bytes")
    if len(signature) > 65:
        raise DecodeError(f"Input Taproot {name} signature is longer than 65 bytes")
    return signature
