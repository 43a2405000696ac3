"""PSBTs to bytes, fields in Core's order (BIP174, 370, 371, 373; Core: src/psbt.h)."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from primitives.encoding import compact_size, sized
from primitives.psbt_fields import MAGIC, PREIMAGES
from primitives.transaction import witness_stack

if TYPE_CHECKING:
    from primitives.bip32 import ExtendedKey, KeyOrigin
    from primitives.psbt import LeafOrigins, Proprietary, Psbt, PsbtInput, PsbtOutput


def encode_psbt(psbt: Psbt) -> str:
    """Write a PSBT in base64."""
    return base64.b64encode(serialize_psbt(psbt)).decode()


def serialize_psbt(psbt: Psbt) -> bytes:
    """Write a PSBT."""
    parts = [MAGIC]
    if psbt.version < 2:
        transaction = psbt.unsigned()
        parts.append(_entry(0x00, b"", transaction.serialize() if transaction else b""))
    ordered = sorted(psbt.xpubs.items(), key=lambda item: (*origin_order(item[1]), *xpub_order(item[0][1])))
    for (prefix, xpub), origin in ordered:
        parts.append(_entry(0x01, prefix + xpub.to_bytes(), _origin(origin)))
    if psbt.version >= 2:
        parts.append(_entry(0x02, b"", psbt.tx_version.to_bytes(4, "little")))
        parts += _optional_number(0x03, psbt.fallback_lock_time)
        parts.append(_entry(0x04, b"", compact_size(len(psbt.inputs))))
        parts.append(_entry(0x05, b"", compact_size(len(psbt.outputs))))
        parts += _optional_number(0x06, psbt.modifiable, 1)
        parts.append(_entry(0xFB, b"", psbt.version.to_bytes(4, "little")))
    parts += _others(psbt.proprietary, psbt.unknown)
    parts.append(b"\0")
    parts += (_write_input(each, psbt.version) for each in psbt.inputs)
    parts += (_write_output(output, psbt.version) for output in psbt.outputs)
    return b"".join(parts)


def _entry(kind: int, key: bytes, value: bytes) -> bytes:
    return sized(compact_size(kind) + key) + sized(value)


def _optional(kind: int, value: bytes) -> list[bytes]:
    return [_entry(kind, b"", value)] if value else []


def _optional_number(kind: int, value: int | None, size: int = 4) -> list[bytes]:
    return [] if value is None else [_entry(kind, b"", value.to_bytes(size, "little"))]


def _origin(origin: KeyOrigin) -> bytes:
    return origin.fingerprint + b"".join(step.to_bytes(4, "little") for step in origin.path)


def origin_order(origin: KeyOrigin) -> tuple[bytes, int, tuple[int, ...]]:
    """Return what orders origins as Core does."""
    return origin.fingerprint, len(origin.path), origin.path


def xpub_order(xpub: ExtendedKey) -> tuple[bytes, bytes]:
    """Return what orders extended keys as Core does."""
    return xpub.public_key, xpub.chain_code


def _origins(kind: int, origins: dict[bytes, KeyOrigin]) -> list[bytes]:
    return [
        _entry(kind, pubkey, _origin(origin)) for pubkey, origin in sorted(origins.items(), key=lambda item: item[0])
    ]


def _leaf_origins(kind: int, origins: LeafOrigins) -> list[bytes]:
    return [
        _entry(kind, key, compact_size(len(leaves)) + b"".join(sorted(leaves)) + _origin(origin))
        for key, (leaves, origin) in sorted(origins.items(), key=lambda item: item[0])
    ]


def _participants(kind: int, participants: dict[bytes, tuple[bytes, ...]]) -> list[bytes]:
    return [_entry(kind, key, b"".join(keys)) for key, keys in sorted(participants.items())]


def _by_participant(kind: int, values: dict[tuple[bytes, bytes, bytes], bytes]) -> list[bytes]:
    ordered = sorted(values.items(), key=lambda item: (item[0][0], item[0][1] or bytes(32), item[0][2]))
    return [_entry(kind, key + aggregate + leaf, value) for (aggregate, leaf, key), value in ordered]


def _others(proprietary: dict[bytes, Proprietary], unknown: dict[bytes, bytes]) -> list[bytes]:
    known = [sized(key) + sized(each.value) for key, each in sorted(proprietary.items(), key=lambda item: item[0])]
    return known + [sized(key) + sized(value) for key, value in sorted(unknown.items())]


def _write_input(each: PsbtInput, version: int) -> bytes:
    parts = []
    if each.non_witness_utxo is not None:
        parts.append(_entry(0x00, b"", each.non_witness_utxo.serialize(witness=False)))
    if each.witness_utxo is not None:
        parts.append(_entry(0x01, b"", each.witness_utxo.serialize()))
    if not each.is_final:
        parts += _write_unfinished(each)
    parts += _optional(0x07, each.final_script_sig)
    if each.final_witness:
        parts.append(_entry(0x08, b"", witness_stack(each.final_witness)))
    if version >= 2:
        parts.append(_entry(0x0E, b"", each.previous_txid))
        parts.append(_entry(0x0F, b"", each.previous_index.to_bytes(4, "little")))
        parts += _optional_number(0x10, each.sequence)
        parts += _optional_number(0x11, each.time_lock)
        parts += _optional_number(0x12, each.height_lock)
    return b"".join([*parts, *_others(each.proprietary, each.unknown), b"\0"])


def _write_unfinished(each: PsbtInput) -> list[bytes]:
    parts = [_entry(0x02, pubkey, signature) for _, (pubkey, signature) in sorted(each.partial_signatures.items())]
    if each.sighash_type is not None:
        parts.append(_entry(0x03, b"", each.sighash_type.to_bytes(4, "little", signed=True)))
    parts += _optional(0x04, each.redeem_script)
    parts += _optional(0x05, each.witness_script)
    parts += _origins(0x06, each.origins)
    for kind, (fragment, _, _) in PREIMAGES.items():
        found = sorted((digest, preimage) for (of, digest), preimage in each.preimages.items() if of is fragment)
        parts += (_entry(kind, digest, preimage) for digest, preimage in found)
    parts += _optional(0x13, each.key_path_signature)
    for (key, leaf), signature in sorted(each.script_path_signatures.items()):
        parts.append(_entry(0x14, key + leaf, signature))
    for (script, leaf_version), controls in sorted(each.leaf_scripts.items()):
        parts += (_entry(0x15, control, script + bytes((leaf_version,))) for control in controls)
    parts += _leaf_origins(0x16, each.xonly_origins)
    parts += _optional(0x17, each.internal_key)
    parts += _optional(0x18, each.merkle_root)
    parts += _participants(0x1A, each.musig_participants)
    parts += _by_participant(0x1B, each.musig_nonces)
    return parts + _by_participant(0x1C, each.musig_signatures)


def _write_output(output: PsbtOutput, version: int) -> bytes:
    parts = _optional(0x00, output.redeem_script)
    parts += _optional(0x01, output.witness_script)
    parts += _origins(0x02, output.origins)
    if version >= 2:
        parts.append(_entry(0x03, b"", output.amount.to_bytes(8, "little", signed=True)))
        parts.append(_entry(0x04, b"", output.script))
    parts += _others(output.proprietary, {})
    parts += _optional(0x05, output.internal_key)
    tree = b"".join(bytes((depth, leaf_version)) + sized(script) for depth, leaf_version, script in output.tree)
    parts += _optional(0x06, tree)
    parts += _leaf_origins(0x07, output.xonly_origins)
    parts += _participants(0x08, output.musig_participants)
    return b"".join([*parts, *_others({}, output.unknown), b"\0"])
