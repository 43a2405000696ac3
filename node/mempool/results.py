"""What became of transactions that wanted to come in (Core: MempoolAcceptResult in src/validation.h)."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, auto
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from node.mempool.entry import MempoolEntry
    from node.policy.reject import Rejection
    from primitives.fee_rate import FeeRate


class ResultKind(Enum):
    """Which of a result's fields there are."""

    VALID = auto()
    """It is in the mempool now, or could be."""
    INVALID = auto()
    MEMPOOL_ENTRY = auto()
    """It was in the mempool before."""
    DIFFERENT_WITNESS = auto()
    """It was in the mempool before with another witness."""


@dataclass(frozen=True, slots=True)
class AcceptResult:
    """What became of one transaction."""

    kind: ResultKind
    rejection: Rejection | None = None
    """If invalid."""
    replaced: Sequence[MempoolEntry] = ()
    """What it drove out, or would; of a package the first result has all."""
    vsize: int | None = None
    """Adjusted for signature operations; None if invalid."""
    base_fee: int | None = None
    """Satoshis without the operator's delta; None if invalid."""
    effective_feerate: FeeRate | None = None
    """What counted, with deltas and perhaps of the whole package; None if it was not asked for."""
    wtxids_fee: tuple[bytes, ...] = ()
    """The transactions that `effective_feerate` is of."""
    other_wtxid: bytes | None = None
    """Of the transaction with another witness."""


class PackageFailure(Enum):
    """What kind of thing is wrong with a package."""

    POLICY = auto()
    """It is itself against a rule."""
    TX = auto()
    """A transaction of it is."""
    MEMPOOL_ERROR = auto()
    """We did something wrong."""


@dataclass(frozen=True, slots=True)
class PackageRejection:
    """Why a package was not taken as a whole."""

    kind: PackageFailure
    reason: str
    debug: str = ""

    @property
    def text(self) -> str:
        """Both, as RPCs show them."""
        return f"{self.reason}, {self.debug}" if self.debug else self.reason


@dataclass(frozen=True, slots=True)
class PackageResult:
    """What became of a package."""

    rejection: PackageRejection | None = None
    results: Mapping[bytes, AcceptResult] = field(default_factory=dict)
    """By wtxid; not all transactions need to have one."""
