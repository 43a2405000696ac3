"""pycapnp as the client of any process that serves Init and Echo."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import capnp

from benchmarks.subject import Client

if TYPE_CHECKING:
    from collections.abc import Coroutine

capnp.remove_import_hook()
_SCHEMA = Path(__file__).parents[1] / "ipc" / "schema"
INIT: Any = capnp.load(str(_SCHEMA / "init.capnp"))
ECHO: Any = capnp.load(str(_SCHEMA / "echo.capnp"))
_PROXY: Any = capnp.load(str(_SCHEMA / "proxy.capnp"))


class _ThreadMap(_PROXY.ThreadMap.Server):
    """What a client must hand over in `construct`; nobody calls back here."""


class CapnpClient(Client):
    """One connection on an event loop of its own."""

    def __init__(self, address: str, *, thread: bool) -> None:
        """Connect and make the echo object; `thread` asks for a server thread to run it on."""
        self._loop = asyncio.new_event_loop()
        self._stack = AsyncExitStack()
        self._thread: Any = None
        self._objects: list[Any] = []
        self._run(self._open(address, thread=thread))

    def _run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self._loop.run_until_complete(work)

    async def _open(self, address: str, *, thread: bool) -> None:
        await self._stack.enter_async_context(capnp.kj_loop())
        stream = await capnp.AsyncIoStream.create_unix_connection(address)
        self._stack.callback(stream.close)
        self._connection = capnp.TwoPartyClient(stream)
        self._init = self._connection.bootstrap().cast_as(INIT.Init)
        if thread:
            answer = await self._init.construct(_ThreadMap())
            self._thread = (await answer.threadMap.makeThread("benchmark")).result
        self._echo = await self._make_echo()

    async def _make_echo(self) -> Any:
        request = self._init.makeEcho_request()
        if self._thread is not None:
            request.context.thread = self._thread
        return (await request.send()).result

    def _send(self, text: str) -> Any:
        request = self._echo.echo_request()
        if self._thread is not None:
            request.context.thread = self._thread
        request.echo = text
        return request.send()

    def echo(self, text: str) -> str:
        """Enter the loop for one call."""

        async def call() -> str:
            result: str = (await self._send(text)).result
            return result

        answer: str = self._run(call())
        return answer

    def echo_until(self, text: str, deadline: float) -> list[float]:
        """Stay in the loop, as a program written for pycapnp would."""

        async def calls() -> list[float]:
            times = []
            start = perf_counter()
            while start < deadline:
                _ = (await self._send(text)).result
                end = perf_counter()
                times.append(end - start)
                start = end
            return times

        times: list[float] = self._run(calls())
        return times

    def echo_burst(self, text: str, count: int) -> None:
        """Send all, then await each."""

        async def burst() -> None:
            for reply in [self._send(text) for _ in range(count)]:
                _ = (await reply).result

        self._run(burst())

    def make_objects(self, count: int) -> None:
        """Make echo objects."""

        async def make() -> None:
            for _ in range(count):
                self._objects.append(await self._make_echo())

        self._run(make())

    def close(self) -> None:
        """Drop the capabilities, then the connection, then the loop."""
        self._run(self._end())
        self._stop()
        self._loop.close()

    async def _end(self) -> None:
        self._objects.clear()
        self._thread = self._echo = self._init = self._connection = None
        await self._stack.aclose()

    def _stop(self) -> None:
        """End what runs the loop."""
