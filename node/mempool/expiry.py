"""Which transactions are the oldest, found without keeping all of them in order."""

from __future__ import annotations

from heapq import nsmallest
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from node.mempool.entry import MempoolEntry

_LOOKED_UP: Final = 1000


class Ages:
    """The oldest thousand of many transactions, found anew when they are used up."""

    def __init__(self, entries: Callable[[], Iterable[MempoolEntry]]) -> None:
        """Look at what `entries` gives when needed."""
        self._entries = entries
        self._oldest: list[tuple[int, bytes]] = []  # The very oldest last.
        self._rest_from: float = float("inf")
        """All that are not in `_oldest` came at this time or later."""

    def add(self, entry: MempoolEntry) -> None:
        """Know of one more."""
        self._rest_from = min(self._rest_from, entry.time)

    def before(self, time: int) -> list[bytes]:
        """Return and forget the ids of all that came before `time`; some may be gone, or have come again later."""
        found = []
        while self._oldest and self._oldest[-1][0] < time:
            found.append(self._oldest.pop()[1])
        if self._rest_from >= time:
            return found
        ages = [(entry.time, entry.txid) for entry in self._entries()]
        later = [age for age in ages if age[0] >= time]
        self._oldest = nsmallest(_LOOKED_UP, later)[::-1]
        self._rest_from = self._oldest[0][0] if len(later) > _LOOKED_UP else float("inf")
        return [txid for age, txid in ages if age < time]
