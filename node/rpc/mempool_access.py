"""The mempool for RPC methods, with Core's error where there is none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rpc.errors import RPC_CLIENT_MEMPOOL_DISABLED, RpcError

if TYPE_CHECKING:
    from node.mempool.acceptance import Acceptance
    from node.mempool.mempool import Mempool
    from node.rpc.context import RpcContext


def mempool_of(context: RpcContext) -> Mempool:
    """Return the node's mempool. Raises RpcError."""
    if context.node.mempool is None:
        raise RpcError(RPC_CLIENT_MEMPOOL_DISABLED, "Mempool disabled or instance not found")
    return context.node.mempool


def acceptance_of(context: RpcContext) -> Acceptance:
    """Return the way into the node's mempool. Raises RpcError."""
    if context.node.acceptance is None:
        raise RpcError(RPC_CLIENT_MEMPOOL_DISABLED, "Mempool disabled or instance not found")
    return context.node.acceptance
