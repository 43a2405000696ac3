"""What would come in and what would have to go, tried in the graph before it is done (Core: CTxMemPool::ChangeSet)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from node.mempool.entry import MempoolEntry
    from node.mempool.graph import Staging
    from node.mempool.mempool import Mempool


class Change:
    """One change of a mempool, whose lock is held all the while: put together, asked, and applied or abandoned."""

    __slots__ = ("_parents", "_pool", "_staging", "added", "removed")

    def __init__(self, pool: Mempool) -> None:
        """Change nothing yet."""
        self._pool = pool
        self._staging: Staging[MempoolEntry] | None = None
        self._parents: list[Sequence[MempoolEntry]] = []
        self.added: list[MempoolEntry] = []
        self.removed: dict[MempoolEntry, None] = {}

    def add(self, entry: MempoolEntry, parents: Sequence[MempoolEntry]) -> None:
        """Let a transaction in, below parents that are there or were added."""
        self.added.append(entry)
        self._parents.append(parents)

    def remove(self, entry: MempoolEntry) -> None:
        """Take a transaction out; what spends from it has to go too."""
        self.removed[entry] = None

    @property
    def _is_apart(self) -> bool:
        """Whether it is one transaction that hangs together with nothing: then there is nothing to try."""
        return len(self.added) == 1 and not self.removed and not self._parents[0]

    def _stage(self) -> Staging[MempoolEntry]:
        if self._staging is None:
            staging = self._staging = self._pool.graph.stage()
            removed = self.removed
            for entry in removed:
                staging.remove(entry)
            for entry, parents in zip(self.added, self._parents, strict=True):
                # One that spends what it replaces is refused later, for that.
                staging.add(entry, [parent for parent in parents if parent not in removed] if removed else parents)
        return self._staging

    def within_limits(self) -> bool:
        """Whether nothing would hang together with too much."""
        if self._is_apart:
            return self.added[0].size <= self._pool.graph.max_size
        return self._stage().within_limits()

    def improves(self) -> bool:
        """Whether miners would get more at some size of a block, and no less at any."""
        return self._stage().improves()

    def apply(self) -> None:
        """Do it."""
        if self._is_apart:
            self._pool.graph.add(self.added[0], ())
        else:
            self._stage().commit()
            self._staging = None
        self._pool.replace(self.removed, self.added)

    def abandon(self) -> None:
        """Leave all as it is. Does nothing after `apply`."""
        if self._staging is not None:
            self._staging.abandon()
            self._staging = None
