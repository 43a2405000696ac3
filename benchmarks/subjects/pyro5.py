"""Pyro5 with its threaded daemon, over a Unix socket."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import Pyro5.api

from benchmarks.server import PythonSubject, Server
from benchmarks.subject import Client

if TYPE_CHECKING:
    from collections.abc import Callable


@Pyro5.api.expose
class Echo:
    """Public, because Pyro5 exposes no private class."""

    def echo(self, text: str) -> str:
        """Return `text`."""
        return text


@Pyro5.api.expose
class Factory(Echo):
    """The object that clients find by name."""

    def __init__(self, daemon: Any) -> None:
        """Register new objects with `daemon`."""
        self._daemon = daemon

    def make_echo(self) -> Echo:
        """Make and register an echo object."""
        echo = Echo()
        self._daemon.register(echo)
        return echo  # crosses as a proxy, because it is registered


class PyroClient(Client):
    """One proxy; a Pyro5 proxy belongs to one thread."""

    def __init__(self, address: str) -> None:
        """Connect."""
        self._echo: Any = Pyro5.api.Proxy(f"PYRO:echo@./u:{address}")
        self._echo._pyroBind()  # noqa: SLF001 - Pyro5's documented name
        self._objects: list[Any] = []

    def echo(self, text: str) -> str:
        """Call and wait."""
        result: str = self._echo.echo(text)
        return result

    def make_objects(self, count: int) -> None:
        """Make registered objects."""
        self._objects += [self._echo.make_echo() for _ in range(count)]

    def close(self) -> None:
        """Close."""
        self._echo._pyroRelease()  # noqa: SLF001 - Pyro5's documented name


class PyroSubject(PythonSubject):
    """A pooled server thread for each connection, serpent arguments."""

    about = "Pyro5, threaded daemon, serpent"

    def serve(self, address: str, ready: Callable[[], None]) -> None:
        """Serve in this process."""
        Pyro5.config.SERVERTYPE = "thread"
        Pyro5.config.THREADPOOL_SIZE = 100
        daemon = Pyro5.api.Daemon(unixsocket=address)
        daemon.register(Factory(daemon), "echo")
        ready()
        daemon.requestLoop()

    def connect(self, server: Server) -> Client:
        """Connect."""
        return PyroClient(server.address)


SUBJECT = PyroSubject()
