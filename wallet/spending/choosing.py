"""Which coins fund a transaction: the searches, in which order rules are relaxed, and what is chosen by hand.

Core: SelectCoins, AutomaticCoinSelection, AttemptSelection and ChooseSelectionResult of src/wallet/spend.cpp. What they
ask of the node is in `MempoolView`, so that no lock needs to be held meanwhile.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, Protocol

from primitives.fee_rate import FeeRate
from wallet.spending.branch_and_bound import branch_and_bound
from wallet.spending.coin_grinder import grind
from wallet.spending.errors import SelectionError
from wallet.spending.groups import (
    MAX_GROUP_SIZE,
    UNLIMITED,
    Ancestry,
    Eligibility,
    Groups,
    GroupsByType,
    group_coins,
)
from wallet.spending.knapsack import knapsack
from wallet.spending.random_draw import draw
from wallet.spending.selection import Algorithm, Selection

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from primitives.descriptor import OutputType
    from primitives.transaction import OutPoint
    from wallet.spending.coin import Coin
    from wallet.spending.parameters import SelectionParameters

TRUC_VERSION: Final = 3
TRUC_MAX_WEIGHT: Final = 40_000
TRUC_CHILD_MAX_WEIGHT: Final = 4_000
_DEAR: Final = 3
"""From this many times the long-term rate on the lightest coins are searched for."""


class MempoolView(Protocol):
    """What choosing asks of the node."""

    def ancestry(self, txid: bytes, /) -> Ancestry:
        """Return the relatives of a transaction in the mempool, none if it is not there."""

    def combined_bump_fee(self, outpoints: Sequence[OutPoint], rate: FeeRate, /) -> int | None:
        """Return what it takes to get the ancestors of all these to a rate; None if there are too many to tell."""


@dataclass(slots=True)
class Coins:
    """Coins by the kind of address that they pay, None for any other."""

    types: dict[OutputType | None, list[Coin]] = field(default_factory=dict)

    def add(self, kind: OutputType | None, coin: Coin) -> None:
        """Add a coin."""
        self.types.setdefault(kind, []).append(coin)

    def all(self) -> list[Coin]:
        """Return the coins of every kind."""
        return [coin for coins in self.types.values() for coin in coins]

    def __len__(self) -> int:
        return sum(map(len, self.types.values()))

    def total(self, *, subtract_fee: bool = True) -> int:
        """Return what they hold, or what they add beyond their own cost if that is not paid by the recipients."""
        return sum(coin.value if subtract_fee else coin.effective_value for coin in self.all())

    def shuffled(self, parameters: SelectionParameters) -> Coins:
        """Return the same coins, each kind in random order."""
        return Coins({kind: parameters.rng.sample(coins, len(coins)) for kind, coins in self.types.items()})


@dataclass(frozen=True, slots=True)
class ChainLimits:
    """How far a transaction may hang behind others of the mempool, and what the wallet makes of it."""

    ancestors: int = 64
    descendants: int = 64
    reject_long_chains: bool = True
    spend_zero_conf_change: bool = True


def select_coins(
    available: Coins,
    preset: Coins,
    target: int,
    parameters: SelectionParameters,
    view: MempoolView,
    limits: ChainLimits,
    *,
    allow_other_inputs: bool = True,
) -> Selection | None:
    """Return coins for `target`, all the preset ones and others if needed; None if there are not enough.

    Raises SelectionError with Core's text where there is more to say.
    """
    subtract = parameters.subtract_fee
    missing = target - preset.total(subtract_fee=subtract)
    if not allow_other_inputs and missing > 0:
        raise SelectionError(
            "The preselected coins total amount does not cover the transaction target. "
            "Please allow other inputs to be automatically selected or include more coins manually"
        )
    if missing <= 0:
        found = Selection(target, Algorithm.MANUAL, subtract_fee=subtract)
        found.add(preset.all())
        found.weigh(parameters)
        return found
    if missing > available.total(subtract_fee=subtract):
        return None
    chosen = _select_automatically(available, missing, parameters, view, limits)
    if chosen is None or not len(preset):
        return chosen
    by_hand = Selection(preset.total(subtract_fee=subtract), Algorithm.MANUAL, subtract_fee=subtract)
    by_hand.add(preset.all())
    chosen.merge(by_hand)
    chosen.weigh(parameters)
    if chosen.weight > parameters.max_weight - 4 * parameters.size_without_inputs:
        raise SelectionError(
            "The combination of the pre-selected inputs and the wallet automatic inputs selection exceeds the "
            "transaction maximum weight. Please try sending a smaller amount or manually consolidating your wallet's "
            "UTXOs"
        )
    return chosen


def rules_in_order(limits: ChainLimits, *, include_unsafe: bool) -> list[Eligibility]:
    """Return who may be spent, from the most careful rule to the least."""
    ancestors, descendants = max(1, limits.ancestors), max(1, limits.descendants)
    rules = [Eligibility(1, 6, 0, 0, mixed_types=False), Eligibility(1, 1, 0, 0)]
    if limits.spend_zero_conf_change:
        rules += (
            Eligibility(0, 1, 2, 2),
            Eligibility(0, 1, min(4, ancestors // 3), min(4, descendants // 3)),
            Eligibility(0, 1, ancestors // 2, descendants // 2),
            Eligibility(0, 1, ancestors - 1, descendants - 1, partial_groups=True),
        )
        if include_unsafe:
            rules.append(Eligibility(0, 0, ancestors - 1, descendants - 1, partial_groups=True))
        if not limits.reject_long_chains:
            rules.append(Eligibility(0, 1, UNLIMITED, UNLIMITED, partial_groups=True))
    return rules


def _select_automatically(
    available: Coins, target: int, parameters: SelectionParameters, view: MempoolView, limits: ChainLimits
) -> Selection | None:
    rules = rules_in_order(limits, include_unsafe=parameters.include_unsafe)
    if parameters.avoid_partial_spends and len(available) > MAX_GROUP_SIZE:
        available = available.shuffled(parameters)  # Or it would always be the same ones that are grouped.
    grouping = group_coins(
        available.types,
        rules,
        view.ancestry,
        by_script=parameters.avoid_partial_spends,
        subtract_fee=parameters.subtract_fee,
    )
    discarded = sum(group.amount for group in grouping.discarded)
    left = available.total() - discarded
    if left < target:
        ancestors, descendants = max(1, limits.ancestors), max(1, limits.descendants)
        too_long = sum(
            group.amount
            for group in grouping.discarded
            if group.ancestors >= ancestors or group.cluster_count >= descendants
        )
        if left + too_long > target:
            raise SelectionError(
                "Unconfirmed UTXOs are available, but spending them creates a chain of transactions that will be "
                "rejected by the mempool"
            )
        return None
    first_error: SelectionError | None = None
    for rule, groups in zip(rules, grouping.by_rule, strict=True):
        if not groups.types:
            continue
        if parameters.version == TRUC_VERSION and not (rule.depth_mine and rule.depth_theirs):
            parameters = replace(parameters, max_weight=min(parameters.max_weight, TRUC_CHILD_MAX_WEIGHT))
        try:
            found = attempt(groups, target, parameters, view, mixed_types=rule.mixed_types)
        except SelectionError as error:
            first_error = first_error or error
            continue
        if found is not None:
            return found
    if first_error is not None:
        raise first_error
    return None


def attempt(
    groups: GroupsByType, target: int, parameters: SelectionParameters, view: MempoolView, *, mixed_types: bool
) -> Selection | None:
    """Return the least wasteful choice of one kind of coins, of several kinds only if none suffices and they may mix.

    Raises SelectionError as the first kind does for which it is not simply too little.
    """
    found = [choose(each, target, parameters, view) for each in groups.types.values()]
    enough = [selection for selection in found if selection is not None]
    if enough:
        return min(enough, key=Selection.rank)
    if mixed_types and len(groups.types) > 1:
        return choose(groups.every, target, parameters, view)
    return None


def choose(groups: Groups, target: int, parameters: SelectionParameters, view: MempoolView) -> Selection | None:
    """Return the least wasteful of what the searches find, None if there is too little.

    Raises SelectionError if all found for which there is more to say.
    """
    max_weight = parameters.max_weight - 4 * parameters.size_without_inputs
    if max_weight <= 0:
        raise SelectionError("Maximum transaction weight is less than transaction weight without inputs")
    results: list[Selection] = []
    errors: list[SelectionError] = []

    def run(search: Callable[[], Selection | None]) -> None:
        try:
            found = search()
        except SelectionError as error:
            errors.append(error)
            return
        if found is not None:
            results.append(found)

    subtract = parameters.subtract_fee
    if not subtract:  # Or there would be no change to take up what differs.
        run(lambda: branch_and_bound(groups.positive, target, parameters.cost_of_change, max_weight))
    with_change = max_weight - 4 * parameters.change_output_size
    if with_change < 0 and not results:
        raise SelectionError("Maximum transaction weight is too low, can not accommodate change output")
    change = parameters.min_change_target
    rng = parameters.rng
    run(lambda: knapsack(groups.mixed, target, change, with_change, rng, subtract_fee=subtract))
    if parameters.rate > FeeRate(_DEAR * parameters.long_term_rate.per_kvb):
        run(lambda: grind(groups.positive, target, change, with_change, subtract_fee=subtract))
    run(lambda: draw(groups.positive, target, parameters.change_fee, with_change, rng, subtract_fee=subtract))
    if not results:
        if errors:
            raise errors[0]
        return None
    for result in results:
        _share_ancestors(result, parameters, view)
        result.weigh(parameters)
    return min(results, key=Selection.rank)


def _share_ancestors(selection: Selection, parameters: SelectionParameters, view: MempoolView) -> None:
    """Take off what the coins count twice for ancestors they have in common."""
    waiting = [coin for coin in selection.coins.values() if coin.depth <= 0]
    if not waiting:
        return
    combined = view.combined_bump_fee([coin.outpoint for coin in waiting], parameters.rate)
    if combined is None:
        raise SelectionError(
            "Failed to calculate bump fees, because unconfirmed UTXOs depend on an enormous cluster of unconfirmed "
            "transactions."
        )
    selection.bump_discount = max(0, sum(coin.bump_fee for coin in waiting) - combined)
