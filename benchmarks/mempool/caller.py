"""JSON-RPC over one keep-alive connection."""

from __future__ import annotations

import json
import socket
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from benchmarks.node.programs import Program


class Caller:
    """Calls one program. `close` it, or use it in a `with`."""

    def __init__(self, program: Program) -> None:
        """Connect."""
        self._authorization = program.authorization
        self._socket = socket.create_connection(("127.0.0.1", program.rpc_port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._stream = self._socket.makefile("rb")

    def call(self, method: str, *params: object) -> Any:
        """Return the result; an error is a bug here."""
        return self.send(self.request(method, *params))

    def request(self, method: str, *params: object) -> bytes:
        """Return the bytes of a call, so that making them is not measured."""
        body = json.dumps({"method": method, "params": params, "id": 1}).encode()
        head = (
            f"POST / HTTP/1.1\r\nHost: localhost\r\nAuthorization: {self._authorization}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body

    def send(self, request: bytes) -> Any:
        """Send a call made before and return its result."""
        self._socket.sendall(request)
        length = 0
        while (line := self._stream.readline()) not in {b"\r\n", b""}:
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        answer = json.loads(self._stream.read(length))
        assert answer["error"] is None, answer["error"]
        return answer["result"]

    def close(self) -> None:
        """Hang up."""
        self._stream.close()
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
