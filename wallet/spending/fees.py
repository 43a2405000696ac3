"""Which fee rate a transaction pays, and when change is not worth keeping (Core: src/wallet/fees.cpp, texts of v32)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from primitives.fee_rate import ZERO, FeeRate
from wallet.spending.coin_control import CoinControl, FeeMode
from wallet.spending.errors import SpendError

if TYPE_CHECKING:
    from wallet.settings import WalletSettings
    from wallet.spending.node_view import NodeView, RelayRates

ESTIMATED: Final = "Fee Rate Estimator"
BY_USER: Final = "User Specified Fee"
MEMPOOL_MIN: Final = "Mempool Min Fee"
FALLBACK: Final = "Fallback fee"
REQUIRED: Final = "Minimum Required Fee"
MAX_FEE_EXCEEDED: Final = "Fee exceeds maximum configured by user (e.g. -maxtxfee, maxfeerate)"


@dataclass(frozen=True, slots=True)
class ChosenRate:
    """A fee rate and what set it, in Core's words."""

    rate: FeeRate
    reason: str


def required_rate(settings: WalletSettings, rates: RelayRates) -> FeeRate:
    """Return the least that wallet and node ask for."""
    return max(FeeRate(settings.min_fee), rates.relay)


def minimum_rate(settings: WalletSettings, node: NodeView, rates: RelayRates, control: CoinControl) -> ChosenRate:
    """Return the rate to pay: the user's, else an estimate, else the fallback; at least what is asked for.

    It is 0, for the reason FALLBACK, if there is no estimate and no fallback.
    """
    if control.fee_rate is not None:
        chosen = ChosenRate(control.fee_rate, BY_USER)
        if control.override_fee_rate:
            return chosen
    else:
        target = settings.confirm_target if control.confirm_target is None else control.confirm_target
        replaceable = settings.signal_rbf if control.signal_rbf is None else control.signal_rbf
        conservative = {FeeMode.CONSERVATIVE: True, FeeMode.ECONOMICAL: False}.get(control.fee_mode, not replaceable)
        estimate = node.estimate(target, conservative=conservative)
        chosen = ChosenRate(estimate.rate, ESTIMATED)
        if estimate.rate == ZERO:
            chosen = ChosenRate(FeeRate(settings.fallback_fee), FALLBACK)
            if not settings.fallback_fee:
                return chosen
        if chosen.rate < rates.mempool:
            chosen = ChosenRate(rates.mempool, MEMPOOL_MIN)
    least = required_rate(settings, rates)
    return ChosenRate(least, REQUIRED) if least > chosen.rate else chosen


def effective_rate(settings: WalletSettings, node: NodeView, rates: RelayRates, control: CoinControl) -> ChosenRate:
    """Return `minimum_rate`. Raises SpendError if it is not the one that the user asked for, or unknown."""
    chosen = minimum_rate(settings, node, rates, control)
    asked = control.fee_rate
    if asked is not None and chosen.rate > asked:
        text = (
            f"Fee rate ({asked.text_per_vbyte()}) is lower than the minimum fee rate setting "
            f"({chosen.rate.text_per_vbyte()})."
        )
        if chosen.reason == REQUIRED:
            text += (
                f"\nConsider modifying -mintxfee ({FeeRate(settings.min_fee).text_per_vbyte()}) or "
                f"-minrelaytxfee ({rates.relay.text_per_vbyte()})."
            )
        raise SpendError(text)
    if chosen.reason == FALLBACK and not settings.fallback_fee:
        raise SpendError("Fee estimation failed. Fallbackfee is disabled. Wait a few blocks or enable -fallbackfee.")
    return chosen


def discard_rate(settings: WalletSettings, node: NodeView, rates: RelayRates) -> FeeRate:
    """Return the rate at which change must be worth spending, for a wallet that is in no hurry."""
    estimate = node.estimate(node.longest_target(), conservative=False).rate
    discard = FeeRate(settings.discard_fee)
    if estimate != ZERO:
        discard = min(discard, estimate)
    return max(discard, rates.dust)
