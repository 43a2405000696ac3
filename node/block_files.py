"""Blocks and what they spent, read from the kernel's files without the kernel (Core: src/node/blockstorage.cpp).

The kernel hands out a block in a call for each field of it, which takes ten times as long. Here everything that is not
as it should be gives None; then the kernel is asked, which also says in the log what is wrong.
"""

from __future__ import annotations

import os
import struct
from typing import TYPE_CHECKING, Final

from node.coin import Coin
from primitives.encoding import MAX_SIZE, read_compact_size
from primitives.errors import DecodeError
from primitives.hashes import sha256d
from primitives.script import MAX_SCRIPT_SIZE, pubkey_hash_script, pubkey_script, script_hash_script
from primitives.secp256k1 import parse, serialize

if TYPE_CHECKING:
    from pathlib import Path

    from node.block_tree import BlockEntry

_HEAD: Final = struct.Struct("<4sI")
_KEY_SIZE: Final = 8
_UNSPENDABLE: Final = b"\x6a"
_SPECIAL_SCRIPTS: Final = 6


class BlockFiles:
    """The files of one folder `blocks`. Thread-safe; holds nothing open."""

    def __init__(self, folder: Path) -> None:
        """Read the key that scrambles the files."""
        self._folder = folder
        try:
            key = (folder / "xor.dat").read_bytes()
        except OSError:
            key = b""
        scrambled = len(key) == _KEY_SIZE and any(key)
        self._tables = [bytes(byte ^ part for byte in range(256)) for part in key] if scrambled else []

    def read_block(self, entry: BlockEntry) -> bytes | None:
        """Return a block, consensus serialised; None if it cannot be read."""
        number, position, _ = entry.file_position
        if not entry.status.have_data:
            return None
        data = self._read(f"blk{number:05d}.dat", position, 0)
        return data if data is not None and sha256d(data[:80]) == entry.hash else None

    def read_undo(self, entry: BlockEntry) -> list[list[Coin]] | None:
        """Return the coins that each transaction but the coinbase spent, in order; None if they cannot be read."""
        number, _, position = entry.file_position
        previous = entry.previous
        if previous is None or not entry.status.have_undo:
            return None
        data = self._read(f"rev{number:05d}.dat", position, 32)
        if data is None or sha256d(previous.hash + data[:-32]) != data[-32:]:
            return None
        try:
            return _read_block_undo(data[:-32])
        except (IndexError, DecodeError):
            return None

    def _read(self, name: str, position: int, extra: int) -> bytes | None:
        """Return what a file holds at a position, and `extra` bytes behind it."""
        try:
            descriptor = os.open(self._folder / name, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return None
        try:
            head = self._pread(descriptor, _HEAD.size, position - _HEAD.size)
            if len(head) < _HEAD.size:
                return None
            _, size = _HEAD.unpack(head)
            if size > MAX_SIZE:
                return None
            data = self._pread(descriptor, size + extra, position)
        except (OSError, OverflowError):
            return None
        finally:
            os.close(descriptor)
        return data if len(data) == size + extra else None

    def _pread(self, descriptor: int, size: int, position: int) -> bytes:
        data = os.pread(descriptor, size, position)
        if not self._tables:
            return data
        clear = bytearray(len(data))
        for start in range(_KEY_SIZE):
            clear[start::_KEY_SIZE] = data[start::_KEY_SIZE].translate(self._tables[(position + start) % _KEY_SIZE])
        return bytes(clear)


def _read_block_undo(data: bytes) -> list[list[Coin]]:
    """Read CBlockUndo (Core: src/undo.h)."""
    count, offset = read_compact_size(data, 0)
    transactions = []
    for _ in range(count):
        inputs, offset = read_compact_size(data, offset)
        coins = []
        for _ in range(inputs):
            coin, offset = _read_coin(data, offset)
            coins.append(coin)
        transactions.append(coins)
    if offset != len(data):
        raise DecodeError("Bytes behind the undo data")
    return transactions


def _read_coin(data: bytes, offset: int) -> tuple[Coin, int]:
    code, offset = _read_varint(data, offset)
    if code >> 1:
        _, offset = _read_varint(data, offset)  # Once the version of the transaction.
    amount, offset = _read_varint(data, offset)
    kind, offset = _read_varint(data, offset)
    if kind >= _SPECIAL_SCRIPTS:
        size = kind - _SPECIAL_SCRIPTS
        script = data[offset : offset + size] if size <= MAX_SCRIPT_SIZE else _UNSPENDABLE
    else:
        size = 20 if kind < 2 else 32
        script = _special_script(kind, data[offset : offset + size])
    offset += size
    if offset > len(data):
        raise IndexError
    return Coin(_decompress_amount(amount), script, code >> 1, bool(code & 1)), offset


def _read_varint(data: bytes, offset: int) -> tuple[int, int]:
    """Read a number in base 128, highest digit first, each digit but the last one less (Core: src/serialize.h)."""
    byte = data[offset]
    offset += 1
    if byte < 0x80:
        return byte, offset
    number = 0
    while byte & 0x80:
        number = (number << 7 | byte & 0x7F) + 1
        byte = data[offset]
        offset += 1
    return number << 7 | byte, offset


def _decompress_amount(packed: int) -> int:
    """Undo CompressAmount, which drops zeros at the end (Core: src/compressor.cpp)."""
    if not packed:
        return 0
    packed, zeros = divmod(packed - 1, 10)
    if zeros == 9:
        return (packed + 1) * 10**9
    packed, digit = divmod(packed, 9)
    return int((packed * 10 + digit + 1) * 10**zeros)


def _special_script(kind: int, data: bytes) -> bytes:
    """Return the script of a template (Core: DecompressScript)."""
    if kind == 0:
        return pubkey_hash_script(data)
    if kind == 1:
        return script_hash_script(data)
    if kind < 4:
        return pubkey_script(bytes((kind,)) + data)
    point = parse(bytes((kind - 2,)) + data)
    return b"" if point is None else pubkey_script(serialize(point, compressed=False))
