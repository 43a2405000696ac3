"""Where a follower hears of tips: from our node's Events, or from any node's Mining."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from interfaces.events import Position, Wanted

if TYPE_CHECKING:
    from interfaces.events import Events
    from interfaces.mining import BlockRef, Mining

_NO_BLOCK: Final = bytes(32)


class Tips(Protocol):
    """The tips of a node's chain, one after another."""

    def next(self) -> BlockRef | None:
        """Wait for a tip other than the last one, the first time for any; None once the node ends."""

    def interrupt(self) -> None:
        """End a running `next`."""

    def close(self) -> None:
        """Give the node's object back."""


class MiningTips:
    """Through Mining, which Bitcoin Core's node offers too."""

    def __init__(self, mining: Mining) -> None:
        """Own `mining`."""
        self._mining = mining
        self._last = _NO_BLOCK

    def next(self) -> BlockRef | None:
        """Wait until the tip is not the last one."""
        tip = self._mining.wait_tip_changed(self._last)
        if tip is not None:
            self._last = tip.hash
        return tip

    def interrupt(self) -> None:
        """End a running `next`."""
        self._mining.interrupt()

    def close(self) -> None:
        """Give the object back."""
        self._mining.close()


class EventTips:
    """Through Events, of which our node knows more."""

    def __init__(self, events: Events) -> None:
        """Own `events`."""
        self._events = events
        self._position = Position()

    def next(self) -> BlockRef | None:
        """Wait for the next event of a tip."""
        wanted = Wanted(tip=True, connected=False, disconnected=False)
        batch = self._events.next(self._position, wanted, 1)
        if batch is None:
            return None
        self._position = batch.position
        return batch.events[-1].block

    def interrupt(self) -> None:
        """End a running `next`."""
        self._events.interrupt()

    def close(self) -> None:
        """Give the object back."""
        self._events.close()
