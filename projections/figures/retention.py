"""Retention: who comes back, and who buys again, by the month of the first time and the months since. A month counts once it is over."""

from projections.figures.conversions import BY_CUSTOMER, CUSTOMERS_MADE, customers_made
from projections.figures.dimensions import LEAD_TEAM, PERSON_STAGE, PROFILE, Dimension, came_by
from projections.figures.figure import Figure
from projections.figures.measures import count, ratio, ratio_of_one
from projections.figures.periods import month_number
from projections.figures.reads import PURCHASES, TRAFFIC
from projections.figures.views import View

MONTHS_MAX = 12
"""How many months after the first one are looked at."""

_MONTHS = "VALUES " + ", ".join(f"({nth}, '{nth:02}')" for nth in range(MONTHS_MAX + 1))


def _cohorts(who: str, first: str, times: str, columns: tuple[str, ...]) -> str:
    """SQL of a row for each of `first` and each month since it that is over, and in which of them there is one of `times`."""
    active = f"SELECT DISTINCT {who}, {month_number('day')} AS month FROM ({times}) AS t"
    placed = f"SELECT {who}, month, ROW_NUMBER() OVER (PARTITION BY {who} ORDER BY month) AS nth FROM ({active}) AS t"
    last = f"SELECT {who}, MAX({month_number('day')}) AS month FROM ({times}) AS t GROUP BY {who}"
    kept = ", ".join(f"f.{column}" for column in columns)
    return (
        f"SELECT {kept}, k.column2 AS after, CASE WHEN a.month IS NULL THEN 0 ELSE 1 END AS is_on,"
        " CASE WHEN l.month >= f.month + k.column1 THEN 1 ELSE 0 END AS is_on_or_after,"
        " CASE WHEN a.nth = k.column1 + 1 THEN 1 ELSE 0 END AS is_every_up_to, f.n"
        f" FROM (SELECT t.*, {month_number('t.day')} AS month FROM ({first}) AS t) AS f"
        f" JOIN ({last}) AS l ON l.{who} = f.{who}"
        f" JOIN ({_MONTHS}) AS k ON f.month + k.column1 <= :months_over"
        f" LEFT JOIN ({placed}) AS a ON a.{who} = f.{who} AND a.month = f.month + k.column1"
    )


came_back = View(
    "people by the months since their first touchpoint",
    _cohorts(
        "person",
        "SELECT person, at, day, n FROM first_touched WHERE is_first = 1 AND at <= :until",
        "SELECT person, day FROM touched WHERE day <= :until_on",
        ("person", "at", "day"),
    ),
    unit=("person",),
    tables=("first_touched", "touched"),
    grain="day",
)
_FIRST = f"SELECT * FROM ({customers_made.sql}) AS m WHERE is_first = 1"
bought = View(
    "customers by the months since their first purchase",
    _cohorts("customer", _FIRST, customers_made.sql, CUSTOMERS_MADE),
    unit=customers_made.unit,
    tables=customers_made.tables,
    options=customers_made.options,
)
bought_again = View(
    "customers, and whether they bought again",
    f"SELECT m.*, CASE WHEN o.times > 1 THEN 1 ELSE 0 END AS is_again FROM ({_FIRST}) AS m"
    f" JOIN (SELECT customer, COUNT(*) AS times FROM ({customers_made.sql}) AS t GROUP BY customer) AS o ON o.customer = m.customer",
    unit=customers_made.unit,
    tables=customers_made.tables,
    options=customers_made.options,
)

AFTER = Dimension("after", "v.after", says=f"months since the first one, which is 00; up to {MONTHS_MAX}", order=())

_BY_PERSON = (AFTER, *came_by("v.person"), LEAD_TEAM, *PROFILE, PERSON_STAGE)
_PURCHASED = (*PURCHASES, "close.account")
_SAYS = {
    "on": ("in that month", "in the month after so many"),
    "on_or_after": ("in that month or a later one, up to the instant asked until", "in that month or later"),
    "every_up_to": ("in each month up to that one", "in each month up to it"),
}


def _retained(name: str, how: str, whose: str, of: View, by: tuple[Dimension, ...], did: str, reads: tuple[str, ...]) -> Figure:
    says, formula = _SAYS[how]
    return Figure(
        name=name,
        says=f"Of the {whose} in the period, the share that {did} {says}, by the months since (after). Of several months at once there is"
        " no number.",
        formula=f"{whose.split()[0]} that {did} {formula} / {whose.split()[0]} for whom that month is over",
        unit="share",
        source="docs/marketing.md",
        of=of,
        by=by,
        measure=ratio_of_one("after", count(f"v.is_{how} = 1"), count()),
        # Whoever has not come yet may still come.
        within_days=None if how == "on_or_after" else 0,
        reads=reads,
    )


_CAME = "people whose first touchpoint that marketing counts was"
_BOUGHT = "customers whose first purchase was"
RETAINED = (
    *(_retained(f"back_{how}", how, _CAME, came_back, _BY_PERSON, "came", TRAFFIC) for how in _SAYS),
    *(_retained(f"bought_{how}", how, _BOUGHT, bought, (AFTER, *BY_CUSTOMER), "bought", _PURCHASED) for how in _SAYS),
)
repeat_rate = Figure(
    name="repeat_rate",
    says="Of the customers whose first purchase was in the period, the share that has bought again up to the instant asked until.",
    formula="customers with a second purchase / customers, dated by their first",
    unit="share",
    source="definition: customer, attribution.conversions",
    of=bought_again,
    by=BY_CUSTOMER,
    measure=ratio(count("v.is_again = 1"), count()),
    within_days=None,
    reads=_PURCHASED,
)
