"""A gate before something that must not be freed while it is in use."""

from __future__ import annotations

import threading


class ClosedError(Exception):
    """The chain was closed, so what was not read yet cannot be."""

    def __init__(self) -> None:
        super().__init__("The node is shutting down.")


class UseGate:
    """`with gate:` around each use; `close` waits for those that go on and lets no more in."""

    def __init__(self) -> None:
        self._changed = threading.Condition(threading.Lock())
        self._users = 0
        self._closed = False

    def __enter__(self) -> None:
        """Go in. Raises ClosedError."""
        with self._changed:
            if self._closed:
                raise ClosedError
            self._users += 1

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._users -= 1
            if self._closed and not self._users:
                self._changed.notify_all()

    def close(self) -> None:
        """Close and wait until nobody is in. Doing so twice is fine; not from inside."""
        with self._changed:
            self._closed = True
            self._changed.wait_for(lambda: not self._users)
