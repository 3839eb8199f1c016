"""Periods of the reporting zone: SQL finds what a calendar says, in both databases."""

import json
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from projections.figures import periods
from projections.figures.compiling import Query, marked
from tests.projections.figures.tables import filled, postgres, sqlite

DAYS = st.dates(date(1970, 1, 1), date(2199, 12, 31))
GRAINS = st.sampled_from(periods.PERIODS)
STARTS = st.integers(0, 11)


@given(DAYS, GRAINS, STARTS)
async def test_sql_finds_the_period_that_holds_a_day(on: date, grain: periods.Grain, fiscal_months: int) -> None:
    db, ask = sqlite({})
    sql, values = marked(Query(f"SELECT {periods.sql(grain, ':day')}", {"day": on.isoformat(), "fiscal_months": fiscal_months}))
    ((found,),) = await ask(sql, *values)
    db.close()
    assert periods.first_day(grain, found, fiscal_months) == periods.holding(grain, on, fiscal_months)


SHIFTED = f"SELECT v.day, v.n, {periods.later('v.day', 'v.n')}, {periods.days_between(':first', 'v.day')} FROM touched AS v"
SHIFTS = [
    {"day": on.isoformat(), "n": days} for on in (date(2024, 2, 28), date(2025, 12, 31), date(2100, 3, 1)) for days in (-366, -1, 0, 1, 60)
]


async def test_sql_finds_the_day_that_is_so_many_days_later_in_both_databases(database: str) -> None:
    def right(found: Sequence[Sequence[Any]]) -> bool:
        return len(found) == len(SHIFTS) and all(
            (later, between)
            == ((date.fromisoformat(on) + timedelta(days=days)).isoformat(), (date.fromisoformat(on) - date(2024, 1, 1)).days)
            for on, days, later, between in found
        )

    sql, values = marked(Query(SHIFTED, {"first": "2024-01-01"}))
    db, ask = sqlite({"touched": SHIFTS})
    assert right(await ask(sql, *values))
    db.close()
    async with postgres(database) as postgresql:
        assert right(await (await filled(postgresql, {"touched": SHIFTS}))(sql, *values))


@given(DAYS, GRAINS, STARTS)
def test_a_period_is_found_by_its_name(on: date, grain: periods.Grain, fiscal_months: int) -> None:
    first = periods.holding(grain, on, fiscal_months)
    name = periods.named(grain, first, fiscal_months)
    if grain == "day" and first.weekday():
        with pytest.raises(ValueError, match="is no Monday"):
            periods.days_named(name, fiscal_months)
    else:
        found = "week" if grain == "day" else grain
        assert periods.days_named(name, fiscal_months) == (found, first, periods.after(found, first))


@given(st.text("0123456789-FYQ", max_size=11), STARTS)
def test_what_is_found_by_a_name_is_called_so(name: str, fiscal_months: int) -> None:
    try:
        grain, first, _ = periods.days_named(name, fiscal_months)
    except ValueError:
        return
    assert periods.named(grain, first, fiscal_months) == name


async def test_so_does_postgresql(database: str) -> None:
    days = [date(2023, 12, 1) + timedelta(days=nth) for nth in range(0, 800, 3)]
    async with postgres(database) as db:
        ask = await filled(db, {"touched": [{"day": on.isoformat()} for on in days]})
        for grain in periods.PERIODS:
            sql, values = marked(Query(f"SELECT v.day, {periods.sql(grain, 'v.day')} FROM touched AS v", {"fiscal_months": 3}))
            for on, found in await ask(sql, *values):
                assert periods.first_day(grain, found, 3) == periods.holding(grain, date.fromisoformat(on), 3)


def around(*days: date) -> list[date]:
    return [one + timedelta(days=nth) for one in days for nth in range(-4, 5)]


# Weeks that are of two years, and those with the end of a February, of every year that a day can be of.
EDGES = around(*(date(year, month, 1) for year in range(1970, 10_000) for month in (1, 3)))
WEEK_OF_EDGES = f"SELECT v.day, {periods.sql('week', 'v.day')} FROM"


def mondays(found: Iterable[Sequence[Any]]) -> dict[str, date]:
    return {on: periods.first_day("week", number, 0) for on, number in found}


MONDAYS = {on.isoformat(): on - timedelta(days=on.weekday()) for on in EDGES}


def test_a_week_begins_on_the_calendars_monday_whatever_the_year() -> None:
    db, _ = sqlite({})
    found = db.execute(f"{WEEK_OF_EDGES} (SELECT value AS day FROM json_each(?)) AS v", [json.dumps([*MONDAYS])]).fetchall()
    db.close()
    assert mondays(found) == MONDAYS


async def test_and_in_postgresql(database: str) -> None:
    async with postgres(database) as db:
        assert mondays(await db.fetch(f"{WEEK_OF_EDGES} UNNEST($1::TEXT[]) AS v(day)", [*MONDAYS])) == MONDAYS


@given(DAYS, GRAINS, STARTS)
def test_a_period_holds_its_days_and_the_next_one_follows(on: date, grain: periods.Grain, fiscal_months: int) -> None:
    first = periods.holding(grain, on, fiscal_months)
    following = periods.after(grain, first)
    assert first <= on < following
    assert periods.holding(grain, following, fiscal_months) == following
    assert periods.holding(grain, following - timedelta(days=1), fiscal_months) == first


@pytest.mark.parametrize(
    ("grain", "on", "starts", "name"),
    [
        ("day", "2026-03-05", 1, "2026-03-05"),
        ("week", "2026-01-01", 1, "2025-12-29"),
        ("month", "2026-03-31", 4, "2026-03"),
        ("quarter", "2026-03-31", 1, "2026-Q1"),
        ("quarter", "2026-03-31", 4, "FY2026-Q4"),
        ("quarter", "2026-04-01", 4, "FY2027-Q1"),
        ("year", "2026-12-31", 1, "2026"),
        ("year", "2026-06-30", 7, "FY2026"),
        ("year", "2026-07-01", 7, "FY2027"),
    ],
)
def test_names(grain: periods.Grain, on: str, starts: int, name: str) -> None:
    assert periods.named(grain, periods.holding(grain, date.fromisoformat(on), starts - 1), starts - 1) == name
