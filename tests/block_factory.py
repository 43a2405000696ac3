"""Valid empty regtest blocks on any parent."""

import struct
from collections.abc import Sequence
from hashlib import sha256

REGTEST_GENESIS_HASH = bytes.fromhex("0f9188f13cb7b2c71f2a335e3a4fc328bf5beb436012afca590b1a11466e2206")[::-1]
GENESIS_TIME = 1296688602
_BITS = 0x207FFFFF


def double_sha256(data: bytes) -> bytes:
    return sha256(sha256(data).digest()).digest()


def block_hash(block: bytes) -> bytes:
    return double_sha256(block[:80])


def merkle_root(leaves: list[bytes]) -> bytes:
    while len(leaves) > 1:
        pairs = zip(leaves[::2], [*leaves[1::2], leaves[-1]], strict=False)
        leaves = [double_sha256(left + right) for left, right in pairs]
    return leaves[0]


def spend(prevout: bytes, *values: int, script: bytes = b"\x51") -> bytes:
    """Make a transaction that spends an output anybody can (36 bytes of outpoint), into outputs of these values."""
    outputs = b"".join(struct.pack("<qB", value, len(script)) + script for value in values)
    return struct.pack("<iB", 2, 1) + prevout + b"\0\xff\xff\xff\xff" + bytes((len(values),)) + outputs + bytes(4)


def build_block(
    previous: bytes, height: int, *, extra: int = 0, reward: int | None = None, transactions: Sequence[bytes] = ()
) -> bytes:
    """Make the block at `height`; another `extra` makes another block. `transactions` have no witnesses."""
    number = height.to_bytes((height.bit_length() + 8) // 8, "little")
    pushed = bytes([0x50 + height]) if height <= 16 else bytes([len(number)]) + number
    script = pushed + b"\x08" + struct.pack("<q", extra)
    value = 50 * 10**8 >> height // 150 if reward is None else reward
    coinbase = (
        struct.pack("<iB", 1, 1) + bytes(32) + b"\xff\xff\xff\xff" + bytes([len(script)]) + script + b"\xff\xff\xff\xff"
        + struct.pack("<BqB", 1, value, 1) + b"\x51" + bytes(4)
    )  # fmt: skip
    root = merkle_root([double_sha256(each) for each in (coinbase, *transactions)])
    for nonce in range(2**32):
        header = (
            struct.pack("<i", 0x20000000) + previous + root
            + struct.pack("<III", GENESIS_TIME + height * 600 + extra % 500, _BITS, nonce)
        )  # fmt: skip
        if double_sha256(header)[31] < 0x7F:
            return header + _count(1 + len(transactions)) + coinbase + b"".join(transactions)
    raise AssertionError


def _count(number: int) -> bytes:
    return bytes((number,)) if number < 0xFD else b"\xfd" + struct.pack("<H", number)
