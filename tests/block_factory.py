"""Valid empty regtest blocks on any parent."""

import struct
from hashlib import sha256

REGTEST_GENESIS_HASH = bytes.fromhex("0f9188f13cb7b2c71f2a335e3a4fc328bf5beb436012afca590b1a11466e2206")[::-1]
GENESIS_TIME = 1296688602
_BITS = 0x207FFFFF


def double_sha256(data: bytes) -> bytes:
    return sha256(sha256(data).digest()).digest()


def block_hash(block: bytes) -> bytes:
    return double_sha256(block[:80])


def build_block(previous: bytes, height: int, *, extra: int = 0, reward: int | None = None) -> bytes:
    """Make the block at `height`; another `extra` makes another block."""
    number = height.to_bytes((height.bit_length() + 8) // 8, "little")
    pushed = bytes([0x50 + height]) if height <= 16 else bytes([len(number)]) + number
    script = pushed + b"\x08" + struct.pack("<q", extra)
    value = 50 * 10**8 >> height // 150 if reward is None else reward
    coinbase = (
        struct.pack("<iB", 1, 1) + bytes(32) + b"\xff\xff\xff\xff" + bytes([len(script)]) + script + b"\xff\xff\xff\xff"
        + struct.pack("<BqB", 1, value, 1) + b"\x51" + bytes(4)
    )  # fmt: skip
    for nonce in range(2**32):
        header = (
            struct.pack("<i", 0x20000000) + previous + double_sha256(coinbase)
            + struct.pack("<III", GENESIS_TIME + height * 600 + extra % 500, _BITS, nonce)
        )  # fmt: skip
        if double_sha256(header)[31] < 0x7F:
            return header + b"\x01" + coinbase
    raise AssertionError
