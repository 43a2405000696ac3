"""One client: bytes in, requests in order to whoever answers, answers out. Runs on the loop's thread only.

A client that pipelines is answered in order, one request at a time; what it sends meanwhile waits in the
socket once a little was read. Headers and bodies have Core's bounds, and a body nobody may send is not kept.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from dataclasses import replace
from email.utils import formatdate
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

import httptools

from interfaces.cancellation import Cancellation
from node.http.message import MAX_BODY_SIZE, MAX_HEADERS_SIZE, HttpRequest, HttpResponse, refusal

if TYPE_CHECKING:
    from node.http.server import HttpServer

log: Final = logging.getLogger("http")
_READ_AHEAD: Final = 64 * 1024
_REQUEST_LINE: Final = len("POST  HTTP/1.1\r\n")
_VERSIONS: Final = ("1.1", "1.0")
_dates: dict[int, str] = {}


class _Refused(Exception):  # noqa: N818 - no error of ours
    """Ends the parsing of a request."""


class Connection(asyncio.Protocol):
    """The server's side of a connection."""

    def __init__(self, server: HttpServer, loop: asyncio.AbstractEventLoop) -> None:
        """Wait for `connection_made`."""
        self._server = server
        self._loop = loop
        self._transport: Any = None
        self.peer = ""
        self.number = 0
        self.active_at = 0.0
        self.begun_at = 0.0
        """When the headers of the request began that are still incomplete, else 0."""
        self.gone = Cancellation()
        """Comes when the client has left, or sends no more: who waits on its behalf waits no longer."""
        self._parser = self._new_parser()
        self._done: deque[tuple[HttpRequest, int, bool]] = deque()
        """Requests not answered yet, with minor version and whether to keep the connection."""
        self._asked: tuple[HttpRequest, int, bool] | None = None
        self._backlog = bytearray()
        self._busy = False
        self._paused = False
        self._written_full = False
        self._at_end = False
        self._unsent = 0
        self._failure: list[HTTPStatus] = []
        """Why no more requests are read of this client."""
        self._began = False
        self._clear()

    def _new_parser(self) -> Any:
        parser = httptools.HttpRequestParser(self)
        # As in Core chunks go before a Content-Length; no proxy of ours stands before us that sees it otherwise.
        parser.set_dangerous_leniencies(lenient_chunked_length=True)
        return parser

    def _clear(self) -> None:
        self._request = HttpRequest(peer=self.peer)
        self._headers_size = 0
        self._raw_size = 0
        self._in_headers = False
        self._keep_body = True
        self._body: list[bytes] = []
        self._body_size = 0
        self.begun_at = 0.0

    @property
    def busy(self) -> bool:
        """Whether a request waits for its answer or an answer for the client."""
        return self._busy or bool(self._done) or self._transport.get_write_buffer_size() > 0

    # From the transport.

    def connection_made(self, transport: Any) -> None:
        """Let the client in, or not."""
        self._transport = transport
        self.active_at = self._loop.time()
        address = transport.get_extra_info("peername")
        if address is None or not self._server.admit(self, address):
            transport.abort()
            return
        self._request.peer = self.peer

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the client."""
        del exc
        self._server.forget(self)
        self._at_end = True
        self.gone.cancel()
        self._done.clear()
        self._backlog.clear()
        self._body.clear()

    def eof_received(self) -> bool:
        """Answer what was asked before the client stopped sending, but let it wait for nothing: it may be gone."""
        log.debug("Received EOF from %s (id=%d)", self.peer, self.number)
        self._at_end = True
        self.gone.cancel()
        return self.busy

    def pause_writing(self) -> None:
        """Take no more requests of a client that does not read."""
        self._written_full = True

    def resume_writing(self) -> None:
        """Go on."""
        self._written_full = False
        self._advance()

    def data_received(self, data: bytes) -> None:
        """Take what the client sent."""
        self.active_at = self._loop.time()
        if self._busy or self._done or self._written_full or self._backlog:
            self._backlog += data
            if len(self._backlog) > _READ_AHEAD and not self._paused:
                self._paused = True
                self._transport.pause_reading()
            return
        self._feed(data)
        self._advance()

    # Requests.

    def _feed(self, data: bytes) -> None:
        if self._failure:
            return
        self._began = False
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            # We stay with HTTP, whatever the client would like to change to.
            self._parser = self._new_parser()
            self._backlog[:0] = data[upgrade.args[0] :]
        except httptools.HttpParserError as error:
            self._failure = self._failure or [HTTPStatus.BAD_REQUEST]
            log.debug("Error reading HTTP request from client %s (id=%d): %s", self.peer, self.number, error)
            self._body.clear()
        if self._in_headers and not self._began:
            self._raw_size += len(data)
            if self._raw_size > MAX_HEADERS_SIZE:
                self._failure = self._failure or [HTTPStatus.BAD_REQUEST]

    def on_message_begin(self) -> None:
        """Begin a request (httptools)."""
        self._clear()
        self._began = self._in_headers = True
        self.begun_at = self.active_at

    def on_url(self, url: bytes) -> None:
        """Take a piece of the target (httptools)."""
        self._request.target += url.decode("latin-1")
        if len(self._request.target) + _REQUEST_LINE > MAX_HEADERS_SIZE:
            self._refuse(HTTPStatus.BAD_REQUEST)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header (httptools)."""
        self._headers_size += len(name) + len(value) + 4
        if self._headers_size > MAX_HEADERS_SIZE:
            self._refuse(HTTPStatus.BAD_REQUEST)
        self._request.headers.setdefault(name.decode("latin-1").lower(), value.decode("latin-1").strip(" \t"))

    def on_headers_complete(self) -> None:
        """Look whether the body may come (httptools)."""
        self._in_headers = False
        self.begun_at = 0.0
        request = self._request
        if self._parser.get_http_version() not in _VERSIONS:
            self._refuse(HTTPStatus.BAD_REQUEST)
        request.method = self._parser.get_method().decode("latin-1")
        length = request.headers.get("content-length", "")
        if length.isdecimal() and int(length) > MAX_BODY_SIZE and "transfer-encoding" not in request.headers:
            self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        self._keep_body = self._server.wants_body(request)
        if request.headers.get("expect", "").lower() == "100-continue" and not self._busy and not self._done:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        """Take a piece of the body (httptools)."""
        self._body_size += len(body)
        if self._body_size > MAX_BODY_SIZE:
            self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        if self._keep_body:
            self._body.append(body)

    def on_message_complete(self) -> None:
        """End a request (httptools)."""
        request = self._request
        request.body = self._body[0] if len(self._body) == 1 else b"".join(self._body)
        minor = 0 if self._parser.get_http_version() == "1.0" else 1
        self._done.append((request, minor, self._parser.should_keep_alive()))
        self._body = []
        self._in_headers = False

    def _refuse(self, status: HTTPStatus) -> None:
        self._failure = [status]
        raise _Refused

    def _advance(self) -> None:
        """Have the next request answered, if it is its turn."""
        while not self._busy and not self._written_full and not self._transport.is_closing():
            if self._done:
                self._asked = self._done.popleft()
                self._busy = True
                self._server.dispatch(self, self._asked[0])
            elif self._failure:
                self._send(refusal(self._failure[0], close=True), None)
            elif self._backlog:
                data = bytes(self._backlog)
                self._backlog.clear()
                self._feed(data)
            else:
                break
        if self._transport.is_closing():
            return
        if self._paused and not self._backlog:
            self._paused = False
            self._transport.resume_reading()
        if self._at_end and not self._busy and not self._done:
            self._transport.close()

    # Answers.

    def answer(self, response: HttpResponse) -> None:
        """Send the answer to the request that was dispatched last."""
        asked, self._asked = self._asked, None
        self._busy = False
        if not self._transport.is_closing():
            self._send(response, asked)

    def answer_and_advance(self, response: HttpResponse) -> None:
        """Send the answer, after its delay, and go on with the next request."""
        if response.delay:
            self._loop.call_later(response.delay, self.answer_and_advance, replace(response, delay=0))
            return
        self.answer(response)
        self._advance()

    def _send(self, response: HttpResponse, asked: tuple[HttpRequest, int, bool] | None) -> None:
        request, minor, keep = asked or (None, 1, False)
        keep = keep and not response.close
        head = request is not None and request.method == "HEAD"
        say_close = request is not None and (response.close or request.headers.get("connection", "").lower() == "close")
        now = int(self._server.now())
        date = _dates.get(now)
        if date is None:
            _dates.clear()
            date = _dates[now] = formatdate(now, usegmt=True)
        data = response.encode(minor=minor, keep_alive=keep, say_close=say_close, date=date, head=head)
        if log.isEnabledFor(logging.DEBUG):
            log.debug(
                "HTTPResponse (status code: %d size: %d) added to send buffer for client %s (id=%d)",
                response.status.value, len(data), self.peer, self.number,
            )  # fmt: skip
        self._transport.write(data)
        self.active_at = self._loop.time()
        if not keep:
            self._done.clear()
            self._backlog.clear()
            self._transport.close()

    # From the server.

    def disconnect_if_stale(self, now: float, timeout: float) -> None:
        """End the connection if its client lets us wait for longer than `timeout`."""
        if self._transport.is_closing() and not self._unsent and not self._transport.get_write_buffer_size():
            return
        unsent = self._transport.get_write_buffer_size()
        if unsent != self._unsent:
            self._unsent = unsent
            self.active_at = now
        waits_for_us = (self._busy or bool(self._done)) and not self._written_full
        if waits_for_us:
            return
        since = min(self.active_at, self.begun_at or now)
        if now - since > timeout:
            log.debug("HTTP client idle timeout %s (id=%d)", self.peer, self.number)
            self._transport.abort()

    def disconnect(self) -> None:
        """End the connection now; unsent answers are lost."""
        self._transport.abort()

    def disconnect_if_done(self) -> None:
        """End the connection unless there is something to answer or to send."""
        if not self.busy:
            self._transport.close()
