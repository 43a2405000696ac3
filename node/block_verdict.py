"""What validation says of a block or header, and how it is read from the kernel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from interfaces.mining import BlockValidation
from node import kernel, kernel_symbols

VALID: Final = 0
ERROR: Final = 2


@dataclass(frozen=True, slots=True)
class BlockVerdict:
    """What became of a block or header that was processed."""

    accepted: bool
    """It is stored, or was before."""
    new: bool
    """It was not stored before."""
    checked: bool
    """It was validated fully, or far enough to fail."""
    reason: str = ""
    """Core's reject reason; empty if nothing is wrong, or if it was not checked."""
    debug: str = ""
    error: bool = False
    """The node, not the block, failed."""

    @property
    def text(self) -> str:
        """Say it as BIP22 does: empty for a block that was connected."""
        if self.accepted and not self.new:
            return "duplicate"
        if not self.checked:
            return "inconclusive"
        return self.reason

    @property
    def validation(self) -> BlockValidation:
        """Say it as Core's Mining interface does (Core: SubmitBlock in src/node/miner.cpp)."""
        if self.accepted and not self.new:
            return BlockValidation("duplicate", "", result=False)
        if not self.checked or (not self.accepted and not self.reason):
            return BlockValidation("inconclusive", "", result=False)
        return BlockValidation(self.reason, self.debug, result=not self.reason)


def read_state(state: int) -> tuple[int, str, str]:
    """Return mode, reject reason and debug message; without the pinned kernel the kind of failure is the reason."""
    mode = kernel.state_get_mode(state)
    if mode == VALID:
        return mode, "", ""
    if kernel_symbols.is_pinned_build():
        return mode, *kernel_symbols.state_texts(state)
    result = kernel.state_get_result(state)
    return mode, _RESULTS[result] if result < len(_RESULTS) else "rejected", ""


_RESULTS: Final = (
    "rejected", "consensus", "cached-invalid", "invalid-header", "mutated", "missing-prev", "invalid-prev",
    "time-future", "header-low-work",
)  # fmt: skip


def state_text(state: int) -> str:
    """Say what is wrong as Core does (Core: ValidationState::ToString)."""
    _, reason, debug = read_state(state)
    return f"{reason}, {debug}" if debug else reason
