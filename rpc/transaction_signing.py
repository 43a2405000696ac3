"""What methods that sign transactions share: arguments and result (Core: src/rpc/rawtransaction_util.cpp)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from primitives import sighash
from primitives.hashes import hash160, sha256
from primitives.script import is_pay_to_script_hash, script_hash_script, to_asm, witness_program, witness_script
from primitives.transaction import MAX_MONEY, OutPoint, Transaction, TxIn, TxOut
from primitives.transaction_signing import MISSING_AMOUNT
from rpc import json
from rpc.arguments import check_object, parse_amount, parse_hash, parse_hex
from rpc.errors import RPC_DESERIALIZATION_ERROR, RPC_INVALID_PARAMETER, RPC_TYPE_ERROR, RpcError
from rpc.method import Arg, Kind, Result
from rpc.transaction_json import amount_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from primitives.signing_data import SigningData
    from rpc.json import Json

SIGHASH_TYPES: Final = {
    "DEFAULT": sighash.DEFAULT,
    "ALL": sighash.ALL,
    "NONE": sighash.NONE,
    "SINGLE": sighash.SINGLE,
    "ALL|ANYONECANPAY": sighash.ALL | sighash.ANYONECANPAY,
    "NONE|ANYONECANPAY": sighash.NONE | sighash.ANYONECANPAY,
    "SINGLE|ANYONECANPAY": sighash.SINGLE | sighash.ANYONECANPAY,
}
SIGHASH_HELP: Final = "How much the signatures sign. One of:\n" + "".join(
    f'       "{name}"\n' for name in SIGHASH_TYPES
)
_OUTPUT_SHOWN: Final = 30


def parse_sighash(text: Json) -> int | None:
    """Return the sighash type a user names, None if none is named. Raises RpcError."""
    if text is None:
        return None
    name = json.to_str(text)
    if name not in SIGHASH_TYPES:
        raise RpcError(RPC_INVALID_PARAMETER, f"'{name}' is not a valid sighash parameter.")
    return SIGHASH_TYPES[name]


PREVIOUS_ARG: Final = Arg(
    "prevtxs",
    Kind.ARR,
    "Outputs that the transaction spends",
    (
        Arg(
            "",
            Kind.OBJ,
            inner=(
                Arg("txid", Kind.STR_HEX, "The transaction id"),
                Arg("vout", Kind.NUM, "The output number"),
                Arg("scriptPubKey", Kind.STR_HEX, "The output script"),
                Arg("redeemScript", Kind.STR_HEX, "(needed for P2SH) The redeem script", optional=True),
                Arg(
                    "witnessScript",
                    Kind.STR_HEX,
                    "(needed for P2WSH or P2SH-P2WSH) The witness script",
                    optional=True,
                ),
                Arg("amount", Kind.AMOUNT, "(needed for segwit) The amount spent", optional=True),
            ),
            optional=True,
        ),
    ),
    optional=True,
)
SIGHASH_ARG: Final = Arg("sighashtype", Kind.STR, SIGHASH_HELP, hint="DEFAULT for Taproot, ALL otherwise")
SIGNED_RESULT: Final = Result(
    Kind.OBJ,
    inner=(
        Result(Kind.STR_HEX, "hex", "The transaction with its signatures"),
        Result(Kind.BOOL, "complete", "Whether no signature is missing"),
        Result(
            Kind.ARR,
            "errors",
            "What is wrong with inputs, if anything is",
            (
                Result(
                    Kind.OBJ,
                    inner=(
                        Result(Kind.STR_HEX, "txid", "The id of the transaction whose output is spent"),
                        Result(Kind.NUM, "vout", "The number of that output"),
                        Result(Kind.ARR, "witness", inner=(Result(Kind.STR_HEX, "witness"),)),
                        Result(Kind.STR_HEX, "scriptSig", "The input's script"),
                        Result(Kind.NUM, "sequence", "The input's sequence"),
                        Result(Kind.STR, "error", "What is wrong"),
                    ),
                ),
            ),
            optional=True,
        ),
    ),
)


def signed_result(signed: Transaction, coins: Mapping[OutPoint, TxOut], errors: dict[int, str]) -> Json:
    """Return the result of signing; `errors` by input. Raises RpcError."""
    for index, error in errors.items():
        if error == MISSING_AMOUNT:
            coin = coins[signed.inputs[index].prevout]
            shown = f"CTxOut(nValue={amount_text(coin.value)}, scriptPubKey={coin.script_pubkey.hex()[:_OUTPUT_SHOWN]})"
            raise RpcError(RPC_TYPE_ERROR, f"Missing amount for {shown}")
    result: dict[str, Json] = {"hex": signed.serialize().hex(), "complete": not errors}
    if errors:
        result["errors"] = [_input_error(signed.inputs[index], error) for index, error in sorted(errors.items())]
    return result


def add_previous_outputs(previous: Json, coins: dict[OutPoint, TxOut], known: SigningData | None) -> None:
    """Take outputs given by the user, and the scripts behind their hashes if `known` is to learn them."""
    for output in previous or ():
        _add_previous(output, coins, known)


def _input_error(each: TxIn, error: str) -> dict[str, Json]:
    return {
        "txid": each.prevout.txid[::-1].hex(),
        "vout": each.prevout.index,
        "witness": [item.hex() for item in each.witness],
        "scriptSig": each.script_sig.hex(),
        "sequence": each.sequence,
        "error": error,
    }


def _add_previous(value: Json, coins: dict[OutPoint, TxOut], known: SigningData | None) -> None:
    """Take an output given by the user, and the scripts behind its hash (Core: ParsePrevouts)."""
    if not isinstance(value, dict):
        text = 'expected object with {"txid\'","vout","scriptPubKey"}'
        raise RpcError(RPC_DESERIALIZATION_ERROR, text)
    check_object(value, {"txid": "string", "vout": "number", "scriptPubKey": "string"})
    txid = parse_hash(value["txid"], "txid")
    index = json.to_int(value["vout"])
    if index < 0:
        raise RpcError(RPC_DESERIALIZATION_ERROR, "vout cannot be negative")
    outpoint = OutPoint(txid, index)
    script = parse_hex(value["scriptPubKey"], "scriptPubKey")
    if outpoint in coins and coins[outpoint].script_pubkey != script:
        text = f"Previous output scriptPubKey mismatch:\n{to_asm(coins[outpoint].script_pubkey)}\nvs:\n{to_asm(script)}"
        raise RpcError(RPC_DESERIALIZATION_ERROR, text)
    amount = parse_amount(value["amount"]) if "amount" in value else MAX_MONEY
    coins[outpoint] = TxOut(amount, script)
    is_p2sh = is_pay_to_script_hash(script)
    program = witness_program(script)
    is_p2wsh = program is not None and program[0] == 0 and len(program[1]) == 32
    if known is not None and (is_p2sh or is_p2wsh):
        _add_scripts(value, script, known, is_p2sh=is_p2sh)


def _add_scripts(value: dict[str, Json], script_pubkey: bytes, known: SigningData, *, is_p2sh: bool) -> None:
    check_object(value, {"redeemScript": "string", "witnessScript": "string"}, allow_null=True)
    redeem, witness = value.get("redeemScript"), value.get("witnessScript")
    if redeem is None and witness is None:
        raise RpcError(RPC_INVALID_PARAMETER, "Missing redeemScript/witnessScript")
    script = parse_hex(redeem, "redeemScript") if witness is None else parse_hex(witness, "witnessScript")
    wrapped = witness_script(0, sha256(script))
    known.add_script(script)
    known.add_script(wrapped)  # For P2WSH in P2SH.
    if (
        redeem is not None
        and witness is not None
        and redeem != witness
        and parse_hex(redeem, "redeemScript") != wrapped
    ):
        raise RpcError(RPC_INVALID_PARAMETER, "redeemScript does not correspond to witnessScript")
    expected = [script_hash_script(hash160(each)) for each in (script, wrapped)] if is_p2sh else [wrapped]
    if script_pubkey not in expected:
        raise RpcError(RPC_INVALID_PARAMETER, "redeemScript/witnessScript does not match scriptPubKey")
