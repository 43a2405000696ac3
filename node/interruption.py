"""How one object's waits are interrupted (Core: m_interrupt_mining in src/node/interfaces.cpp)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from interfaces.cancellation import Cancellation

if TYPE_CHECKING:
    from collections.abc import Callable


class Interruption:
    """Ends the waits that go on when it is requested, or else the next one."""

    def __init__(self) -> None:
        self._next = Cancellation()

    def request(self) -> None:
        """End waits. Never waits itself."""
        self._next.cancel()

    def begin(self) -> tuple[Cancellation, Callable[[], None]]:
        """Return what cancels a wait that begins, and what to call when it has ended."""
        cancellation = self._next

        def ended() -> None:
            if cancellation.cancelled and cancellation is self._next:
                self._next = Cancellation()

        return cancellation, ended
