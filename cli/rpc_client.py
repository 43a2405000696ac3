"""How a JSON-RPC request reaches a node: over IPC if one serves it, else over HTTP (Core: src/bitcoin-cli.cpp)."""

from __future__ import annotations

import errno
import os
import sys
import time
from typing import TYPE_CHECKING, Any, Final

from cli import json_text
from cli.errors import StartError
from cli.http_post import ConnectionFailedError, post

if TYPE_CHECKING:
    from collections.abc import Callable

    from cli.arguments import Arguments
    from cli.startup import Place

_HOST: Final = "127.0.0.1"
_TIMEOUT: Final = 900
_IN_WARMUP: Final = -28
_UNAUTHORIZED: Final = 401
_UNAVAILABLE: Final = 503
_WITH_BODY: Final = frozenset({400, 404, 500})
_COOKIE: Final = ".cookie"


class RpcClient:
    """Sends requests where the options say."""

    def __init__(self, arguments: Arguments, place: Place, argv0: str) -> None:
        """Connect to nobody yet."""
        self._arguments = arguments
        self._place = place
        self._argv0 = argv0
        self.password: str | None = None
        """What goes before -rpcpassword."""

    def ask(self, write: Callable[[], str], *, wallet: str | None = None) -> Any:
        """Return the reply to the request that `write` returns, which may complain only once a node was found.

        With -rpcwait, wait for a node. Raises StartError.
        """
        from urllib.parse import quote

        path = "/" if wallet is None else f"/wallet/{quote(wallet, safe='')}"
        wait = self._arguments.get_bool("rpcwait")
        timeout = self._arguments.get_int("rpcwaittimeout", 0)
        deadline = time.monotonic() + timeout
        while True:
            try:
                reply = self._ask_over_ipc(write, path)
                if reply is None:
                    reply = self._ask_over_http(write, path)
                if wait and isinstance(reply, dict) and _code(reply) == _IN_WARMUP:
                    raise ConnectionFailedError("server in warmup")
            except ConnectionFailedError as error:
                if not wait:
                    raise StartError(str(error)) from error
                if timeout > 0 and deadline <= time.monotonic():
                    raise StartError(f"timeout on transient error: {error}") from error
                time.sleep(1)
            else:
                return reply

    # --- over IPC ------------------------------------------------------------------------------------------------

    def _ask_over_ipc(self, write: Callable[[], str], path: str) -> Any:
        """Return the reply, None if HTTP is to be used. Raises ConnectionFailedError, StartError."""
        address = self._arguments.get("ipcconnect", "auto") or "auto"
        if address == "0":
            return None
        if self._arguments.is_set("rpcconnect") and not self._arguments.is_negated("rpcconnect"):
            if address == "auto":
                return None
            raise StartError("-rpcconnect and -ipcconnect options cannot both be enabled")
        if address == "auto" and not (self._place.network_dir / "node.sock").exists():
            return None
        return self._call(address, write, path)

    def _call(self, address: str, write: Callable[[], str], path: str) -> Any:
        from cli.program_init import ProgramInit
        from cli.running import not_running
        from interfaces.init import PynodeInit
        from ipc import AddressError, Ipc, IpcError, UnimplementedError

        with Ipc("pycli", self._argv0, ProgramInit(), data_dir=self._place.network_dir) as ipc:
            try:
                init = ipc.connect_address(address, PynodeInit)
            except AddressError as error:
                # A node of ours takes its socket away when it ends, so no socket says what a refusal says of Core's.
                reason = str(error).replace(os.strerror(errno.ENOENT), os.strerror(errno.ECONNREFUSED))
                raise ConnectionFailedError(f"{reason}{not_running(self._arguments)}") from error
            if init is None:
                return None
            try:
                with init:
                    rpc = init.make_rpc()
                    if rpc is None:
                        raise StartError("the process does not offer Rpc")
                    with rpc:
                        return json_text.loads(rpc.execute_rpc(write(), path, self._arguments.get("rpcuser")))
            except UnimplementedError as error:
                if address == "auto":
                    return None  # Nodes up to version 31 serve no Rpc.
                raise StartError(f"the process does not serve this: {error}") from error
            except IpcError as error:
                raise StartError(str(error)) from error

    # --- over HTTP -----------------------------------------------------------------------------------------------

    def _ask_over_http(self, write: Callable[[], str], path: str) -> Any:
        host, port = self._server()
        credentials, complaint = self._credentials()
        body = write().encode("utf-8", "surrogateescape") + b"\n"
        try:
            response = post(host, port, path, credentials, body, self._arguments.get_int("rpcclienttimeout", _TIMEOUT))
        except ConnectionFailedError as error:
            reason = f" ({error})" if str(error) else ""
            raise ConnectionFailedError(
                f"Error while attempting to communicate with server {host}:{port}{reason}\n\n"
                "Make sure the bitcoind server is running and that you are connecting to the correct RPC port.\n"
                'Use "bitcoin-cli -help" for more info.'
            ) from error
        text = response.body.decode("utf-8", "surrogateescape")
        if response.status == _UNAUTHORIZED:
            config = self._place.config_path
            raise StartError(f"Authorization failed: {complaint} Configuration file: ({config or ''})")
        if response.status == _UNAVAILABLE:
            raise StartError(f"Server response: {text}")
        if response.status >= 400 and response.status not in _WITH_BODY:
            raise StartError(f"server returned HTTP error {response.status}")
        if not text:
            raise StartError("no response from server")
        try:
            reply = json_text.loads(text)
        except ValueError as error:
            raise StartError("couldn't parse reply from server") from error
        if not reply:
            raise StartError("expected reply to have result, error and id properties")
        return reply

    def _server(self) -> tuple[str, int]:
        given = self._arguments.get("rpcconnect", _HOST)
        host, port = given, 0
        start, colon, end = given.rpartition(":")
        if colon and (not start or (start.startswith("[") and start.endswith("]")) or ":" not in start):
            host, port = start, _port(end)
            if not port:
                raise StartError(f"Invalid port provided in -rpcconnect: {given}")
        if host.startswith("[") and host.endswith("]"):
            host = host[1:-1]
        if not self._arguments.is_set("rpcport"):
            return host, port or self._place.chain.rpc_port
        chosen = _port(self._arguments.get("rpcport"))
        if not chosen:
            raise StartError(f"Invalid port provided in -rpcport: {self._arguments.get('rpcport')}")
        if port:
            sys.stderr.write(f"Warning: Port specified in both -rpcconnect and -rpcport. Using -rpcport {chosen}\n")
        return host, chosen

    def _credentials(self) -> tuple[str, str]:
        """Return user and password, and what to say if they are refused."""
        password = self._arguments.get("rpcpassword") if self.password is None else self.password
        if password:
            user = self._arguments.get("rpcuser")
            return f"{user}:{password}", "Incorrect rpcuser or rpcpassword were specified."
        path = self._arguments.get_path("rpccookiefile", _COOKIE)
        if path is None:
            return "", "Cookie file was disabled via -norpccookiefile and no rpcpassword was specified."
        try:
            text = (self._place.network_dir / path).read_text(encoding="utf-8", errors="surrogateescape")
        except (OSError, ValueError):
            return "", "Failed to read cookie file and no rpcpassword was specified."
        return text.partition("\n")[0], "Cookie file credentials were invalid and no rpcpassword was specified."


def _port(text: str) -> int:
    """Return a port, 0 if the text is none."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 6 and int(text) < 65536 else 0


def _code(reply: dict[str, Any]) -> int | None:
    error = reply.get("error")
    return int(error["code"]) if isinstance(error, dict) and "code" in error else None
