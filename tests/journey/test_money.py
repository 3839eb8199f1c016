"""Money: whole minor units that add up."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from journey.money import AMOUNT_MINOR_MAX, DECIMALS, major, minor, share, weighted

many = settings(max_examples=200, deadline=None)


@pytest.mark.parametrize(
    ("amount", "currency", "expected"),
    [
        ("12.50", "EUR", 1250),
        ("12.5000", "EUR", 1250),
        ("500", "JPY", 500),
        ("59.970000000000006", "EUR", 5997),
        ("0.30000000000000004", "EUR", 30),
        ("1.234", "KWD", 1234),
        ("-0.01", "USD", -1),
        ("0", "CLF", 0),
    ],
)
def test_an_amount_is_whole_minor_units_of_its_currency(amount: str, currency: str, expected: int) -> None:
    assert minor(Decimal(amount), currency) == expected


@pytest.mark.parametrize(
    ("amount", "currency", "told"),
    [
        ("1.005", "EUR", "more than 2 decimals"),
        ("59.975", "EUR", "more than 2 decimals"),
        ("12345678.905", "EUR", "more than 2 decimals"),
        ("0.5", "JPY", "more than 0 decimals"),
        ("1", "XYZ", "not in ISO 4217"),
        ("10000000000000000", "EUR", "beyond ±9,999,999,999,999,999.99, the most"),
        ("-1000000000000000000", "JPY", "beyond ±999,999,999,999,999,999, the most"),
        ("1e27", "CLF", "beyond ±99,999,999,999,999.9999, the most"),
        ("1e999999", "EUR", "the most that an amount may be"),
    ],
)
def test_what_is_no_amount_is_told(amount: str, currency: str, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        minor(Decimal(amount), currency)


@many
@given(st.integers(-AMOUNT_MINOR_MAX, AMOUNT_MINOR_MAX), st.sampled_from(sorted(DECIMALS)))
def test_there_and_back_is_exact(amount_minor: int, currency: str) -> None:
    assert minor(major(amount_minor, currency), currency) == amount_minor


@many
@given(st.integers(-AMOUNT_MINOR_MAX, AMOUNT_MINOR_MAX), st.lists(st.integers(0, 10**9), min_size=1, max_size=40).filter(any))
def test_shares_add_up_and_none_is_a_unit_off(amount_minor: int, weights: list[int]) -> None:
    shares = share(amount_minor, weights)
    assert sum(shares) == amount_minor
    total = sum(weights)
    for part, weight in zip(shares, weights, strict=True):
        assert abs(part * total - amount_minor * weight) < total
        assert part == 0 or weight > 0


@many
@given(st.integers(-AMOUNT_MINOR_MAX, AMOUNT_MINOR_MAX), st.decimals(0, 1, places=28))
def test_a_weighted_amount_is_the_nearest_unit(amount_minor: int, weight: Decimal) -> None:
    assert abs(weighted(amount_minor, weight) - amount_minor * Fraction(weight)) <= Fraction(1, 2)


def test_a_weighted_amount_is_rounded_once() -> None:
    """To the 28 digits of a decimal first, it would be a half, and then one more."""
    assert weighted(AMOUNT_MINOR_MAX, Decimal("0.1727572174260622776727572174")) == 172_757_217_426_062_277
    assert [weighted(amount_minor, Decimal("0.5")) for amount_minor in (1, 2, 3, -1, -3)] == [0, 1, 2, 0, -2]


@many
@given(st.integers(), st.sampled_from(sorted(DECIMALS)))
def test_a_sum_of_any_size_is_written_to_the_last_unit(amount_minor: int, currency: str) -> None:
    written = str(major(amount_minor, currency))
    assert "E" not in written
    assert int(written.replace(".", "")) == amount_minor


def test_what_rounding_leaves_goes_to_the_largest_remainders_and_of_equal_ones_to_the_first() -> None:
    assert share(100, [1, 1, 1]) == [34, 33, 33]
    assert share(5, [1, 2, 3]) == [1, 2, 2]
    assert share(-100, [1, 1, 1]) == [-34, -33, -33]
    assert share(0, [1, 2]) == [0, 0]


def test_nothing_is_shared_by_no_weight() -> None:
    with pytest.raises(ValueError, match="more than 0"):
        share(1, [0, 0])


def test_a_currency_in_small_letters_is_told_how_it_is_written() -> None:
    with pytest.raises(ValueError, match="currency 'eur' is not in ISO 4217; write EUR"):
        minor(Decimal(1), "eur")
