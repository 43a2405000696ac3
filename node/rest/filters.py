"""Compact block filters (BIP157) from their index."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

from node.block_tree import VALID_SCRIPTS
from node.rest.blocks import headers_from
from node.rest.replies import IMMUTABLE, NO_STORE, RestCall, bad_request, not_found, parse_count, parse_hash
from primitives.encoding import sized

if TYPE_CHECKING:
    from node.http.message import HttpResponse
    from node.indexes.filters import FilterIndex
    from node.indexes.thread import IndexThread

_BASIC: Final = "basic"
_BASIC_NUMBER: Final = b"\0"


def block_filter(call: RestCall) -> HttpResponse:
    """Answer /rest/blockfilter/<type>/<hash>."""
    if len(call.parts) != 2:
        raise bad_request("Invalid URI format. Expected /rest/blockfilter/<filtertype>/<blockhash>")
    type_, name = call.parts
    hash_ = parse_hash(name)
    index = _index(call, type_)
    entry = call.node.chainstate.entry(hash_)
    if entry is None:
        raise not_found(f"{name} not found")
    connected = entry.status.valid_level >= VALID_SCRIPTS
    ready = index.wait_until_synced()
    with index.reading():
        found = index.index.filter_of(cast("Any", entry))
    if found is None:
        if not connected:
            raise not_found("Filter not found. Block was not connected to active chain.")
        raise _missing(ready=ready)
    data = _BASIC_NUMBER + hash_ + sized(found)
    return call.answer(IMMUTABLE, lambda: data, lambda: {"filter": found.hex()})


def filter_headers(call: RestCall) -> HttpResponse:
    """Answer /rest/blockfilterheaders/<type>/<hash>?count=<count>, and .../<type>/<count>/<hash>."""
    parts = call.parts
    if len(parts) == 3:
        type_, raw_count, name = parts
    elif len(parts) == 2:
        (type_, name), raw_count = parts, call.query("count", "5")
    else:
        text = "Invalid URI format. Expected /rest/blockfilterheaders/<filtertype>/<blockhash>.<ext>?count=<count>"
        raise bad_request(text)
    count = parse_count(raw_count)
    parse_hash(name)
    index = _index(call, type_)
    entries = headers_from(call, name, count)
    ready = index.wait_until_synced()
    with index.reading():
        found = [index.index.header_of(cast("Any", entry)) for entry in entries]
    known = [header for header in found if header is not None]
    if len(known) < len(found):
        raise _missing(ready=ready)
    return call.answer(NO_STORE, lambda: b"".join(known), lambda: [header[::-1].hex() for header in known])


def _index(call: RestCall, type_: str) -> IndexThread[FilterIndex]:
    if type_ != _BASIC:
        raise bad_request(f"Unknown filtertype {type_}")
    index = call.node.indexes.filters if call.node.indexes else None
    if index is None:
        raise bad_request(f"Index is not enabled for filtertype {type_}")
    return index


def _missing(*, ready: bool) -> Exception:
    if not ready:
        return not_found("Filter not found. Block filters are still in the process of being indexed.")
    return not_found("Filter not found. This error is unexpected and indicates index corruption.")
