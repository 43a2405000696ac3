"""multiprocessing.managers of the standard library, over a Unix socket."""

from __future__ import annotations

from multiprocessing.managers import BaseManager
from typing import TYPE_CHECKING, Any, cast

from benchmarks.server import PythonSubject, Server
from benchmarks.subject import Client

if TYPE_CHECKING:
    from collections.abc import Callable

_KEY = b"benchmarks"


class _Echo:
    def echo(self, text: str) -> str:
        return text


class _EchoManager(BaseManager):
    pass


_EchoManager.register("Echo", _Echo)


class ManagerClient(Client):
    """A manager keeps one connection for each thread, which is one for each client here."""

    def __init__(self, address: str) -> None:
        """Connect and make the echo object."""
        manager = _EchoManager(address, _KEY)
        manager.connect()
        self._manager = cast("Any", manager)
        self._echo = self._manager.Echo()
        self._objects: list[Any] = []

    def echo(self, text: str) -> str:
        """Call through the proxy."""
        result: str = self._echo.echo(text)
        return result

    def make_objects(self, count: int) -> None:
        """Make managed objects."""
        self._objects += [self._manager.Echo() for _ in range(count)]

    def close(self) -> None:
        """Drop the proxies, which closes the thread's connection with its last one."""
        self._objects.clear()
        self._echo = None


class ManagerSubject(PythonSubject):
    """A server thread for each connection, pickled arguments."""

    about = "multiprocessing.managers, AutoProxy, one server thread per connection"

    def serve(self, address: str, ready: Callable[[], None]) -> None:
        """Serve in this process."""
        server = _EchoManager(address, _KEY).get_server()
        ready()
        server.serve_forever()

    def connect(self, server: Server) -> Client:
        """Connect."""
        return ManagerClient(server.address)


SUBJECT = ManagerSubject()
