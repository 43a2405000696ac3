"""Finds the transactions of a block that concern a wallet, in one pass and without making objects of the others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from primitives.block import HEADER_SIZE
from primitives.encoding import read_long_size, skip_witnesses
from primitives.transaction import Transaction

if TYPE_CHECKING:
    from collections.abc import Container, Iterator

_WITNESS_MARK: Final = b"\0\1"


def concerning(
    data: bytes, scripts: Container[bytes], outpoints: Container[bytes]
) -> Iterator[tuple[int, Transaction]]:
    """Return the transactions that pay one of `scripts` or spend one of `outpoints`, with their places in the block.

    Both may grow while the transactions are taken one by one, and then hold for those behind. The block is one that
    the node has checked; raises IndexError, DecodeError or struct.error if it is none.
    """
    offset = HEADER_SIZE
    count = data[offset]
    offset += 1
    if count >= 253:
        count, offset = read_long_size(data, count, offset)
    for number in range(count):
        start = offset
        found, offset = _scan(data, start, scripts, outpoints)
        if found:
            yield number, Transaction.parse(data[start:offset])


def concerns(data: bytes, scripts: Container[bytes], outpoints: Container[bytes]) -> bool:
    """Whether a transaction pays one of `scripts` or spends one of `outpoints`."""
    return _scan(data, 0, scripts, outpoints)[0]


def _scan(data: bytes, start: int, scripts: Container[bytes], outpoints: Container[bytes]) -> tuple[bool, int]:
    """Return whether the transaction at `start` is one to take, and the offset behind it."""
    found = False
    offset = start + 4
    has_witness = data[offset : offset + 2] == _WITNESS_MARK
    if has_witness:
        offset += 2
    inputs = data[offset]
    offset += 1
    if inputs >= 253:
        inputs, offset = read_long_size(data, inputs, offset)
    for _ in range(inputs):
        end = offset + 36
        if data[offset:end] in outpoints:
            found = True
        size = data[end]
        offset = end + 5
        if size >= 253:
            size, offset = read_long_size(data, size, end + 1)
            offset += 4
        offset += size
    count = data[offset]
    offset += 1
    if count >= 253:
        count, offset = read_long_size(data, count, offset)
    for _ in range(count):
        size = data[offset + 8]
        offset += 9
        if size >= 253:
            size, offset = read_long_size(data, size, offset)
        end = offset + size
        if data[offset:end] in scripts:
            found = True
        offset = end
    if has_witness:
        offset = skip_witnesses(data, offset, inputs)
    return found, offset + 4
