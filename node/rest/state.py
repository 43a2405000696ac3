"""The state of the chain and of the mempool, as JSON-RPC tells it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from node.rest.replies import IMMUTABLE, NO_STORE, RestCall, bad_request, parse_hash

if TYPE_CHECKING:
    from node.http.message import HttpResponse


def chain_info(call: RestCall) -> HttpResponse:
    """Answer /rest/chaininfo."""
    return call.answer(NO_STORE, None, lambda: call.server.call("getblockchaininfo"))


def deployment_info(call: RestCall) -> HttpResponse:
    """Answer /rest/deploymentinfo and /rest/deploymentinfo/<hash>."""
    name = call.path
    if not name or call.format != "json":
        return call.answer(NO_STORE, None, lambda: call.server.call("getdeploymentinfo"))
    if call.node.chainstate.entry(parse_hash(name)) is None:
        raise bad_request("Block not found")
    return call.answer(IMMUTABLE, None, lambda: call.server.call("getdeploymentinfo", name))


def mempool(call: RestCall) -> HttpResponse:
    """Answer /rest/mempool/info and /rest/mempool/contents."""
    if call.path == "info":
        return call.answer(NO_STORE, None, lambda: call.server.call("getmempoolinfo"))
    if call.path != "contents":
        raise bad_request("Invalid URI format. Expected /rest/mempool/<info|contents>.json")
    verbose = _flag(call, "verbose", "true")
    sequence = _flag(call, "mempool_sequence", "false")
    if verbose and sequence:
        text = 'Verbose results cannot contain mempool sequence values. (hint: set "verbose=false")'
        raise bad_request(text)
    return call.answer(NO_STORE, None, lambda: call.server.call("getrawmempool", verbose, sequence))


def _flag(call: RestCall, name: str, default: str) -> bool:
    value = call.query(name, default)
    if value not in {"true", "false"}:
        raise bad_request(f'The "{name}" query parameter must be either "true" or "false".')
    return value == "true"
