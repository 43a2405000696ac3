"""A request and its answer, apart from any connection."""

from __future__ import annotations

from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final

MAX_HEADERS_SIZE: Final = 8192
MAX_BODY_SIZE: Final = 32 * 1024 * 1024
_PHRASES: Final = {status: status.phrase for status in HTTPStatus} | {
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "Content too large"
}
DEFAULT_CONTENT_TYPE: Final = "text/html; charset=ISO-8859-1"


@dataclass(slots=True)
class HttpRequest:
    """A request; header names are lower case, of several with one name the first counts."""

    method: str = ""
    target: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    peer: str = ""
    """Address and port."""


@dataclass(slots=True)
class HttpResponse:
    """An answer. `delay` seconds pass before it is sent."""

    status: HTTPStatus
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    close: bool = False
    delay: float = 0

    def encode(self, *, minor: int, keep_alive: bool, say_close: bool, date: str, head: bool) -> bytes:
        """Return the bytes of it, for version 1.`minor`; `head` leaves the body out."""
        names = {name for name, _ in self.headers}
        lines = [f"HTTP/1.{minor} {self.status.value} {_PHRASES[self.status]}"]
        lines += [f"{name}: {value}" for name, value in self.headers]
        has_body = self.status != HTTPStatus.NO_CONTENT
        if minor:
            lines.append(f"Date: {date}")
        elif keep_alive:
            lines.append("Connection: keep-alive")
        if has_body:
            if minor or keep_alive:
                lines.append(f"Content-Length: {len(self.body)}")
            if "Content-Type" not in names:
                lines.append(f"Content-Type: {DEFAULT_CONTENT_TYPE}")
        if say_close:
            lines.append("Connection: close")
        lines.append("\r\n")
        return "\r\n".join(lines).encode("latin-1") + (self.body if has_body and not head else b"")


def refusal(status: HTTPStatus, text: str = "", *, close: bool = False) -> HttpResponse:
    """Return an error that nobody may keep."""
    return HttpResponse(status, text.encode(), (("Cache-Control", "no-store"),), close)
