"""RPC methods that sign transactions and merge signed ones (Core: src/rpc/rawtransaction.cpp)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from node.rpc.coin_lookup import find_coins
from primitives import sighash
from primitives.errors import DecodeError
from primitives.keys import decode_wif
from primitives.signing_data import SigningData
from primitives.transaction import Transaction, TxIn
from primitives.transaction_hex import decode_transaction
from primitives.transaction_signing import NOT_FOUND, merge_transactions, sign_transaction
from rpc import json
from rpc.errors import (
    RPC_DESERIALIZATION_ERROR,
    RPC_INVALID_ADDRESS_OR_KEY,
    RPC_INVALID_PARAMETER,
    RPC_VERIFY_ERROR,
    RpcError,
)
from rpc.help import example_cli, example_rpc, examples
from rpc.method import Arg, Kind, Result, method
from rpc.transaction_signing import (
    PREVIOUS_ARG,
    SIGHASH_ARG,
    SIGNED_RESULT,
    add_previous_outputs,
    parse_sighash,
    signed_result,
)

if TYPE_CHECKING:
    from node.rpc.context import RpcContext
    from rpc.json import Json


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
    PREVIOUS_ARG,
    SIGHASH_ARG,
    result=SIGNED_RESULT,
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
    add_previous_outputs(previous, coins, known)
    hash_type = parse_sighash(sighash_type) or sighash.DEFAULT
    signed, errors = sign_transaction(transaction, known, coins, hash_type)
    return signed_result(signed, coins, errors)


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


METHODS: Final = (signrawtransactionwithkey, combinerawtransaction)
