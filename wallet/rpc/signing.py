"""RPC methods that sign with a wallet's keys (Core: src/wallet/rpc/spend.cpp)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from primitives import sighash
from primitives.errors import DecodeError
from primitives.psbt_writing import encode_psbt
from primitives.transaction_hex import decode_transaction
from rpc.errors import RPC_DESERIALIZATION_ERROR, RpcError
from rpc.help import example_cli, examples
from rpc.method import Arg, Kind, Result, method
from rpc.psbt_arguments import PSBT_ARG, read_psbt
from rpc.psbt_finishing import finish_psbt
from rpc.transaction_signing import (
    PREVIOUS_ARG,
    SIGHASH_ARG,
    SIGNED_RESULT,
    add_previous_outputs,
    parse_sighash,
    signed_result,
)
from wallet.rpc.context import MUST_BE_UNLOCKED, ensure_unlocked
from wallet.rpc.filling import filling
from wallet.spending.node_view import ChainNode
from wallet.spending.signing import fill_psbt, sign_with_wallet

if TYPE_CHECKING:
    from rpc.json import Json
    from wallet.rpc.context import RpcContext


@method(
    "rawtransactions",
    "signrawtransactionwithwallet",
    Arg("hexstring", Kind.STR, "The transaction in hex"),
    PREVIOUS_ARG,
    SIGHASH_ARG,
    result=SIGNED_RESULT,
    help="Sign the inputs of a transaction in hex with the wallet's keys.\n"
    "Outputs that are spent but not yet in the block chain may be given." + MUST_BE_UNLOCKED,
    examples=examples("signrawtransactionwithwallet", '"myhex"'),
)
def signrawtransactionwithwallet(context: RpcContext, text: str, previous: Json, sighash_type: Json) -> Json:
    """Sign a transaction."""
    wallet = context.wallet()
    try:
        transaction = decode_transaction(text)
    except DecodeError:
        message = "TX decode failed. Make sure the tx has at least one input."
        raise RpcError(RPC_DESERIALIZATION_ERROR, message) from None
    ensure_unlocked(wallet)
    chain = wallet.chain
    outpoints = [each.prevout for each in transaction.inputs]
    # Offline only what the user gives is known.
    coins = ChainNode(chain).find_coins(outpoints) if chain is not None else {}
    add_previous_outputs(previous, coins, None)
    hash_type = parse_sighash(sighash_type)
    signed, errors = sign_with_wallet(wallet, transaction, coins, sighash.DEFAULT if hash_type is None else hash_type)
    return signed_result(signed, coins, errors)


@method(
    "wallet",
    "walletprocesspsbt",
    PSBT_ARG,
    Arg("sign", Kind.BOOL, "Whether to sign, for which the wallet must be unlocked", default=True),
    SIGHASH_ARG,
    Arg("bip32derivs", Kind.BOOL, "Whether to tell where keys come from", default=True),
    Arg("finalize", Kind.BOOL, "Finish inputs whose signatures are there", default=True),
    result=Result(
        Kind.OBJ,
        inner=(
            Result(Kind.STR, "psbt", "The PSBT in base64"),
            Result(Kind.BOOL, "complete", "Whether no signature is missing"),
            Result(Kind.STR_HEX, "hex", "The transaction, if it is complete", optional=True),
        ),
    ),
    help="Add to a PSBT what the wallet knows, and sign the inputs that it can sign." + MUST_BE_UNLOCKED,
    examples=example_cli("walletprocesspsbt", '"psbt"'),
)
def walletprocesspsbt(
    context: RpcContext, text: str, sign: bool, sighash_type: Json, derivations: bool, finalize: bool
) -> Json:
    """Sign a PSBT."""
    wallet = context.synced_wallet()
    psbt = read_psbt(text)
    hash_type = parse_sighash(sighash_type)
    if sign:
        ensure_unlocked(wallet)
    with filling():
        complete = fill_psbt(wallet, psbt, hash_type=hash_type, sign=sign, derivations=derivations, finalize=finalize)
    result: dict[str, Json] = {"psbt": encode_psbt(psbt), "complete": complete}
    if complete:
        result["hex"] = finish_psbt(psbt)[1]
    return result


METHODS: Final = (signrawtransactionwithwallet, walletprocesspsbt)
