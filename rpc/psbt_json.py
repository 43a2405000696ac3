"""JSON of PSBTs (Core: decodepsbt in src/rpc/rawtransaction.cpp)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from primitives import base58
from primitives.bip32 import format_path
from primitives.miniscript_types import Fragment
from primitives.psbt import HAS_SIGHASH_SINGLE, INPUTS_MODIFIABLE, OUTPUTS_MODIFIABLE
from primitives.psbt_writing import origin_order, xpub_order
from primitives.script import to_asm
from primitives.sighash import ALL, ANYONECANPAY, NONE, SINGLE
from primitives.transaction import MAX_MONEY
from rpc.json import Amount, Raw
from rpc.script_json import script_fields
from rpc.transaction_json import transaction_text

if TYPE_CHECKING:
    from common.chains import ChainParams
    from primitives.bip32 import KeyOrigin
    from primitives.psbt import LeafOrigins, Proprietary, Psbt, PsbtInput, PsbtOutput
    from rpc.json import Json

_SIGHASH_NAMES: Final = {ALL: "ALL", NONE: "NONE", SINGLE: "SINGLE"}
_PREIMAGES: Final = (
    (Fragment.RIPEMD160, "ripemd160_preimages"),
    (Fragment.SHA256, "sha256_preimages"),
    (Fragment.HASH160, "hash160_preimages"),
    (Fragment.HASH256, "hash256_preimages"),
)


def psbt_fields(psbt: Psbt, chain: ChainParams) -> dict[str, Json]:
    """Return all that a PSBT holds."""
    fields: dict[str, Json] = {}
    transaction = psbt.unsigned() if psbt.version < 2 else None
    if transaction is not None:
        fields["tx"] = Raw(transaction_text(transaction, chain, with_hex=False))
    ordered = sorted(psbt.xpubs.items(), key=lambda item: (*origin_order(item[1]), *xpub_order(item[0][1])))
    fields["global_xpubs"] = [
        {"xpub": base58.encode_check(prefix + xpub.to_bytes()), **_origin(origin)} for (prefix, xpub), origin in ordered
    ]
    if psbt.version >= 2:
        fields["tx_version"] = psbt.tx_version
        if psbt.fallback_lock_time is not None:
            fields["fallback_locktime"] = psbt.fallback_lock_time
        fields["input_count"] = len(psbt.inputs)
        fields["output_count"] = len(psbt.outputs)
        if psbt.modifiable is not None:
            fields["inputs_modifiable"] = bool(psbt.modifiable & INPUTS_MODIFIABLE)
            fields["outputs_modifiable"] = bool(psbt.modifiable & OUTPUTS_MODIFIABLE)
            fields["has_sighash_single"] = bool(psbt.modifiable & HAS_SIGHASH_SINGLE)
    fields["psbt_version"] = psbt.version
    fields["proprietary"] = _proprietary(psbt.proprietary)
    fields["unknown"] = _unknown(psbt.unknown)
    fields["inputs"] = [_input(each, psbt.version, chain) for each in psbt.inputs]
    fields["outputs"] = [_output(output, psbt.version, chain) for output in psbt.outputs]
    fee = _fee(psbt)
    if fee is not None:
        fields["fee"] = Amount(fee)
    return fields


def _fee(psbt: Psbt) -> int | None:
    """Return the fee, None where amounts are not known or make no sense."""
    utxos = [
        each.non_witness_utxo.outputs[each.previous_index] if each.non_witness_utxo else each.witness_utxo
        for each in psbt.inputs
    ]
    totals = []
    for amounts in ([utxo and utxo.value for utxo in utxos], [output.amount for output in psbt.outputs]):
        total = 0
        for amount in amounts:
            if amount is None or not 0 <= amount <= MAX_MONEY or total + amount > MAX_MONEY:
                return None
            total += amount
        totals.append(total)
    return totals[0] - totals[1]


def _origin(origin: KeyOrigin) -> dict[str, Json]:
    return {"master_fingerprint": origin.fingerprint.hex(), "path": f"m{format_path(origin.path)}"}


def _origins(origins: dict[bytes, KeyOrigin]) -> list[Json]:
    ordered = sorted(origins.items(), key=lambda item: item[0])
    return [{"pubkey": pubkey.hex(), **_origin(origin)} for pubkey, origin in ordered]


def _leaf_origins(origins: LeafOrigins) -> list[Json]:
    return [
        {"pubkey": key.hex(), **_origin(origin), "leaf_hashes": [leaf.hex() for leaf in sorted(leaves)]}
        for key, (leaves, origin) in sorted(origins.items(), key=lambda item: item[0])
    ]


def _proprietary(entries: dict[bytes, Proprietary]) -> list[Json]:
    return [
        {
            "identifier": each.identifier.hex(),
            "subtype": each.subtype,
            "key": each.key.hex(),
            "value": each.value.hex(),
        }
        for _, each in sorted(entries.items(), key=lambda item: item[0])
    ]


def _unknown(entries: dict[bytes, bytes]) -> dict[str, Json]:
    return {key.hex(): value.hex() for key, value in sorted(entries.items())}


def _participants(participants: dict[bytes, tuple[bytes, ...]]) -> list[Json]:
    return [
        {"aggregate_pubkey": aggregate.hex(), "participant_pubkeys": [key.hex() for key in keys]}
        for aggregate, keys in sorted(participants.items())
    ]


def _by_participant(values: dict[tuple[bytes, bytes, bytes], bytes], name: str) -> list[Json]:
    found = []
    for (aggregate, leaf, key), value in sorted(values.items()):
        entry: dict[str, Json] = {"participant_pubkey": key.hex(), "aggregate_pubkey": aggregate.hex()}
        if leaf:
            entry["leaf_hash"] = leaf.hex()
        found.append(entry | {name: value.hex()})
    return found


def _script(script: bytes, chain: ChainParams) -> dict[str, Json]:
    """Return a script that stands behind a hash, so it has no address of its own."""
    fields: dict[str, Json] = dict(script_fields(script, chain))
    return {key: fields[key] for key in ("asm", "hex", "type")}


def _sighash_name(sighash_type: int) -> str:
    kind = sighash_type & 0xFF
    name = _SIGHASH_NAMES.get(kind & ~ANYONECANPAY, "")
    return f"{name}|ANYONECANPAY" if name and kind & ANYONECANPAY else name


def _given(fields: dict[str, Json]) -> dict[str, Json]:
    """Return the fields that say something."""
    return {key: value for key, value in fields.items() if value not in (None, "", [], {})}


def _input(each: PsbtInput, version: int, chain: ChainParams) -> dict[str, Json]:
    fields: dict[str, Json] = {}
    if each.witness_utxo is not None:
        script = script_fields(each.witness_utxo.script_pubkey, chain)
        fields["witness_utxo"] = {"amount": Amount(each.witness_utxo.value), "scriptPubKey": script}
    if each.non_witness_utxo is not None:
        fields["non_witness_utxo"] = Raw(transaction_text(each.non_witness_utxo, chain, with_hex=False))
    signatures = sorted(each.partial_signatures.items())
    fields |= _given({"partial_signatures": {pubkey.hex(): signature.hex() for _, (pubkey, signature) in signatures}})
    if each.sighash_type is not None:
        fields["sighash"] = _sighash_name(each.sighash_type)
    fields |= _scripts(each, chain)
    fields |= _given({"bip32_derivs": _origins(each.origins)})
    if each.final_script_sig:
        asm = to_asm(each.final_script_sig, sighash_decode=True)
        fields["final_scriptSig"] = {"asm": asm, "hex": each.final_script_sig.hex()}
    if each.final_witness:
        fields["final_scriptwitness"] = [item.hex() for item in each.final_witness]
    for fragment, name in _PREIMAGES:
        found = sorted((digest, preimage) for (of, digest), preimage in each.preimages.items() if of is fragment)
        fields |= _given({name: {digest.hex(): preimage.hex() for digest, preimage in found}})
    if version >= 2:
        fields["previous_txid"] = each.previous_txid[::-1].hex()
        fields["previous_vout"] = each.previous_index
        fields |= _given(
            {"sequence": each.sequence, "time_locktime": each.time_lock, "height_locktime": each.height_lock}
        )
    return fields | _given(
        {
            "taproot_key_path_sig": each.key_path_signature.hex(),
            "taproot_script_path_sigs": [
                {"pubkey": key.hex(), "leaf_hash": leaf.hex(), "sig": signature.hex()}
                for (key, leaf), signature in sorted(each.script_path_signatures.items())
            ],
            "taproot_scripts": [
                {"script": script.hex(), "leaf_ver": leaf_version, "control_blocks": [each.hex() for each in controls]}
                for (script, leaf_version), controls in sorted(each.leaf_scripts.items())
            ],
            "taproot_bip32_derivs": _leaf_origins(each.xonly_origins),
            "taproot_internal_key": each.internal_key.hex(),
            "taproot_merkle_root": each.merkle_root.hex(),
            "musig2_participant_pubkeys": _participants(each.musig_participants),
            "musig2_pubnonces": _by_participant(each.musig_nonces, "pubnonce"),
            "musig2_partial_sigs": _by_participant(each.musig_signatures, "partial_sig"),
            "proprietary": _proprietary(each.proprietary),
            "unknown": _unknown(each.unknown),
        }
    )


def _scripts(each: PsbtInput | PsbtOutput, chain: ChainParams) -> dict[str, Json]:
    found: dict[str, Json] = {}
    if each.redeem_script:
        found["redeem_script"] = _script(each.redeem_script, chain)
    if each.witness_script:
        found["witness_script"] = _script(each.witness_script, chain)
    return found


def _output(output: PsbtOutput, version: int, chain: ChainParams) -> dict[str, Json]:
    fields = _scripts(output, chain)
    fields |= _given({"bip32_derivs": _origins(output.origins)})
    if version >= 2:
        fields["amount"] = Amount(output.amount)
        fields["script"] = script_fields(output.script, chain)
    return fields | _given(
        {
            "taproot_internal_key": output.internal_key.hex(),
            "taproot_tree": [
                {"depth": depth, "leaf_ver": leaf_version, "script": script.hex()}
                for depth, leaf_version, script in output.tree
            ],
            "taproot_bip32_derivs": _leaf_origins(output.xonly_origins),
            "musig2_participant_pubkeys": _participants(output.musig_participants),
            "proprietary": _proprietary(output.proprietary),
            "unknown": _unknown(output.unknown),
        }
    )
