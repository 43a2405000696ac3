"""Reading a file that `node.utxo_snapshot` or Core's dumptxoutset wrote (Core: SnapshotMetadata, loadtxoutset)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from node.coin import Coin, encode_coin
from node.utxo_snapshot import CHAIN_STARTS, MAGIC, VERSION
from primitives.compression import decompress_amount, decompress_script, script_size

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

_SIGNET: Final = bytes.fromhex("0a03cf40")
_STARTS: Final = {start: name for name, start in CHAIN_STARTS.items()} | {_SIGNET: "signet"}
_MAX_SIZE: Final = 0x02000000
_COMPACT: Final = {0xFD: (2, 0xFD), 0xFE: (4, 0x10000), 0xFF: (8, 0x100000000)}
HEADER_SIZE: Final = len(MAGIC) + 2 + 4 + 32 + 8


class SnapshotFormatError(Exception):
    """The file is no snapshot, or not one of this network; Core's words."""


@dataclass(frozen=True, slots=True)
class SnapshotHeader:
    """How a snapshot begins."""

    base: bytes
    """The hash of the block it is of, internal order."""
    count: int
    """How many coins follow."""


def read_header(file: BinaryIO, start: bytes) -> SnapshotHeader:
    """Read the first bytes of a snapshot for the network that `start` stands for. Raises SnapshotFormatError."""
    if _exactly(file, len(MAGIC)) != MAGIC:
        raise SnapshotFormatError(
            "Invalid UTXO set snapshot magic bytes. Please check if this is indeed a snapshot file or if you are using "
            "an outdated snapshot format."
        )
    version = int.from_bytes(_exactly(file, 2), "little")
    if version != VERSION:
        raise SnapshotFormatError(f"Version of snapshot {version} does not match any of the supported versions.")
    found = _exactly(file, 4)
    if found != start:
        if found in _STARTS:
            raise SnapshotFormatError(
                f"The network of the snapshot ({_STARTS[found]}) does not match the network of this node "
                f"({_STARTS.get(start, 'signet')})."
            )
        raise SnapshotFormatError(
            "This snapshot has been created for an unrecognized network. This could be a custom signet, a new testnet "
            "or possibly caused by data corruption."
        )
    return SnapshotHeader(_exactly(file, 32), int.from_bytes(_exactly(file, 8), "little"))


def read_coins(file: BinaryIO, count: int) -> Iterator[tuple[bytes, bytes]]:
    """Give `count` coins, outpoint and stored form (`node.coin.encode_coin`). Raises SnapshotFormatError."""
    left = count
    while left > 0:
        txid = _exactly(file, 32)
        group = _compact(file)
        if not 0 < group <= left:
            raise SnapshotFormatError("Mismatch in coins count in snapshot metadata and actual snapshot data")
        left -= group
        for _ in range(group):
            index = _compact(file)
            code, amount, kind = _varint(file), _varint(file), _varint(file)
            size = script_size(kind)
            if size > _MAX_SIZE or code > 0xFFFFFFFF or index > 0xFFFFFFFF:
                raise SnapshotFormatError("A coin is too large")
            script = decompress_script(kind, _exactly(file, size))
            value = decompress_amount(amount)
            yield txid + index.to_bytes(4, "little"), encode_coin(Coin(value, script, code >> 1, bool(code & 1)))


def _exactly(file: BinaryIO, size: int) -> bytes:
    data = file.read(size)
    if len(data) != size:
        raise SnapshotFormatError("AutoFile::read: end of file")
    return data


def _compact(file: BinaryIO) -> int:
    first = _exactly(file, 1)[0]
    if first < 0xFD:
        return first
    size, least = _COMPACT[first]
    number = int.from_bytes(_exactly(file, size), "little")
    if number < least:
        raise SnapshotFormatError("non-canonical ReadCompactSize()")
    return number


def _varint(file: BinaryIO) -> int:
    number = 0
    while True:
        byte = _exactly(file, 1)[0]
        number = number << 7 | byte & 0x7F
        if byte < 0x80:
            return number
        number += 1
        if number >= 1 << 57:
            raise SnapshotFormatError("ReadVarInt(): size too large")
