"""Targets, their compact form, and the work they stand for (Core: src/arith_uint256.cpp, src/rpc/blockchain.cpp)."""

from __future__ import annotations

from primitives.errors import DecodeError


def bits_to_target(bits: int) -> int:
    """Return the target that compact `bits` stand for. DecodeError if it is negative or above 256 bits."""
    size, word = bits >> 24, bits & 0x007FFFFF
    if size <= 3:
        word >>= 8 * (3 - size)
    if word and bits & 0x00800000:
        raise DecodeError(f"The target '{bits:08x}' is negative")
    if word and (size > 34 or (word > 0xFF and size > 33) or (word > 0xFFFF and size > 32)):
        raise DecodeError(f"The target '{bits:08x}' has more than 256 bits")
    return word if size <= 3 else word << 8 * (size - 3)


def target_to_bits(target: int) -> int:
    """Return the compact form of `target`, which rounds down to 23 bits of precision."""
    size = (target.bit_length() + 7) // 8
    word = target << 8 * (3 - size) if size <= 3 else target >> 8 * (size - 3)
    if word & 0x00800000:  # That bit is the sign.
        word >>= 8
        size += 1
    return size << 24 | word


def proof_of(bits: int) -> int:
    """Return the hashes expected to find a block with these bits; 0 when they are no target."""
    try:
        target = bits_to_target(bits)
    except DecodeError:
        return 0
    return 2**256 // (target + 1) if target else 0


def difficulty(bits: int) -> float:
    """Return how much harder than the easiest target of the main chain, as Core computes it in doubles."""
    word = bits & 0x00FFFFFF
    if not word:
        return float("inf")
    return (0x0000FFFF / word) * 256.0 ** (29 - (bits >> 24 & 0xFF))
