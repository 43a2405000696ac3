"""Threads that call back into clients: one for each registration, one call at a time.

So a client that is slow or stuck holds up nobody but its own registration.
"""

from __future__ import annotations

import logging
import threading
from functools import partial
from typing import TYPE_CHECKING, Final, TypeVar

from interfaces.cancellation import Cancellation
from interfaces.handler import Handler

if TYPE_CHECKING:
    from collections.abc import Callable

log: Final = logging.getLogger("ipc")
MAX_DELIVERIES: Final = 1000
T = TypeVar("T")


def _nothing() -> None:
    pass


class Deliveries:
    """Owns the threads of a process that call back."""

    def __init__(self, owner: str) -> None:
        """Start with none; `owner` is "node" or "wallet", for names and errors."""
        self.owner = owner
        self._lock = threading.Lock()
        self._running: set[Delivery] = set()
        self._closed = False

    def start(self, step: Callable[[Cancellation], bool], on_end: Callable[[], None] = _nothing) -> Delivery:
        """Run `step` on a thread again and again until it is false, raises, or the handler is disconnected.

        `step` may wait, but must return when the cancellation it is given comes. `on_end` runs last.
        """
        delivery = Delivery(self, step, on_end)
        try:
            with self._lock:
                if self._closed:
                    raise RuntimeError(f"The {self.owner} is shutting down.")
                if len(self._running) >= MAX_DELIVERIES:
                    raise RuntimeError(f"More than {MAX_DELIVERIES} handlers are connected.")
                self._running.add(delivery)
        except RuntimeError:
            on_end()
            raise
        delivery.thread.start()
        return delivery

    def deliver(
        self, take: Callable[[Cancellation], T | None], tell: Callable[[T], None], on_end: Callable[[], None] = _nothing
    ) -> Delivery:
        """Call `tell` with one item after the other that `take` waits for, until that is None."""

        def step(tell: Callable[[T], None], ended: Cancellation) -> bool:
            item = take(ended)
            if item is None:
                return False
            tell(item)
            return True

        return self.start(partial(step, tell), on_end)

    def forget(self, delivery: Delivery) -> None:
        """Note that one has ended."""
        with self._lock:
            self._running.discard(delivery)

    def close(self, patience: float | None = None) -> None:
        """End all. Calls that run must end by themselves, as they do when their connection is gone. Idempotent.

        With `patience` each is waited for so many seconds only.
        """
        with self._lock:
            self._closed = True
            running = list(self._running)
        for delivery in running:
            delivery.disconnect()
        for delivery in running:
            if delivery.thread is not threading.current_thread():
                delivery.thread.join(patience)


class Delivery(Handler):
    """One registration and its thread."""

    def __init__(self, owner: Deliveries, step: Callable[[Cancellation], bool], on_end: Callable[[], None]) -> None:
        """Made by `Deliveries.start`."""
        self._on_end = on_end
        self._owner = owner
        self._step: Callable[[Cancellation], bool] | None = step
        self._ended = Cancellation()
        self.thread = threading.Thread(target=self._run, name=f"{owner.owner}-deliver", daemon=True)

    def _run(self) -> None:
        step = self._step
        try:
            while step is not None and not self._ended.cancelled and step(self._ended):
                pass
        except Exception as error:  # noqa: BLE001 - whatever the client raised, or that it is gone
            log.info("A client is not called back any more: %s", error)
        finally:
            # The client's object lives only as long as somebody may call it.
            self._step = None
            del step
            self._on_end()
            self._owner.forget(self)

    def disconnect(self) -> None:
        """Begin no further call."""
        self._ended.cancel()

    def close(self) -> None:
        """Disconnect."""
        self.disconnect()
