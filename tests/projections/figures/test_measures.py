"""Measures against plain arithmetic: quantiles, money in one currency, credit, sums of any size, what a function computes."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from journey.money import AMOUNT_MINOR_MAX
from projections.figures.answering import answer
from projections.figures.credit import PathTouch, first, last, last_non_direct, linear
from projections.figures.dimensions import CHANNEL, OWNER
from projections.figures.figure import Asked, Figure, Where
from projections.figures.measures import Measured, Outcome, computed, count, distinct, quantiles, ratio, running, total
from projections.figures.sections import FIGURES
from tests.projections.figures.cases import TOUCHED, UNTIL, WON, deal
from tests.projections.figures.tables import Rows, filled, postgres, sqlite

AT_LAST = Asked(UNTIL)


async def value(figure: Figure, rows: Rows, asked: Asked = AT_LAST) -> dict[tuple[str, ...], Any]:
    db, ask = sqlite(rows)
    (found,) = (await answer(ask, [figure], asked)).figures
    db.close()
    return {tuple(cell.group.values()): cell.value for cell in found.cells}


def won(*amounts: int, **more: Any) -> Rows:
    return {"deals": [deal(f"d{nth}", "won", "2026-03-01", amount_minor=amount, **more) for nth, amount in enumerate(amounts)]}


def type_7(values: Sequence[int], q: Fraction) -> Fraction:
    """As Hyndman and Fan (1996) have it."""
    ordered = sorted(values)
    place = (len(ordered) - 1) * q
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


@given(st.lists(st.integers(-5, AMOUNT_MINOR_MAX), min_size=1, max_size=12))
@settings(max_examples=40, deadline=None)
async def test_quantiles_are_of_type_7_to_the_last_digit(values: list[int]) -> None:
    at = ("0", "1/4", "1/2", "9/10", "99/100", "1")
    figure = replace(FIGURES["cycle_time"], measure=quantiles("amount_minor", *at), by=())
    assert (await value(figure, won(*values)))[("EUR",)] == tuple(type_7(values, Fraction(one)) for one in at)


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=12))
@settings(max_examples=20, deadline=None)
async def test_quantiles_are_those_of_numpy(values: list[int]) -> None:
    figure = replace(FIGURES["cycle_time"], measure=quantiles("amount_minor", "1/2", "9/10"), by=())
    found = (await value(figure, won(*values)))[("EUR",)]
    assert [float(one) for one in found] == pytest.approx(np.quantile(values, (0.5, 0.9), method="linear"))


async def test_a_quantile_of_nothing_is_nothing() -> None:
    assert await value(FIGURES["cycle_time"], {}) == {(): None}


async def test_sums_have_no_bound() -> None:
    amounts = [AMOUNT_MINOR_MAX] * 30 + [-AMOUNT_MINOR_MAX, -1]
    assert await value(FIGURES["won_value"], won(*amounts)) == {("EUR",): 29 * AMOUNT_MINOR_MAX - 1}


RATES = st.tuples(st.integers(1, 3 * 10**9), st.sampled_from([10**places for places in range(10)]))


@given(st.integers(-(10**9), 10**9), RATES)
@settings(max_examples=100, deadline=None)
async def test_each_amount_is_converted_half_to_even(amount: int, rate: tuple[int, int]) -> None:
    num, den = rate
    exact = Fraction(amount * num, den)
    stated = {"rates": [{"base": "USD", "quote": "EUR", "day": "2026-03-01", "until_day": "2026-03-08", "num": num, "den": den}]}
    found = await value(FIGURES["won_value"], {**won(amount, currency="USD"), **stated}, Asked(UNTIL, currency="EUR"))
    assert found == {(): round(exact)}


@pytest.mark.parametrize(("minor", "expected"), [(5, 0), (15, 2), (25, 2), (35, 4), (-5, 0), (-15, -2), (-25, -2), (6, 1), (4, 0)])
async def test_halves_go_to_the_even(minor: int, expected: int) -> None:
    stated = {"rates": [{"base": "JPY", "quote": "EUR", "day": "2026-03-01", "until_day": "2026-03-08", "num": 1, "den": 10}]}
    assert await value(FIGURES["won_value"], {**won(minor, currency="JPY"), **stated}, Asked(UNTIL, currency="EUR")) == {(): expected}


async def test_one_currency_without_a_rate_makes_all_of_the_answer_per_currency() -> None:
    stated = {"rates": [{"base": "USD", "quote": "EUR", "day": "2026-02-20", "until_day": "2026-02-27", "num": 1, "den": 2}]}
    db, ask = sqlite({"deals": [*won(10)["deals"], *won(10, currency="USD")["deals"], *won(0, currency="JPY")["deals"]], **stated})
    found = await answer(ask, [FIGURES["won_value"], FIGURES["spend"]], Asked(UNTIL, currency="EUR"))
    db.close()
    assert (found.currency, found.without_rate, found.without_rate_on) == (
        "",
        ("USD",),
        {"USD": "2026-03-01"},
    )  # A day too late; of no yen there is nothing to convert.
    assert [figure.by for figure in found.figures] == [("currency",), ("currency",)]


@pytest.mark.parametrize(("amount", "num"), [(AMOUNT_MINOR_MAX, 20), (AMOUNT_MINOR_MAX, 3 * 10**9), (-AMOUNT_MINOR_MAX, 20)])
async def test_what_would_be_beyond_64_bits_is_not_converted(amount: int, num: int) -> None:
    stated = {"rates": [{"base": "USD", "quote": "EUR", "day": "2026-03-01", "until_day": "2026-03-08", "num": num, "den": 1}]}
    db, ask = sqlite({**won(amount, currency="USD"), **stated})
    found = await answer(ask, [FIGURES["won_value"]], Asked(UNTIL, currency="EUR"))
    db.close()
    assert found.without_rate == ("USD",)
    assert found.figures[0].cells[0].value == amount


async def test_figures_of_one_view_are_one_question() -> None:
    db, lite = sqlite(won(10))
    asked: list[str] = []

    async def ask(sql: str, *values: Any) -> Any:
        asked.append(sql)
        return await lite(sql, *values)

    figures = [FIGURES[name] for name in ("win_rate", "deals_won", "cycle_time", "won_value")]
    await answer(ask, figures, Asked(UNTIL, by=("owner",)))
    db.close()
    assert len(asked) == 1 + 3  # The position; the two that are counted; money, which is per currency; quantiles.


def touches(*channels: str) -> list[PathTouch]:
    return [PathTouch(touched_at, channel, 9, 0, 0, 1) for touched_at, channel in enumerate(channels)]


def test_weights() -> None:
    path = touches("Email", "Display", "Direct")
    assert [list(weights(path)) for weights in (first, last, last_non_direct, linear)] == [[1, 0, 0], [0, 0, 1], [0, 1, 0], [1, 1, 1]]
    assert list(last_non_direct(touches("Direct", "Direct"))) == [0, 1]


async def test_credit_is_the_same_before_and_after_a_breakdown() -> None:
    figure = FIGURES["conversion_value_linear"]
    by_both = await value(figure, WON, Asked(UNTIL, by=("channel", "campaign")))
    by_channel: Counter[str] = Counter()
    for (channel, _, _), credit in by_both.items():
        by_channel[channel] += credit
    assert {(channel, "EUR"): credit for channel, credit in by_channel.items()} == await value(figure, WON, Asked(UNTIL, by=("channel",)))


async def test_what_a_function_computes_sees_all_rows_at_once() -> None:
    def share_of_all(rows: Sequence[Measured]) -> Mapping[tuple[str, ...], Outcome]:
        found: Counter[tuple[str, ...]] = Counter()
        for row in rows:
            found[row.group] += row.n
        return {group: Outcome(Fraction(number, found.total()), number) for group, number in found.items()}

    figure = replace(FIGURES["touchpoints"], measure=computed(share_of_all, "person"), unit="share")
    assert await value(figure, TOUCHED, Asked(UNTIL, by=("channel",))) == {("Direct",): Fraction(2, 5), ("Email",): Fraction(3, 5)}


async def test_a_mean_is_a_ratio_and_has_its_parts() -> None:
    mean = replace(FIGURES["won_value"], name="mean_won_value", measure=ratio(total("amount_minor"), count()), by=(OWNER,))
    db, ask = sqlite(won(1, 1, 3))
    (cell,) = (await answer(ask, [mean], Asked(UNTIL))).figures[0].cells
    db.close()
    assert (cell.value, cell.part, cell.whole, cell.n, cell.currency, cell.decimals) == (Fraction(5, 3), 5, 3, 3, "EUR", 2)


def test_how_many_were_seen_by_a_day_is_no_sum_of_days() -> None:
    with pytest.raises(AssertionError, match="distinct values"):
        running(distinct("person"))


async def test_a_colon_or_a_question_mark_in_a_name_is_a_value() -> None:
    rows = {"touched": [{"person": "user:1", "day": "2026-03-02", "channel": "it's :until?"}]}
    asked = Asked(UNTIL, where=(Where("channel", ("it's :until?",)),))
    assert await value(replace(FIGURES["touchpoints"], by=(CHANNEL,)), rows, asked) == {(): 1}


async def test_postgresql_sums_and_converts_alike(database: str) -> None:
    rate = {"base": "USD", "quote": "EUR", "day": "2026-03-01", "until_day": "2026-03-08", "num": 2_999_999_999, "den": 10**9}
    rows = {"deals": [*won(*[AMOUNT_MINOR_MAX] * 30)["deals"], *won(-3, 10**9, currency="USD")["deals"]], "rates": [rate]}
    async with postgres(database) as db:
        ask = await filled(db, rows)
        found = await answer(ask, [FIGURES["won_value"]], Asked(UNTIL, currency="EUR"))
    assert [cell.value for cell in found.figures[0].cells] == [30 * AMOUNT_MINOR_MAX - 9 + 2_999_999_999]
