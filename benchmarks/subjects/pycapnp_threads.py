"""pycapnp's RPC under the contract of libmultiprocess: a call blocks a thread, a method runs on a thread."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from threading import Thread
from typing import TYPE_CHECKING, Any

import capnp

from benchmarks.capnp_client import ECHO, INIT, CapnpClient
from benchmarks.subjects.pycapnp import PycapnpSubject

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from benchmarks.server import Server
    from benchmarks.subject import Client


class _Echo(ECHO.Echo.Server):
    def __init__(self, thread: ThreadPoolExecutor) -> None:
        self._thread = thread

    async def echo(self, echo: str, **_: object) -> str:
        return await asyncio.get_running_loop().run_in_executor(self._thread, str, echo)


class _Init(INIT.Init.Server):
    def __init__(self, thread: ThreadPoolExecutor) -> None:
        self._thread = thread

    async def makeEcho(self, **_: object) -> _Echo:  # noqa: N802 - the schema's name
        return _Echo(self._thread)


class ThreadedCapnpClient(CapnpClient):
    """Its loop runs on a thread of its own; callers wait for it."""

    def __init__(self, address: str) -> None:
        """Connect."""
        self._runner: Thread | None = None
        super().__init__(address, thread=False)

    def _run(self, work: Coroutine[Any, Any, Any]) -> Any:
        if self._runner is None:
            self._runner = Thread(target=self._loop.run_forever, daemon=True)
            self._runner.start()
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def echo_until(self, text: str, deadline: float) -> list[float]:
        """Wait for each call."""
        return super(CapnpClient, self).echo_until(text, deadline)

    def _stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        if self._runner is not None:
            self._runner.join()


class ThreadedCapnpSubject(PycapnpSubject):
    """What a program must do with pycapnp to have what libmultiprocess gives."""

    about = "pycapnp's RPC under libmultiprocess's contract: callers block their threads, methods run on a thread"

    async def serve_connection(self, stream: Any) -> None:
        """Serve one client, whose calls run on a thread of its own."""
        with ThreadPoolExecutor(1) as thread:
            await capnp.TwoPartyServer(stream, bootstrap=_Init(thread)).on_disconnect()

    def connect(self, server: Server) -> Client:
        """Connect."""
        return ThreadedCapnpClient(server.address)


SUBJECT = ThreadedCapnpSubject()
