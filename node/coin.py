"""An unspent output, and its form in the coin index: what UTXO set hashes take, after the outpoint."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

from node.block_scanner import script_of

_HEAD: Final = struct.Struct("<Iq")


@dataclass(frozen=True, slots=True)
class Coin:
    """An output, the height of its block, and whether a coinbase made it."""

    value: int
    script_pubkey: bytes
    height: int
    is_coinbase: bool


def encode_coin(coin: Coin) -> bytes:
    """Return height and coinbase flag in 4 bytes, then the output as in a transaction."""
    script = coin.script_pubkey
    size = len(script)
    prefix = bytes((size,)) if size < 0xFD else b"\xfd" + size.to_bytes(2, "little")
    return _HEAD.pack(coin.height << 1 | coin.is_coinbase, coin.value) + prefix + script


def decode_coin(data: bytes) -> Coin:
    """Return the coin that `encode_coin` gave."""
    code, value = _HEAD.unpack_from(data)
    return Coin(value, script_of(data[4:]), code >> 1, bool(code & 1))
