"""What a node's RPC method works with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from node.context import NodeContext
from rpc.context import MethodContext

if TYPE_CHECKING:
    from common.chains import ChainParams


class RpcContext(MethodContext[NodeContext]):
    """The node, the request and the server that runs it."""

    __slots__ = ()

    @property
    def node(self) -> NodeContext:
        """The node."""
        return self.owner

    @property
    def chain(self) -> ChainParams:
        """The chain that all is about."""
        return self.owner.chain
