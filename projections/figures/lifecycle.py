"""The lifecycle of the audience: who is new in a month, returns, has come back after a pause, or has fallen asleep since the last one."""

from typing import Final

from projections.figures.dimensions import LEAD_TEAM, PERSON_STAGE, PROFILE, came_by
from projections.figures.figure import Figure
from projections.figures.measures import distinct
from projections.figures.periods import month_number
from projections.figures.reads import TRAFFIC
from projections.figures.views import View

# Months are counted, so that the one before is less by 1.
_MONTHS = f"SELECT person, day, {month_number('day')} AS month FROM touched"
_BESIDE = (
    "SELECT person, month, day, LAG(month) OVER (PARTITION BY person ORDER BY day) AS month_before,"
    f" LEAD(month) OVER (PARTITION BY person ORDER BY day) AS month_next FROM ({_MONTHS} WHERE day <= :until_on) AS t"
)
_FIRST_DAY_AFTER = "CAST((month + 1) / 12 AS TEXT) || '-' || SUBSTR(CAST(101 + (month + 1) - 12 * ((month + 1) / 12) AS TEXT), 2) || '-01'"
lived = View(
    "months of people, and whether they were there",
    # `day` is that of the touch, which `why` shows; who is dormant is so since the month after it.
    f"SELECT person, day, 0 AS lived_at, CASE k.column1 WHEN 1 THEN {_FIRST_DAY_AFTER} ELSE day END AS lived_on,"
    " CASE WHEN k.column1 = 1 THEN 'dormant'"
    " WHEN month_before IS NULL THEN 'new' WHEN month_before = month - 1 THEN 'returning' ELSE 'resurrecting' END AS lifecycle, 1 AS n"
    # Of a month there is the first touch, and the last one where the next month is over without any: nobody is dormant before.
    f" FROM ({_BESIDE}) AS b JOIN (VALUES (0), (1)) AS k ON CASE k.column1 WHEN 0 THEN COALESCE(month_before, 0) < month"
    " ELSE COALESCE(month_next, month + 2) > month + 1 AND month + 1 <= :months_over END",
    unit=("person",),
    tables=("touched",),
    grain="day",
)


def _people(lifecycle: str, says: str, formula: str, dated: str) -> Figure:
    return Figure(
        name=f"{lifecycle}_in_month",
        says=f"Distinct people {says}, by calendar months; dated by {dated}. They do not add up over months.",
        formula=formula,
        unit="people",
        source="PostHog: lifecycle",
        of=lived,
        dated="lived",
        # Nobody is there before the first touch, so that it is known as of any of these months.
        by=(*came_by("v.person", since=":until"), LEAD_TEAM, *PROFILE, PERSON_STAGE),
        measure=distinct("person", f"v.lifecycle = '{lifecycle}'"),
        reads=TRAFFIC,
    )


_CAME = "with a touchpoint that marketing counts"
_FIRST = "the first such touchpoint of the month"
LIFECYCLE: Final = (
    _people("new", f"{_CAME} in the month and none before it", "distinct people whose first month it is", _FIRST),
    _people("returning", f"{_CAME} in the month and in the one before", "distinct people, also in the month before", _FIRST),
    _people(
        "resurrecting",
        f"{_CAME} in the month, none in the one before and some earlier",
        "distinct people, not in the month before, and earlier",
        _FIRST,
    ),
    _people(
        "dormant",
        "with no touchpoint that marketing counts in the month, which is over, and some in the one before",
        "distinct people of the month before who are not in this one",
        "the first day of the month",
    ),
)
