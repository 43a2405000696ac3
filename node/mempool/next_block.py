"""What admissions ask of the chain, found once for each tip."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from node.chainstate import Chainstate

_MAX_TIP_AGE: Final = 3 * 60 * 60
"""An older tip says nothing of what fees get a transaction confirmed."""


class NextBlock:
    """The chain with one block as its tip; good while the processing lock is held and `is_of` the chain."""

    def __init__(self, chainstate: Chainstate) -> None:
        """Look at the tip of now. Raises ClosedError, KernelSymbolsError."""
        self._chainstate = chainstate
        self.tip = chainstate.tip()
        self.height = self.tip.height
        self.next_height = self.height + 1
        self.median_time_past = self.tip.median_time_past
        self.coins = chainstate.coins()

    def is_current_at(self, now: int) -> bool:
        """Whether the chain is not known to be behind (Core: IsCurrentForFeeEstimation)."""
        chainstate = self._chainstate
        return (
            self.tip.time >= now - _MAX_TIP_AGE
            and self.height >= chainstate.best_header().height - 1
            and not chainstate.is_initial_block_download()
        )
