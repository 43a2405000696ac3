"""What a node has to say to its user while it works: messages, progress, warnings (Core: src/node/interface_ui.h)."""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING, Final, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from interfaces.cancellation import Cancellation

T = TypeVar("T")
_KEPT_MESSAGES: Final = 100


class Mailbox(Generic[T]):
    """Keeps the newest few items for one reader."""

    def __init__(self, size: int) -> None:
        """Keep up to `size` items, dropping the oldest."""
        self._items: deque[T] = deque(maxlen=size)
        self._changed = threading.Condition()

    def put(self, item: T) -> None:
        """Add an item; never waits for the reader."""
        with self._changed:
            self._items.append(item)
            self._changed.notify_all()

    def take(self, ended: Cancellation) -> T | None:
        """Wait for an item and return it, None once `ended` comes."""
        with ended.wakes(self._wake), self._changed:
            self._changed.wait_for(lambda: self._items or ended.cancelled)
            return None if ended.cancelled else self._items.popleft()

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify_all()


class Topic(Generic[T]):
    """One kind of news, told to any number of mailboxes."""

    def __init__(self, size: int) -> None:
        """Each mailbox keeps the newest `size`."""
        self._size = size
        self._lock = threading.Lock()
        self._mailboxes: list[Mailbox[T]] = []

    def publish(self, item: T) -> None:
        """Tell all. Never waits."""
        with self._lock:
            for mailbox in self._mailboxes:
                mailbox.put(item)

    def follow(self) -> tuple[Mailbox[T], Callable[[], None]]:
        """Return a mailbox for what comes, and the function that ends it."""
        mailbox: Mailbox[T] = Mailbox(self._size)
        with self._lock:
            self._mailboxes.append(mailbox)

        def end() -> None:
            with self._lock:
                self._mailboxes = [known for known in self._mailboxes if known is not mailbox]

        return mailbox, end


class Notices:
    """The news of one node. Thread-safe; telling never waits for who listens."""

    def __init__(self) -> None:
        """Start with nothing to say."""
        self.messages: Topic[str] = Topic(_KEPT_MESSAGES)
        self.progress: Topic[tuple[str, int, bool]] = Topic(1)
        self.alerts: Topic[bool] = Topic(1)
        self._lock = threading.Lock()
        self._warnings: dict[object, str] = {}

    def init_message(self, message: str) -> None:
        """Say what is done during the start."""
        self.messages.publish(message)

    def show_progress(self, title: str, percent: int, *, resume_possible: bool = False) -> None:
        """Say how far long work is; 100 ends it."""
        self.progress.publish((title, percent, resume_possible))

    def set_warning(self, kind: object, text: str) -> None:
        """Warn of something until `unset_warning`."""
        with self._lock:
            if kind in self._warnings:
                return
            self._warnings[kind] = text
        self.warnings_changed()

    def unset_warning(self, kind: object) -> None:
        """Take a warning back."""
        with self._lock:
            if self._warnings.pop(kind, None) is None:
                return
        self.warnings_changed()

    def warnings_changed(self) -> None:
        """Say that there are other warnings than before, wherever they are kept."""
        self.alerts.publish(True)

    def warnings(self) -> list[str]:
        """Return the texts of all warnings, in the order they came."""
        with self._lock:
            return list(self._warnings.values())
