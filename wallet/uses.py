"""Who works with a wallet: as long as somebody does, it is not closed."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from wallet.errors import WalletError

if TYPE_CHECKING:
    from collections.abc import Iterator


class UnloadedError(WalletError):
    """The wallet is being closed, or is closed."""


class Uses:
    """Counts uses until they end for good. Thread-safe."""

    def __init__(self) -> None:
        """Begin without any."""
        self._changed = threading.Condition()
        self._number = 0
        self._over = False

    @contextmanager
    def one(self) -> Iterator[None]:
        """Keep the wallet open for the length of a `with` block. Raises UnloadedError if it is too late."""
        with self._changed:
            if self._over:
                raise UnloadedError("The wallet is unloaded")
            self._number += 1
        try:
            yield
        finally:
            with self._changed:
                self._number -= 1
                self._changed.notify_all()

    def end(self, seconds: float | None = None) -> bool:
        """Allow no more, and wait for those under way, at most so long; whether they ended."""
        with self._changed:
            self._over = True
            return self._changed.wait_for(lambda: not self._number, seconds)
