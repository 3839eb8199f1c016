"""Periods of the reporting zone: days, weeks from Monday, months, and quarters and years by the month in which the fiscal year starts.

Inside, a period is the date of its first day. Fiscal years that do not start in January are named by the year they end in: FY2027.
"""

import re
from calendar import monthrange
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Literal, get_args

Grain = Literal["day", "week", "month", "quarter", "year"]
PERIODS: tuple[Grain, ...] = get_args(Grain)

_MONDAY = 1_721_425
"""The Julian day number, of which each seventh is a Monday, less Python's ordinal of the same date."""
_MONTHS: dict[Grain, int] = {"month": 1, "quarter": 3, "year": 12}


def sql(grain: Grain, day: str) -> str:
    """The period of the column `day` as a whole number, or as text: what `first_day` reads."""
    if grain == "day":
        return day
    if grain == "week":
        return f"({_number(day)}) / 7"
    return f"({month_number(day)} - :fiscal_months) / {_MONTHS[grain]}"


def month_number(day: str) -> str:
    """SQL of the month of the column `day` as a number: 12 times the year and its place in it, from 0."""
    year, month, _ = _parts(day)
    return f"({year} * 12 + {month} - 1)"


def quarter_named(day: str) -> str:
    """SQL of the quarter of the column `day`, as `named` calls it."""
    quarter = f"({sql('quarter', day)})"
    year = f"CASE WHEN :fiscal_months > 0 THEN 'FY' || CAST({quarter} / 4 + 1 AS TEXT) ELSE CAST({quarter} / 4 AS TEXT) END"
    return f"{year} || '-Q' || CAST({quarter} - {quarter} / 4 * 4 + 1 AS TEXT)"


def _parts(day: str) -> tuple[str, ...]:
    return tuple(f"CAST(SUBSTR({day}, {start}, {length}) AS INTEGER)" for start, length in ((1, 4), (6, 2), (9, 2)))


def _number(day: str) -> str:
    """The Julian day number of the column `day`."""
    # Fliegel and Van Flandern (1968), whose divisions all round towards zero: the years begin in March, so that a leap day is the last
    # of its year.
    year, month, of_month = _parts(day)
    past = f"({month} - 14) / 12"
    days = f"1461 * ({year} + 4800 + {past}) / 4 + 367 * ({month} - 2 - 12 * ({past})) / 12 - 3 * (({year} + 4900 + {past}) / 100) / 4"
    return f"{days} + {of_month} - 32075"


def days_between(first: str, last: str) -> str:
    """How many days of the calendar `last` comes after `first`."""
    return f"(({_number(last)}) - ({_number(first)}))"


def later(day: str, days: str) -> str:
    """The day, as text, that comes `days` after the column `day`; both are SQL."""
    # The inverse, by the same authors, one step after the other.
    steps = (
        f"SELECT {_number(day)} + ({days}) + 68569 AS l",
        "SELECT l, 4 * l / 146097 AS n FROM ({}) AS a",
        "SELECT l - (146097 * n + 3) / 4 AS l, n FROM ({}) AS b",
        "SELECT l, n, 4000 * (l + 1) / 1461001 AS i FROM ({}) AS c",
        "SELECT l - 1461 * i / 4 + 31 AS l, n, i FROM ({}) AS d",
        "SELECT l, n, i, 80 * l / 2447 AS j FROM ({}) AS e",
        "SELECT l - 2447 * j / 80 AS d, j + 2 - 12 * (j / 11) AS m, 100 * (n - 49) + i + j / 11 AS y FROM ({}) AS f",
        "SELECT CAST(y AS TEXT) || '-' || SUBSTR(CAST(100 + m AS TEXT), 2) || '-' || SUBSTR(CAST(100 + d AS TEXT), 2) FROM ({}) AS g",
    )
    found = ""
    for step in steps:
        found = step.replace("{}", found)
    return f"({found})"


def first_day(grain: Grain, found: str | int, fiscal_months: int) -> date:
    """The first day of what `sql` found."""
    if grain == "day":
        return date.fromisoformat(str(found))
    if grain == "week":
        return date.fromordinal(int(found) * 7 - _MONDAY)
    return _month(int(found) * _MONTHS[grain] + fiscal_months)


def holding(grain: Grain, on: date, fiscal_months: int) -> date:
    """The first day of the period that holds `on`."""
    if grain == "day":
        return on
    if grain == "week":
        return on - timedelta(days=on.weekday())
    months = on.year * 12 + on.month - 1 - fiscal_months
    return _month(months - months % _MONTHS[grain] + fiscal_months)


def after(grain: Grain, first: date) -> date:
    """The first day of the period after the one that begins on `first`; the last of all days where there is none."""
    if grain in _MONTHS:
        months = first.year * 12 + first.month - 1 + _MONTHS[grain]
        return _month(months) if months < 10_000 * 12 else date.max
    days = 7 if grain == "week" else 1
    return first + timedelta(days=days) if (date.max - first).days >= days else date.max


def starts(grain: Grain, first: date, last: date, fiscal_months: int) -> Iterator[date]:
    """The periods from the one that holds `first` to the one that holds `last`."""
    one = holding(grain, first, fiscal_months)
    while one <= last:
        yield one
        one, before = after(grain, one), one
        if one == before:
            return


def named(grain: Grain, first: date, fiscal_months: int) -> str:
    """2026-03-02 (a day, or a week by its Monday), 2026-03, 2026-Q1, 2026; FY2027-Q1, FY2027."""
    if grain in ("day", "week"):
        return first.isoformat()
    if grain == "month":
        return first.isoformat()[:7]
    months = first.year * 12 + first.month - 1 - fiscal_months
    year = f"FY{months // 12 + 1}" if fiscal_months else f"{first.year}"
    return f"{year}-Q{months % 12 // 3 + 1}" if grain == "quarter" else year


def days_named(name: str, fiscal_months: int) -> tuple[Grain, date, date]:
    """The week, month, quarter or year that `named` calls so: its first day, and the first that is no longer in it.

    Raises ValueError with what is wrong."""
    for grain in ("week", "month", "quarter", "year"):
        # Which month a fiscal year starts in says which year it is named by.
        for text in _first_days(name):
            first = holding(grain, text, fiscal_months)
            if named(grain, first, fiscal_months) == name:
                return grain, first, after(grain, first)
    if _DAY.fullmatch(name):
        raise ValueError(f"{name} is no Monday, by which a week is named")
    quarter, year = (named(grain, date(2026, 6, 1), fiscal_months) for grain in ("quarter", "year"))
    raise ValueError(f"{name!r} is no period; write a week by its Monday (2026-03-02), 2026-03, {quarter} or {year}")


_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_NAMED = re.compile(r"(?:FY)?(\d{4})(?:-(?:Q([1-4])|(\d{2})(?:-(\d{2}))?))?", re.ASCII)


def _first_days(name: str) -> Iterator[date]:
    """Days that may be in the period of that name."""
    found = _NAMED.fullmatch(name)
    if found is None:
        return
    year, _, month, day = (int(part or 0) for part in found.groups())
    if month:
        try:
            yield date(year, month, day or 1)
        except ValueError:
            return
    elif year > 1:
        # A fiscal year, and so its quarters, may begin in the year before.
        yield from (date(one, month, 1) for one in (year - 1, year) for month in range(1, 13))


def months_over(last_day: str) -> int:
    """The number of the last month that is over by the end of `last_day`, counted as 12 times the year and its place in it, from 0."""
    on = date.fromisoformat(last_day)
    number = on.year * 12 + on.month - 1
    return number if on.day == monthrange(on.year, on.month)[1] else number - 1


def _month(months: int) -> date:
    return date(months // 12, months % 12 + 1, 1)
