"""JSON-RPC and REST over HTTP as the options ask for them (Core: AppInitServers in src/init.cpp)."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from cli.errors import StartError
from cli.startup import log_path
from node.http.options import (
    DEFAULT_THREADS,
    DEFAULT_TIMEOUT,
    DEFAULT_WORK_QUEUE,
    HttpError,
    HttpOptions,
    allow_list,
    endpoints,
)
from node.http.server import HttpServer, Route
from node.rest.handler import rest_routes
from node.rpc.authentication import COOKIE_FILE, COOKIE_USER, Cookie, Credentials, parse_whitelist
from node.rpc.http import RpcOverHttp
from node.rpc.server import RpcServer
from node.rpc.table import full_table
from rpc.server import RpcOptions

if TYPE_CHECKING:
    from cli.arguments import Arguments
    from cli.startup import Place
    from cli.wallet_process import WalletProcess

log: Final = logging.getLogger("rpc")
_FAILED: Final = "Unable to start HTTP server. See debug log for details."


def make_rpc_server(arguments: Arguments, place: Place, wallet: WalletProcess | None) -> RpcServer:
    """Make what answers JSON-RPC, whoever carries it; `wallet` has the methods of wallets."""
    whitelist = arguments.get_list("rpcwhitelist")
    options = RpcOptions(
        parse_whitelist(whitelist),
        whitelist_default=arguments.get_bool("rpcwhitelistdefault", default=bool(whitelist)),
        deprecated=frozenset(arguments.get_list("deprecatedrpc")),
        doc_check=arguments.get_bool("rpcdoccheck"),
        log_path=log_path(arguments, place),
    )
    table = full_table()
    if wallet is not None:
        from rpc.forwarding import forwarded
        from rpc.table import MethodTable
        from wallet.rpc.table import wallet_table

        table = MethodTable([*table.methods(), *forwarded(wallet_table().methods(), wallet.execute_rpc)])
    return RpcServer(table, options)


class RpcService:
    """A running HTTP server with its cookie."""

    def __init__(self, arguments: Arguments, place: Place, rpc: RpcServer) -> None:
        """Listen and answer. Raises StartError."""
        self._cookie: Cookie | None = None
        self._http: HttpServer | None = None
        try:
            options = _http_options(arguments, place)
        except HttpError as error:
            raise StartError(str(error)) from error
        credentials = Credentials()
        routes: tuple[Route, ...] = RpcOverHttp(rpc, credentials).routes()
        if arguments.get_bool("rest"):
            routes += rest_routes(rpc)
        server = HttpServer(options, routes)
        try:
            server.bind()
            log.debug("Starting HTTP RPC server")
            self._let_in(arguments, place, credentials)
        except HttpError as error:
            server.stop()
            self.stop()
            raise StartError(_FAILED) from error
        self._http = server
        server.start()

    def _let_in(self, arguments: Arguments, place: Place, credentials: Credentials) -> None:
        password = arguments.get("rpcpassword")
        if password:
            log.info("Using rpcuser/rpcpassword authentication.")
            log.warning(
                "The use of rpcuser/rpcpassword is less secure, because credentials are configured in plain text. "
                "It is recommended that locally-run instances switch to cookie-based auth, or otherwise to use "
                "hashed rpcauth credentials. See share/rpcauth in the source directory for more information."
            )
            credentials.add_password(arguments.get("rpcuser"), password)
        elif arguments.is_negated("rpccookiefile"):
            log.info("RPC authentication cookie file generation is disabled.")
        else:
            path = place.network_dir / (arguments.get("rpccookiefile") or COOKIE_FILE)
            permissions = arguments.get("rpccookieperms") if arguments.is_set("rpccookieperms") else None
            self._cookie = Cookie(path, permissions)
            credentials.add_password(COOKIE_USER, self._cookie.password)
            log.info("Using random cookie authentication.")
        auths = arguments.get_list("rpcauth")
        if auths:
            log.info("Using rpcauth authentication.")
        for text in auths:
            credentials.add_auth(text)

    def interrupt(self) -> None:
        """Take no new requests."""
        if self._http is not None:
            self._http.interrupt()

    def stop(self) -> None:
        """Send the answers that are due, end, and remove the cookie. Idempotent."""
        if self._cookie is not None:
            self._cookie.remove()
            self._cookie = None
        if self._http is not None:
            self._http.stop()
            self._http = None


def _http_options(arguments: Arguments, place: Place) -> HttpOptions:
    port = arguments.get_int("rpcport", place.chain.rpc_port)
    if not 0 < port < 65536:
        raise HttpError(f"Invalid port specified in -rpcport: '{arguments.get('rpcport')}'")
    allowed = arguments.get_list("rpcallowip")
    return HttpOptions(
        endpoints(arguments.get_list("rpcbind"), port, allow_given=bool(allowed)),
        allow_list(allowed, cjdns_reachable=arguments.get_bool("cjdnsreachable")),
        threads=max(1, arguments.get_int("rpcthreads", DEFAULT_THREADS)),
        work_queue=max(1, arguments.get_int("rpcworkqueue", DEFAULT_WORK_QUEUE)),
        timeout=arguments.get_int("rpcservertimeout", DEFAULT_TIMEOUT),
    )
