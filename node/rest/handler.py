"""Which REST method answers which path."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from node.http.server import Route
from node.rest import blocks, filters, state, transactions
from node.rest.replies import RestCall, RestError

if TYPE_CHECKING:
    from collections.abc import Callable

    from node.http.message import HttpRequest, HttpResponse
    from node.rpc.server import RpcServer

METHODS: Final = (
    ("/rest/tx/", transactions.transaction),
    ("/rest/block/notxdetails/", blocks.block_without_details),
    ("/rest/block/", blocks.block),
    ("/rest/blockpart/", blocks.block_part),
    ("/rest/blockfilter/", filters.block_filter),
    ("/rest/blockfilterheaders/", filters.filter_headers),
    ("/rest/chaininfo", state.chain_info),
    ("/rest/mempool/", state.mempool),
    ("/rest/headers/", blocks.headers),
    ("/rest/getutxos", transactions.unspent_outputs),
    ("/rest/deploymentinfo/", state.deployment_info),
    ("/rest/deploymentinfo", state.deployment_info),
    ("/rest/blockhashbyheight/", blocks.hash_by_height),
    ("/rest/spenttxouts/", blocks.spent_outputs),
)


def rest_routes(server: RpcServer) -> tuple[Route, ...]:
    """Return the routes of all methods; `server` knows the node, once there is one."""
    return tuple(Route(prefix, _handler(server, method)) for prefix, method in METHODS)


def _handler(
    server: RpcServer, method: Callable[[RestCall], HttpResponse]
) -> Callable[[HttpRequest, str], HttpResponse]:
    def handle(request: HttpRequest, rest: str) -> HttpResponse:
        try:
            node = server.node
            if node is None:
                text = f"Service temporarily unavailable: {server.status}"
                raise RestError(HTTPStatus.SERVICE_UNAVAILABLE, text)
            return method(RestCall(node, server, request, rest))
        except RestError as error:
            return error.response()

    return handle
