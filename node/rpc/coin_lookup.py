"""Coins and transactions of the mempool and the best chain, for RPC methods that sign or check.

(Core: src/node/coin.cpp, CCoinsViewMemPool in src/txmempool.h.)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from primitives.transaction import OutPoint, Transaction, TxOut

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from node.context import NodeContext
    from node.indexes.chain import Chain
    from node.mempool.mempool import Mempool


def find_coins(node: NodeContext, outpoints: Iterable[OutPoint]) -> dict[OutPoint, TxOut]:
    """Return those of the outputs that exist, spent at most in the mempool."""
    found, wanted = _in_mempool(node.mempool, outpoints)
    if node.indexes is None or not wanted:
        return found
    coins = node.indexes.coins
    coins.wait_until_synced()
    with coins.reading():
        for outpoint in wanted:
            coin = coins.index.get(outpoint.txid + outpoint.index.to_bytes(4, "little"))
            if coin is not None:
                found[outpoint] = TxOut(coin.value, coin.script_pubkey)
    return found


def _in_mempool(
    pool: Mempool | None, outpoints: Iterable[OutPoint]
) -> tuple[dict[OutPoint, TxOut], Iterable[OutPoint]]:
    """Return the outputs that transactions of the mempool make, and those that others would have made."""
    if pool is None:
        return {}, outpoints
    found: dict[OutPoint, TxOut] = {}
    others: list[OutPoint] = []
    made: dict[bytes, Sequence[TxOut]] = {}
    with pool.lock:
        for outpoint in outpoints:
            entry = pool.get(outpoint.txid)
            if entry is None:
                others.append(outpoint)
                continue
            outputs = made.get(entry.txid)
            if outputs is None:
                outputs = made[entry.txid] = entry.transaction().outputs
            if outpoint.index < len(outputs):
                found[outpoint] = outputs[outpoint.index]
    return found, others


def find_transactions(node: NodeContext, txids: Iterable[bytes]) -> dict[bytes, Transaction]:
    """Return those of the transactions that the transaction index, if there is one, or the mempool knows."""
    found: dict[bytes, Transaction] = {}
    txids = list(txids)
    index = node.indexes.transactions if node.indexes else None
    if index is not None:
        index.wait_until_synced()
        with index.reading():
            for txid in txids:
                record = index.index.find(txid, cast("Chain", node.chainstate))
                if record is not None:
                    found[txid] = Transaction.parse(record.data)
    if node.mempool is not None:
        for txid in txids:
            entry = node.mempool.get(txid) if txid not in found else None
            if entry is not None:
                found[txid] = entry.transaction()
    return found
