"""Merkle roots, paths, and the partial trees of merkleblock (Core: src/consensus/merkle.cpp, src/merkleblock.cpp)."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from primitives.encoding import compact_size, read_bytes, read_compact_size, sized
from primitives.errors import DecodeError
from primitives.hashes import sha256d

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from primitives.block import BlockHeader

_MAX_TRANSACTIONS: Final = 4_000_000 // 240
"""A block's greatest weight divided by a transaction's least."""


def _parents(level: list[bytes]) -> list[bytes]:
    if len(level) & 1:
        level.append(level[-1])
    pairs = iter(level)
    return [sha256(sha256(left + right).digest()).digest() for left, right in zip(pairs, pairs, strict=True)]


def merkle_root(leaves: Sequence[bytes]) -> bytes:
    """Return the root over 32-byte leaves; 32 zero bytes for none."""
    level = list(leaves)
    while len(level) > 1:
        level = _parents(level)
    return level[0] if level else bytes(32)


def is_mutated(leaves: Sequence[bytes]) -> bool:
    """Whether a pair of equal neighbours lets another list of leaves have the same root (CVE-2012-2459)."""
    level = list(leaves)
    while len(level) > 1:
        if any(level[i] == level[i + 1] for i in range(0, len(level) - 1, 2)):
            return True
        level = _parents(level)
    return False


def merkle_path(leaves: Sequence[bytes], position: int) -> list[bytes]:
    """Return the siblings from the leaf at `position` up to below the root."""
    level, path = list(leaves), []
    while len(level) > 1:
        parents = _parents(level)
        path.append(level[position ^ 1])
        level, position = parents, position >> 1
    return path


def root_of_path(leaf: bytes, path: Sequence[bytes], position: int) -> bytes:
    """Return the root that a leaf, its siblings and its position lead to."""
    for sibling in path:
        leaf = sha256d(sibling + leaf if position & 1 else leaf + sibling)
        position >>= 1
    return leaf


def _levels(leaves: Sequence[bytes]) -> list[list[bytes]]:
    levels = [list(leaves)]
    while len(levels[-1]) > 1:
        levels.append(_parents(list(levels[-1])))
    return levels


@dataclass(frozen=True, slots=True)
class PartialMerkleTree:
    """Which of a block's transactions match, with the hashes that prove it."""

    transaction_count: int
    hashes: tuple[bytes, ...]
    bits: tuple[bool, ...]

    @classmethod
    def build(cls, txids: Sequence[bytes], matches: Sequence[bool]) -> PartialMerkleTree:
        """Prove those of `txids` whose entry in `matches` is true. At least one transaction is needed."""
        levels = _levels(txids)
        above = [list(matches)]
        while len(above[-1]) > 1:
            below = above[-1]
            above.append([any(below[i : i + 2]) for i in range(0, len(below), 2)])
        hashes: list[bytes] = []
        bits: list[bool] = []

        def descend(height: int, position: int) -> None:
            matching = above[height][position]
            bits.append(matching)
            if height == 0 or not matching:
                hashes.append(levels[height][position])
                return
            descend(height - 1, 2 * position)
            if 2 * position + 1 < len(levels[height - 1]):
                descend(height - 1, 2 * position + 1)

        descend(len(levels) - 1, 0)
        return cls(len(txids), tuple(hashes), tuple(bits))

    def extract(self) -> tuple[bytes, list[tuple[int, bytes]]]:
        """Return the root and each match as (position, txid). DecodeError if this tree proves nothing."""
        count = self.transaction_count
        if not 0 < count <= _MAX_TRANSACTIONS:
            raise DecodeError(f"A merkle tree of {count} transactions")
        if len(self.hashes) > count or len(self.bits) < len(self.hashes):
            raise DecodeError("A merkle tree with more hashes than transactions or bits")
        bits, hashes = iter(self.bits), iter(self.hashes)
        matches: list[tuple[int, bytes]] = []

        def descend(height: int, position: int) -> bytes:
            matching = next(bits)
            if height == 0 or not matching:
                found = next(hashes)
                if matching:
                    matches.append((position, found))
                return found
            left = right = descend(height - 1, 2 * position)
            if 2 * position + 1 <= (count - 1) >> (height - 1):
                right = descend(height - 1, 2 * position + 1)
                if left == right:
                    raise DecodeError("A merkle tree with two equal branches")
            return sha256d(left + right)

        try:
            root = descend((count - 1).bit_length(), 0)
        except StopIteration:
            raise DecodeError("A merkle tree with too few hashes or bits") from None
        used = len(self.bits) - sum(1 for _ in bits)
        if (used + 7) // 8 != (len(self.bits) + 7) // 8 or next(hashes, None) is not None:
            raise DecodeError("A merkle tree with hashes or bits to spare")
        return root, matches

    def serialize(self) -> bytes:
        """Return count, hashes, and the bits in bytes, lowest first."""
        packed = bytearray((len(self.bits) + 7) // 8)
        for index, bit in enumerate(self.bits):
            packed[index >> 3] |= bit << (index & 7)
        return b"".join(
            (
                struct.pack("<I", self.transaction_count),
                compact_size(len(self.hashes)),
                *self.hashes,
                sized(bytes(packed)),
            )
        )

    @classmethod
    def parse_from(cls, data: bytes, offset: int) -> tuple[PartialMerkleTree, int]:
        """Read a tree; return it and the offset behind it. Raises DecodeError."""
        if len(data) < offset + 4:
            raise DecodeError("end of data")
        (count,) = struct.unpack_from("<I", data, offset)
        size, offset = read_compact_size(data, offset + 4)
        end = offset + 32 * size
        if end > len(data):
            raise DecodeError("end of data")
        hashes = tuple(data[i : i + 32] for i in range(offset, end, 32))
        packed, offset = read_bytes(data, end)
        bits = tuple(bool(byte >> shift & 1) for byte in packed for shift in range(8))
        return cls(count, hashes, bits), offset


@dataclass(frozen=True, slots=True)
class MerkleBlock:
    """A header and the proof that some transactions are in its block (Core: CMerkleBlock)."""

    header: BlockHeader
    tree: PartialMerkleTree

    @classmethod
    def build(cls, header: BlockHeader, txids: Sequence[bytes], wanted: Collection[bytes]) -> MerkleBlock:
        """Prove that those of `wanted` which are among the block's `txids` are in it."""
        return cls(header, PartialMerkleTree.build(txids, [txid in wanted for txid in txids]))

    def serialize(self) -> bytes:
        """Return the header and the tree."""
        return self.header.serialize() + self.tree.serialize()

    @classmethod
    def parse(cls, data: bytes) -> MerkleBlock:
        """Read a proof; what follows it is not looked at, as in Core. Raises DecodeError."""
        from primitives.block import BlockHeader

        tree, _ = PartialMerkleTree.parse_from(data, 80)
        return cls(BlockHeader.parse(data[:80]), tree)
