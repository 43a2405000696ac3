"""Executes JSON-RPC requests from the table (Core: src/rpc/server.cpp, ExecuteHTTPRPC in src/httprpc.cpp)."""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass, field
from http import HTTPStatus
from itertools import count
from typing import TYPE_CHECKING, Any, Final, Generic

from interfaces.rpc import Rpc
from rpc import json
from rpc.arguments import positional
from rpc.context import Owner
from rpc.errors import (
    RPC_CLIENT_NOT_CONNECTED,
    RPC_IN_WARMUP,
    RPC_INTERNAL_ERROR,
    RPC_INVALID_REQUEST,
    RPC_METHOD_NOT_FOUND,
    RPC_MISC_ERROR,
    RPC_PARSE_ERROR,
    JsonError,
    RpcError,
)
from rpc.help import help_text
from rpc.request import Caller, Request

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from rpc.context import MethodContext
    from rpc.json import Json
    from rpc.method import Method
    from rpc.table import MethodTable

log: Final = logging.getLogger("rpc")
_FIRST_STATUS: Final = "RPC server started"


@dataclass(frozen=True, slots=True)
class RpcOptions:
    """What the options say: -rpcwhitelist by user, -rpcwhitelistdefault, -deprecatedrpc, -rpcdoccheck; the log."""

    whitelist: dict[str, frozenset[str]] = field(default_factory=dict)
    whitelist_default: bool = False
    deprecated: frozenset[str] = frozenset()
    doc_check: bool = False
    log_path: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """HTTP status and body; None is no body."""

    status: HTTPStatus
    body: bytes | None = None


class MethodServer(Generic[Owner]):
    """Answers requests of any number of threads at once."""

    def __init__(
        self,
        table: MethodTable,
        make_context: Callable[[Owner, Request, MethodServer[Owner]], MethodContext[Owner]],
        options: RpcOptions | None = None,
        failures: tuple[type[Exception], ...] = (),
    ) -> None:
        """Begin in warm-up: until `finish_warmup` every method fails with its status.

        `failures` are no bugs of ours, so their texts are told without a traceback.
        """
        self._make_context = make_context
        self._failures = failures
        self.table = table
        self.options = options or RpcOptions()
        self.started = time.monotonic()
        self._owner: Owner | None = None
        self._status = _FIRST_STATUS
        self._interrupted = threading.Event()
        self._active: dict[int, tuple[str, int]] = {}
        self._calls = count()

    @property
    def owner(self) -> Owner | None:
        """What the methods are about, once it is ready."""
        return self._owner

    @property
    def status(self) -> str:
        """What the program is doing, or did last, before it is ready."""
        return self._status

    def set_status(self, status: str) -> None:
        """Say what the program is doing before it is ready."""
        self._status = status

    def finish_warmup(self, owner: Owner) -> None:
        """Serve methods about `owner` from now on."""
        self._owner = owner

    def interrupt(self) -> None:
        """Make long calls end: they look at `check_interrupt`."""
        log.debug("Interrupting RPC")
        self._interrupted.set()

    def warnings_result(self, warnings: Iterable[str]) -> Json:
        """Return warnings, or with -deprecatedrpc=warnings the latest alone (Core: GetWarningsForRpc)."""
        found = list(warnings)
        if self.is_deprecated_enabled("warnings"):
            return found[-1] if found else ""
        return found

    def check_interrupt(self) -> None:
        """Raise RpcError once the program ends (Core: RpcInterruptionPoint)."""
        if self._interrupted.is_set():
            raise RpcError(RPC_CLIENT_NOT_CONNECTED, "Shutting down")

    @property
    def interrupted(self) -> bool:
        """Whether the program ends."""
        return self._interrupted.is_set()

    def is_deprecated_enabled(self, name: str) -> bool:
        """Whether -deprecatedrpc names it."""
        return name in self.options.deprecated

    def active(self) -> list[tuple[str, int]]:
        """Return name and running time in microseconds of each method that runs."""
        now = time.monotonic_ns()
        return [(name, (now - start) // 1000) for name, start in list(self._active.values())]

    def answer_at_once(self, body: bytes, caller: Caller) -> Answer | None:
        """Answer one request whose method takes no time; None if it is any other, and nothing happened."""
        try:
            value = json.loads(body)
        except JsonError:
            return None
        name = value.get("method") if isinstance(value, dict) else None
        method = self.table.find(name) if isinstance(name, str) else None
        return self._answer(value, caller) if method is not None and method.quick else None

    def answer(self, body: bytes | str, caller: Caller) -> Answer:
        """Answer the text of one request or a batch."""
        try:
            value = json.loads(body)
        except JsonError:
            return _failed(Request(caller), RpcError(RPC_PARSE_ERROR, "Parse error"))
        return self._answer(value, caller)

    def _answer(self, value: Json, caller: Caller) -> Answer:
        request = Request(caller)
        allowed = self.options.whitelist.get(caller.user)
        if allowed is None and self.options.whitelist_default:
            log.warning("RPC User %s not allowed to call any methods", caller.user)
            return Answer(HTTPStatus.FORBIDDEN)
        try:
            if isinstance(value, dict):
                request.parse(value)
                if not _may_call(allowed, request.method, caller):
                    return Answer(HTTPStatus.FORBIDDEN)
                return self._answer_one(request)
            if isinstance(value, list):
                if allowed is not None:
                    for item in value:
                        if not isinstance(item, dict):
                            raise RpcError(RPC_INVALID_REQUEST, "Invalid Request object")
                        if not _may_call(allowed, json.to_str(item.get("method")), caller):
                            return Answer(HTTPStatus.FORBIDDEN)
                return self._answer_batch(value, request)
            raise RpcError(RPC_PARSE_ERROR, "Top-level object parse error")
        except RpcError as error:
            return _failed(request, error)

    def _answer_one(self, request: Request) -> Answer:
        try:
            reply = request.reply(self.execute(request))
        except RpcError as error:
            if not request.version_2:
                raise
            reply = request.reply_error(error)
        if request.is_notification:
            return Answer(HTTPStatus.NO_CONTENT)
        return Answer(HTTPStatus.OK, _encoded(request, reply))

    def _answer_batch(self, items: list[Json], request: Request) -> Answer:
        replies: list[bytes] = []
        for item in items:
            # As in Core what was read of an earlier request stays where a later one cannot be read.
            try:
                request.parse(item)
                reply = request.reply(self.execute(request))
            except RpcError as error:
                reply = request.reply_error(error)
            if not request.is_notification:
                replies.append(_encoded(request, reply))
        if items and not replies:
            return Answer(HTTPStatus.NO_CONTENT)
        return Answer(HTTPStatus.OK, b"[" + b",".join(replies) + b"]")

    def call(self, method: str, *params: Json) -> Json:
        """Run a method on behalf of the program itself. Raises RpcError."""
        return self.execute(Request(Caller(), method=method, params=list(params)))

    def execute(self, request: Request) -> Json:
        """Run the method that `request` names. Raises RpcError."""
        owner = self._owner
        if owner is None:
            raise RpcError(RPC_IN_WARMUP, self._status)
        method = self.table.find(request.method)
        if method is None:
            raise RpcError(RPC_METHOD_NOT_FOUND, "Method not found")
        call = next(self._calls)
        self._active[call] = (method.name, time.monotonic_ns())
        try:
            result = self._run(method, request, owner)
        finally:
            del self._active[call]
        if self.options.doc_check:
            _check_doc(method.name, method.mismatch(result))
        return result

    def _run(self, method: Method, request: Request, owner: Owner) -> Json:
        if isinstance(request.params, dict):
            request.params = positional(method, request.params)
        if not method.required <= len(request.params) <= len(method.args):
            raise RpcError(RPC_MISC_ERROR, help_text(method))
        values = method.read(request.params)
        try:
            context = self._make_context(owner, request, self)
            with context.until_end:
                return method.function(context, *values)
        except RpcError:
            raise
        except MemoryError as error:
            raise RpcError(RPC_MISC_ERROR, "std::bad_alloc") from error
        except self._failures as error:
            log.error("RPC method %s failed: %s", method.name, str(error).strip())  # noqa: TRY400 - no bug, so no traceback
            raise RpcError(RPC_MISC_ERROR, str(error)) from error
        except Exception as error:
            log.exception("RPC method %s failed", method.name)
            raise RpcError(RPC_MISC_ERROR, str(error) or type(error).__name__) from error


def _check_doc(name: str, wrong: Json) -> None:
    if wrong is not None:
        shown = wrong if isinstance(wrong, str) else json.pretty(wrong)
        text = f'Internal bug detected: RPC call "{name}" returned incorrect type:\n{shown}'
        raise RpcError(RPC_MISC_ERROR, text)


def _may_call(allowed: frozenset[str] | None, name: str, caller: Caller) -> bool:
    if allowed is None or name in allowed:
        return True
    log.warning("RPC User %s not allowed to call method %s", caller.user, name)
    return False


def _encoded(request: Request, reply: dict[str, Json]) -> bytes:
    try:
        return json.dumps(reply)
    except (TypeError, ValueError) as error:
        log.exception("The result of RPC method %s is no JSON", request.method)
        return json.dumps(request.reply_error(RpcError(RPC_INTERNAL_ERROR, str(error))))


def _failed(request: Request, error: RpcError) -> Answer:
    statuses = {RPC_INVALID_REQUEST: HTTPStatus.BAD_REQUEST, RPC_METHOD_NOT_FOUND: HTTPStatus.NOT_FOUND}
    status = statuses.get(error.code, HTTPStatus.INTERNAL_SERVER_ERROR)
    return Answer(status, json.dumps(request.reply_error(error)))


class RpcOverIpc(Rpc):
    """The Rpc interface on a server."""

    def __init__(self, server: MethodServer[Any]) -> None:
        """Answer from `server`."""
        self._server = server

    def execute_rpc(self, request: str, uri: str, user: str) -> str:
        """Answer one request or a batch; a notification gets "null"."""
        answer = self._server.answer(request, Caller(uri, user))
        return "null" if answer.body is None else answer.body.decode()
