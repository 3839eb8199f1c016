"""Views: SELECTs of rows as of an instant, over the tables of a read model. Figures are worked out over them.

Every row has `n`, the number of facts in it. The SQL is one text for SQLite and PostgreSQL, with the values `:until` (an instant) and
`:until_on` (its day in the reporting zone).
"""

from dataclasses import dataclass
from typing import Literal

from journey.facts import NEVER

Grain = Literal["instant", "day"]
Option = str | int | tuple[str, ...] | tuple[tuple[str, ...], ...]
"""What a view asks for by name. Several texts are rows of one column, `VALUES :name`; of none, there is the one row ''. Several tuples of
texts, of which there is one at least, are rows of as many columns."""
LAST_DAY = "9999-12-31"
"""Later than every day that is stated."""


@dataclass(frozen=True, slots=True)
class View:
    """`unit` names the columns that make a whole unit, which is counted or credited as one: a deal, a lead cycle. `tables` are those it is
    made of. A view of grain `day` has rows that are summed by day, so it answers at ends of days only; its rows have `day` and no `at`.
    `sums` are the columns that hold the sum of a row's facts already; all others are said of each of them.
    `beside` are tables that only say something of its rows, and that none is made of: which content answers a topic, or that a touch
    lies between two steps.
    `options` are values that its SQL asks for by name, with what they are unless a question says otherwise; those of `found` are the
    texts that a SELECT of one column finds before it is asked. `money_on` is the column of the day that its money is of, where rows are
    counted on another one. Several texts under the name
    of a dimension are those that its filters leave, and none where a question is not by it.
    `is_of_instants`: a row is made of those rows of its tables that are of one of its instants, `at` and `…_at`, and of no others."""

    name: str
    sql: str
    unit: tuple[str, ...]
    tables: tuple[str, ...]
    grain: Grain = "instant"
    sums: tuple[str, ...] = ()
    options: tuple[tuple[str, Option], ...] = ()
    beside: tuple[str, ...] = ()
    is_of_instants: bool = False
    found: tuple[tuple[str, str], ...] = ()
    money_on: str = ""


def as_of(table: str, where: str = "TRUE", *, unit: tuple[str, ...] = (), sums: tuple[str, ...] = (), name: str = "") -> View:
    """The rows of `table` dated up to `:until`."""
    return View(name or table, f"SELECT * FROM {table} WHERE at <= :until AND {where}", unit, (table,), sums=sums)


def days_of(table: str, where: str = "TRUE", *, unit: tuple[str, ...] = (), sums: tuple[str, ...] = (), name: str = "") -> View:
    """The rows of `table`, which are summed by day, up to the day of `:until`."""
    return View(name or table, f"SELECT * FROM {table} WHERE day <= :until_on AND {where}", unit, (table,), "day", sums)


def last_of(table: str, *key: str, where: str = "TRUE", name: str = "") -> View:
    """The last row of each `key` up to `:until`, where `where` holds of it: how things stand then."""
    same = " AND ".join(f"later.{column} = t.{column}" for column in key)
    # Ten times as fast as ROW_NUMBER, in both databases.
    sql = (
        f"SELECT * FROM {table} AS t WHERE at <= :until AND {where} AND NOT EXISTS (SELECT 1 FROM {table} AS later"
        f" WHERE {same} AND later.at <= :until AND (later.at, later.nth) > (t.at, t.nth))"
    )
    return View(name or f"last of {table}", sql, key, (table,))


def history(table: str, *key: str, where: str = "TRUE", name: str = "") -> View:
    """Each row up to `:until` with `to_at` and `to_day`, when the next of its key came. Rows that another of their instant replaced
    have no length: `at = to_at`."""
    window = f"OVER (PARTITION BY {', '.join(key)} ORDER BY at, nth)"
    sql = (
        f"SELECT *, LEAD(at, 1, {NEVER}) {window} AS to_at, LEAD(day, 1, '{LAST_DAY}') {window} AS to_day"
        f" FROM {table} WHERE at <= :until AND {where}"
    )
    return View(name or f"history of {table}", sql, key, (table,))
