"""The 200 blocks whose coins Core's regtest vouches for (Core: CreateBlockChain in src/test/util/mining.cpp)."""

import struct
from functools import cache
from hashlib import sha256

from block_factory import REGTEST_GENESIS_HASH

from primitives.hashes import sha256d
from primitives.script import push_number
from primitives.work import bits_to_target

HEIGHT = 200
_ANYONE = b"\0\x20" + sha256(b"\x51").digest()
_GENESIS_TIME = 1296688602
_BITS = 0x207FFFFF
_HALVING = 150


@cache
def snapshot_blocks() -> list[bytes]:
    """Return them, the one at height 1 first."""
    blocks: list[bytes] = []
    parent = REGTEST_GENESIS_HASH
    for height in range(1, HEIGHT + 1):
        script = push_number(height) + b"\0"
        coinbase = struct.pack("<iB32sIB", 2, 1, bytes(32), 0xFFFFFFFF, len(script)) + script
        coinbase += struct.pack("<IBqB", 0xFFFFFFFE, 1, 50 * 10**8 >> height // _HALVING, len(_ANYONE)) + _ANYONE
        coinbase += struct.pack("<I", height - 1)
        head = struct.pack("<i", 4) + parent + sha256d(coinbase) + struct.pack("<II", _GENESIS_TIME + height, _BITS)
        nonce = 0
        while int.from_bytes(sha256d(head + struct.pack("<I", nonce)), "little") > bits_to_target(_BITS):
            nonce += 1
        header = head + struct.pack("<I", nonce)
        parent = sha256d(header)
        blocks.append(header + b"\1" + coinbase)
    return blocks
