"""JSON-RPC over HTTP (Core: HTTPReq_JSONRPC in src/httprpc.cpp)."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from node.http.message import HttpRequest, HttpResponse
from node.http.server import Route
from rpc.request import Caller

if TYPE_CHECKING:
    from node.rpc.authentication import Credentials
    from node.rpc.server import RpcServer
    from rpc.server import Answer

log: Final = logging.getLogger("rpc")
_JSON: Final = (("Content-Type", "application/json"),)
_WHO: Final = (("WWW-Authenticate", 'Basic realm="jsonrpc"'),)
_SHORT: Final = 1024
_DELAY: Final = 0.25  # Deters who guesses passwords.


class RpcOverHttp:
    """Answers POST requests of those who prove who they are."""

    def __init__(self, server: RpcServer, credentials: Credentials) -> None:
        """Answer from `server`."""
        self._server = server
        self._credentials = credentials

    def routes(self) -> tuple[Route, ...]:
        """Return what it answers."""
        return (
            Route("/", self.answer, exact=True, wants_body=self._may_ask, answer_at_once=self.answer_at_once),
            Route("/wallet/", self.answer, wants_body=self._may_ask, answer_at_once=self.answer_at_once),
        )

    def _may_ask(self, request: HttpRequest) -> bool:
        header = request.headers.get("authorization")
        return request.method == "POST" and header is not None and self._credentials.user_of(header) is not None

    def answer_at_once(self, request: HttpRequest) -> HttpResponse | None:
        """Answer what needs no worker; None for all else."""
        if request.method != "POST" or len(request.body) > _SHORT:
            return None
        user = self._credentials.user_of(request.headers.get("authorization", ""))
        if user is None:
            return None
        answer = self._server.answer_at_once(request.body, Caller(request.target, user, request.peer))
        return None if answer is None else _response(answer)

    def answer(self, request: HttpRequest, rest: str) -> HttpResponse:
        """Answer one HTTP request."""
        del rest
        if request.method != "POST":
            return HttpResponse(HTTPStatus.METHOD_NOT_ALLOWED, b"JSONRPC server handles only POST requests")
        header = request.headers.get("authorization")
        if header is None:
            return HttpResponse(HTTPStatus.UNAUTHORIZED, headers=_WHO)
        user = self._credentials.user_of(header)
        if user is None:
            log.warning("ThreadRPCServer incorrect password attempt from %s", request.peer)
            return HttpResponse(HTTPStatus.UNAUTHORIZED, headers=_WHO, delay=_DELAY)
        return _response(self._server.answer(request.body, Caller(request.target, user, request.peer)))


def _response(answer: Answer) -> HttpResponse:
    if answer.body is None:
        return HttpResponse(answer.status)
    return HttpResponse(answer.status, answer.body + b"\n", _JSON)
