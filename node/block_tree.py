"""The tree of all block headers the kernel knows, seen through its own memory: nothing is kept twice.

An entry is a copy of what never changes about a block; what does change (counts, status) is read anew each time,
and keeps its last value once the chain is closed. Work and counts need the pinned kernel (see kernel_symbols).
"""

from __future__ import annotations

import ctypes
import struct
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from node import kernel, kernel_symbols
from node.use_gate import ClosedError, UseGate

if TYPE_CHECKING:
    from primitives.block import BlockHeader

_TIME_BITS_NONCE: Final = struct.Struct("<III")
_MEDIAN_SPAN: Final = 11
VALID_TREE: Final = 2
VALID_TRANSACTIONS: Final = 3
VALID_CHAIN: Final = 4
VALID_SCRIPTS: Final = 5
_VALID_MASK: Final = 7
_HAVE_DATA: Final = 8
_HAVE_UNDO: Final = 16
_FAILED: Final = 32


@dataclass(frozen=True, slots=True)
class BlockStatus:
    """How far a block was validated (VALID_*), which data of it are on disk, and whether it failed."""

    valid_level: int
    have_data: bool
    have_undo: bool
    failed: bool


class BlockTree:
    """Where entries come from, for as long as the kernel keeps them."""

    def __init__(self) -> None:
        self.gate = UseGate()
        """Around calls of the kernel."""
        self.guard = threading.Lock()
        """Held while the kernel's memory is read; never while the kernel is called."""
        self.closed = False
        self.rich = kernel_symbols.is_pinned_build()

    def entry(self, address: int) -> BlockEntry:
        """Return the entry at an address that the kernel gave. Raises ClosedError."""
        if not self.rich:
            return self._plain_entry(address)
        with self.guard:
            if self.closed:
                raise ClosedError
            fields = kernel_symbols.BLOCK_INDEX.unpack(
                ctypes.string_at(address, kernel_symbols.BLOCK_INDEX.size)
            )  # fmt: skip
            return BlockEntry(self, address, ctypes.string_at(fields[0], 32), fields[3], fields)

    def _plain_entry(self, address: int) -> BlockEntry:
        with self.gate:
            hash_ = kernel.hash_bytes(kernel.entry_get_block_hash(address))
            return BlockEntry(self, address, hash_, kernel.entry_get_height(address), None)

    def close(self) -> None:
        """Let nobody read the kernel's memory again; those in the gate first come out."""
        self.gate.close()
        with self.guard:
            self.closed = True


class BlockEntry:
    """One block of the tree. Equal to another entry with its hash; safe to keep for as long as you like."""

    __slots__ = ("_fields", "_header", "_tree", "address", "hash", "height")

    def __init__(self, tree: BlockTree, address: int, hash_: bytes, height: int, fields: Any) -> None:
        """Made by BlockTree only. `fields` are those of kernel_symbols.BLOCK_INDEX."""
        self._tree = tree
        self.address = address
        """The kernel's pointer."""
        self.hash = hash_
        """32 bytes in internal order."""
        self.height = height
        self._fields = fields
        self._header: bytes | None = None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, BlockEntry) and self.hash == other.hash

    def __hash__(self) -> int:
        return hash(self.hash)

    def __repr__(self) -> str:
        return f"<BlockEntry {self.height} {self.hash[::-1].hex()}>"

    @property
    def previous(self) -> BlockEntry | None:
        """The parent, None for the genesis block. Raises ClosedError."""
        if self.height == 0:
            return None
        if self._fields is not None:
            return self._tree.entry(self._fields[1])
        with self._tree.gate:
            address = kernel.entry_get_previous(self.address)
        return self._tree.entry(address)

    def ancestor(self, height: int) -> BlockEntry:
        """Return the ancestor at `height`, which may be its own. Raises ValueError, ClosedError."""
        if not 0 <= height <= self.height:
            raise ValueError(f"no ancestor at height {height}")
        with self._tree.gate:
            address = kernel.entry_get_ancestor(self.address, height)
        return self._tree.entry(address)

    @property
    def header_bytes(self) -> bytes:
        """The 80 bytes of the header. Raises ClosedError if nobody asked before the chain was closed."""
        if self._header is None:
            with self._tree.gate:
                self._header = kernel.header_bytes(kernel.entry_get_block_header(self.address))
        return self._header

    @property
    def header(self) -> BlockHeader:
        """The header."""
        from primitives.block import BlockHeader

        return BlockHeader.parse(self.header_bytes)

    @property
    def time(self) -> int:
        """The header's time in seconds since 1970."""
        if self._fields is not None:
            found: int = self._fields[13]
            return found
        return int.from_bytes(self.header_bytes[68:72], "little")

    @property
    def bits(self) -> int:
        """The header's compact target."""
        return int.from_bytes(self.header_bytes[72:76], "little") if self._fields is None else int(self._fields[14])

    def has_header(self, data: bytes) -> bool:
        """Whether a block or header, consensus serialised, is this one."""
        fields = self._fields
        if fields is None:
            return self.header_bytes == data[:80]
        # A merkle root, time, bits and nonce: another block with all four would need another parent or version.
        return bool(fields[12] == data[36:68] and fields[13:16] == _TIME_BITS_NONCE.unpack_from(data, 68))

    def has_parent(self, other: BlockEntry) -> bool:
        """Whether `other` is the parent. Raises ClosedError."""
        if self._fields is not None:
            return bool(self._fields[1] == other.address)
        return self.previous == other

    @property
    def median_time_past(self) -> int:
        """The median time of this block and the ten before it. Raises ClosedError."""
        times = [self.time]
        if self._fields is not None:
            with self._tree.guard:
                if self._tree.closed:
                    raise ClosedError
                address = self._fields[1]
                while address and len(times) < _MEDIAN_SPAN:
                    times.append(kernel_symbols.block_time(address))
                    address = kernel_symbols.previous_address(address)
        else:
            entry = self.previous
            while entry is not None and len(times) < _MEDIAN_SPAN:
                times.append(entry.time)
                entry = entry.previous
        times.sort()
        return times[len(times) // 2]

    @property
    def chain_work(self) -> int:
        """The expected number of hashes it took to make the chain up to this block. Raises KernelSymbolsError."""
        return int.from_bytes(self._all_fields()[7], "little")

    @property
    def time_max(self) -> int:
        """The latest time of this block and all before it. Raises KernelSymbolsError."""
        found: int = self._all_fields()[17]
        return found

    @property
    def sequence_id(self) -> int:
        """The order in which blocks of this run came, negative for precious ones. Raises KernelSymbolsError."""
        self._refresh()
        found: int = self._fields[16]
        return found

    @property
    def tx_count(self) -> int:
        """The number of transactions, 0 while only the header is known. Raises KernelSymbolsError."""
        return int(self._refresh()[8])

    @property
    def chain_tx_count(self) -> int:
        """The number of transactions up to this block, 0 while some are not known. Raises KernelSymbolsError."""
        return int(self._refresh()[9])

    @property
    def file_position(self) -> tuple[int, int, int]:
        """The number of the block file and the positions of block and undo data in it. Raises KernelSymbolsError."""
        fields = self._refresh()
        return fields[4], fields[5], fields[6]

    @property
    def status(self) -> BlockStatus:
        """What is known of the block. Raises KernelSymbolsError."""
        flags = self._refresh()[10]
        return BlockStatus(
            valid_level=flags & _VALID_MASK,
            have_data=bool(flags & _HAVE_DATA),
            have_undo=bool(flags & _HAVE_UNDO),
            failed=bool(flags & _FAILED),
        )

    def _all_fields(self) -> tuple[Any, ...]:
        if self._fields is None:
            kernel_symbols.require()
        fields: tuple[Any, ...] = self._fields
        return fields

    def _refresh(self) -> tuple[Any, ...]:
        fields = self._all_fields()
        with self._tree.guard:
            if not self._tree.closed:
                size = kernel_symbols.BLOCK_INDEX.size
                fields = kernel_symbols.BLOCK_INDEX.unpack(ctypes.string_at(self.address, size))
        self._fields = fields
        return fields
