"""The chunks of the whole pool in the order they are mined, kept sorted as they come and go."""

from __future__ import annotations

from bisect import bisect_left, insort
from itertools import chain
from typing import TYPE_CHECKING, Generic

from node.mempool.graph_node import N

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from node.mempool.chunk import Chunk

_MOST_IN_A_RUN = 1_000
_WORTH_A_PASS = 20  # To remove one of so many, looking at all costs as much as searching.


class ChunkOrder(Generic[N]):
    """Sorted runs of chunks: adding and removing cost a search and a short move."""

    __slots__ = ("_lasts", "_runs")

    def __init__(self) -> None:
        """Start empty."""
        self._runs: list[list[Chunk[N]]] = []
        self._lasts: list[Chunk[N]] = []

    def add(self, chunk: Chunk[N]) -> None:
        """Take in a chunk that is not here."""
        runs, lasts = self._runs, self._lasts
        if not runs:
            runs.append([chunk])
            lasts.append(chunk)
            return
        at = min(bisect_left(lasts, chunk), len(runs) - 1)
        run = runs[at]
        insort(run, chunk)
        lasts[at] = run[-1]
        if len(run) > _MOST_IN_A_RUN:
            half = len(run) // 2
            runs[at : at + 1] = [run[:half], run[half:]]
            lasts[at : at + 1] = [run[half - 1], run[-1]]

    def remove(self, chunk: Chunk[N]) -> None:
        """Let go of a chunk that is here."""
        at = bisect_left(self._lasts, chunk)
        run = self._runs[at]
        del run[bisect_left(run, chunk)]
        if run:
            self._lasts[at] = run[-1]
        else:
            del self._runs[at], self._lasts[at]

    def remove_all(self, chunks: Sequence[Chunk[N]]) -> None:
        """Let go of many chunks that are here."""
        runs, lasts = self._runs, self._lasts
        by_run: dict[int, list[Chunk[N]]] = {}
        for chunk in chunks:
            by_run.setdefault(bisect_left(lasts, chunk), []).append(chunk)
        for at in sorted(by_run, reverse=True):
            run, gone = runs[at], by_run[at]
            if len(gone) * _WORTH_A_PASS < len(run):
                for chunk in gone:
                    del run[bisect_left(run, chunk)]
            else:
                ids = set(map(id, gone))
                run[:] = [chunk for chunk in run if id(chunk) not in ids]
            if run:
                lasts[at] = run[-1]
            else:
                del runs[at], lasts[at]

    def __iter__(self) -> Iterator[Chunk[N]]:
        """Go through the chunks, the first to be mined first."""
        return chain.from_iterable(self._runs)

    def last(self) -> Chunk[N] | None:
        """Return the chunk that is mined last."""
        return self._lasts[-1] if self._lasts else None
