"""Fee rates and amounts as texts."""

from fractions import Fraction
from math import ceil, floor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from primitives.fee_rate import ZERO, FeeRate
from primitives.money import format_money, parse_money
from primitives.transaction import MAX_MONEY

FEES = st.integers(-MAX_MONEY, MAX_MONEY)
SIZES = st.integers(1, 4_000_000)


@given(FEES, SIZES, FEES, SIZES)
def test_rates_compare_exactly(fee: int, size: int, other_fee: int, other_size: int) -> None:
    rate, other = FeeRate.of(fee, size), FeeRate.of(other_fee, other_size)
    exact, other_exact = Fraction(fee, size), Fraction(other_fee, other_size)
    assert (rate < other, rate <= other, rate == other) == (
        exact < other_exact,
        exact <= other_exact,
        exact == other_exact,
    )
    assert (rate > other, rate >= other) == (exact > other_exact, exact >= other_exact)
    assert rate == FeeRate.of(3 * fee, 3 * size)
    assert hash(rate) == hash(FeeRate.of(3 * fee, 3 * size))


@given(FEES, SIZES, SIZES)
def test_a_fee_is_rounded_up_and_never_to_nothing_below_zero(fee: int, size: int, at: int) -> None:
    exact = ceil(Fraction(fee, size) * at)
    assert FeeRate.of(fee, size).fee_for(at) == (-1 if fee < 0 and exact == 0 else exact)
    assert FeeRate.of(fee, size).per_kvb == floor(Fraction(fee, size) * 1000)


def test_what_has_no_size_pays_nothing() -> None:
    assert FeeRate.of(5, 0) == FeeRate.of(5, -1) == ZERO
    assert FeeRate(-5).fee_for(0) == 0


def test_rates_add_per_thousand() -> None:
    assert FeeRate.of(1, 3) + FeeRate(1) == FeeRate(334)


@pytest.mark.parametrize(
    ("rate", "text", "per_vbyte"),
    [
        (FeeRate(100), "0.00000100 BTC/kvB", "0.100 sat/vB"),
        (FeeRate(123_456_789), "1.23456789 BTC/kvB", "123456.789 sat/vB"),
        (FeeRate.of(1, 3), "0.00000333 BTC/kvB", "0.333 sat/vB"),
        (FeeRate(-100), "0.-0000100 BTC/kvB", "0.-100 sat/vB"),
    ],
)
def test_a_rate_reads_as_core_writes_it(rate: FeeRate, text: str, per_vbyte: str) -> None:
    assert str(rate) == text
    assert rate.text_per_vbyte() == per_vbyte


@pytest.mark.parametrize(
    ("satoshis", "text"),
    [
        (0, "0.00"),
        (1, "0.00000001"),
        (10, "0.0000001"),
        (100_000_000, "1.00"),
        (150_000_000, "1.50"),
        (-12_345, "-0.00012345"),
        (2_099_999_997_690_000, "20999999.9769"),
    ],
)
def test_an_amount_keeps_two_decimals(satoshis: int, text: str) -> None:
    assert format_money(satoshis) == text


@given(st.integers(0, MAX_MONEY))
def test_an_amount_is_read_as_written(satoshis: int) -> None:
    assert parse_money(f" {format_money(satoshis)}\n") == satoshis


@pytest.mark.parametrize(
    ("text", "satoshis"), [("1.", 100_000_000), (".5", 50_000_000), (".", 0), ("021", 2_100_000_000)]
)
def test_parts_of_an_amount_may_be_left_out(text: str, satoshis: int) -> None:
    assert parse_money(text) == satoshis


@pytest.mark.parametrize(
    "text", ["", " ", "-1", "1.123456789", "1e3", "1 1", "0x1", "1\0", "21000001", "99999999999", "\u0661"]
)
def test_other_texts_are_no_amount(text: str) -> None:
    assert parse_money(text) is None
