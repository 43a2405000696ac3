"""Indexes for RPC methods: waited for, and with Core's errors where they cannot answer yet."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Final

from node.store import StoreError
from rpc.errors import RPC_INTERNAL_ERROR, RPC_INVALID_ADDRESS_OR_KEY, RPC_MISC_ERROR, RpcError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from node.indexes.chain import Entry
    from node.indexes.coins import CoinIndex, CoinSet
    from node.indexes.filters import FilterIndex
    from node.indexes.indexes import Indexes
    from node.indexes.thread import IndexThread
    from node.rpc.context import RpcContext


_PATIENCE: Final = 20.0
"""Seconds that a client waits for an index that was behind when the node began, such as after a crash."""


def indexes_of(context: RpcContext) -> Indexes:
    """Return the node's indexes. Raises RpcError."""
    indexes = context.node.indexes
    if indexes is None:
        raise RpcError(RPC_INTERNAL_ERROR, "Indexes are not there")
    return indexes


def synced_coins(context: RpcContext) -> IndexThread[CoinIndex]:
    """Return the coin index, once it has the tip of now. Raises RpcError if it takes long to be built first."""
    coins = indexes_of(context).coins
    if coins.failure is not None:
        raise RpcError(RPC_MISC_ERROR, coins.failure)
    if not coins.wait_until_synced(_PATIENCE):
        context.server.check_interrupt()
        height = 0 if coins.best is None else coins.best.height
        text = f"Unable to get data because the coin index is still syncing. Current height: {height}"
        raise RpcError(RPC_INTERNAL_ERROR, text)
    return coins


@contextmanager
def all_coins(context: RpcContext) -> Iterator[tuple[Entry, CoinSet]]:
    """Give all coins and the block they are of. Raises RpcError."""
    coins = synced_coins(context)
    with ExitStack() as stack:
        with coins.reading() as best:
            coins.commit()
            coin_set = stack.enter_context(coins.index.committed())
        if best is None:
            raise RpcError(RPC_INTERNAL_ERROR, "Unable to read UTXO set")
        try:
            yield best, coin_set
        except StoreError as error:
            coins.report(error)
            raise RpcError(RPC_INTERNAL_ERROR, "Unable to read UTXO set") from error


def filters_of(context: RpcContext, filter_type: str) -> IndexThread[FilterIndex]:
    """Return the index of block filters of a type. Raises RpcError."""
    if filter_type != "basic":
        raise RpcError(RPC_INVALID_ADDRESS_OR_KEY, "Unknown filtertype")
    filters = indexes_of(context).filters
    if filters is None:
        raise RpcError(RPC_MISC_ERROR, f"Index is not enabled for filtertype {filter_type}")
    return filters
