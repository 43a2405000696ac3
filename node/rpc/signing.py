"""RPC methods that sign transactions and merge signed ones (Core: src/rpc/rawtransaction.cpp)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from node.rpc.coin_lookup import find_coins
from primitives import sighash
from primitives.errors import DecodeError
from primitives.hashes import hash160, sha256
from primitives.keys import decode_wif
from primitives.script import is_pay_to_script_hash, script_hash_script, to_asm, witness_program, witness_script
from primitives.signing_data import SigningData
from primitives.transaction import MAX_MONEY, OutPoint, Transaction, TxIn, TxOut
from primitives.transaction_hex import decode_transaction
from primitives.transaction_signing import MISSING_AMOUNT, NOT_FOUND, merge_transactions, sign_transaction
from rpc import json
from rpc.arguments import check_object, parse_amount, parse_hash, parse_hex
from rpc.errors import (
    RPC_DESERIALIZATION_ERROR,
    RPC_INVALID_ADDRESS_OR_KEY,
    RPC_INVALID_PARAMETER,
    RPC_TYPE_ERROR,
    RPC_VERIFY_ERROR,
    RpcError,
)
from rpc.help import example_cli, example_rpc, examples
from rpc.method import Arg, Kind, Result, method
from rpc.transaction_json import amount_text

if TYPE_CHECKING:
    from node.rpc.context import RpcContext
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


@method(
    "rawtransactions",
    "signrawtransactionwithkey",
    Arg("hexstring", Kind.STR, "The transaction in hex"),
    Arg(
        "privkeys",
        Kind.ARR,
        "The private keys to sign with",
        (Arg("privatekey", Kind.STR_HEX, "A private key in base58", optional=True),),
    ),
    Arg(
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
    ),
    Arg("sighashtype", Kind.STR, SIGHASH_HELP, hint="DEFAULT for Taproot, ALL otherwise"),
    result=Result(
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
    ),
    help="Sign the inputs of a transaction in hex with the given private keys and no others.\n"
    "Outputs that are spent but not yet in the block chain may be given.",
    examples=example_cli("signrawtransactionwithkey", '"myhex" "[\\"key1\\",\\"key2\\"]"')
    + example_rpc("signrawtransactionwithkey", '"myhex", "[\\"key1\\",\\"key2\\"]"'),
)
def signrawtransactionwithkey(
    context: RpcContext, text: str, private_keys: list[Json], previous: Json, sighash_type: Json
) -> Json:
    """Sign a transaction."""
    transaction = _decode(text, "TX decode failed. Make sure the tx has at least one input.")
    known = SigningData()
    for each in private_keys:
        key = decode_wif(json.to_str(each), context.node.chain)
        if key is None:
            raise RpcError(RPC_INVALID_ADDRESS_OR_KEY, "Invalid private key")
        known.add_key(key)
    coins = find_coins(context.node, [each.prevout for each in transaction.inputs])
    for output in previous or ():
        _add_previous(output, coins, known)
    hash_type = parse_sighash(sighash_type) or sighash.DEFAULT
    signed, errors = sign_transaction(transaction, known, coins, hash_type)
    for index, error in errors.items():
        if error == MISSING_AMOUNT:
            coin = coins[signed.inputs[index].prevout]
            shown = f"CTxOut(nValue={amount_text(coin.value)}, scriptPubKey={coin.script_pubkey.hex()[:_OUTPUT_SHOWN]})"
            raise RpcError(RPC_TYPE_ERROR, f"Missing amount for {shown}")
    result: dict[str, Json] = {"hex": signed.serialize().hex(), "complete": not errors}
    if errors:
        result["errors"] = [_input_error(signed.inputs[index], error) for index, error in sorted(errors.items())]
    return result


@method(
    "rawtransactions",
    "combinerawtransaction",
    Arg(
        "txs",
        Kind.ARR,
        "Transactions in hex, each signed in part",
        (Arg("hexstring", Kind.STR_HEX, "A transaction in hex", optional=True),),
    ),
    result=Result(Kind.STR, "", "The transaction with the signatures of all"),
    help="Put the signatures of several copies of one transaction into one.\n"
    "The result may still lack signatures, or be complete.",
    examples=examples("combinerawtransaction", '["myhex1", "myhex2", "myhex3"]'),
)
def combinerawtransaction(context: RpcContext, texts: list[Json]) -> Json:
    """Merge transactions."""
    variants = [
        _decode(json.to_str(text), f"TX decode failed for tx {at}. Make sure the tx has at least one input.")
        for at, text in enumerate(texts)
    ]
    if len(variants) < 2:
        raise RpcError(RPC_DESERIALIZATION_ERROR, "Missing transactions. At least two transactions required.")
    bare = [_unsigned(variant).txid for variant in variants]
    for at, txid in enumerate(bare):
        if txid != bare[0]:
            text = f"Transaction number {at + 1} not compatible with first transaction"
            raise RpcError(RPC_INVALID_PARAMETER, text)
    outpoints = [each.prevout for each in variants[0].inputs]
    coins = find_coins(context.node, outpoints)
    if any(outpoint not in coins for outpoint in outpoints):
        raise RpcError(RPC_VERIFY_ERROR, NOT_FOUND)
    return merge_transactions(variants, coins).serialize().hex()


def _decode(text: str, message: str) -> Transaction:
    try:
        return decode_transaction(text)
    except DecodeError:
        raise RpcError(RPC_DESERIALIZATION_ERROR, message) from None


def _unsigned(transaction: Transaction) -> Transaction:
    inputs = tuple(TxIn(each.prevout, b"", each.sequence) for each in transaction.inputs)
    return Transaction(transaction.version, inputs, transaction.outputs, transaction.lock_time)


def _input_error(each: TxIn, error: str) -> dict[str, Json]:
    return {
        "txid": each.prevout.txid[::-1].hex(),
        "vout": each.prevout.index,
        "witness": [item.hex() for item in each.witness],
        "scriptSig": each.script_sig.hex(),
        "sequence": each.sequence,
        "error": error,
    }


def _add_previous(value: Json, coins: dict[OutPoint, TxOut], known: SigningData) -> None:
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
    if is_p2sh or is_p2wsh:
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


METHODS: Final = (signrawtransactionwithkey, combinerawtransaction)
