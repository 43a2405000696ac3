"""Methods that another process runs: known here by what they say of themselves, sent there whole."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from rpc import json
from rpc.errors import RpcError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from rpc.context import MethodContext
    from rpc.json import Json
    from rpc.method import Method
    from rpc.request import Request

_ID: Final = 0
_BEFORE_RESULT: Final = '{"jsonrpc":"2.0","result":'
_AFTER_RESULT: Final = f',"id":{_ID}}}'


def forwarded(methods: Iterable[Method], send: Callable[[str, str, str], str]) -> list[Method]:
    """Return the same methods, run by `send`, which gets request, URI and user and returns the reply, both JSON text.

    What is wrong with the arguments is found here already.
    """

    def run(context: MethodContext[Any], *values: Any) -> Json:
        del values
        return _forward(context.request, send)

    return [replace(method, function=run, quick=False) for method in methods]


def _forward(request: Request, send: Callable[[str, str, str], str]) -> Json:
    body = {"jsonrpc": "2.0", "id": _ID, "method": request.method, "params": request.params}
    reply = send(json.dumps(body).decode(), request.caller.uri, request.caller.user)
    if reply.startswith(_BEFORE_RESULT) and reply.endswith(_AFTER_RESULT):
        return json.Raw(reply[len(_BEFORE_RESULT) : -len(_AFTER_RESULT)].encode())
    error = json.loads(reply)["error"]
    raise RpcError(error["code"], error["message"])
