"""How far long work on the chain is, in the log: percent, blocks in a second, time left."""

from __future__ import annotations

import logging
import time
from typing import Final

log: Final = logging.getLogger()
_INTERVAL: Final = 10.0


class BlockProgress:
    """Hears of each block, and logs a line at most every ten seconds. Begins with the first block."""

    def __init__(self, interval: float = _INTERVAL) -> None:
        self._interval = interval
        self._first = (0.0, 0, 0.0)
        self._next = 0.0

    def block(self, height: int, part: float) -> None:
        """Hear that the chain reached a height, when `part` of all, 0 to 1, was done."""
        now = time.monotonic()
        if now < self._next:
            return
        began, first_height, first_part = self._first
        if self._next and part > first_part:
            rate = (height - first_height) / (now - began)
            left = (1 - part) / (part - first_part) * (now - began)
            log.info(
                "Connecting blocks: height=%d progress=%.2f%% rate=%.0f blocks/s left=%s",
                height,
                part * 100,
                rate,
                duration(left),
            )
        else:
            self._first = (now, height, part)
        self._next = now + self._interval


def duration(seconds: float) -> str:
    """Return a time as a person says it, of its two largest units: "3d 4h", "2m 5s"."""
    left = int(seconds)
    parts: list[str] = []
    for name, size in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        count, left = divmod(left, size)
        if count or parts:
            parts.append(f"{count}{name}")
    return " ".join(parts[:2]) or "0s"
