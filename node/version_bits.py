"""What miners' signals make of a deployment (BIP9; Core: src/versionbits.cpp).

State belongs to a block whose parent is given; None stands for the parent of the genesis block.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from common.consensus import ALWAYS_ACTIVE, NEVER_ACTIVE

if TYPE_CHECKING:
    from common.consensus import VersionBitsDeployment
    from node.block_tree import BlockEntry

TOP_BITS: Final = 0x20000000
_TOP_MASK: Final = 0xE0000000


class DeploymentState(StrEnum):
    """How far a deployment is."""

    DEFINED = "defined"
    STARTED = "started"
    LOCKED_IN = "locked_in"
    ACTIVE = "active"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Signals:
    """Which blocks of the current period signalled, the first one first."""

    blocks: tuple[bool, ...]
    possible: bool
    """Whether the threshold can still be reached."""

    @property
    def count(self) -> int:
        """How many did."""
        return sum(self.blocks)


class DeploymentChecker:
    """Computes states of one deployment and remembers those at the end of periods. Not thread-safe."""

    def __init__(self, deployment: VersionBitsDeployment) -> None:
        """Know nothing yet."""
        self.deployment = deployment
        self._known: dict[bytes, DeploymentState] = {}

    def _signals(self, entry: BlockEntry) -> bool:
        version = entry.header.version & 0xFFFFFFFF
        return version & _TOP_MASK == TOP_BITS and bool(version >> self.deployment.bit & 1)

    def _period_end(self, parent: BlockEntry | None) -> BlockEntry | None:
        """Return the last block of the period before the one that a block on `parent` is in."""
        if parent is None:
            return None
        height = parent.height - (parent.height + 1) % self.deployment.period
        return parent.ancestor(height) if height >= 0 else None

    def state(self, parent: BlockEntry | None) -> DeploymentState:
        """Return the state of blocks on `parent`. Raises ClosedError."""
        deployment = self.deployment
        if deployment.start_time == ALWAYS_ACTIVE:
            return DeploymentState.ACTIVE
        if deployment.start_time == NEVER_ACTIVE:
            return DeploymentState.FAILED
        entry = self._period_end(parent)
        ends: list[BlockEntry] = []
        state = DeploymentState.DEFINED
        while entry is not None:
            known = self._known.get(entry.hash)
            if known is not None:
                state = known
                break
            if entry.median_time_past < deployment.start_time:
                break
            ends.append(entry)
            entry = self._before(entry)
        for end in reversed(ends):
            state = self._next(state, end)
            self._known[end.hash] = state
        return state

    def _before(self, end: BlockEntry) -> BlockEntry | None:
        height = end.height - self.deployment.period
        return end.ancestor(height) if height >= 0 else None

    def _next(self, state: DeploymentState, end: BlockEntry) -> DeploymentState:
        """Return the state of the period after `end`, whose own period has `state`."""
        deployment = self.deployment
        if state is DeploymentState.DEFINED and end.median_time_past >= deployment.start_time:
            return DeploymentState.STARTED
        if state is DeploymentState.STARTED:
            if self.signals(end).count >= deployment.threshold:
                return DeploymentState.LOCKED_IN
            if end.median_time_past >= deployment.timeout:
                return DeploymentState.FAILED
        if state is DeploymentState.LOCKED_IN and end.height + 1 >= deployment.min_activation_height:
            return DeploymentState.ACTIVE
        return state

    def signals(self, entry: BlockEntry) -> Signals:
        """Return the signals of the period that `entry` is in, up to it. Raises ClosedError."""
        deployment = self.deployment
        blocks: list[bool] = []
        at: BlockEntry | None = entry
        for _ in range(1 + entry.height % deployment.period):
            if at is None:
                break
            blocks.append(self._signals(at))
            at = at.previous
        missed = len(blocks) - sum(blocks)
        return Signals(tuple(reversed(blocks)), possible=deployment.period - deployment.threshold >= missed)

    def since(self, parent: BlockEntry | None) -> int:
        """Return the height of the first block with the state that blocks on `parent` have. Raises ClosedError."""
        state = self.state(parent)
        constant = self.deployment.start_time in {ALWAYS_ACTIVE, NEVER_ACTIVE}
        if constant or state is DeploymentState.DEFINED:
            return 0
        end = self._period_end(parent)
        while end is not None:
            before = self._before(end)
            if before is None or self.state(before) is not state:
                return end.height + 1
            end = before
        return 0
