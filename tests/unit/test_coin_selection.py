"""Searches for coins against all subsets of small sets, and what every choice must keep to."""

from __future__ import annotations

import random
import time
from dataclasses import replace
from itertools import combinations
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from primitives.descriptor import OutputType
from primitives.fee_rate import FeeRate
from primitives.transaction import MAX_MONEY, OutPoint, TxOut
from wallet.spending.branch_and_bound import branch_and_bound
from wallet.spending.choosing import ChainLimits, Coins, choose, rules_in_order, select_coins
from wallet.spending.coin import Coin
from wallet.spending.coin_grinder import grind
from wallet.spending.errors import SelectionError, WeightError
from wallet.spending.groups import Ancestry, Groups, OutputGroup, group_coins
from wallet.spending.knapsack import knapsack
from wallet.spending.parameters import CHANGE_LOWER, CHANGE_UPPER, SelectionParameters, change_target
from wallet.spending.random_draw import draw
from wallet.spending.selection import Algorithm, Selection

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

LONG_TERM = FeeRate(10_000)
NO_LIMIT = 10**9
ALONE = Ancestry(1, 1)


class Quiet:
    """A node whose mempool tells what the test says."""

    def __init__(self, ancestry: Ancestry = ALONE, combined: int | None = 0) -> None:
        self._ancestry = ancestry
        self._combined = combined

    def ancestry(self, _txid: bytes) -> Ancestry:
        return self._ancestry

    def combined_bump_fee(self, _outpoints: Sequence[OutPoint], _rate: FeeRate) -> int | None:
        return self._combined


def coin(
    number: int,
    value: int,
    size: int = 68,
    *,
    rate: FeeRate = LONG_TERM,
    depth: int = 6,
    from_me: bool = False,
    script: bytes = b"",
    bump: int = 0,
) -> Coin:
    output = TxOut(value, script or bytes((0, 20)) + number.to_bytes(20, "big"))
    found = Coin(OutPoint(number.to_bytes(32, "big"), 0), output, depth, size, from_me=from_me)
    return found.at(rate, LONG_TERM, bump)


def groups_of(coins: Sequence[Coin], *, subtract_fee: bool = False) -> list[OutputGroup]:
    return [OutputGroup([(each, Ancestry())], subtract_fee=subtract_fee) for each in coins]


def subsets(groups: Sequence[OutputGroup]) -> Iterator[tuple[OutputGroup, ...]]:
    for count in range(1, len(groups) + 1):
        yield from combinations(groups, count)


def amount_of(selection: Selection) -> int:
    return selection.effective_value if selection.uses_effective else selection.value


@st.composite
def pools(draw_: Callable[[st.SearchStrategy[int]], int]) -> list[OutputGroup]:
    rate = FeeRate(draw_(st.sampled_from([1_000, 10_000, 50_000])))
    count = draw_(st.integers(1, 9))
    coins = []
    for number in range(count):
        size = draw_(st.sampled_from([58, 68, 91, 148]))
        amount = draw_(st.one_of(st.integers(1, 12), st.integers(1, 4000)))
        coins.append(coin(number, amount + rate.fee_for(size), size, rate=rate))
    return groups_of(coins)


@settings(deadline=None, max_examples=300)
@given(pools(), st.integers(1, 9000), st.integers(0, 300), st.sampled_from([NO_LIMIT, 272 * 3, 500]))
def test_branch_and_bound_finds_the_least_waste(
    groups: list[OutputGroup], target: int, cost_of_change: int, max_weight: int
) -> None:
    pool = sorted(groups, key=lambda group: (-group.amount, group.waste))
    reaching = [
        chosen
        for chosen in subsets(pool)
        if target <= sum(group.amount for group in chosen) <= target + cost_of_change
        and sum(group.amount for group in chosen[:-1]) < target
    ]
    light = [chosen for chosen in reaching if sum(group.weight for group in chosen) <= max_weight]
    try:
        found = branch_and_bound(groups, target, cost_of_change, max_weight)
    except WeightError:
        assert not light
        return
    if not light:
        assert found is None
        return
    assert found is not None
    waste = min(sum(group.waste + group.amount for group in chosen) - target for chosen in light)
    found.weigh(SelectionParameters(min_viable_change=cost_of_change + 1))
    assert found.waste == waste
    assert target <= amount_of(found) <= target + cost_of_change
    assert found.weight <= max_weight


@settings(deadline=None, max_examples=300)
@given(pools(), st.integers(1, 9000), st.integers(0, 300), st.sampled_from([NO_LIMIT, 272 * 3, 500]))
def test_the_grinder_finds_the_lightest(groups: list[OutputGroup], target: int, change: int, max_weight: int) -> None:
    enough = [
        (sum(group.weight for group in chosen), sum(group.amount for group in chosen))
        for chosen in subsets(groups)
        if sum(group.amount for group in chosen) >= target + change
    ]
    light = [pair for pair in enough if pair[0] <= max_weight]
    try:
        found = grind(groups, target, change, max_weight)
    except WeightError:
        assert enough
        assert not light
        return
    if not light:
        assert not enough
        assert found is None
        return
    assert found is not None
    assert found.complete
    assert (found.weight, amount_of(found)) == min(light)


@settings(deadline=None, max_examples=300)
@given(
    pools(),
    st.integers(1, 9000),
    st.integers(0, 300),
    st.sampled_from([NO_LIMIT, 272 * 3, 500]),
    st.integers(0, 2**32),
)
def test_random_searches_reach_the_target(
    groups: list[OutputGroup], target: int, change: int, max_weight: int, seed: int
) -> None:
    total = sum(group.amount for group in groups)
    is_light = sum(group.weight for group in groups) <= max_weight
    rng = random.Random(seed)
    try:
        found = knapsack(groups, target, change, max_weight, rng)
    except WeightError:
        assert not is_light
    else:
        assert (found is not None) == (total >= target)
        if found is not None:
            assert target <= amount_of(found)
            assert found.weight <= max_weight
    wealthy = groups_of([coin(9, 10**6, 68), *(each for group in groups for each in group.coins)])
    try:
        drawn = draw(wealthy, target, change, max_weight, rng)
    except WeightError:
        assert max_weight < NO_LIMIT
    else:
        assert drawn is not None
        assert amount_of(drawn) >= target + change + CHANGE_LOWER
        assert drawn.weight <= max_weight


def test_the_knapsack_takes_what_is_exact() -> None:
    groups = groups_of([coin(number, 680 + value) for number, value in enumerate((5_000, 7_000, 20_000, 90_000))])
    for target in (5_000, 7_000, 20_000, 90_000, 12_000, 32_000):
        found = knapsack(groups, target, 1_000, NO_LIMIT, random.Random(1))
        assert found is not None
        assert amount_of(found) == target


def test_the_draw_never_leaves_crumbs() -> None:
    groups = groups_of([coin(1, 100_000)])
    assert draw(groups, 100_000 - 680 - CHANGE_LOWER - 310, 310, NO_LIMIT, random.Random(1)) is not None
    assert draw(groups, 100_000 - 680 - CHANGE_LOWER - 309, 310, NO_LIMIT, random.Random(1)) is None


def test_no_coin_counts_twice() -> None:
    one = coin(1, 5_000)
    selection = Selection(4_000, Algorithm.KNAPSACK, groups_of([one]))
    with pytest.raises(ValueError, match="selected twice"):
        selection.add([one])


@settings(deadline=None, max_examples=200)
@given(
    st.lists(st.integers(300, 400_000), min_size=1, max_size=12),
    st.integers(1_000, 900_000),
    st.sampled_from([1_000, 12_000, 60_000]),
    st.booleans(),
    st.booleans(),
    st.integers(0, 2**32),
)
def test_every_choice_keeps_all_money(
    values: list[int], payment: int, per_kvb: int, subtract: bool, grouped: bool, seed: int
) -> None:
    rate = FeeRate(per_kvb)
    available = Coins()
    for number, value in enumerate(values):
        kind = (OutputType.BECH32, OutputType.BECH32M)[number % 2]
        script = b"\0\x14" + bytes((number // 3,)) * 20
        available.add(kind, coin(number, value, 58 + number % 3 * 10, rate=rate, script=script))
    change_fee = rate.fee_for(31)
    parameters = SelectionParameters(
        rate=rate,
        long_term_rate=LONG_TERM,
        discard_rate=FeeRate(3_000),
        change_output_size=31,
        change_spend_size=68,
        min_change_target=60_000,
        min_viable_change=294,
        change_fee=change_fee,
        cost_of_change=change_fee + 204,
        size_without_inputs=42,
        subtract_fee=subtract,
        avoid_partial_spends=grouped,
        rng=random.Random(seed),
    )
    target = payment if subtract else payment + rate.fee_for(42)
    found = select_coins(available, Coins(), target, parameters, Quiet(), ChainLimits())
    everything = {each.outpoint: each for each in available.all()}
    most = sum(max(0, each.value if subtract else each.effective_value) for each in available.all())
    if found is None:
        # Some may be left out that cost more than they are worth.
        assert most < target or min(each.effective_value for each in available.all()) <= 0
        return
    assert found.coins.items() <= everything.items()
    change = found.change(parameters.min_viable_change, parameters.change_fee)
    assert change == 0 or change >= parameters.min_viable_change
    fee = found.value - payment - change
    if subtract:
        assert fee == 0 or (change == 0 and fee < parameters.min_viable_change)
        return
    needed = sum(each.fee for each in found.coins.values()) + rate.fee_for(42) + (change_fee if change else 0)
    # What is paid too much is less than a change output is worth.
    assert needed <= fee
    assert fee - needed < (1 if change else parameters.min_viable_change + change_fee)


def test_kinds_of_coins_do_not_mix_needlessly() -> None:
    available = Coins()
    for number in range(6):
        available.add((OutputType.BECH32, OutputType.BECH32M)[number % 2], coin(number, 100_000))
    parameters = SelectionParameters(rate=LONG_TERM, long_term_rate=LONG_TERM, min_viable_change=294)
    one_kind = select_coins(available, Coins(), 220_000, parameters, Quiet(), ChainLimits())
    assert one_kind is not None
    assert len({each.outpoint.txid[-1] % 2 for each in one_kind.coins.values()}) == 1
    both = select_coins(available, Coins(), 420_000, parameters, Quiet(), ChainLimits())
    assert both is not None
    assert len({each.outpoint.txid[-1] % 2 for each in both.coins.values()}) == 2


def test_unconfirmed_coins_of_others_wait() -> None:
    parameters = SelectionParameters(rate=LONG_TERM, long_term_rate=LONG_TERM, min_viable_change=294)

    def pay(each: Coin, parameters: SelectionParameters, limits: ChainLimits, view: Quiet) -> Selection | None:
        available = Coins()
        available.add(OutputType.BECH32, each)
        return select_coins(available, Coins(), 10_000, parameters, view, limits)

    limits = ChainLimits()
    theirs, mine = coin(1, 90_000, depth=0), coin(2, 90_000, depth=0, from_me=True)
    assert pay(theirs, parameters, limits, Quiet()) is None
    assert pay(theirs, replace(parameters, include_unsafe=True), limits, Quiet()) is not None
    assert pay(mine, parameters, limits, Quiet()) is not None
    assert pay(mine, parameters, replace(limits, spend_zero_conf_change=False), Quiet()) is None
    long = Quiet(Ancestry(64, 2))
    with pytest.raises(SelectionError, match="will be rejected by the mempool"):
        pay(mine, parameters, limits, long)
    assert pay(mine, parameters, replace(limits, reject_long_chains=False), long) is not None
    with pytest.raises(SelectionError, match="enormous cluster"):
        pay(mine, parameters, limits, Quiet(combined=None))


def test_shared_ancestors_are_paid_once() -> None:
    coins = [coin(number, 90_000, depth=0, from_me=True, bump=1_000) for number in (1, 2)]
    parameters = SelectionParameters(rate=LONG_TERM, long_term_rate=LONG_TERM, min_viable_change=294)
    found = choose(Groups(groups_of(coins), groups_of(coins)), 120_000, parameters, Quiet(combined=1_200))
    assert found is not None
    assert found.bump_fees == 1_200
    assert found.effective_value == 2 * (90_000 - 680 - 1_000) + 800


def test_preset_coins_are_all_spent() -> None:
    available, preset = Coins(), Coins()
    for number in range(4):
        available.add(OutputType.BECH32, coin(number, 50_000))
    preset.add(None, coin(9, 600))  # Costs more than it is worth.
    preset.add(None, coin(10, 30_000))
    parameters = SelectionParameters(rate=LONG_TERM, long_term_rate=LONG_TERM, min_viable_change=294)
    enough = select_coins(available, preset, 20_000, parameters, Quiet(), ChainLimits())
    assert enough is not None
    assert enough.algorithm is Algorithm.MANUAL
    assert {each.value for each in enough.coins.values()} == {600, 30_000}
    more = select_coins(available, preset, 100_000, parameters, Quiet(), ChainLimits())
    assert more is not None
    assert {600, 30_000} < {each.value for each in more.coins.values()}
    assert more.target == 100_000
    assert more.effective_value >= 100_000
    with pytest.raises(SelectionError, match="does not cover the transaction target"):
        select_coins(available, preset, 100_000, parameters, Quiet(), ChainLimits(), allow_other_inputs=False)
    light = replace(parameters, max_weight=4 * 68 * 3)
    with pytest.raises(SelectionError, match="exceeds the transaction maximum weight"):
        select_coins(available, preset, 100_000, light, Quiet(), ChainLimits())


def test_more_coins_of_a_script_than_a_group_holds() -> None:
    script = b"\0\x14" + bytes(20)
    coins: dict[OutputType | None, list[Coin]] = {
        OutputType.BECH32: [coin(n, 10_000, script=script) for n in range(250)]
    }
    rules = rules_in_order(ChainLimits(), include_unsafe=False)
    grouping = group_coins(coins, rules, Quiet().ancestry, by_script=True, subtract_fee=False)
    careful, lenient = grouping.by_rule[0], grouping.by_rule[5]
    assert [len(group.coins) for group in careful.every.mixed] == [100, 100]
    assert [len(group.coins) for group in lenient.every.mixed] == [50, 100, 100]
    assert len({each.outpoint for group in lenient.every.mixed for each in group.coins}) == 250
    assert not grouping.discarded


def test_too_heavy_transactions_are_refused() -> None:
    coins = groups_of([coin(number, 10_000, 148) for number in range(20)])
    pool = Groups(coins, coins)
    parameters = SelectionParameters(rate=LONG_TERM, long_term_rate=LONG_TERM, size_without_inputs=42, max_weight=5_000)
    with pytest.raises(WeightError):
        choose(pool, 150_000, parameters, Quiet())
    with pytest.raises(SelectionError, match="less than transaction weight without inputs"):
        choose(pool, 1_000, replace(parameters, max_weight=160), Quiet())
    with pytest.raises(SelectionError, match="can not accommodate change output"):
        choose(pool, 1_000, replace(parameters, max_weight=200, change_output_size=31), Quiet())


@given(st.integers(0, MAX_MONEY), st.integers(0, 10_000), st.integers(0, 2**32))
def test_change_is_about_what_is_paid(payment: int, fee: int, seed: int) -> None:
    change = change_target(payment, fee, random.Random(seed)) - fee
    assert CHANGE_LOWER <= change <= max(CHANGE_LOWER, min(2 * payment, CHANGE_UPPER))


def test_wallets_of_many_coins_wait_not_long() -> None:
    rng = random.Random(7)
    available = Coins()
    for number in range(10_000):
        available.add(OutputType.BECH32, coin(number, rng.randrange(1_000, 200_000), rate=FeeRate(60_000)))
    parameters = SelectionParameters(
        rate=FeeRate(60_000),
        long_term_rate=LONG_TERM,
        min_change_target=100_000,
        min_viable_change=294,
        change_fee=1_860,
        cost_of_change=2_064,
        rng=rng,
    )
    start = time.monotonic()
    assert select_coins(available, Coins(), 5_000_000, parameters, Quiet(), ChainLimits()) is not None
    assert time.monotonic() - start < 10  # A second, where nobody else works.
