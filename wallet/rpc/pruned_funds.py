"""RPC methods that put single transactions into a wallet and take them out (Core: src/wallet/rpc/backup.cpp)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from interfaces.chain import BlockParts
from primitives.errors import DecodeError
from primitives.transaction_hex import decode_transaction
from rpc.arguments import parse_hash
from rpc.errors import (
    RPC_DESERIALIZATION_ERROR,
    RPC_INVALID_ADDRESS_OR_KEY,
    RPC_METHOD_DEPRECATED,
    RPC_WALLET_ERROR,
    RpcError,
)
from rpc.help import example_cli, example_rpc
from rpc.method import Arg, Kind, Result, method
from rpc.transaction_proof import read_proof
from wallet.rpc.connection import chain_of
from wallet.transaction import Confirmed

if TYPE_CHECKING:
    from rpc.json import Json
    from wallet.rpc.context import RpcContext

_TXID: Final = '"a8d0c0184dde994a09ec054286f1ce581bebf46446a512166eae7628734ea0a5"'


@method(
    "wallet",
    "importprunedfunds",
    Arg("rawtransaction", Kind.STR_HEX, "A transaction in hex that pays one of the wallet's addresses"),
    Arg("txoutproof", Kind.STR_HEX, "The proof in hex, from gettxoutproof, that it is in a block"),
    result=Result(Kind.NONE),
    help="Takes a transaction that pays the wallet without scanning the chain, as is done where blocks were pruned.\n"
    "Its address must be the wallet's already. Transactions that spend from it are to be brought by the user too,\n"
    "or to be found by a scan from its block on.",
)
def importprunedfunds(context: RpcContext, rawtransaction: str, txoutproof: str) -> Json:
    """Take it."""
    wallet = context.synced_wallet()
    try:
        tx = decode_transaction(rawtransaction)
    except DecodeError as error:
        text = "TX decode failed. Make sure the tx has at least one input."
        raise RpcError(RPC_DESERIALIZATION_ERROR, text) from error
    proof, matches = read_proof(txoutproof)
    if matches is None:
        raise RpcError(RPC_INVALID_ADDRESS_OR_KEY, "Something wrong with merkleblock")
    chain = chain_of(context)
    while True:
        with wallet.lock:
            tip = wallet.last_block
        block = chain.find_ancestor_by_hash(tip, proof.header.hash, BlockParts())
        if block is None:
            raise RpcError(RPC_INVALID_ADDRESS_OR_KEY, "Block not found in chain")
        index = next((place for place, txid in matches if txid == tx.txid), None)
        if index is None:
            raise RpcError(RPC_INVALID_ADDRESS_OR_KEY, "Transaction given doesn't exist in proof")
        with wallet.lock:
            if wallet.last_block != tip:
                continue  # A block came meanwhile.
            if not wallet.history.pays_me(tx):
                text = "No addresses in wallet correspond to included transaction"
                raise RpcError(RPC_INVALID_ADDRESS_OR_KEY, text)
            wallet.add_transaction(tx, Confirmed(block.hash, block.height, index))
            return None


@method(
    "wallet",
    "removeprunedfunds",
    Arg("txid", Kind.STR_HEX, "The id of the transaction"),
    result=Result(Kind.NONE),
    help="(DEPRECATED) Only with -deprecatedrpc=removeprunedfunds; it will be removed with the next major version.\n"
    "Takes a transaction out of the wallet, for wallets of pruned nodes that use importprunedfunds.\n"
    "The balances change with it.",
    examples=example_cli("removeprunedfunds", _TXID)
    + "\nThe same over HTTP\n"
    + example_rpc("removeprunedfunds", _TXID),
)
def removeprunedfunds(context: RpcContext, txid: str) -> Json:
    """Take it out."""
    wallet = context.wallet()
    if not context.server.is_deprecated_enabled("removeprunedfunds"):
        raise RpcError(
            RPC_METHOD_DEPRECATED,
            "DEPRECATION WARNING: This feature will be removed in the next major release. Start bitcoind with the "
            "`-deprecatedrpc=removeprunedfunds` option in order to use this.",
        )
    wanted = parse_hash(txid, "txid")
    with wallet.lock:
        if wanted not in wallet.history:
            raise RpcError(RPC_WALLET_ERROR, f"Transaction {txid.lower()} does not belong to this wallet")
        wallet.tracker.remove([wanted])
    return None


METHODS: Final = (importprunedfunds, removeprunedfunds)
