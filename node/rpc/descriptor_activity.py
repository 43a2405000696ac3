"""RPC method that lists what blocks did to the coins of descriptors (Core: src/rpc/blockchain.cpp)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from node.rpc.block_arguments import find_active_block
from node.rpc.block_json import hash_hex, read_block_checked, read_undo_checked
from node.rpc.coin_scan import SCAN_OBJECTS
from node.rpc.index_access import synced_coins
from node.rpc.mempool_access import mempool_of
from primitives.block import Block
from rpc.descriptor_arguments import scanned_scripts
from rpc.help import example_cli
from rpc.json import Amount
from rpc.method import Arg, Kind, Result, method
from rpc.script_json import script_fields
from rpc.transaction_doc import SCRIPT_PUBKEY

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from common.chains import ChainParams
    from node.block_tree import BlockEntry
    from node.chainstate import Chainstate
    from node.coin import Coin
    from node.rpc.context import RpcContext
    from primitives.transaction import Transaction, TxOut
    from rpc.json import Json

_IN_BLOCK: Final = (
    Result(Kind.STR_HEX, "blockhash", "The hash of the block, if it is in one", optional=True),
    Result(Kind.NUM, "height", "The height of the block, if it is in one", optional=True),
)
_EXAMPLE: Final = (
    "'[\"000000000000000000001347062c12fded7c528943c8ce133987e2e2f5a840ee\"]' "
    "'[\"addr(bc1qzl6nsgqzu89a66l50cvwapnkw5shh23zarqkw9)\"]'"
)


@method(
    "blockchain",
    "getdescriptoractivity",
    Arg(
        "blockhashes",
        Kind.ARR,
        "The hashes of the blocks to look at, all of the best chain, in any order",
        (Arg("blockhash", Kind.STR_HEX, "The hash of a block", optional=True),),
    ),
    replace(SCAN_OBJECTS, help="What to look for; each is a descriptor or an object with one:", optional=False),
    Arg("include_mempool", Kind.BOOL, "Whether to look at transactions that wait for a block too", default=True),
    result=Result(
        Kind.OBJ,
        "",
        "",
        (
            Result(
                Kind.ARR,
                "activity",
                "What happened, by height",
                (
                    Result(
                        Kind.OBJ,
                        "",
                        "",
                        (
                            Result(Kind.STR, "type", "Always 'spend'"),
                            Result(Kind.STR_AMOUNT, "amount", "The value of the output spent, in BTC"),
                            *_IN_BLOCK,
                            Result(Kind.STR_HEX, "spend_txid", "The transaction that spends it"),
                            Result(Kind.NUM, "spend_vin", "The number of the input that does"),
                            Result(Kind.STR_HEX, "prevout_txid", "The transaction that made the output"),
                            Result(Kind.NUM, "prevout_vout", "The number of the output"),
                            Result(Kind.OBJ, "prevout_spk", "", SCRIPT_PUBKEY),
                        ),
                    ),
                    Result(
                        Kind.OBJ,
                        "",
                        "",
                        (
                            Result(Kind.STR, "type", "Always 'receive'"),
                            Result(Kind.STR_AMOUNT, "amount", "The value of the output, in BTC"),
                            *_IN_BLOCK,
                            Result(Kind.STR_HEX, "txid", "The transaction that makes it"),
                            Result(Kind.NUM, "vout", "The number of the output"),
                            Result(Kind.OBJ, "output_spk", "", SCRIPT_PUBKEY),
                        ),
                    ),
                ),
                skip_type_check=True,
            ),
        ),
    ),
    help="Lists what some blocks made and spent of the coins of descriptors.\n"
    "It goes well with the `relevant_blocks` of scanblocks.\n"
    "It may take minutes; let the client wait without end (bitcoin-cli -rpcclienttimeout=0).",
    examples=example_cli("getdescriptoractivity", _EXAMPLE),
)
def getdescriptoractivity(
    context: RpcContext, blockhashes: list[Json], scanobjects: list[Json], include_mempool: bool
) -> Json:
    """Return what happened in blocks and what waits for one."""
    chainstate = context.node.chainstate
    chain = context.node.chain
    entries = {find_active_block(chainstate, value, "blockhash") for value in blockhashes}
    scripts = {script for each in scanobjects for script in scanned_scripts(each, chain)[0]}
    activity: list[Json] = []
    for entry in sorted(entries, key=lambda entry: entry.height):
        context.server.check_interrupt()
        activity += _activity(chainstate, entry, scripts, chain)
    if include_mempool:
        activity += _waiting(context, scripts)
    return {"activity": activity}


def _activity(chainstate: Chainstate, entry: BlockEntry, scripts: set[bytes], chain: ChainParams) -> Iterator[Json]:
    block = Block.parse(read_block_checked(chainstate, entry))
    undo = read_undo_checked(chainstate, entry)
    place: dict[str, Json] = {"blockhash": hash_hex(entry), "height": entry.height}
    for number, transaction in enumerate(block.transactions):
        yield from _events(transaction, undo[number - 1] if number else (), place, scripts, chain)


def _waiting(context: RpcContext, scripts: set[bytes]) -> Iterator[Json]:
    pool = mempool_of(context)
    with pool.lock:
        transactions = {entry.txid: entry.transaction() for entry in pool.in_mining_order()}
    coins = synced_coins(context)
    for transaction in transactions.values():
        spent: list[TxOut | Coin | None] = []
        with coins.reading():
            for prevout in (each.prevout for each in transaction.inputs):
                parent = transactions.get(prevout.txid)
                if parent is not None:
                    spent.append(parent.outputs[prevout.index])
                else:
                    spent.append(coins.index.get(prevout.txid + prevout.index.to_bytes(4, "little")))
        # What a block took meanwhile is told of by no one: the caller did not ask for that block.
        if all(coin is not None for coin in spent):
            yield from _events(transaction, spent, {}, scripts, context.node.chain)


def _events(
    transaction: Transaction,
    spent: Iterable[TxOut | Coin | None],
    place: dict[str, Json],
    scripts: set[bytes],
    chain: ChainParams,
) -> Iterator[Json]:
    txid = transaction.txid[::-1].hex()
    for i, coin in enumerate(spent):
        if coin is not None and coin.script_pubkey in scripts:
            prevout = transaction.inputs[i].prevout
            yield {
                "type": "spend",
                "amount": Amount(coin.value),
                **place,
                "spend_txid": txid,
                "spend_vin": i,
                "prevout_txid": prevout.txid[::-1].hex(),
                "prevout_vout": prevout.index,
                "prevout_spk": script_fields(coin.script_pubkey, chain),
            }
    for i, (value, script) in enumerate(transaction.outputs):
        if script in scripts:
            yield {
                "type": "receive",
                "amount": Amount(value),
                **place,
                "txid": txid,
                "vout": i,
                "output_spk": script_fields(script, chain),
            }


METHODS: Final = (getdescriptoractivity,)
