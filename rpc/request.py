"""One JSON-RPC request (Core: JSONRPCRequest in src/rpc/request.cpp)."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from rpc.errors import RPC_INVALID_REQUEST, RpcError

if TYPE_CHECKING:
    from rpc.json import Json

log: Final = logging.getLogger("rpc")
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9 .,;\-_/:?@()]")
ABSENT: Final = object()


@dataclass(slots=True)
class Caller:
    """Who asks: the path of the URI, the user and, over HTTP, the address."""

    uri: str = "/"
    user: str = ""
    peer: str = ""


@dataclass(slots=True)
class Request:
    """A request as it came. `params` is a list by the time a method sees it."""

    caller: Caller
    id: Any = None
    """ABSENT if the request has none."""
    method: str = ""
    params: Any = field(default_factory=list)
    version_2: bool = False

    @property
    def is_notification(self) -> bool:
        """Whether the client wants no answer."""
        return self.version_2 and self.id is ABSENT

    def parse(self, value: Json) -> None:
        """Read one request; what was read before an RpcError stays."""
        if not isinstance(value, dict):
            raise RpcError(RPC_INVALID_REQUEST, "Invalid Request object")
        self.id = value.get("id", ABSENT)
        self.version_2 = False
        version = value.get("jsonrpc")
        if version is not None:
            if not isinstance(version, str):
                raise RpcError(RPC_INVALID_REQUEST, "jsonrpc field must be a string")
            if version == "2.0":
                self.version_2 = True
            elif version != "1.0":
                raise RpcError(RPC_INVALID_REQUEST, "JSON-RPC version not supported")
        method = value.get("method")
        if method is None:
            raise RpcError(RPC_INVALID_REQUEST, "Missing method")
        if not isinstance(method, str):
            raise RpcError(RPC_INVALID_REQUEST, "Method must be a string")
        self.method = method
        if log.isEnabledFor(logging.DEBUG):
            self._log()
        params = value.get("params")
        if params is None:
            params = []
        if not isinstance(params, (list, dict)):
            raise RpcError(RPC_INVALID_REQUEST, "Params must be an array or object")
        self.params = params

    def _log(self) -> None:
        shown = "" if self.id is ABSENT or self.id is None else self.id
        if isinstance(shown, (list, dict)):
            shown = ""
        shown = getattr(shown, "text", shown)
        log.debug(
            "ThreadRPCServer method=%s user=%s id=%s",
            _UNSAFE.sub("", self.method),
            self.caller.user,
            _UNSAFE.sub("", str(shown)),
        )

    def reply(self, result: Json) -> dict[str, Json]:
        """Return the whole answer of a call that went well."""
        if self.version_2:
            return self._with_id({"jsonrpc": "2.0", "result": result})
        return self._with_id({"result": result, "error": None})

    def reply_error(self, error: RpcError) -> dict[str, Json]:
        """Return the whole answer of a call that failed."""
        told = {"code": error.code, "message": error.message}
        return self._with_id({"jsonrpc": "2.0", "error": told} if self.version_2 else {"result": None, "error": told})

    def _with_id(self, reply: dict[str, Json]) -> dict[str, Json]:
        if self.id is not ABSENT:
            reply["id"] = self.id
        return reply
