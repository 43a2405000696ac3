"""Why a transaction is not taken, in Core's words (Core: src/consensus/validation.h)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto


class TxResult(Enum):
    """The kind of failure; the names are those of Core's TxValidationResult without TX_."""

    CONSENSUS = auto()
    """No block may hold it."""
    INPUTS_NOT_STANDARD = auto()
    """What it spends, or how without looking at the witness, is against policy."""
    NOT_STANDARD = auto()
    """Something else is against policy."""
    MISSING_INPUTS = auto()
    PREMATURE_SPEND = auto()
    """A coinbase's output, a lock time or a sequence lock is not ripe."""
    WITNESS_MUTATED = auto()
    """A witness is against policy: another one may not be."""
    WITNESS_STRIPPED = auto()
    """It fails for want of a witness."""
    CONFLICT = auto()
    """It is in the mempool or in the chain."""
    MEMPOOL_POLICY = auto()
    """It breaks limits of the mempool."""
    NO_MEMPOOL = auto()
    RECONSIDERABLE = auto()
    """It pays too little alone, but may be taken in a package."""
    UNKNOWN = auto()
    """Its package failed before it was looked at."""


@dataclass(frozen=True, slots=True)
class Rejection:
    """A transaction's failure."""

    kind: TxResult
    reason: str
    """What RPCs call reject-reason."""
    debug: str = ""
    """More, for people."""

    @property
    def text(self) -> str:
        """Both, as RPCs put them into errors."""
        return f"{self.reason}, {self.debug}" if self.debug else self.reason
