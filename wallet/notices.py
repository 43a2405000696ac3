"""What a wallet has to say to those who show it: kept for each listener until it asks, what changed again told once.

Telling never waits. What is kept for a listener that does not ask is one entry for each thing there is: transaction,
address, or kind of news.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Generic, TypeVar

from interfaces.wallet_callbacks import ChangeType

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from interfaces.cancellation import Cancellation

T = TypeVar("T")


def _newest(_: T, new: T) -> T:
    return new


class Mailbox(Generic[T]):
    """The news of one topic for one listener."""

    def __init__(self, merge: Callable[[T, T], T]) -> None:
        """Start empty; `merge` makes one item of two about the same."""
        self._merge = merge
        self._items: dict[Hashable, T] = {}
        self._changed = threading.Condition()
        self._ended = False

    def put(self, key: Hashable, item: T) -> None:
        """Add an item, or merge it into what waits under its key."""
        with self._changed:
            before = self._items.get(key)
            self._items[key] = item if before is None else self._merge(before, item)
            self._changed.notify_all()

    def end(self) -> None:
        """Note that no more comes."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def take(self, cancelled: Cancellation) -> T | None:
        """Wait for an item and return it, oldest first; None once `cancelled` comes, or no more does."""
        with cancelled.wakes(self._wake), self._changed:
            self._changed.wait_for(lambda: self._items or self._ended or cancelled.cancelled)
            if cancelled.cancelled or not self._items:
                return None
            return self._items.pop(next(iter(self._items)))

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify_all()


class Topic(Generic[T]):
    """One kind of news, told to any number of mailboxes. Thread-safe."""

    def __init__(self, merge: Callable[[T, T], T] = _newest) -> None:
        """Start without listeners."""
        self._merge = merge
        self._lock = threading.Lock()
        self._mailboxes: list[Mailbox[T]] = []
        self._ended = False

    def publish(self, item: T, key: Hashable = None) -> None:
        """Tell all; what has the same key is about the same."""
        with self._lock:
            for mailbox in self._mailboxes:
                mailbox.put(key, item)

    def end(self) -> None:
        """Let mailboxes end once they are emptied."""
        with self._lock:
            self._ended = True
            for mailbox in self._mailboxes:
                mailbox.end()

    def follow(self) -> tuple[Mailbox[T], Callable[[], None]]:
        """Return a mailbox for what comes, and what gives it back."""
        mailbox = Mailbox(self._merge)
        with self._lock:
            self._mailboxes.append(mailbox)
            if self._ended:
                mailbox.end()

        def give_back() -> None:
            with self._lock:
                self._mailboxes = [known for known in self._mailboxes if known is not mailbox]

        return mailbox, give_back


def _merge_changes(before: tuple[bytes, ChangeType], new: tuple[bytes, ChangeType]) -> tuple[bytes, ChangeType]:
    """Keep that something is new until its listener knows."""
    is_still_new = before[1] is ChangeType.NEW and new[1] is ChangeType.UPDATED
    return before if is_still_new else new


def _merge_addresses(before: AddressNews, new: AddressNews) -> AddressNews:
    kind = ChangeType.NEW if before[2] is ChangeType.NEW and new[2] is ChangeType.UPDATED else new[2]
    return (*new[:2], kind, *new[3:])


AddressNews = tuple[bytes, str, ChangeType, str]
"""A script, its label, what happened, and its purpose."""


class Notices:
    """The news of one wallet."""

    def __init__(self) -> None:
        """Have none yet."""
        self.unload: Topic[bool] = Topic()
        self.progress: Topic[tuple[str, int]] = Topic()
        self.status: Topic[bool] = Topic()
        self.addresses: Topic[AddressNews] = Topic(_merge_addresses)
        self.transactions: Topic[tuple[bytes, ChangeType]] = Topic(_merge_changes)
        self.can_get_addresses: Topic[bool] = Topic()
        self.blocks: Topic[tuple[bytes, int]] = Topic()

    def end(self) -> None:
        """Let all listeners end once they know what was told."""
        for topic in (
            *(self.unload, self.progress, self.status, self.addresses),
            *(self.transactions, self.can_get_addresses, self.blocks),
        ):
            topic.end()
