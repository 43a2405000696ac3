"""Coins and transactions of the best chain for RPC methods that sign or check (Core: src/node/coin.cpp)."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from primitives.transaction import OutPoint, Transaction, TxOut

if TYPE_CHECKING:
    from collections.abc import Iterable

    from node.context import NodeContext
    from node.indexes.chain import Chain


def find_coins(node: NodeContext, outpoints: Iterable[OutPoint]) -> dict[OutPoint, TxOut]:
    """Return those of the outputs that exist and are not spent."""
    if node.indexes is None:
        return {}
    coins = node.indexes.coins
    coins.wait_until_synced()
    found = {}
    with coins.reading():
        for outpoint in outpoints:
            coin = coins.index.get(outpoint.txid + outpoint.index.to_bytes(4, "little"))
            if coin is not None:
                found[outpoint] = TxOut(coin.value, coin.script_pubkey)
    return found


def find_transactions(node: NodeContext, txids: Iterable[bytes]) -> dict[bytes, Transaction]:
    """Return those of the transactions that the transaction index knows, if there is one."""
    index = node.indexes.transactions if node.indexes else None
    if index is None:
        return {}
    index.wait_until_synced()
    found = {}
    with index.reading():
        for txid in txids:
            record = index.index.find(txid, cast("Chain", node.chainstate))
            if record is not None:
                found[txid] = Transaction.parse(record.data)
    return found
