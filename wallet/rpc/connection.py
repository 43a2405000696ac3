"""The node's chain, for the methods that cannot do without (Core's wallets always have one)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rpc.errors import RPC_CLIENT_NOT_CONNECTED, RpcError

if TYPE_CHECKING:
    from interfaces.chain import Chain
    from wallet.rpc.context import RpcContext


def chain_of(context: RpcContext) -> Chain:
    """Return it. Raises RpcError if the wallets are offline."""
    chain = context.owner.chain
    if chain is None:
        raise RpcError(RPC_CLIENT_NOT_CONNECTED, "The wallet is not connected to a node")
    return chain
