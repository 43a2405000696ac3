"""Block headers and blocks (Core: src/primitives/block.h)."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from primitives.encoding import compact_size, read_compact_size
from primitives.errors import DecodeError
from primitives.hashes import sha256d
from primitives.merkle import merkle_root
from primitives.transaction import WITNESS_SCALE_FACTOR, Transaction
from primitives.work import bits_to_target

if TYPE_CHECKING:
    from collections.abc import Callable

HEADER_SIZE: Final = 80
_HEADER: Final = struct.Struct("<i32s32sIII")


@dataclass(frozen=True, slots=True)
class BlockHeader:
    """The 80 bytes that are mined; `version` is signed, hashes are in internal order."""

    version: int
    previous: bytes
    merkle_root: bytes
    time: int
    bits: int
    nonce: int
    _hash: bytes = field(default=b"", init=False, repr=False, compare=False)

    @classmethod
    def parse(cls, data: bytes) -> BlockHeader:
        """Read a header that is all of `data`. Raises DecodeError."""
        if len(data) != HEADER_SIZE:
            raise DecodeError(f"A block header of {len(data)} bytes")
        return cls(*_HEADER.unpack(data))

    def serialize(self) -> bytes:
        """Return the 80 bytes."""
        return _HEADER.pack(self.version, self.previous, self.merkle_root, self.time, self.bits, self.nonce)

    @property
    def hash(self) -> bytes:
        """The block's id, internal order."""
        if not self._hash:
            _set_header_hash(self, sha256d(self.serialize()))
        return self._hash

    @property
    def is_solved(self) -> bool:
        """Whether its hash is as low as `bits` asks for."""
        return int.from_bytes(self.hash, "little") <= bits_to_target(self.bits)


_set_header_hash: Final[Callable[[BlockHeader, bytes], None]] = getattr(BlockHeader, "_hash").__set__  # noqa: B009 -- mypy takes the plain access for the slot's value.


@dataclass(frozen=True, slots=True)
class Block:
    """A header and its transactions, the coinbase first."""

    header: BlockHeader
    transactions: tuple[Transaction, ...]

    @classmethod
    def parse(cls, data: bytes) -> Block:
        """Read a block that is all of `data`. Raises DecodeError."""
        data = bytes(data)
        block, end = cls.parse_from(data, 0)
        if end != len(data):
            raise DecodeError(f"{len(data) - end} bytes behind the block")
        return block

    @classmethod
    def parse_from(cls, data: bytes, offset: int) -> tuple[Block, int]:
        """Read a block at `offset`; return it and the offset behind it. Raises DecodeError."""
        header = BlockHeader.parse(data[offset : offset + HEADER_SIZE])
        count, offset = read_compact_size(data, offset + HEADER_SIZE)
        transactions = []
        for _ in range(count):
            transaction, offset = Transaction.parse_from(data, offset)
            transactions.append(transaction)
        return cls(header, tuple(transactions)), offset

    def serialize(self, *, witness: bool = True) -> bytes:
        """Return the bytes, with witnesses unless told otherwise."""
        transactions = [transaction.serialize(witness=witness) for transaction in self.transactions]
        return b"".join((self.header.serialize(), compact_size(len(transactions)), *transactions))

    @property
    def hash(self) -> bytes:
        """The block's id, internal order."""
        return self.header.hash

    def merkle_root(self) -> bytes:
        """Compute what the header should commit to."""
        return merkle_root([transaction.txid for transaction in self.transactions])

    def witness_merkle_root(self) -> bytes:
        """Compute what the coinbase should commit to (BIP141); its own place counts as zero."""
        return merkle_root([bytes(32), *(transaction.wtxid for transaction in self.transactions[1:])])

    def _size(self, transactions: int) -> int:
        return HEADER_SIZE + len(compact_size(len(self.transactions))) + transactions

    @property
    def total_size(self) -> int:
        """Bytes with witnesses."""
        return self._size(sum(transaction.total_size for transaction in self.transactions))

    @property
    def stripped_size(self) -> int:
        """Bytes without witnesses."""
        return self._size(sum(transaction.stripped_size for transaction in self.transactions))

    @property
    def weight(self) -> int:
        """Weight units (BIP141)."""
        return self.stripped_size * (WITNESS_SCALE_FACTOR - 1) + self.total_size
