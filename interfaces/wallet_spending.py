"""What is said of a payment, and what is made of it (Core: src/wallet/coincontrol.h and spend.h).

Amounts are satoshis, rates satoshis for 1,000 virtual bytes, addresses text. Transactions and PSBTs are as on the wire.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from interfaces.chain import Outpoint


class FeeEstimateMode(Enum):
    """How careful an estimate is."""

    UNSET = 0
    ECONOMICAL = 1
    CONSERVATIVE = 2


@dataclass(frozen=True, slots=True)
class Recipient:
    """Who gets how much, and whether the fee comes off that."""

    dest: str
    amount: int
    subtract_fee_from_amount: bool = False


@dataclass(frozen=True, slots=True)
class CoinControl:
    """What the user decides; where something is None or empty, the wallet does."""

    dest_change: str = ""
    """The address that gets the change."""
    change_type: str = ""
    """Its type, see `Wallet.get_new_destination`."""
    include_unsafe_inputs: bool = False
    allow_other_inputs: bool = True
    """Whether coins that are not selected may be spent too."""
    fee_rate: int | None = None
    override_fee_rate: bool = False
    """Whether it may be below what wallet and node ask for."""
    confirm_target: int | None = None
    """Within how many blocks it should confirm."""
    signal_bip125_rbf: bool | None = None
    avoid_partial_spends: bool | None = None
    avoid_address_reuse: bool = False
    fee_mode: FeeEstimateMode = FeeEstimateMode.UNSET
    min_depth: int = 0
    max_depth: int = 9_999_999
    selected: list[Outpoint] = field(default_factory=list)
    """Coins that are to be spent, in this order."""
    locktime: int | None = None
    version: int = 2
    max_tx_weight: int | None = None


@dataclass(frozen=True, slots=True)
class CreatedTransaction:
    """A transaction that pays, which nobody knows of yet."""

    txid: bytes
    tx: bytes
    fee: int
    change_pos: int | None
    """Which output is the change, if there is one."""
    fee_rate: int
    fee_reason: str
    """What set the rate, in Core's words."""


@dataclass(frozen=True, slots=True)
class BumpTransaction:
    """An unsigned transaction that is to replace another, and the fees of both."""

    tx: bytes
    old_fee: int
    new_fee: int


@dataclass(frozen=True, slots=True)
class FilledPsbt:
    """A PSBT with what the wallet added."""

    psbt: bytes
    complete: bool
    """Whether no signature is missing."""


@dataclass(frozen=True, slots=True)
class MinimumFee:
    """The fee of a transaction of some size."""

    fee: int
    reason: str
    """What set the rate, in Core's words."""
