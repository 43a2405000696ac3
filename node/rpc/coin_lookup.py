"""Coins of the best chain for RPC methods that sign or check (Core: src/node/coin.cpp)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from primitives.transaction import TxOut

if TYPE_CHECKING:
    from collections.abc import Iterable

    from node.context import NodeContext
    from primitives.transaction import OutPoint


def find_coins(node: NodeContext, outpoints: Iterable[OutPoint]) -> dict[OutPoint, TxOut]:
    """Return those of the outputs that exist and are not spent."""
    indexes = getattr(node, "indexes", None)
    if indexes is None:
        return {}
    coins = indexes.coins
    coins.wait_until_synced()
    found = {}
    with coins.reading():
        for outpoint in outpoints:
            coin = coins.index.get(outpoint.txid + outpoint.index.to_bytes(4, "little"))
            if coin is not None:
                found[outpoint] = TxOut(coin.value, coin.script_pubkey)
    return found
