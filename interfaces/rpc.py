"""JSON-RPC over IPC (Core: src/interfaces/rpc.h)."""

from abc import abstractmethod

from interfaces.interface import Interface


class Rpc(Interface, schema="rpc.capnp"):
    """Executes JSON-RPC requests."""

    @abstractmethod
    def execute_rpc(self, request: str, uri: str, user: str) -> str:
        """Run one whole JSON-RPC request for `user` at `uri` and return the whole reply, both as JSON text."""
