"""Executes the JSON-RPC requests of a node."""

from __future__ import annotations

from typing import TYPE_CHECKING

from node.context import NodeContext
from node.rpc.context import RpcContext
from rpc.server import MethodServer

if TYPE_CHECKING:
    from rpc.server import RpcOptions
    from rpc.table import MethodTable


class RpcServer(MethodServer[NodeContext]):
    """Answers requests of any number of threads at once."""

    def __init__(self, table: MethodTable, options: RpcOptions | None = None) -> None:
        """Begin in warm-up: until `finish_warmup` every method fails with its status."""
        super().__init__(table, RpcContext, options)

    @property
    def node(self) -> NodeContext | None:
        """The node, once it is ready."""
        return self.owner
