"""Transactions, and outputs that are not spent (BIP64)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from node.mempool.coin_view import look_up_coin
from node.rest.replies import NO_STORE, RestCall, bad_request, not_found, parse_hash, parse_number
from node.rpc.transaction_lookup import find_by_index
from primitives.encoding import compact_size, sized
from rpc import json
from rpc.errors import RPC_INVALID_ADDRESS_OR_KEY, RpcError
from rpc.script_json import script_text
from rpc.transaction_json import amount_text, transaction_members

if TYPE_CHECKING:
    from node.coin import Coin
    from node.http.message import HttpResponse
    from node.mempool.mempool import Mempool

_MAX_OUTPOINTS: Final = 15
_OUTPOINT_SIZE: Final = 36
_TXID: Final = re.compile(r"[0-9a-fA-F]{64}", re.ASCII)
_HEX: Final = re.compile(r"(?:[0-9a-fA-F]{2}\s*)*", re.ASCII)


def transaction(call: RestCall) -> HttpResponse:
    """Answer /rest/tx/<txid>."""
    name = call.path
    txid = parse_hash(name)
    waiting = call.node.mempool.get(txid) if call.node.mempool is not None else None
    if waiting is not None:
        members = transaction_members(waiting.transaction(), call.node.chain, with_hex=False)
        data = waiting.data
        return call.answer(NO_STORE, lambda: data, lambda: json.Raw(f'{{{members},"hex":"{data.hex()}"}}'))
    try:
        found = find_by_index(call.node, txid)
    except RpcError as error:
        if error.code == RPC_INVALID_ADDRESS_OR_KEY:
            raise not_found(f"{name} not found") from None
        raise
    raw = found.transaction.serialize()

    def text() -> object:
        members = transaction_members(found.transaction, call.node.chain, with_hex=False)
        return json.Raw(f'{{{members},"blockhash":"{found.entry.hash[::-1].hex()}","hex":"{raw.hex()}"}}')

    return call.answer(NO_STORE, lambda: raw, text)


def unspent_outputs(call: RestCall) -> HttpResponse:
    """Answer /rest/getutxos, outpoints in the path or, in binary form, in the body."""
    outpoints, with_mempool = _outpoints(call)
    pool = _mempool(call) if with_mempool else None
    indexes = call.node.indexes
    if indexes is None:
        raise not_found("The index of coins is not there")
    waiting = [(None, False) if pool is None else look_up_coin(pool, outpoint) for outpoint in outpoints]
    indexes.coins.wait_until_synced()
    with indexes.coins.reading() as best:
        coins = [
            coin if is_known else indexes.coins.index.get(outpoint)
            for outpoint, (coin, is_known) in zip(outpoints, waiting, strict=True)
        ]
    height, tip = (0, bytes(32)) if best is None else (best.height, best.hash)
    found = [coin for coin in coins if coin is not None]

    def data() -> bytes:
        bitmap = bytearray((len(coins) + 7) // 8)
        for i, coin in enumerate(coins):
            bitmap[i // 8] |= (coin is not None) << i % 8
        return b"".join([
            height.to_bytes(4, "little"), tip, sized(bytes(bitmap)),
            compact_size(len(found)), *map(_encode, found),
        ])  # fmt: skip

    def value() -> object:
        return {
            "chainHeight": height,
            "chaintipHash": tip[::-1].hex(),
            "bitmap": "".join("0" if coin is None else "1" for coin in coins),
            "utxos": [json.Raw(_coin_text(call, coin)) for coin in found],
        }

    return call.answer(NO_STORE, data, value)


def _mempool(call: RestCall) -> Mempool:
    if call.node.mempool is None:
        raise not_found("Mempool disabled or instance not found")
    return call.node.mempool


def _encode(coin: Coin) -> bytes:
    script = coin.script_pubkey
    head = bytes(4) + coin.height.to_bytes(4, "little") + coin.value.to_bytes(8, "little")
    return head + sized(script)


def _coin_text(call: RestCall, coin: Coin) -> str:
    script = script_text(coin.script_pubkey, call.node.chain)
    return f'{{"height":{coin.height},"value":{amount_text(coin.value)},"scriptPubKey":{script}}}'


def _outpoints(call: RestCall) -> tuple[list[bytes], bool]:
    """Read the outpoints, and whether to look into the mempool too."""
    body = call.request.body
    parts = call.path[1:].split("/") if len(call.path) > 1 else []
    if not parts and not body:
        raise bad_request("Error: empty request")
    found = []
    with_mempool = bool(parts) and parts[0] == "checkmempool"
    for part in parts[1:] if with_mempool else parts:
        txid, dash, number = part.partition("-")
        index = parse_number(number, 2**32 - 1)
        if not dash or not _TXID.fullmatch(txid) or index is None:
            raise bad_request("Parse error")
        found.append(bytes.fromhex(txid)[::-1] + index.to_bytes(4, "little"))
    if parts and not found:
        raise bad_request("Error: empty request")
    if call.format == "hex":
        text = body.decode("latin-1").strip()
        body = bytes.fromhex(text) if _HEX.fullmatch(text) else b""
    if call.format in {"bin", "hex"} and body:
        if found:
            raise bad_request("Combination of URI scheme inputs and raw post data is not allowed")
        found = _read_outpoints(body)
        with_mempool = body[0] != 0
    elif call.format == "json" and not found:
        raise bad_request("Error: empty request")
    if len(found) > _MAX_OUTPOINTS:
        raise bad_request(f"Error: max outpoints exceeded (max: {_MAX_OUTPOINTS}, tried: {len(found)})")
    return found, with_mempool


def _read_outpoints(body: bytes) -> list[bytes]:
    """Read whether to look into the mempool, a count and so many outpoints."""
    count = body[1] if len(body) > 1 else 0
    if len(body) < 2 or count >= 0xFD or len(body) < 2 + count * _OUTPOINT_SIZE:
        raise bad_request("Parse error")
    return [body[2 + i * _OUTPOINT_SIZE :][:_OUTPOINT_SIZE] for i in range(count)]
