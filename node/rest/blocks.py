"""Blocks, their headers, and what they spent."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from node.chainstate import BlockMissingError
from node.rest.replies import (
    IMMUTABLE,
    NO_STORE,
    RestCall,
    RestError,
    bad_request,
    not_found,
    parse_count,
    parse_hash,
    parse_number,
)
from primitives.encoding import compact_size, sized
from rpc import json
from rpc.script_json import script_text
from rpc.transaction_json import amount_text

if TYPE_CHECKING:
    from node.block_tree import BlockEntry
    from node.coin import Coin
    from node.http.message import HttpResponse

_UNSAFE: Final = re.compile(r"[^A-Za-z0-9!*'();:@&=+$,/?#\[\]\-_.~%]")
_TXIDS: Final = 1
_PREVOUTS: Final = 3


def headers(call: RestCall) -> HttpResponse:
    """Answer /rest/headers/<hash>?count=<count>, and /rest/headers/<count>/<hash>."""
    parts = call.parts
    if len(parts) == 2:
        raw_count, raw_hash = parts
    elif len(parts) == 1:
        raw_count, raw_hash = call.query("count", "5"), parts[0]
    else:
        raise bad_request("Invalid URI format. Expected /rest/headers/<hash>.<ext>?count=<count>")
    found = headers_from(call, raw_hash, parse_count(raw_count))
    return call.answer(
        NO_STORE,
        lambda: b"".join(entry.header_bytes for entry in found),
        lambda: [call.server.call("getblockheader", entry.hash[::-1].hex()) for entry in found],
    )


def headers_from(call: RestCall, raw_hash: str, count: int) -> list[BlockEntry]:
    """Return so many entries of the best chain from a block on; none if it is not in there. Raises RestError."""
    chainstate = call.node.chainstate
    entry = chainstate.entry(parse_hash(raw_hash))
    if entry is None or not chainstate.contains(entry):
        return []
    found = [entry]
    while len(found) < count and (following := chainstate.at(found[-1].height + 1)) is not None:
        found.append(following)
    return found


def block(call: RestCall) -> HttpResponse:
    """Answer /rest/block/<hash>."""
    return _block(call, _PREVOUTS)


def block_without_details(call: RestCall) -> HttpResponse:
    """Answer /rest/block/notxdetails/<hash>."""
    return _block(call, _TXIDS)


def _block(call: RestCall, verbosity: int) -> HttpResponse:
    data = _read(call)
    cache = NO_STORE if call.format == "json" else IMMUTABLE
    return call.answer(cache, lambda: data, lambda: call.server.call("getblock", call.path, verbosity))


def block_part(call: RestCall) -> HttpResponse:
    """Answer /rest/blockpart/<hash>?offset=<offset>&size=<size>."""
    offset = parse_number(call.query("offset", ""))
    if offset is None:
        raise bad_request("Block part offset missing or invalid")
    size = parse_number(call.query("size", ""))
    if size is None:
        raise bad_request("Block part size missing or invalid")
    data = _read(call)
    if not size or offset + size > len(data):
        raise bad_request(f"Bad block part offset/size {offset}/{size} for {call.path}")
    if call.format == "json":
        raise bad_request("JSON output is not supported for this request type")
    return call.answer(IMMUTABLE, lambda: data[offset : offset + size], None)


def _read(call: RestCall) -> bytes:
    name = call.path
    entry = call.node.chainstate.entry(parse_hash(name))
    if entry is None:
        raise not_found(f"{name} not found")
    if not entry.status.have_data:
        why = "pruned data" if entry.tx_count else "not fully downloaded"
        raise not_found(f"{name} not available ({why})")
    try:
        return call.node.chainstate.read_block(entry)
    except BlockMissingError:
        raise RestError(HTTPStatus.INTERNAL_SERVER_ERROR, f"I/O error reading {name}") from None


def spent_outputs(call: RestCall) -> HttpResponse:
    """Answer /rest/spenttxouts/<hash>."""
    if len(call.parts) != 1:
        raise bad_request("Invalid URI format. Expected /rest/spenttxouts/<hash>.<ext>")
    name = call.path
    entry = call.node.chainstate.entry(parse_hash(name))
    if entry is None:
        raise not_found(f"{name} not found")
    try:
        undo = call.node.chainstate.read_undo(entry) if entry.height else []
    except BlockMissingError:
        raise not_found(f"{name} undo not available") from None
    # The coinbase spends nothing.
    spent: list[list[Coin]] = [[], *undo]
    return call.answer(
        IMMUTABLE,
        lambda: _encode_spent(spent),
        lambda: [[json.Raw(_output_text(call, coin)) for coin in coins] for coins in spent],
    )


def _encode_spent(spent: list[list[Coin]]) -> bytes:
    data = compact_size(len(spent))
    for coins in spent:
        data += compact_size(len(coins))
        for coin in coins:
            script = coin.script_pubkey
            data += coin.value.to_bytes(8, "little") + sized(script)
    return data


def _output_text(call: RestCall, coin: Coin) -> str:
    script = script_text(coin.script_pubkey, call.node.chain)
    return f'{{"value":{amount_text(coin.value)},"scriptPubKey":{script}}}'


def hash_by_height(call: RestCall) -> HttpResponse:
    """Answer /rest/blockhashbyheight/<height>."""
    height = parse_number(call.path, 2**31 - 1)
    if height is None:
        raise bad_request(f"Invalid height: {_UNSAFE.sub('', call.path)}")
    entry = call.node.chainstate.at(height)
    if entry is None:
        raise not_found("Block height out of range")
    name = entry.hash[::-1].hex()
    return call.answer(NO_STORE, lambda: entry.hash, lambda: {"blockhash": name}, name)
