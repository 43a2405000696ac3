"""Coins as the mempool sees them: what it spends is gone, what it makes is there (Core: CCoinsViewMemPool)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from node.coin import Coin
from node.policy.consensus import MEMPOOL_HEIGHT

if TYPE_CHECKING:
    from node.mempool.mempool import Mempool


def look_up_coin(pool: Mempool, outpoint: bytes) -> tuple[Coin | None, bool]:
    """Return a coin by its outpoint, 36 bytes, and whether the mempool knows; if not, the chain does."""
    with pool.lock:
        if pool.spender_of(outpoint) is not None:
            return None, True
        entry = pool.get(outpoint[:32])
    if entry is None:
        return None, False
    outputs = entry.transaction().outputs
    index = int.from_bytes(outpoint[32:], "little")
    if index >= len(outputs):
        return None, True
    value, script = outputs[index]
    return Coin(value, script, MEMPOOL_HEIGHT, is_coinbase=False), True
