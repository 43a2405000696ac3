"""What happens to a chain, event by event, for whoever must miss nothing.

A client holds its own place in the stream, a `Position`, and passes it with each call; the
node remembers nothing of it. So a client may be slow, be killed, or lose its node, and goes
on from the position it stored last: it gets each block between there and the tip once, the
blocks to leave first.

Hashes are 32 bytes in internal order, blocks are consensus serialised, timeouts are milliseconds.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, field
from enum import Enum

from interfaces.handler import Handler
from interfaces.interface import Interface
from interfaces.mining import FOREVER, BlockRef
from interfaces.raises import raises


class UnknownBlockError(Exception):
    """A position names a block that the node does not know."""


class BlockMissingError(Exception):
    """The node has no data of a block that is due, such as after pruning."""


class EventKind(Enum):
    """What happened."""

    HEADER_TIP = 0
    """Another header has the most work of those known."""
    TIP = 1
    """The chain has another tip; the blocks that lead to it came before."""
    BLOCK_CONNECTED = 2
    """The block joined the chain on top of where the client stood."""
    BLOCK_DISCONNECTED = 3
    """The block where the client stood left the chain."""
    TRANSACTION_ADDED = 4
    """The transaction came into the mempool."""
    TRANSACTION_REMOVED = 5
    """The transaction left the mempool; those that left for a block are told just before the block."""
    MEMPOOL_LISTED = 6
    """What was told of the mempool before is void: all that is in it now follows as TRANSACTION_ADDED."""


@dataclass(frozen=True, slots=True)
class Event:
    """One event, about a block or a transaction."""

    kind: EventKind
    block: BlockRef | None = None
    previous: bytes = b""
    """The block's parent: where the client stands after the block was disconnected. Empty for the first block."""
    time: int = 0
    """The block header's time, or when the transaction came in; seconds since 1970."""
    initial_download: bool = False
    """Of a tip: whether the node still catches up."""
    data: bytes | None = None
    """The whole block or transaction, if it was asked for."""
    keys: bytes | None = None
    """Keys of what the block spends and pays (primitives.block_keys), if they were asked for."""
    txid: bytes | None = None
    mempool_sequence: int = 0
    """The number that Core gives each change of the mempool; 0 if it has none: for a block, or back from one."""
    wtxid: bytes | None = None
    fee: int = 0
    """Of a transaction that was added: satoshis."""
    vsize: int = 0
    """Of the same: its virtual size, adjusted for signature operations."""
    reason: str = ""
    """Why a transaction was removed: expiry, sizelimit, reorg, block, conflict or replaced."""


@dataclass(frozen=True, slots=True)
class MempoolPosition:
    """Where a client stands in the events of the mempool, which last for a run of the node."""

    run: int = 0
    """Which run that was; 0 for none."""
    number: int = 0
    """The last event that was told, or that was there when the listing was made that is being told."""
    listed: int = 0
    """Of a listing: 1 more than the number of transactions told; 0 when it is over."""


@dataclass(frozen=True, slots=True)
class Position:
    """Where a client stands: what it was told last. Empty means nothing yet.

    After BLOCK_CONNECTED, `block` is that block, after BLOCK_DISCONNECTED its parent. It is all
    that a client needs to store, as what it knows of the mempool does not last anyway.
    """

    block: bytes = b""
    tip: bytes = b""
    header_tip: bytes = b""
    mempool: MempoolPosition = MempoolPosition()


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which events to send, and what with them."""

    header_tip: bool = False
    tip: bool = False
    connected: bool = True
    disconnected: bool = True
    transactions: bool = False
    connected_data: bool = False
    """Send each connected block whole."""
    disconnected_data: bool = False
    """Send each disconnected block whole."""
    transaction_data: bool = False
    """Send each transaction that was added whole, with its witnesses."""
    connected_keys: bool = False
    """Send of each connected block the keys, a tenth of its size, by which a wallet sees whether it may want it."""

    @property
    def reads_blocks(self) -> bool:
        """Whether blocks must be there: those are not pruned while such a client is connected and not far behind."""
        return self.connected_data or self.disconnected_data or self.connected_keys

    @property
    def has_data(self) -> bool:
        """Whether anything large is sent."""
        return self.connected_data or self.disconnected_data or self.transaction_data or self.connected_keys


@dataclass(frozen=True, slots=True)
class EventBatch:
    """Events in order, and where the client stands after the last one."""

    events: list[Event] = field(default_factory=list)
    position: Position = Position()


class EventReceiver(Interface, schema="events.capnp"):
    """A client's object that is handed its events."""

    @abstractmethod
    def receive(self, batch: EventBatch) -> None:
        """Take a batch. The next one comes after this has returned; an exception ends the deliveries."""

    @abstractmethod
    def ended(self, reason: str) -> None:
        """Hear that nothing more comes, because the node ends or has not what is due."""


class Events(Interface, schema="events.capnp"):
    """The stream of events of one chain."""

    @abstractmethod
    @raises(UnknownBlockError)
    def find_position(self, locator: list[bytes]) -> Position:
        """Return the position at the first of these blocks that the node knows; at the tip if there are none.

        A client lists blocks it stood at, the newest first. If the first is unknown, as after a crash
        of the node, the client itself takes back what it did after the block returned. Nothing is
        told yet of tip and header tip, except when there are no blocks: then only what comes is told.
        """

    @abstractmethod
    @raises(UnknownBlockError, BlockMissingError)
    def next(
        self, position: Position, wanted: Wanted, max_events: int = 100, timeout: float = FOREVER
    ) -> EventBatch | None:
        """Return what happened since `position`, waiting until there is something or time is up.

        At most `max_events`, and no more once they hold 4 MB. The batch is empty when time is up,
        and None once the node shuts down or `interrupt` was called. Pass the batch's position next.
        """

    @abstractmethod
    def interrupt(self) -> None:
        """Make running and the next to come of this object's waits return None."""

    @abstractmethod
    @raises(UnknownBlockError)
    def deliver(self, receiver: EventReceiver, position: Position, wanted: Wanted, max_events: int = 100) -> Handler:
        """Hand `receiver` what happened since `position`, one batch at a time, until the handler ends."""
