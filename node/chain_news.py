"""Telling what happens to the chain: listeners, and those who wait for another tip.

What happened is found by comparing the chain's tip with the one told last, so listeners hear of each block once: those
that left from the old tip down, those that joined upward, then the tip.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final, Protocol

from node.block_scanner import BlockScanError, ScannedTransaction, scan_block
from node.kernel_session import ChainstateError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from node.block_tree import BlockEntry

_LONGEST_WAIT: Final = threading.TIMEOUT_MAX / 2


class BlockMissingError(ChainstateError):
    """The block is known, but its data are not there, perhaps pruned."""


class BlockSource:
    """The bytes of one block, read when they are wanted first, and its transactions, found once for all who listen."""

    __slots__ = ("_data", "_entry", "_read", "_transactions")

    def __init__(self, read: Callable[[BlockEntry], bytes], entry: BlockEntry, data: bytes | None) -> None:
        """Know them already if `data` is given."""
        self._read = read
        self._entry = entry
        self._data = data
        self._transactions: list[ScannedTransaction] | None = None

    def bytes(self) -> bytes:
        """Return the block, consensus serialised. Raises BlockMissingError."""
        if self._data is None:
            self._data = self._read(self._entry)
        return self._data

    def transactions(self) -> list[ScannedTransaction]:
        """Return its transactions, which are slices of `bytes`. Raises BlockMissingError."""
        if self._transactions is None:
            try:
                self._transactions = scan_block(self.bytes())
            except BlockScanError:
                # It came with more bytes behind it, which the kernel took no notice of and did not keep.
                self._data = None
                self._transactions = scan_block(self.bytes())
        return self._transactions


class ChainListener(Protocol):
    """Hears what happens to the chain, in order, from one thread at a time, which must not wait long."""

    def block_connected(self, entry: BlockEntry, block: BlockSource) -> None:
        """Hear that a block joined the chain on top of the one told before."""

    def block_disconnected(self, entry: BlockEntry, block: BlockSource) -> None:
        """Hear that the block told last left the chain."""

    def tip_changed(self, entry: BlockEntry, initial_download: bool) -> None:
        """Hear of the new tip, after all blocks that lead to it."""

    def header_tip(self, entry: BlockEntry) -> None:
        """Hear that another header has the most work, before blocks that come with it."""


def common_ancestor(one: BlockEntry, other: BlockEntry) -> BlockEntry:
    """Return the last block that two branches share. Raises ClosedError."""
    height = min(one.height, other.height)
    one, other = one.ancestor(height), other.ancestor(height)
    while one != other:
        # Both have a parent: genesis blocks are equal.
        one, other = one.ancestor(one.height - 1), other.ancestor(other.height - 1)
    return one


class ChainNews:
    """Keeps what was told last. Thread-safe; `header` and `move` are called by one thread at a time, under `lock`."""

    def __init__(self, read: Callable[[BlockEntry], bytes], is_initial: Callable[[], bool]) -> None:
        """`read` returns a block's bytes, `is_initial` whether the node still catches up."""
        self.lock = threading.RLock()
        """Held while listeners are told."""
        self.tip: BlockEntry
        self.best_header: BlockEntry
        self._read = read
        self._is_initial = is_initial
        self._changed = threading.Condition()
        self._listeners: tuple[ChainListener, ...] = ()

    def start(self, tip: BlockEntry, best_header: BlockEntry) -> None:
        """Begin with these, which nobody is told."""
        self.tip = tip
        self.best_header = best_header

    def add_listener(self, listener: ChainListener) -> Callable[[], None]:
        """Tell `listener` what happens from now on; the function returned ends that."""
        with self.lock:
            self._listeners = (*self._listeners, listener)

        def remove() -> None:
            with self.lock:
                self._listeners = tuple(known for known in self._listeners if known is not listener)

        return remove

    def header(self, entry: BlockEntry) -> None:
        """Tell that another header has the most work."""
        self.best_header = entry
        for listener in self._listeners:
            listener.header_tip(entry)

    def move(self, tip: BlockEntry, data: bytes | None) -> None:
        """Tell how the chain came to `tip`; `data` is the block that came, if one did."""
        listeners = self._listeners
        if listeners:
            for connected, entry in _path(self.tip, tip):
                source = BlockSource(self._read, entry, data if data is not None and entry.has_header(data) else None)
                for listener in listeners:
                    if connected:
                        listener.block_connected(entry, source)
                    else:
                        listener.block_disconnected(entry, source)
        self.jump(tip)

    def jump(self, tip: BlockEntry) -> None:
        """Tell that the chain is at `tip`, without the blocks on the way."""
        with self._changed:
            self.tip = tip
            self._changed.notify_all()
        self.tell_tip()

    def tell_tip(self) -> None:
        """Tell the tip, perhaps once more."""
        if self._listeners:
            initial = self._is_initial()
            for listener in self._listeners:
                listener.tip_changed(self.tip, initial)

    def wait_for_change(self, current: bytes, timeout: float, ended: Callable[[], bool]) -> BlockEntry | None:
        """Wait until the tip is not `current` or `timeout` milliseconds have passed, and return the tip.

        None once `ended` is true; call `wake` then.
        """
        seconds = min(max(timeout, 0) / 1000, _LONGEST_WAIT)
        with self._changed:
            self._changed.wait_for(lambda: ended() or self.tip.hash != current, seconds)
            return None if ended() else self.tip

    def wake(self) -> None:
        """Make waits look at what ends them again."""
        with self._changed:
            self._changed.notify_all()


def _path(old: BlockEntry, new: BlockEntry) -> Iterator[tuple[bool, BlockEntry]]:
    """Yield the blocks to leave and then those to join, each with whether it is joined."""
    if new.height == old.height + 1 and new.has_parent(old):
        yield True, new
        return
    fork = common_ancestor(old, new)
    entry = old
    while entry != fork:
        yield False, entry
        entry = entry.ancestor(entry.height - 1)
    for height in range(fork.height + 1, new.height + 1):
        yield True, new.ancestor(height)
