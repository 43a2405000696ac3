"""RPC methods on single transactions and lists of them (Core: src/wallet/rpc/transactions.cpp)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from interfaces.chain import BlockParts
from primitives.block import Block
from rpc import json
from rpc.arguments import parse_hash
from rpc.errors import RPC_INTERNAL_ERROR, RPC_INVALID_ADDRESS_OR_KEY, RPC_INVALID_PARAMETER, RpcError
from rpc.help import example_cli, example_rpc, examples
from rpc.json import Amount
from rpc.method import Arg, Kind, Result, method
from rpc.transaction_doc import transaction_doc
from rpc.transaction_json import transaction_text
from wallet.rpc.connection import chain_of
from wallet.rpc.context import LAST_PROCESSED_BLOCK, last_processed_block
from wallet.rpc.labels import read_label
from wallet.rpc.parents import PARENTS_OF_RECEIVED
from wallet.rpc.transaction_entries import (
    ABANDONED,
    ADDRESS,
    AMOUNT,
    CATEGORY,
    FEE,
    LABEL,
    OUTPUT,
    TRANSACTION,
    TransactionEntries,
)

if TYPE_CHECKING:
    from interfaces.chain import Chain
    from rpc.json import Json
    from wallet.rpc.context import RpcContext
    from wallet.transaction import WalletTx
    from wallet.wallet import Wallet

_WATCH_ONLY: Final = Arg("include_watchonly", Kind.BOOL, "(DEPRECATED) Without meaning", default=False)
_EXAMPLE_TXID: Final = '"1075db55d416d3ca199f55b6084e2115b9345e16c5cf302fc80e9d5fbf5d48d"'
_EXAMPLE_BLOCK: Final = '"000000000000000bacf66f7497b7dc45ef753ee9a7d38571037cdb1a57f663ad"'
_ANY_DEPTH: Final = -100_000_000
_UNKNOWN: Final = "Invalid or non-wallet transaction id"


@method(
    "wallet",
    "listtransactions",
    Arg(
        "label",
        Kind.STR,
        'Only what addresses of this label received; "*" is everything',
        optional=True,
    ),
    Arg("count", Kind.NUM, "How many payments", default=10),
    Arg("skip", Kind.NUM, "How many of the latest to leave out", default=0),
    _WATCH_ONLY,
    result=Result(
        Kind.ARR,
        "",
        "",
        (Result(Kind.OBJ, "", "", (ADDRESS, CATEGORY, AMOUNT, LABEL, OUTPUT, FEE, *TRANSACTION, ABANDONED)),),
    ),
    help="Returns the latest payments, the oldest first; with a label only those that its addresses received.\n"
    "A transaction can be several payments: one sent for each output, and one received for each output that is the\n"
    "wallet's, which may be the same output.",
    examples="\nThe latest 10\n"
    + example_cli("listtransactions")
    + "\n20 of those before the latest 100\n"
    + example_cli("listtransactions", '"*" 20 100')
    + "\nThe same over HTTP\n"
    + example_rpc("listtransactions", '"*", 20, 100'),
)
def listtransactions(context: RpcContext, label: str | None, count: int, skip: int, watch_only: bool) -> Json:
    """List them."""
    del watch_only
    wallet = context.synced_wallet()
    wanted = None
    if label is not None and label != "*":
        wanted = read_label(label)
        if not wanted:
            raise RpcError(RPC_INVALID_PARAMETER, 'Label argument must be a valid label name or "*".')
    if count < 0:
        raise RpcError(RPC_INVALID_PARAMETER, "Negative count")
    if skip < 0:
        raise RpcError(RPC_INVALID_PARAMETER, "Negative from")
    entries = TransactionEntries(context, wallet)
    with wallet.lock:
        listed = [entries.payment(line) for line in wallet.ledger.last_payments(count, skip, wanted)]
    entries.finish()
    return listed


@method(
    "wallet",
    "listsinceblock",
    Arg("blockhash", Kind.STR, "The hash of the block, all payments if it is left out", optional=True),
    Arg(
        "target_confirmations",
        Kind.NUM,
        "Which block to return in lastblock: 1 is the last one of the chain, 2 the one before. Filters nothing",
        default=1,
    ),
    _WATCH_ONLY,
    Arg(
        "include_removed",
        Kind.BOOL,
        'Whether to tell in "removed" of transactions that a reorganisation took out of the chain\n'
        "(which a pruned node may not know)",
        default=True,
    ),
    Arg("include_change", Kind.BOOL, "Whether to list change", default=False),
    Arg("label", Kind.STR, "Only what addresses of this label received", optional=True),
    result=Result(
        Kind.OBJ,
        "",
        "",
        (
            Result(
                Kind.ARR,
                "transactions",
                "",
                (Result(Kind.OBJ, "", "", (ADDRESS, CATEGORY, AMOUNT, OUTPUT, FEE, *TRANSACTION, ABANDONED, LABEL)),),
            ),
            Result(
                Kind.ARR,
                "removed",
                'As "transactions", with include_removed. What is in the chain again is here too, and has the\n'
                "confirmations that it has now",
                (
                    Result(
                        Kind.OBJ,
                        "",
                        "",
                        (ADDRESS, CATEGORY, AMOUNT, OUTPUT, FEE, *TRANSACTION, ABANDONED, LABEL),
                        elided="",
                    ),
                ),
                optional=True,
            ),
            Result(
                Kind.STR_HEX,
                "lastblock",
                "The hash of the block that target_confirmations names, or of the first one if the chain is shorter.\n"
                "Given to the next call it makes that one return what has fewer confirmations yet, and what is new",
            ),
        ),
    ),
    help="Returns the payments in blocks after a block, and those in no block.\n"
    "If the block is no longer in the chain, those after the last block that both have in common.",
    examples=example_cli("listsinceblock")
    + example_cli("listsinceblock", f"{_EXAMPLE_BLOCK} 6")
    + example_rpc("listsinceblock", f"{_EXAMPLE_BLOCK}, 6"),
)
def listsinceblock(
    context: RpcContext,
    blockhash: str | None,
    target_confirmations: int,
    watch_only: bool,
    include_removed: bool,
    include_change: bool,
    label: str | None,
) -> Json:
    """List them."""
    del watch_only
    wallet = context.synced_wallet()
    chain = chain_of(context)
    since = parse_hash(blockhash, "blockhash") if blockhash else None
    while True:
        with wallet.lock:
            tip, height = wallet.last_block, wallet.last_block_height
        fork = since_height = None
        if since is not None:
            fork, since_height = _fork(chain, since, tip)
        if target_confirmations < 1:
            raise RpcError(RPC_INVALID_PARAMETER, "Invalid parameter")
        wanted = None if label is None else read_label(label)
        removed: list[bytes] = []
        if include_removed and since is not None and fork is not None and since_height is not None:
            removed = _detached(chain, since, since_height - fork)
        last = chain.find_ancestor_by_height(tip, max(0, height + 1 - target_confirmations), BlockParts())
        entries = TransactionEntries(context, wallet)
        with wallet.lock:
            if wallet.last_block != tip:
                continue  # A block came meanwhile.
            history = wallet.history
            depth = None if fork is None else height + 1 - fork
            listed = [
                entry
                for wtx in history.ordered
                if depth is None or abs(history.depth(wtx)) < depth
                for entry in entries.payments(wtx, label=wanted, include_change=include_change)
            ]
            gone = [
                entry
                for wtx in map(history.get, removed)
                if wtx is not None
                for entry in entries.payments(wtx, _ANY_DEPTH, wanted, include_change=include_change)
            ]
        break
    entries.finish()
    result: dict[str, Json] = {"transactions": listed}
    if include_removed:
        result["removed"] = gone
    result["lastblock"] = (bytes(32) if last is None else last.hash)[::-1].hex()
    return result


def _fork(chain: Chain, block: bytes, tip: bytes) -> tuple[int, int]:
    """Return the heights of the last block that `block` and the tip have in common, and of `block`."""
    found = chain.find_common_ancestor(block, tip, BlockParts())
    if found.ancestor is None or found.block1 is None:
        raise RpcError(RPC_INVALID_ADDRESS_OR_KEY, "Block not found")
    return found.ancestor.height, found.block1.height


def _detached(chain: Chain, block: bytes, count: int) -> list[bytes]:
    """Return the ids of the transactions of `block` and those before it, `count` blocks in all."""
    txids: list[bytes] = []
    for _ in range(count):
        found = chain.find_block(block, BlockParts(data=True))
        if found is None or not found.data:
            raise RpcError(RPC_INTERNAL_ERROR, "Can't read block from disk")
        parsed = Block.parse(found.data)
        txids += [tx.txid for tx in parsed.transactions]
        block = parsed.header.previous
    return txids


@method(
    "wallet",
    "gettransaction",
    Arg("txid", Kind.STR, "The id of the transaction"),
    _WATCH_ONLY,
    Arg("verbose", Kind.BOOL, 'Whether to return "decoded" too, as decoderawtransaction does', default=False),
    result=Result(
        Kind.OBJ,
        "",
        "",
        (
            Result(Kind.STR_AMOUNT, "amount", "What the wallet got by it in BTC, fee left out; negative if it paid"),
            FEE,
            *TRANSACTION,
            Result(
                Kind.ARR,
                "details",
                "The payments",
                (
                    Result(
                        Kind.OBJ,
                        "",
                        "",
                        (ADDRESS, CATEGORY, AMOUNT, LABEL, OUTPUT, FEE, ABANDONED, PARENTS_OF_RECEIVED),
                    ),
                ),
            ),
            Result(Kind.STR_HEX, "hex", "The transaction's bytes in hex"),
            Result(Kind.OBJ, "decoded", "The transaction, if verbose", transaction_doc(wallet=True), optional=True),
            LAST_PROCESSED_BLOCK,
        ),
    ),
    help="Tells all of one of the wallet's transactions.",
    examples=example_cli("gettransaction", _EXAMPLE_TXID)
    + example_cli("gettransaction", f"{_EXAMPLE_TXID} true")
    + example_cli("gettransaction", f"{_EXAMPLE_TXID} false true")
    + example_rpc("gettransaction", _EXAMPLE_TXID),
)
def gettransaction(context: RpcContext, txid: str, watch_only: bool, verbose: bool) -> Json:
    """Tell of it."""
    del watch_only
    wallet = context.synced_wallet()
    entries = TransactionEntries(context, wallet)
    wanted = parse_hash(txid, "txid")
    with wallet.lock:
        wtx = wallet.history.get(wanted)
        if wtx is None:
            raise RpcError(RPC_INVALID_ADDRESS_OR_KEY, _UNKNOWN)
        debit = wallet.ledger.debit(wtx)
        is_from_me = wallet.history.is_from_me(wtx.tx)
        fee = sum(output.value for output in wtx.tx.outputs) - debit if is_from_me else 0
        result: dict[str, Json] = {"amount": Amount(wallet.ledger.credit(wtx) - debit - fee)}
        if is_from_me:
            result["fee"] = Amount(fee)
        entries.transaction(wtx, result)
        result["details"] = entries.payments(wtx, whole=False)
        result["hex"] = wtx.tx.serialize().hex()
        if verbose:
            result["decoded"] = _decoded(wallet, wtx)
        result["lastprocessedblock"] = last_processed_block(wallet)
    entries.finish()
    return result


def _decoded(wallet: Wallet, wtx: WalletTx) -> Json:
    decoded = json.loads(transaction_text(wtx.tx, wallet.params, with_hex=False))
    for output, shown in zip(wtx.tx.outputs, decoded["vout"], strict=True):
        if wallet.ledger.is_change(output.script_pubkey):
            shown["ischange"] = True
    return decoded


@method(
    "wallet",
    "abandontransaction",
    Arg("txid", Kind.STR_HEX, "The id of the transaction"),
    result=Result(Kind.NONE),
    help="Gives up a transaction of the wallet, and all of the wallet's that hang on it, so that their inputs can be\n"
    "spent again. For what is stuck or was put out of the mempool.\n"
    "Not for a transaction that is in a block or in the mempool. One that was given up already stays so.",
    examples=examples("abandontransaction", _EXAMPLE_TXID),
)
def abandontransaction(context: RpcContext, txid: str) -> Json:
    """Give it up."""
    wallet = context.synced_wallet()
    wanted = parse_hash(txid, "txid")
    with wallet.spending, wallet.lock:
        if wanted not in wallet.history:
            raise RpcError(RPC_INVALID_ADDRESS_OR_KEY, _UNKNOWN)
        if not wallet.abandon(wanted):
            raise RpcError(RPC_INVALID_ADDRESS_OR_KEY, "Transaction not eligible for abandonment")
    return None


METHODS: Final = (listtransactions, listsinceblock, gettransaction, abandontransaction)
