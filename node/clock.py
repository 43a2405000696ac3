"""The node's clock, which tests can stop (Core: SetMockTime in src/util/time.cpp)."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from node import kernel_symbols

if TYPE_CHECKING:
    from collections.abc import Callable


class Clock:
    """The time in whole seconds since 1970, the same for us and for the kernel."""

    def __init__(self) -> None:
        self._mock = 0
        self._watchers: tuple[Callable[[], None], ...] = ()

    def now(self) -> int:
        """Return the time, which is the mocked one if there is one."""
        return self._mock or int(time.time())

    @property
    def mock(self) -> int:
        """Where the clock was stopped, 0 if it runs."""
        return self._mock

    def set_mock(self, seconds: int) -> None:
        """Stop at `seconds`; 0 lets the clock run again. The kernel has one clock for the process.

        Raises KernelSymbolsError.
        """
        kernel_symbols.set_mock_time(seconds)
        self._mock = seconds
        for watcher in self._watchers:
            watcher()

    def watch(self, watcher: Callable[[], None]) -> None:
        """Call `watcher` whenever the clock is stopped, or let run again."""
        self._watchers = (*self._watchers, watcher)
