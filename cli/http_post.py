"""One POST over HTTP, as a command line needs it: no other part of the protocol, and no start-up time."""

from __future__ import annotations

import base64
import socket
import time
from dataclasses import dataclass
from typing import Final

_MOST: Final = 1 << 30
_CHUNK: Final = 1 << 16
_YEARS: Final = 5 * 365 * 24 * 3600.0


class ConnectionFailedError(Exception):
    """Nobody was reached, or not to the end; the text says why, as Core's does."""


@dataclass(frozen=True, slots=True)
class Response:
    """Status and body."""

    status: int
    body: bytes


def post(host: str, port: int, path: str, credentials: str, body: bytes, timeout: float) -> Response:
    """Send a request and return what comes back, in `timeout` seconds, 0 for any. Raises ConnectionFailedError."""
    deadline = time.monotonic() + (timeout if timeout > 0 else _YEARS)
    connection = _connect(host, port, deadline)
    token = base64.b64encode(credentials.encode("utf-8", "surrogateescape")).decode()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Length: {len(body)}\r\n"
        f"Content-Type: application/json\r\nAuthorization: Basic {token}\r\n\r\n"
    )
    with connection:
        try:
            connection.settimeout(max(deadline - time.monotonic(), 0.001))
            connection.sendall(head.encode("utf-8", "surrogateescape") + body)
        except OSError as error:
            raise ConnectionFailedError("Failed to send HTTP request") from error
        return _read(connection, deadline)


def _connect(host: str, port: int, deadline: float) -> socket.socket:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise ConnectionFailedError(f"Could not resolve host: {host}") from error
    for family, kind, protocol, _, address in found:
        connection = socket.socket(family, kind, protocol)
        try:
            connection.settimeout(max(deadline - time.monotonic(), 0.001))
            connection.connect(address)
        except OSError:
            connection.close()
            continue
        return connection
    raise ConnectionFailedError("Could not connect to the server")


def _read(connection: socket.socket, deadline: float) -> Response:
    buffer = bytearray()
    while b"\r\n\r\n" not in buffer:
        _receive(connection, deadline, buffer)
    head, _, rest = bytes(buffer).partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    version, _, status = first.partition(" ")
    if not version.startswith("HTTP/") or not status[:3].isdigit():
        raise ConnectionFailedError("HTTP error: Invalid status line")
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon:
            raise ConnectionFailedError("HTTP error: Header missing colon (:)")
        headers.setdefault(name.strip().lower(), value.strip())
    data = bytearray(rest)
    if "chunked" in headers.get("transfer-encoding", "").lower():
        return Response(int(status[:3]), _read_chunks(connection, deadline, data))
    length = headers.get("content-length")
    if length is None:
        try:
            while True:
                _receive(connection, deadline, data)
        except _EndOfStreamError:
            return Response(int(status[:3]), bytes(data))
    if not (length.isascii() and length.isdigit()):
        raise ConnectionFailedError("HTTP error: Invalid Content-Length")
    while len(data) < int(length):
        _receive(connection, deadline, data)
    return Response(int(status[:3]), bytes(data[: int(length)]))


def _read_chunks(connection: socket.socket, deadline: float, data: bytearray) -> bytes:
    body = bytearray()
    while True:
        while b"\r\n" not in data:
            _receive(connection, deadline, data)
        line, _, _ = bytes(data).partition(b"\r\n")
        try:
            size = int(line.partition(b";")[0].strip(), 16)
        except ValueError as error:
            raise ConnectionFailedError("HTTP error: Invalid chunk size") from error
        del data[: len(line) + 2]
        if size == 0:
            return bytes(body)
        while len(data) < size + 2:
            _receive(connection, deadline, data)
        body += data[:size]
        del data[: size + 2]


class _EndOfStreamError(ConnectionFailedError):
    """The other side closed the connection."""


def _receive(connection: socket.socket, deadline: float, buffer: bytearray) -> None:
    """Add some bytes."""
    left = deadline - time.monotonic()
    if left <= 0:
        raise ConnectionFailedError("timeout")
    connection.settimeout(left)
    try:
        data = connection.recv(_CHUNK)
    except TimeoutError as error:
        raise ConnectionFailedError("timeout") from error
    except OSError as error:
        raise ConnectionFailedError(f"Read error: {error.strerror} ({error.errno})") from error
    if not data:
        raise _EndOfStreamError("EOF")
    buffer += data
    if len(buffer) > _MOST:
        raise ConnectionFailedError("HTTP error: Response too long")
