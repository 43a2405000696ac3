"""What every REST method does to its request's path and to its answer."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

from node.http.message import HttpRequest, HttpResponse
from rpc import json

if TYPE_CHECKING:
    from collections.abc import Callable

    from node.context import NodeContext
    from node.rpc.server import RpcServer
    from rpc.json import Json

IMMUTABLE: Final = "public, immutable, max-age=86400"
NO_STORE: Final = "no-store"
_FORMATS: Final = ("bin", "hex", "json")
_HASH: Final = re.compile(r"[0-9a-fA-F]{64}", re.ASCII)
_DIGITS: Final = re.compile(r"[0-9]{1,20}", re.ASCII)
MAX_HEADERS: Final = 2000


class RestError(Exception):
    """A request that fails with a status and a text."""

    def __init__(self, status: HTTPStatus, message: str) -> None:
        """Hold both."""
        super().__init__(message)
        self.status = status

    def response(self) -> HttpResponse:
        """Return it as an answer."""
        headers = (("Cache-Control", NO_STORE), ("Content-Type", "text/plain"))
        return HttpResponse(self.status, f"{self}\r\n".encode(), headers)


def bad_request(message: str) -> RestError:
    """Return the error of a request that makes no sense."""
    return RestError(HTTPStatus.BAD_REQUEST, message)


def not_found(message: str) -> RestError:
    """Return the error of a request for something that is not there."""
    return RestError(HTTPStatus.NOT_FOUND, message)


class RestCall:
    """One request: its node, the part of its path that is the method's, and the format it asks for."""

    def __init__(self, node: NodeContext, server: RpcServer, request: HttpRequest, rest: str) -> None:
        """Take the path apart; `rest` is what follows the method's prefix."""
        self.node = node
        self.server = server
        self.request = request
        path, mark, _ = rest.rpartition("?")
        self.path = path if mark else rest
        self.format = ""
        path, dot, suffix = self.path.rpartition(".")
        if dot and suffix in {"", *_FORMATS}:
            self.path, self.format = path, suffix

    @property
    def parts(self) -> list[str]:
        """The path between slashes."""
        return self.path.split("/")

    def query(self, name: str, default: str) -> str:
        """Return a parameter from behind the question mark."""
        _, _, query = self.request.target.partition("?")
        for pair in query.partition("#")[0].split("&"):
            key, _, value = pair.partition("=")
            if unquote(key) == name:
                return unquote(value)
        return default

    def answer(
        self, cache: str, data: Callable[[], bytes] | None, value: Callable[[], Json] | None, text: str | None = None
    ) -> HttpResponse:
        """Answer in the format asked for: `data` as it is or in hex (or `text` instead of that), `value` as JSON."""
        if self.format == "bin" and data is not None:
            return _reply(cache, "application/octet-stream", data())
        if self.format == "hex" and data is not None:
            return _reply(cache, "text/plain", (data().hex() if text is None else text).encode() + b"\n")
        if self.format == "json" and value is not None:
            return _reply(cache, "application/json", json.dumps(value()) + b"\n")
        available = ".bin, .hex, .json" if data is not None else "json"
        raise not_found(f"output format not found (available: {available})")


def _reply(cache: str, kind: str, body: bytes) -> HttpResponse:
    return HttpResponse(HTTPStatus.OK, body, (("Cache-Control", cache), ("Content-Type", kind)))


def parse_hash(text: str) -> bytes:
    """Return a hash in internal order. Raises RestError."""
    if not _HASH.fullmatch(text):
        raise bad_request(f"Invalid hash: {text}")
    return bytes.fromhex(text)[::-1]


def parse_count(text: str) -> int:
    """Return how many headers are wanted. Raises RestError."""
    count = parse_number(text)
    if count is None or not 1 <= count <= MAX_HEADERS:
        raise bad_request(f"Header count is invalid or out of acceptable range (1-{MAX_HEADERS}): {text}")
    return count


def parse_number(text: str, highest: int = 2**64 - 1) -> int | None:
    """Return a number without sign or space, None if it is none."""
    number = int(text) if _DIGITS.fullmatch(text) else None
    return None if number is None or number > highest else number
