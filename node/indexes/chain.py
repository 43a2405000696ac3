"""What the indexes ask of the chain; `node.chainstate.Chainstate` is one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from node.block_scanner import ScannedTransaction
    from node.coin import Coin


class Entry(Protocol):
    """A block of the tree."""

    @property
    def hash(self) -> bytes:
        """Its hash, internal order."""

    @property
    def height(self) -> int:
        """Its height."""

    @property
    def previous(self) -> Entry | None:
        """Its parent."""

    def ancestor(self, height: int) -> Entry:
        """Return its ancestor at a height that is not above its own."""


class ConnectedBlock(Protocol):
    """A block as listeners get it."""

    def bytes(self) -> bytes:
        """Return it as the network has it."""

    def transactions(self) -> list[ScannedTransaction]:
        """Return its transactions, found once for all who listen."""


class Listener(Protocol):
    """What the chain calls, on the thread that connects blocks."""

    def block_connected(self, entry: Entry, block: ConnectedBlock) -> None:
        """A block joined the best chain."""

    def block_disconnected(self, entry: Entry, block: ConnectedBlock) -> None:
        """A block left the best chain."""

    def tip_changed(self, entry: Entry, initial_download: bool) -> None:
        """The best block is another."""

    def header_tip(self, entry: Entry) -> None:
        """The best header is another."""


class Chain(Protocol):
    """The best chain and the tree around it; it takes the entries it gave. Thread-safe."""

    def tip(self) -> Entry:
        """Return the best block."""

    def at(self, height: int) -> Entry | None:
        """Return the block of the best chain at a height."""

    def entry(self, block_hash: bytes, /) -> Entry | None:
        """Return any block of the tree."""

    def contains(self, entry: Any) -> bool:
        """Whether a block is in the best chain."""

    def read_block(self, entry: Any) -> bytes:
        """Return the bytes of a block. Raises if they are not there."""

    def read_undo(self, entry: Any) -> Sequence[Sequence[Coin]]:
        """Return what each transaction but the first spent. Raises if it is not there."""

    def flush(self) -> None:
        """Have everything up to the tip on disk, so that no crash takes the chain back behind it."""

    def prune_height(self) -> int | None:
        """Return the height of the last block whose data are gone."""

    def fork_point(self, entry: Any) -> Entry:
        """Return the last block of the best chain on the way to an entry."""

    def add_listener(self, listener: Listener) -> Callable[[], None]:
        """Tell `listener` of every change from now on; return what ends that."""
