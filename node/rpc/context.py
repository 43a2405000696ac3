"""What a node's RPC method works with."""

from __future__ import annotations

from node.context import NodeContext
from rpc.context import MethodContext


class RpcContext(MethodContext[NodeContext]):
    """The node, the request and the server that runs it."""

    __slots__ = ()

    @property
    def node(self) -> NodeContext:
        """The node."""
        return self.owner
