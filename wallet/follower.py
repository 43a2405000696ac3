"""Follows a node's tip."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from interfaces.mining import BlockRef
    from wallet.tips import Tips

log: Final = logging.getLogger("wallet")


def _nothing() -> None:
    pass


class ChainFollower:
    """Owns a thread that reports each new tip, in order, until `close` or the node is gone."""

    def __init__(
        self,
        tips: Tips,
        on_tip: Callable[[BlockRef], None],
        on_lost: Callable[[Exception], None],
        on_end: Callable[[], None] = _nothing,
    ) -> None:
        """Own `tips`. `on_end` hears of a node that shuts down. All run on the follower's thread."""
        self._tips = tips
        self._on_tip = on_tip
        self._on_lost = on_lost
        self._on_end = on_end
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="wallet-follower", daemon=True)
        self._thread.start()

    def _follow(self) -> None:
        try:
            while not self._stopping.is_set():
                tip = self._tips.next()
                if tip is not None:
                    self._on_tip(tip)
                elif not self._stopping.is_set():
                    self._on_end()  # The node is shutting down.
                    return
        except Exception as error:  # noqa: BLE001 - of whatever kind, the node is lost
            if not self._stopping.is_set():
                log.warning("Lost the connection to the node: %s", error)
                self._on_lost(error)

    def close(self) -> None:
        """Stop following, and give the node's object back. Idempotent."""
        if self._stopping.is_set():
            return
        self._stopping.set()
        try:
            self._tips.interrupt()
        except Exception as error:  # noqa: BLE001 - the node is gone, and with it the wait
            log.debug("The node is gone already: %s", error)
        if threading.current_thread() is not self._thread:
            self._thread.join()
        self._tips.close()
