"""What miners wait for (Core: WaitTipChanged, CooldownIfHeadersAhead, WaitAndCreateNewBlock in src/node/miner.cpp)."""

from __future__ import annotations

import time
from math import ceil, inf
from typing import TYPE_CHECKING, Final

from interfaces.mining import MAX_MONEY, BlockRef
from node.templates.waits import PENDING, Wait

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from interfaces.cancellation import Cancellation
    from node.chainstate import Chainstate
    from node.templates.miner import Miner
    from node.templates.options import TemplateOptions
    from node.templates.template import Template

_TICK: Final = 1.0
"""Seconds between two looks at the fees."""
_MIN_DIFFICULTY_AGE: Final = 20 * 60
"""Seconds after the tip's time from which on test chains take a block of the least difficulty."""
_MIN_DIFFICULTY_CHAINS: Final = frozenset({"test", "testnet4", "regtest"})
_LONG_POLL_PATIENCE: Final = 60
_LEAST_COOLDOWN: Final = 3
_LONGEST_COOLDOWN: Final = 20
_CENTURY: Final = 100 * 365.2425 * 86400


def deadline(timeout: float) -> float:
    """Return when a timeout in milliseconds is over, by time.monotonic(); NaN and what is below 0 is over at once."""
    return time.monotonic() + min(max(0.0, timeout) / 1000, _CENTURY)  # In this order NaN is 0.


class TipWait(Wait):
    """Waits until the tip is another block."""

    def __init__(
        self,
        chainstate: Chainstate,
        current: bytes,
        end: float,
        cancellations: Sequence[Cancellation],
        ended: Callable[[], None],
    ) -> None:
        """Wait until the tip is not `current`, or until `end`."""
        super().__init__(cancellations, ended)
        self._chainstate = chainstate
        self._current = current
        self._end = end

    def look(self, now: float) -> object:
        """Return the tip."""
        tip = self._chainstate.tip()
        return BlockRef(tip.hash, tip.height) if tip.hash != self._current or now >= self._end else PENDING

    def next_look(self, now: float) -> float:
        """Look at the end."""
        del now
        return self._end


class LongPollWait(Wait):
    """Waits until a template that is known already is worth to be asked for again (BIP22)."""

    def __init__(self, miner: Miner, tip: bytes, changes: int, cancellations: Sequence[Cancellation]) -> None:
        """Answer True when the tip is not `tip`; after a minute also when the mempool has not `changes` any more."""
        super().__init__(cancellations, lambda: None)
        self._chainstate = miner.node.chainstate
        self._source = miner.templates
        self._tip = tip
        self._changes = changes
        self._patient_until = time.monotonic() + _LONG_POLL_PATIENCE

    @property
    def wants_mempool(self) -> bool:
        """Until it has changed."""
        return self._source.changes() == self._changes

    def look(self, now: float) -> object:
        """Say that there is something new."""
        changed = now >= self._patient_until and self._source.changes() != self._changes
        return True if changed or self._chainstate.tip().hash != self._tip else PENDING

    def next_look(self, now: float) -> float:
        """Look after a minute if the mempool has changed."""
        del now
        return self._patient_until if self._source.changes() != self._changes else inf


class CooldownWait(Wait):
    """Waits until the chain does not catch up with its headers any more, then builds a template."""

    def __init__(
        self,
        chainstate: Chainstate,
        build: Callable[[], object],
        cancellations: Sequence[Cancellation],
        ended: Callable[[], None],
    ) -> None:
        """Answer with what `build` returns."""
        super().__init__(cancellations, ended)
        self._chainstate = chainstate
        self._build = build
        self._downloading = True
        self._tip: bytes | None = None
        self._end = inf

    @property
    def group(self) -> int:
        """Come after those who wait for a block only."""
        return 1

    def look(self, now: float) -> object:
        """Build a template once it is time."""
        return self._build() if self._is_over(now) else PENDING

    def _is_over(self, now: float) -> bool:
        chainstate = self._chainstate
        if self._downloading and chainstate.is_initial_block_download():
            return False
        self._downloading = False
        tip = chainstate.tip().hash
        if tip != self._tip:
            self._tip = tip
            ahead = chainstate.blocks_ahead()
            if ahead is None:
                return True
            self._end = now + min(max(ahead, _LEAST_COOLDOWN), _LONGEST_COOLDOWN)
        return now >= self._end

    def next_look(self, now: float) -> float:
        """Look at the end; and once a second while blocks are read from files, which ends without a word."""
        if self._downloading and self._chainstate.is_loading_blocks:
            return now + _TICK
        return self._end


class NextTemplateWait(Wait):
    """Waits for a template that is better than one: on another tip, or with more fees."""

    def __init__(
        self,
        miner: Miner,
        before: Template,
        options: TemplateOptions,
        end: float,
        threshold: int,
        make: Callable[[Template], object],
        cancellations: Sequence[Cancellation],
        ended: Callable[[], None],
    ) -> None:
        """Answer with what `make` returns for a template that has `threshold` satoshis more than `before`."""
        super().__init__(cancellations, ended)
        self._node = node = miner.node
        self._source = miner.templates
        self._before = before
        self._options = options
        self._end = end
        self._threshold = threshold
        self._make = make
        self._start = time.monotonic()
        self._checked = self._start
        """When the fees were looked at last."""
        self._seen: int | None = None
        """How often the mempool had changed then."""
        self._allows_min_difficulty = node.chain.name in _MIN_DIFFICULTY_CHAINS

    @property
    def group(self) -> int:
        """Stand with those that get the same template."""
        return 2 + (hash(self._options) & 0xFFFF)

    @property
    def wants_mempool(self) -> bool:
        """Only who waits for fees does, until there is something to see at the next tick."""
        return self._threshold < MAX_MONEY and self._source.changes() == self._seen

    def look(self, now: float) -> object:
        """Return a better template; None at the end."""
        tip = self._node.chainstate.tip()
        if tip.hash != self._before.header.previous:
            return self._make(self._source.create(self._options, now))
        last = now >= self._end
        if last or now >= self._tick():
            if self._allows_min_difficulty and self._node.clock.now() > tip.time + _MIN_DIFFICULTY_AGE:
                return self._make(self._source.create(self._options, now))
            better = self._better(now)
            if better is not None:
                return self._make(better)
        return None if last else PENDING

    def _better(self, now: float) -> Template | None:
        changes = self._source.changes()
        self._checked = now
        if self._threshold >= MAX_MONEY or (changes == self._seen and self._threshold > 0):
            return None
        self._seen = changes
        return self._source.create_if(self._options, self._before.total_fees + self._threshold, now)

    def _tick(self) -> float:
        """Return when to look at the fees next: all who wait for more do so at the same time."""
        return ceil(self._checked + 0.001) if self._threshold > 0 else self._checked + _TICK

    def next_look(self, now: float) -> float:
        """Look at the next tick if there may be something to see."""
        tick = self._tick()
        if self._threshold < MAX_MONEY and (self._threshold <= 0 or self._source.changes() != self._seen):
            return min(tick, self._end)
        if self._allows_min_difficulty:
            clock = self._node.clock
            left = self._node.chainstate.tip().time + _MIN_DIFFICULTY_AGE + 1 - clock.now()
            if left <= 0 or not clock.mock:  # A clock that stands is looked at when it was set.
                return min(max(tick, now + left), self._end)
        return self._end
