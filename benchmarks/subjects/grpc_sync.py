"""grpcio's threaded server and blocking client, over a Unix socket.

Generic handlers that carry bytes, so that no code is generated and no message is encoded.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import grpc

from benchmarks.server import PythonSubject, Server
from benchmarks.subject import Client

if TYPE_CHECKING:
    from collections.abc import Callable

_SERVICE = "Echo"
_METHOD = "Echo"
_OWN_CONNECTION = (("grpc.use_local_subchannel_pool", 1),)
"""Otherwise all channels of a process share one connection."""


def _echo(request: bytes, _context: object) -> bytes:
    return request.decode().encode()


class GrpcClient(Client):
    """One channel with a connection of its own."""

    def __init__(self, address: str) -> None:
        """Connect."""
        self._channel: Any = grpc.insecure_channel(f"unix:{address}", options=_OWN_CONNECTION)
        self._echo: Any = self._channel.unary_unary(f"/{_SERVICE}/{_METHOD}")

    def echo(self, text: str) -> str:
        """Call and wait."""
        reply: bytes = self._echo(text.encode())
        return reply.decode()

    def echo_burst(self, text: str, count: int) -> None:
        """Use gRPC's futures."""
        for reply in [self._echo.future(text.encode()) for _ in range(count)]:
            reply.result()

    def close(self) -> None:
        """Close."""
        self._channel.close()


class GrpcSubject(PythonSubject):
    """A thread pool that serves all connections."""

    about = "grpcio, blocking client, thread pool of 100, generic handlers that carry bytes"

    def serve(self, address: str, ready: Callable[[], None]) -> None:
        """Serve in this process."""
        server = grpc.server(ThreadPoolExecutor(100))
        handler = grpc.unary_unary_rpc_method_handler(_echo)
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(_SERVICE, {_METHOD: handler}),))
        server.add_insecure_port(f"unix:{address}")
        server.start()
        ready()
        server.wait_for_termination()

    def connect(self, server: Server) -> Client:
        """Connect."""
        return GrpcClient(server.address)


SUBJECT = GrpcSubject()
