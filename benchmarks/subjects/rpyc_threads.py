"""rpyc with its ThreadedServer, over a Unix socket."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import rpyc
from rpyc.utils.factory import unix_connect
from rpyc.utils.server import ThreadedServer

from benchmarks.server import PythonSubject, Server
from benchmarks.subject import Client

if TYPE_CHECKING:
    from collections.abc import Callable

_CONFIG = {"sync_request_timeout": None}


class _Echo:
    def exposed_echo(self, text: str) -> str:
        return text


class _EchoService(rpyc.Service):
    def exposed_make_echo(self) -> _Echo:
        return _Echo()


class RpycClient(Client):
    """Keeps the bound remote method, so that a call is one round trip and not two."""

    def __init__(self, address: str) -> None:
        """Connect and make the echo object."""
        self._connection: Any = unix_connect(address, config=_CONFIG)
        self._echo = self._connection.root.make_echo().echo
        self._echo_async = rpyc.async_(self._echo)
        self._objects: list[Any] = []

    def echo(self, text: str) -> str:
        """Call and wait."""
        result: str = self._echo(text)
        return result

    def echo_burst(self, text: str, count: int) -> None:
        """Use rpyc's asynchronous calls."""
        for reply in [self._echo_async(text) for _ in range(count)]:
            reply.wait()

    def make_objects(self, count: int) -> None:
        """Make objects behind netrefs."""
        self._objects += [self._connection.root.make_echo() for _ in range(count)]

    def close(self) -> None:
        """Close."""
        self._connection.close()


class RpycSubject(PythonSubject):
    """A server thread for each connection."""

    about = "rpyc, ThreadedServer, remote method bound once"

    def serve(self, address: str, ready: Callable[[], None]) -> None:
        """Serve in this process."""
        server = ThreadedServer(_EchoService, socket_path=address, protocol_config=_CONFIG)
        ready()
        server.start()

    def connect(self, server: Server) -> Client:
        """Connect."""
        return RpycClient(server.address)


SUBJECT = RpycSubject()
