"""The HTTP server: sockets, one thread with an event loop, workers (Core: HTTPServer in src/httpserver.cpp)."""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import logging
import os
import socket
import threading
import time
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from interfaces import cancellation
from node.http.connection import Connection
from node.http.message import HttpRequest, HttpResponse, refusal
from node.http.options import HttpError, HttpOptions
from node.http.workers import WorkerPool

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

log: Final = logging.getLogger("http")
_SWEEP: Final = 0.5
_GRACE: Final = 30.0
_METHODS: Final = frozenset({"GET", "POST", "HEAD", "PUT"})


def _any_body(request: HttpRequest) -> bool:
    del request
    return True


def _not_at_once(request: HttpRequest) -> HttpResponse | None:
    del request
    return None


@dataclass(frozen=True, slots=True)
class Route:
    """Who answers targets that begin with a prefix, or are it. The handler runs on a worker's thread."""

    prefix: str
    handler: Callable[[HttpRequest, str], HttpResponse]
    """Gets the request and the rest of its target."""
    exact: bool = False
    wants_body: Callable[[HttpRequest], bool] = _any_body
    """Told the head of a request: whether its body is to be kept. Runs on the loop's thread, so be quick."""
    answer_at_once: Callable[[HttpRequest], HttpResponse | None] = _not_at_once
    """Asked first, on the loop's thread: answers what takes no time, with None leaves it to `handler`."""

    def rest_of(self, target: str) -> str | None:
        """Return what follows the prefix, None if it is not for us."""
        if self.exact:
            return "" if target == self.prefix else None
        return target[len(self.prefix) :] if target.startswith(self.prefix) else None


class HttpServer:
    """Listens from `bind` on, answers from `start` until `stop`."""

    def __init__(self, options: HttpOptions, routes: Iterable[Route]) -> None:
        """Prepare; nothing is opened yet."""
        self._options = options
        self._routes = tuple(routes)
        self._sockets: list[socket.socket] = []
        self._connections: set[Connection] = set()
        self._next_number = 0
        self._rejecting = False
        self._stopping = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._workers: WorkerPool | None = None
        self._servers: list[asyncio.Server] = []
        self._empty = threading.Event()
        self._lock = threading.Lock()
        self._pool_closed = False
        self.now = time.time

    @property
    def addresses(self) -> list[tuple[str, int]]:
        """Where it listens."""
        return [sock.getsockname()[:2] for sock in self._sockets]

    def bind(self) -> None:
        """Open the sockets; HttpError if not one can be opened."""
        for host, port in self._options.endpoints:
            log.info("Binding RPC on address %s port %d", host, port)
            try:
                address = ipaddress.ip_address(host)
            except ValueError:
                log.warning("Could not bind RPC on address %s port %d: Address lookup failed.", host, port)
                continue
            if address.is_unspecified:
                log.warning("The RPC server is not safe to expose to untrusted networks such as the public internet")
            try:
                self._sockets.append(_listen(address, port))
            except OSError as error:
                log.warning(
                    "Binding RPC on address %s failed: %s", _shown(address, port), _reason(error, address, port)
                )
        if not self._sockets:
            log.error("Unable to bind any endpoint for RPC server")
            raise HttpError
        log.debug("Initialized HTTP server")
        log.debug("set work queue of depth %d", self._options.work_queue)

    def start(self) -> None:
        """Begin to answer."""
        log.info("Starting HTTP server with %d worker threads", self._options.threads)
        self._workers = WorkerPool(self._options.threads, self._options.work_queue)
        self._loop = asyncio.new_event_loop()
        ready = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(self._loop, ready), name="http")
        self._thread.start()
        ready.wait()

    def _run(self, loop: asyncio.AbstractEventLoop, ready: threading.Event) -> None:
        asyncio.set_event_loop(loop)

        async def listen() -> None:
            for sock in self._sockets:
                server = await loop.create_server(lambda: Connection(self, loop), sock=sock, backlog=socket.SOMAXCONN)
                self._servers.append(server)

        try:
            loop.run_until_complete(listen())
            if self._options.timeout > 0:
                loop.call_later(_SWEEP, self._sweep, loop)
            loop.call_soon(ready.set)
            loop.run_forever()
        finally:
            ready.set()
            for connection in tuple(self._connections):
                connection.disconnect()
            loop.run_until_complete(asyncio.sleep(0))
            loop.close()

    # For connections, on the loop's thread.

    def admit(self, connection: Connection, address: tuple[Any, ...]) -> bool:
        """Whether this client may connect; if so it gets its number."""
        peer = ipaddress.ip_address(address[0].partition("%")[0])
        connection.peer = _shown(peer, address[1])
        if not any(peer in network for network in self._options.allowed):
            log.debug("Connection from %s rejected: Client network is not allowed HTTP access", connection.peer)
            return False
        if len(self._connections) >= self._options.max_connections:
            self._make_room()
        self._next_number += 1
        connection.number = self._next_number
        self._connections.add(connection)
        log.debug("HTTP Connection accepted from %s (id=%d)", connection.peer, connection.number)
        return True

    def _make_room(self) -> None:
        """Send the client away that has been silent for longest, rather than keep a new one out."""
        oldest = min(self._connections, key=lambda connection: (connection.busy, connection.active_at))
        log.debug("Too many HTTP connections, disconnecting %s (id=%d)", oldest.peer, oldest.number)
        oldest.disconnect()
        self._connections.discard(oldest)

    def forget(self, connection: Connection) -> None:
        """Note that a connection ended."""
        if connection in self._connections:
            log.debug("Disconnecting HTTP client %s (id=%d)", connection.peer, connection.number)
            self._connections.discard(connection)
        if self._stopping and not self._connections:
            self._empty.set()

    def wants_body(self, request: HttpRequest) -> bool:
        """Whether anybody would read the body of a request."""
        found = self._find(request.target)
        return found is not None and found[0].wants_body(request)

    def _find(self, target: str) -> tuple[Route, str] | None:
        for route in self._routes:
            rest = route.rest_of(target)
            if rest is not None:
                return route, rest
        return None

    def dispatch(self, connection: Connection, request: HttpRequest) -> None:
        """Have a request answered: now, or by a worker later."""
        if log.isEnabledFor(logging.DEBUG):
            log.debug(
                "Received a %s request for %s from %s (id=%d)",
                request.method, request.target, connection.peer, connection.number,
            )  # fmt: skip
        if self._rejecting:
            log.debug("Rejecting request while shutting down")
            connection.answer(refusal(HTTPStatus.SERVICE_UNAVAILABLE))
        elif request.method not in _METHODS:
            log.debug("HTTP request from %s rejected: Unknown HTTP request method", connection.peer)
            connection.answer(refusal(HTTPStatus.METHOD_NOT_ALLOWED))
        elif (found := self._find(request.target)) is None:
            connection.answer(refusal(HTTPStatus.NOT_FOUND))
        elif (response := found[0].answer_at_once(request)) is not None:
            connection.answer(response)
        elif not self._submit(_Task(self, connection, request, *found)):
            log.warning(
                "Request rejected because http work queue depth exceeded, "
                "it can be increased with the -rpcworkqueue= setting"
            )
            connection.answer(refusal(HTTPStatus.SERVICE_UNAVAILABLE, "Work queue depth exceeded"))

    def _submit(self, task: _Task) -> bool:
        with self._lock:
            return not self._pool_closed and self._workers is not None and self._workers.submit(task)

    def deliver(self, connection: Connection, response: HttpResponse) -> None:
        """Have an answer sent; from any thread."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(connection.answer_and_advance, response)

    def _sweep(self, loop: asyncio.AbstractEventLoop) -> None:
        now = loop.time()
        for connection in tuple(self._connections):
            connection.disconnect_if_stale(now, self._options.timeout)
        loop.call_later(_SWEEP, self._sweep, loop)

    # The end.

    def interrupt(self) -> None:
        """Answer no more new requests."""
        log.debug("Interrupting HTTP server")
        self._rejecting = True

    def stop(self) -> None:
        """Send the answers that are due, and end. Idempotent."""
        log.debug("Stopping HTTP server")
        self._rejecting = True
        with self._lock:
            self._pool_closed = True
        if self._workers is not None:
            self._workers.stop()
            self._workers = None
        loop, thread = self._loop, self._thread
        if loop is not None and thread is not None:
            loop.call_soon_threadsafe(self._end_connections)
            log.debug("Waiting for HTTP clients to disconnect gracefully")
            if not self._empty.wait(_GRACE):
                log.warning("Timeout waiting for HTTP clients to disconnect gracefully, continuing shutdown")
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
        self._loop = self._thread = None
        for sock in self._sockets:
            sock.close()
        self._sockets.clear()
        log.debug("Stopped HTTP server")

    def _end_connections(self) -> None:
        self._stopping = True
        for server in self._servers:
            server.close()
        self._servers.clear()
        self._end_idle()

    def _end_idle(self) -> None:
        for connection in tuple(self._connections):
            connection.disconnect_if_done()
        if not self._connections:
            self._empty.set()
        elif self._loop is not None:
            self._loop.call_later(0.02, self._end_idle)


class _Task:
    """A request on its way to a worker."""

    __slots__ = ("_connection", "_request", "_rest", "_route", "_server")

    def __init__(
        self, server: HttpServer, connection: Connection, request: HttpRequest, route: Route, rest: str
    ) -> None:
        self._server = server
        self._connection = connection
        self._request = request
        self._route = route
        self._rest = rest

    def __call__(self) -> None:
        before = cancellation.install(self._connection.gone)
        try:
            response = self._route.handler(self._request, self._rest)
        except Exception as error:  # noqa: BLE001 - the client must get an answer, whatever happened
            log.warning(
                "Unexpected error while processing request for '%s'. Error msg: '%s'", self._request.target, error
            )
            response = refusal(HTTPStatus.INTERNAL_SERVER_ERROR, str(error), close=True)
        finally:
            cancellation.install(before)
        self._server.deliver(self._connection, response)


def _listen(address: ipaddress.IPv4Address | ipaddress.IPv6Address, port: int) -> socket.socket:
    family = socket.AF_INET6 if address.version == 6 else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind((str(address), port))
        sock.listen(socket.SOMAXCONN)
    except OSError:
        sock.close()
        raise
    return sock


def _shown(address: ipaddress.IPv4Address | ipaddress.IPv6Address, port: int) -> str:
    return f"[{address}]:{port}" if address.version == 6 else f"{address}:{port}"


def _reason(error: OSError, address: ipaddress.IPv4Address | ipaddress.IPv6Address, port: int) -> str:
    where = f"Unable to bind to {_shown(address, port)} on this computer"
    if error.errno == errno.EADDRINUSE:
        return f"{where}. pynode is probably already running."
    return f"{where} (bind returned error {os.strerror(error.errno or 0)} ({error.errno}))"
