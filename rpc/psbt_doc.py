"""What help says of the JSON of PSBTs (Core: DecodePSBTInputs and others in src/rpc/rawtransaction.cpp)."""

from __future__ import annotations

from typing import Final

from rpc.method import Kind, Result
from rpc.transaction_doc import SCRIPT_PUBKEY, transaction_doc

_PROPRIETARY_FIELDS: Final = (
    Result(
        Kind.OBJ,
        inner=(
            Result(Kind.STR_HEX, "identifier", "Whose field it is"),
            Result(Kind.NUM, "subtype", "Its number there"),
            Result(Kind.STR_HEX, "key", "All of its key"),
            Result(Kind.STR_HEX, "value", "Its value"),
        ),
    ),
)
_UNKNOWN_FIELDS: Final = (Result(Kind.STR_HEX, "key", "A key and its value"),)
_ORIGIN: Final = (
    Result(Kind.STR, "master_fingerprint", "The fingerprint of the master key"),
    Result(Kind.STR, "path", "The path from it"),
)


def _arr(key: str, text: str, *inner: Result) -> Result:
    return Result(Kind.ARR, key, text, (Result(Kind.OBJ, inner=inner),), optional=True)


def _map(key: str, text: str, what: str) -> Result:
    return Result(Kind.OBJ_DYN, key, text, (Result(Kind.STR, what, "What belongs to it"),), optional=True)


def _hex(key: str, text: str) -> Result:
    return Result(Kind.STR_HEX, key, text, optional=True)


def _num(key: str, text: str) -> Result:
    return Result(Kind.NUM, key, text, optional=True)


def _script(key: str) -> Result:
    inner = (
        Result(Kind.STR, "asm", "The script in words"),
        Result(Kind.STR_HEX, "hex", "Its bytes in hex"),
        Result(Kind.STR, "type", "Its type"),
    )
    return Result(Kind.OBJ, key, "", inner, optional=True)


_DERIVATIONS: Final = _arr("bip32_derivs", "Where keys come from", Result(Kind.STR, "pubkey", "A public key"), *_ORIGIN)
_LEAF_DERIVATIONS: Final = _arr(
    "taproot_bip32_derivs",
    "Where x-only keys come from",
    Result(Kind.STR, "pubkey", "An x-only public key"),
    *_ORIGIN,
    Result(Kind.ARR, "leaf_hashes", "Leaves that have the key", (Result(Kind.STR_HEX, "hash"),)),
)
_PARTICIPANTS: Final = _arr(
    "musig2_participant_pubkeys",
    "Who takes part in aggregate keys",
    Result(Kind.STR_HEX, "aggregate_pubkey", "The aggregate key"),
    Result(Kind.ARR, "participant_pubkeys", "Its participants", (Result(Kind.STR_HEX, "pubkey"),)),
)
_OTHERS: Final = (
    Result(Kind.ARR, "proprietary", "Fields of others", _PROPRIETARY_FIELDS, optional=True),
    Result(Kind.OBJ_DYN, "unknown", "Fields nobody knows", _UNKNOWN_FIELDS, optional=True),
)


def _by_participant(key: str, value: str) -> Result:
    return _arr(
        key,
        "By participant",
        Result(Kind.STR_HEX, "participant_pubkey", "The participant"),
        Result(Kind.STR_HEX, "aggregate_pubkey", "The key that is signed for"),
        _hex("leaf_hash", "The leaf that has the key, if it is in one"),
        Result(Kind.STR_HEX, value, "What the participant gives"),
    )


_INPUT: Final = (
    Result(Kind.OBJ, "non_witness_utxo", "The transaction that is spent", transaction_doc(), optional=True),
    Result(
        Kind.OBJ,
        "witness_utxo",
        "The output that is spent",
        (Result(Kind.NUM, "amount", "Its value in BTC"), Result(Kind.OBJ, "scriptPubKey", "", SCRIPT_PUBKEY)),
        optional=True,
    ),
    _map("partial_signatures", "Signatures by public key", "pubkey"),
    Result(Kind.STR, "sighash", "What signatures are to sign", optional=True),
    _script("redeem_script"),
    _script("witness_script"),
    _DERIVATIONS,
    Result(
        Kind.OBJ,
        "final_scriptSig",
        "",
        (Result(Kind.STR, "asm", "The script in words"), Result(Kind.STR_HEX, "hex", "Its bytes in hex")),
        optional=True,
    ),
    Result(Kind.ARR, "final_scriptwitness", "", (Result(Kind.STR_HEX, "", "An item of the witness"),), optional=True),
    *(_map(f"{name}_preimages", "Preimages by hash", "hash") for name in ("ripemd160", "sha256", "hash160", "hash256")),
    _hex("previous_txid", "The id of the transaction that is spent"),
    _num("previous_vout", "The number of the output that is spent"),
    _num("sequence", "The sequence number"),
    _num("time_locktime", "The lock time it needs, a time"),
    _num("height_locktime", "The lock time it needs, a height"),
    _hex("taproot_key_path_sig", "The signature of the key path"),
    _arr(
        "taproot_script_path_sigs",
        "Signatures of script paths",
        Result(Kind.STR, "pubkey", "The x-only key"),
        Result(Kind.STR, "leaf_hash", "The leaf that has it"),
        Result(Kind.STR, "sig", "The signature"),
    ),
    _arr(
        "taproot_scripts",
        "Leaves",
        Result(Kind.STR_HEX, "script", "The script"),
        Result(Kind.NUM, "leaf_ver", "Its version"),
        Result(Kind.ARR, "control_blocks", "Its control blocks", (Result(Kind.STR_HEX, "control_block"),)),
    ),
    _LEAF_DERIVATIONS,
    _hex("taproot_internal_key", "The internal key"),
    _hex("taproot_merkle_root", "The root of the tree"),
    _PARTICIPANTS,
    _by_participant("musig2_pubnonces", "pubnonce"),
    _by_participant("musig2_partial_sigs", "partial_sig"),
    *_OTHERS,
)
_OUTPUT: Final = (
    _script("redeem_script"),
    _script("witness_script"),
    _DERIVATIONS,
    Result(Kind.NUM, "amount", "Its value in BTC", optional=True),
    Result(Kind.OBJ, "script", "Its script", SCRIPT_PUBKEY, optional=True),
    _hex("taproot_internal_key", "The internal key"),
    _arr(
        "taproot_tree",
        "Leaves",
        Result(Kind.NUM, "depth", "How deep it hangs"),
        Result(Kind.NUM, "leaf_ver", "Its version"),
        Result(Kind.STR_HEX, "script", "The script"),
    ),
    _LEAF_DERIVATIONS,
    _PARTICIPANTS,
    *_OTHERS,
)

DECODED_PSBT: Final = (
    Result(Kind.OBJ, "tx", "The unsigned transaction (version 0)", transaction_doc(), optional=True),
    Result(
        Kind.ARR,
        "global_xpubs",
        "",
        (Result(Kind.OBJ, inner=(Result(Kind.STR, "xpub", "An extended public key"), *_ORIGIN)),),
    ),
    _num("tx_version", "The version of the transaction"),
    _num("fallback_locktime", "The lock time if no input needs one"),
    _num("input_count", "How many inputs there are"),
    _num("output_count", "How many outputs there are"),
    Result(Kind.BOOL, "inputs_modifiable", "Whether inputs may change", optional=True),
    Result(Kind.BOOL, "outputs_modifiable", "Whether outputs may change", optional=True),
    Result(Kind.BOOL, "has_sighash_single", "Whether an input signs the output beside it", optional=True),
    _num("psbt_version", "The version of the PSBT"),
    Result(Kind.ARR, "proprietary", "Fields of others", _PROPRIETARY_FIELDS),
    Result(Kind.OBJ_DYN, "unknown", "Fields nobody knows", _UNKNOWN_FIELDS),
    Result(Kind.ARR, "inputs", "", (Result(Kind.OBJ, inner=_INPUT),)),
    Result(Kind.ARR, "outputs", "", (Result(Kind.OBJ, inner=_OUTPUT),)),
    Result(Kind.STR_AMOUNT, "fee", "The fee, if all outputs spent are known", optional=True),
)

ANALYZED_PSBT: Final = (
    _arr(
        "inputs",
        "",
        Result(Kind.BOOL, "has_utxo", "Whether the output spent is known"),
        Result(Kind.BOOL, "is_final", "Whether it is finished"),
        Result(
            Kind.OBJ,
            "missing",
            "What is missing to finish it",
            (
                Result(
                    Kind.ARR,
                    "pubkeys",
                    "",
                    (Result(Kind.STR_HEX, "keyid", "The hash160 of a public key that is not known"),),
                    optional=True,
                ),
                Result(
                    Kind.ARR,
                    "signatures",
                    "",
                    (Result(Kind.STR_HEX, "keyid", "The hash160 of a public key that has not signed"),),
                    optional=True,
                ),
                _hex("redeemscript", "The hash160 of the redeem script"),
                _hex("witnessscript", "The SHA256 of the witness script"),
            ),
            optional=True,
        ),
        Result(Kind.STR, "next", "Who has to work on it next", optional=True),
    ),
    _num("estimated_vsize", "The virtual size once it is signed"),
    Result(Kind.STR_AMOUNT, "estimated_feerate", "The fee for a thousand virtual bytes, in BTC", optional=True),
    Result(Kind.STR_AMOUNT, "fee", "The fee, if all outputs spent are known", optional=True),
    Result(Kind.STR, "next", "Who has to work on the PSBT next"),
    Result(Kind.STR, "error", "Why it cannot become a transaction", optional=True),
)
