"""A Unix socket served by asyncio: who may connect, how many at a time, and their end."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final, Self

from ipc import addresses
from ipc.aio import AsyncSession
from ipc.binding.binding import binding_of, interface_of
from ipc.errors import AddressError

if TYPE_CHECKING:
    import socket
    from collections.abc import Collection
    from pathlib import Path

    from interfaces.interface import Interface

log: Final = logging.getLogger("ipc")
_REST: Final = 0.1
"""Seconds without accepting after it failed, as for lack of descriptors."""


class AsyncServer:
    """A listening socket, its file and its connections."""

    def __init__(self, path: Path, init: Interface, allowed_uids: Collection[int], max_connections: int) -> None:
        """Listen; `init`'s schema is matched now. Raises AddressError, BindingError."""
        self._init = init
        self._interface = interface_of(init)
        binding_of(self._interface)
        self._allowed_uids = frozenset(allowed_uids)
        try:
            self._sock = addresses.bind(path, addresses.mode_for(self._allowed_uids))
        except OSError as error:
            raise AddressError(error.strerror or str(error)) from error
        self._bound = addresses.BoundPath(path)
        self._room = asyncio.Semaphore(max_connections)
        self._sessions: set[AsyncSession] = set()
        self._accepting: asyncio.Task[None] | None = None

    async def start(self) -> Self:
        """Begin to accept."""
        self._sock.setblocking(False)
        self._accepting = asyncio.get_running_loop().create_task(self._accept())
        return self

    async def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self._room.acquire()
            try:
                sock, _ = await loop.sock_accept(self._sock)
            except OSError as error:
                self._room.release()
                log.warning("ipc: IPC server: accepting failed: %s", error)
                await asyncio.sleep(_REST)
                continue
            if not addresses.is_allowed(sock, self._allowed_uids):
                sock.close()
                self._room.release()
                continue
            await self._begin(sock)

    async def _begin(self, sock: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        session = AsyncSession(loop, self._sessions, self._room.release)
        session.offer(self._init, self._interface)
        await loop.connect_accepted_socket(lambda: session, sock)

    async def close(self) -> None:
        """Stop serving: calls are cancelled, connections and the socket's file go. Idempotent."""
        self._bound.remove()
        if self._accepting is not None:
            self._accepting.cancel()
            await asyncio.wait([self._accepting])
        self._sock.close()
        for session in list(self._sessions):
            session.close()
        await asyncio.sleep(0)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()
