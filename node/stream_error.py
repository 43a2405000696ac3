"""How Core's streams say that bytes are no block and no transaction, as its IPC clients see it."""

from __future__ import annotations

from primitives.block import HEADER_SIZE, Block
from primitives.errors import DecodeError
from primitives.transaction import Transaction


class StreamError(ValueError):
    """Bytes are not what they should be."""

    def __init__(self, error: DecodeError) -> None:
        """Take what our own parser says."""
        super().__init__(error.stream_text())


def why_no_block(data: bytes) -> StreamError:
    """Return what is wrong with bytes that the kernel does not take for a block."""
    if len(data) >= HEADER_SIZE:
        try:
            Block.parse_from(data, 0)
        except DecodeError as error:
            return StreamError(error)
    return StreamError(DecodeError("end of data"))


def read_transaction(data: bytes) -> Transaction:
    """Read the transaction that bytes begin with; Core looks no further. Raises StreamError."""
    try:
        return Transaction.parse_from(data, 0)[0]
    except DecodeError as error:
        raise StreamError(error) from error
