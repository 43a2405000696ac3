"""The limit: length-prefixed frames on a Unix socket, with one thread hop on each side."""

from __future__ import annotations

import socket
from queue import SimpleQueue
from threading import Thread
from typing import TYPE_CHECKING, BinaryIO

from benchmarks.server import PythonSubject, Server
from benchmarks.subject import Client

if TYPE_CHECKING:
    from collections.abc import Callable

_HEADER = 4


def _frame(payload: bytes) -> bytes:
    return len(payload).to_bytes(_HEADER, "little") + payload


def _read_into(stream: BinaryIO, queue: SimpleQueue[bytes | None]) -> None:
    """Put each frame of `stream` into `queue`, and None at its end."""
    try:
        while header := stream.read(_HEADER):
            queue.put(stream.read(int.from_bytes(header, "little")))
    except OSError:
        pass  # the peer vanished, which ends the stream like any other end
    finally:
        queue.put(None)


class SocketClient(Client):
    """Writes from the calling thread; a reader thread hands the replies over."""

    def __init__(self, address: str) -> None:
        """Connect and start the reader."""
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(address)
        self._stream = self._socket.makefile("rb")
        self._replies: SimpleQueue[bytes | None] = SimpleQueue()
        self._reader = Thread(target=_read_into, args=(self._stream, self._replies), daemon=True)
        self._reader.start()

    def _reply(self) -> str:
        reply = self._replies.get()
        if reply is None:
            raise EOFError
        return reply.decode()

    def echo(self, text: str) -> str:
        """Write, and wait for the reader."""
        self._socket.sendall(_frame(text.encode()))
        return self._reply()

    def echo_burst(self, text: str, count: int) -> None:
        """Write `count` frames, then take `count` replies."""
        for _ in range(count):
            self._socket.sendall(_frame(text.encode()))
        for _ in range(count):
            self._reply()

    def close(self) -> None:
        """Shut down and join the reader."""
        self._socket.shutdown(socket.SHUT_RDWR)
        self._reader.join()
        self._stream.close()
        self._socket.close()


def _serve_connection(connection: socket.socket) -> None:
    requests: SimpleQueue[bytes | None] = SimpleQueue()
    with connection, connection.makefile("rb") as stream:
        reader = Thread(target=_read_into, args=(stream, requests), daemon=True)
        reader.start()
        while (request := requests.get()) is not None:
            connection.sendall(_frame(request.decode().encode()))
        reader.join()


class SocketSubject(PythonSubject):
    """Frames and nothing else: no objects, no types, no errors."""

    about = (
        "bare Unix socket, length-prefixed text; one thread hop on each side: the caller writes "
        "and a reader thread hands it the reply, a reader thread hands to a worker that replies"
    )

    def serve(self, address: str, ready: Callable[[], None]) -> None:
        """Run two threads for each connection: one reads, one answers."""
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(address)
            listener.listen(128)
            ready()
            while True:
                connection, _ = listener.accept()
                Thread(target=_serve_connection, args=(connection,), daemon=True).start()

    def connect(self, server: Server) -> Client:
        """Connect."""
        return SocketClient(server.address)


SUBJECT = SocketSubject()
