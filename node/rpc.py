"""JSON-RPC requests answered as Bitcoin Core answers them (Core: src/rpc/request.cpp, src/rpc/server.cpp)."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any, Final

from interfaces.rpc import Rpc

if TYPE_CHECKING:
    from collections.abc import Callable

    from node.chainstate import Chainstate

MISC_ERROR: Final = -1
TYPE_ERROR: Final = -3
INVALID_PARAMETER: Final = -8
INVALID_REQUEST: Final = -32600
METHOD_NOT_FOUND: Final = -32601
PARSE_ERROR: Final = -32700


class RpcError(Exception):
    """A request that fails with Core's code and text."""

    def __init__(self, code: int, message: str) -> None:
        """Hold both."""
        super().__init__(message)
        self.code = code


class NodeRpc(Rpc):
    """The methods that need nothing but the chain."""

    def __init__(self, chainstate: Chainstate, stop: Callable[[], None]) -> None:
        """`stop` asks the program to end."""
        self._chainstate = chainstate
        self._stop = stop
        self._started = time.monotonic()
        self._methods: dict[str, tuple[tuple[str, ...], Callable[..., object]]] = {
            "echo": ((), _echo),
            "getbestblockhash": ((), self._get_best_block_hash),
            "getblockcount": ((), self._get_block_count),
            "getblockhash": (("height",), self._get_block_hash),
            "help": ((), lambda: "\n".join(sorted(self._methods))),
            "stop": ((), self._stop_node),
            "uptime": ((), lambda: int(time.monotonic() - self._started)),
        }

    def execute_rpc(self, request: str, uri: str, user: str) -> str:
        """Answer one request or a batch, both JSON texts."""
        del uri, user
        try:
            parsed = json.loads(request)
        except (ValueError, RecursionError):
            return json.dumps(_reply(None, error=RpcError(PARSE_ERROR, "Parse error")))
        if isinstance(parsed, list):
            return json.dumps([self._answer(item) for item in parsed])
        return json.dumps(self._answer(parsed))

    def _answer(self, request: object) -> dict[str, Any]:
        if not isinstance(request, dict):
            return _reply(None, error=RpcError(INVALID_REQUEST, "Invalid Request object"))
        try:
            return _reply(request, result=self._run(request))
        except RpcError as error:
            return _reply(request, error=error)

    def _run(self, request: dict[str, Any]) -> object:
        name = request.get("method")
        if name is None:
            raise RpcError(INVALID_REQUEST, "Missing method")
        if not isinstance(name, str):
            raise RpcError(INVALID_REQUEST, "Method must be a string")
        params = request.get("params")
        if params is None:
            params = []
        if not isinstance(params, (list, dict)):
            raise RpcError(INVALID_REQUEST, "Params must be an array or object")
        known = self._methods.get(name)
        if known is None:
            raise RpcError(METHOD_NOT_FOUND, "Method not found")
        names, method = known
        values = params if isinstance(params, list) else _by_position(params, names)
        if name != "echo" and len(values) != len(names):
            raise RpcError(MISC_ERROR, " ".join([name, *names]))
        return method(*values)

    def _get_best_block_hash(self) -> str:
        return self._chainstate.tip().hash[::-1].hex()

    def _get_block_count(self) -> int:
        return self._chainstate.tip().height

    def _get_block_hash(self, height: object) -> str:
        if isinstance(height, bool) or not isinstance(height, int):
            raise RpcError(TYPE_ERROR, f"JSON value of type {_kind(height)} is not of expected type number")
        if not 0 <= height <= self._chainstate.tip().height:
            raise RpcError(INVALID_PARAMETER, "Block height out of range")
        return self._chainstate.block_hash(height)[::-1].hex()

    def _stop_node(self) -> str:
        self._stop()
        return "pynode stopping"


def _echo(*values: object) -> list[object]:
    return list(values)


def _by_position(params: dict[str, Any], names: tuple[str, ...]) -> list[Any]:
    rest = {name: value for name, value in params.items() if name != "args"}
    values = list(params.get("args", []))
    values += [rest.pop(name) for name in names[len(values) :] if name in rest]
    for name in rest:
        raise RpcError(INVALID_PARAMETER, f"Unknown named parameter {name}")
    return values


def _kind(value: object) -> str:
    if value is None:
        return "null"
    for kind, name in ((bool, "bool"), ((int, float), "number"), (str, "string"), (list, "array")):
        if isinstance(value, kind):
            return name
    return "object"


def _reply(request: dict[str, Any] | None, result: object = None, error: RpcError | None = None) -> dict[str, Any]:
    id_ = request.get("id") if request is not None else None
    failure = None if error is None else {"code": error.code, "message": str(error)}
    if request is not None and request.get("jsonrpc") == "2.0":
        return {"jsonrpc": "2.0", **({"result": result} if error is None else {"error": failure}), "id": id_}
    return {"result": result, "error": failure, "id": id_}
