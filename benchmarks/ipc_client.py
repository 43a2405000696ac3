"""Our `ipc` package as the client of any process that serves Init and Echo."""

from __future__ import annotations

import asyncio
import sys
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any, cast

from benchmarks.subject import Client, UnavailableError
from interfaces.echo import Echo
from interfaces.init import Init

try:
    from ipc import Ipc, aio
except ImportError as error:
    _MESSAGE = f"the ipc package cannot be imported: {error}"
    raise UnavailableError(_MESSAGE) from error

if TYPE_CHECKING:
    from interfaces.mining import Mining
    from interfaces.rpc import Rpc


class LocalEcho(Echo):
    """The echo object in the server."""

    def echo(self, echo: str) -> str:
        """Return `echo`."""
        return echo


class LocalInit(Init):
    """Offers Echo only."""

    def make_echo(self) -> Echo:
        """Make an echo object."""
        return LocalEcho()

    def make_mining(self) -> Mining | None:
        """Offer none."""
        return None

    def make_rpc(self) -> Rpc | None:
        """Offer none."""
        return None

    def make_mining_old2(self) -> None:
        """Refuse."""


IPC = Ipc("pyecho", sys.argv[0], LocalInit())
"""One for the process, as a program has it."""


class IpcClient(Client):
    """A blocking client; bursts go over a second, asyncio connection."""

    def __init__(self, address: str) -> None:
        """Connect and make the echo object."""
        self._address = address
        self._init = cast("Any", IPC.connect_address(f"unix:{address}"))
        self._echo: Any = self._init.make_echo()
        self._objects: list[Any] = []
        self._stack = AsyncExitStack()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._aio_echo: Any = None

    def echo(self, text: str) -> str:
        """Call and wait."""
        result: str = self._echo.echo(text)
        return result

    def echo_burst(self, text: str, count: int) -> None:
        """Gather `count` calls of the asyncio client."""

        async def burst() -> None:
            if self._aio_echo is None:
                connection: Any = await aio.connect(self._address, Init)
                init = await self._stack.enter_async_context(connection)
                self._aio_echo = await init.make_echo()
            await asyncio.gather(*(self._aio_echo.echo(text) for _ in range(count)))

        if self._loop is None:
            self._loop = asyncio.new_event_loop()
        self._loop.run_until_complete(burst())

    def make_objects(self, count: int) -> None:
        """Make echo objects."""
        self._objects += [self._init.make_echo() for _ in range(count)]

    def close(self) -> None:
        """Close both connections."""
        if self._loop is not None:
            self._loop.run_until_complete(self._stack.aclose())
            self._loop.close()
        self._objects.clear()
        self._init.close()
