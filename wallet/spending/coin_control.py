"""What a user decides about a transaction (Core: src/wallet/coincontrol.h)."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Final

from primitives.signing_data import SigningData

if TYPE_CHECKING:
    from primitives.descriptor import OutputType
    from primitives.fee_rate import FeeRate
    from primitives.transaction import OutPoint, TxOut

MAX_DEPTH: Final = 9_999_999


class FeeMode(Enum):
    """How careful an estimate is; Core's names."""

    UNSET = "unset"
    ECONOMICAL = "economical"
    CONSERVATIVE = "conservative"


@dataclass(frozen=True, slots=True)
class Recipient:
    """Who gets how many satoshis, and whether the fee comes off that."""

    script: bytes
    amount: int
    subtract_fee: bool = False


@dataclass(slots=True)
class PresetInput:
    """An input that the transaction must have."""

    output: TxOut | None = None
    """What it spends, if that is not the wallet's."""
    weight: int | None = None
    """The most it weighs when it is signed, if its user knows."""
    sequence: int | None = None
    script_sig: bytes | None = None
    witness: tuple[bytes, ...] | None = None
    position: int | None = None
    """Its place among those that the user ordered."""


@dataclass(slots=True)
class CoinControl:
    """Where something is None, the wallet decides."""

    change_script: bytes | None = None
    change_type: OutputType | None = None
    include_unsafe: bool = False
    allow_other_inputs: bool = True
    """Whether coins that are not preset may be spent."""
    fee_rate: FeeRate | None = None
    override_fee_rate: bool = False
    """Whether `fee_rate` may be below what the wallet and the node ask for."""
    confirm_target: int | None = None
    fee_mode: FeeMode = FeeMode.UNSET
    signal_rbf: bool | None = None
    avoid_partial_spends: bool = False
    avoid_address_reuse: bool = False
    min_depth: int = 0
    max_depth: int = MAX_DEPTH
    external: SigningData = field(default_factory=SigningData)
    """Public keys and scripts that tell how large inputs are that are not the wallet's."""
    version: int = 2
    lock_time: int | None = None
    max_weight: int | None = None
    selected: dict[OutPoint, PresetInput] = field(default_factory=dict)
    _positions: int = 0

    def select(self, outpoint: OutPoint) -> PresetInput:
        """Preset an input, behind those preset before."""
        preset = self.selected.setdefault(outpoint, PresetInput())
        preset.position = self._positions
        self._positions += 1
        return preset

    def set_weight(self, outpoint: OutPoint, weight: int) -> None:
        """Say how much an input weighs, which presets it."""
        self.selected.setdefault(outpoint, PresetInput()).weight = weight

    def weight_of(self, outpoint: OutPoint) -> int | None:
        """Return what the user says an input weighs."""
        preset = self.selected.get(outpoint)
        return None if preset is None else preset.weight

    def is_external(self, outpoint: OutPoint) -> bool:
        """Whether an input is preset that the wallet does not own."""
        preset = self.selected.get(outpoint)
        return preset is not None and preset.output is not None

    def order_of(self, outpoint: OutPoint) -> tuple[bool, int]:
        """Return what to sort inputs by: those that the user ordered come first."""
        preset = self.selected.get(outpoint)
        position = None if preset is None else preset.position
        return (True, 0) if position is None else (False, position)
