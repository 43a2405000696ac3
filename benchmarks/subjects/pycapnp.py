"""pycapnp's own RPC on both sides, over a Unix socket."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import capnp

from benchmarks.capnp_client import ECHO, INIT, CapnpClient
from benchmarks.server import PythonSubject, Server

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.subject import Client


class _Echo(ECHO.Echo.Server):
    async def echo(self, echo: str, **_: object) -> str:
        return echo


class _Init(INIT.Init.Server):
    async def makeEcho(self, **_: object) -> _Echo:  # noqa: N802 - the schema's name
        return _Echo()


class PycapnpSubject(PythonSubject):
    """Everything on the server's event loop: a call changes no thread."""

    about = "pycapnp's RPC on both sides, event loops, no thread hop, Echo of ipc/schema"

    def serve(self, address: str, ready: Callable[[], None]) -> None:
        """Serve in this process."""

        async def run() -> None:
            listener = await capnp.AsyncIoStream.create_unix_server(self.serve_connection, address)
            ready()
            async with listener:
                await listener.serve_forever()

        asyncio.run(capnp.run(run()))

    async def serve_connection(self, stream: Any) -> None:
        """Serve one client until it goes."""
        await capnp.TwoPartyServer(stream, bootstrap=_Init()).on_disconnect()

    def connect(self, server: Server) -> Client:
        """Connect."""
        return CapnpClient(server.address, thread=False)


SUBJECT = PycapnpSubject()
