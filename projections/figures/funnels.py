"""Funnels: how far people come along steps, how soon, and where they are lost. Which funnels there are, the question says."""

from typing import Final

from journey.facts import NEVER
from projections.figures.defined import FUNNEL_DAYS, FUNNELS, WON
from projections.figures.dimensions import PERSON_STAGE, PROFILE, Dimension, came_by, of_the_lead
from projections.figures.figure import Figure
from projections.figures.measures import Measure, distinct, quantiles, ratio
from projections.figures.views import View, last_of

_STANDS = "(x.conversion NOT IN (VALUES :won) OR (x.of_what, x.at) IN (SELECT of_what, at FROM won))"
_LAST_WON = last_of("deals", "deal", where="outcome = 'won'").sql
_WON = f"SELECT SUBSTR(deal, 6) AS of_what, closed_at AS at FROM ({_LAST_WON}) AS d"
"""A deal that was won and then reopened has won nobody."""
STEPS: Final = {
    "milestone": ("milestones", "name", "TRUE"),
    "stage": ("stages", "stage", "TRUE"),
    "lead": ("leads", "step", "TRUE"),
    "conversion": ("conversions", "conversion", _STANDS),
}
"""For each kind of step its table, the column that names it, and which of the rows count."""


def _next(step: str, person: str, since: str, *until: str) -> str:
    """When `person` took `step`, a row of `f`, for the first time from `since` on: one look into an index of its table."""
    bounds = " AND ".join([f"x.at >= {since}", *(f"x.at <= {one}" for one in (":until", *until))])
    looks = (
        f"WHEN '{kind}' THEN (SELECT MIN(x.at) FROM {table} AS x WHERE x.person = {person} AND x.{column} = {step}.name AND {bounds}"
        f" AND {where})"
        for kind, (table, column, where) in STEPS.items()
    )
    return f"CASE {step}.kind {' '.join(looks)} END"


_F = (
    "SELECT column1 AS funnel, column2 AS ordering, CAST(column3 AS BIGINT) AS within, CAST(column4 AS BIGINT) AS place,"
    " CAST(column5 AS BIGINT) AS nth, CAST(column6 AS BIGINT) AS is_optional, column7 AS kind, column8 AS name, column9 AS step"
    " FROM (VALUES :funnels) AS given"
)
# A person may begin more than once. Whatever the order, any of the steps may be the first. SQLite reads what stands before CROSS JOIN once.
_STARTS = " UNION ".join(
    f"SELECT f.funnel, f.ordering, f.within, x.person, x.at, x.day FROM {table} AS x CROSS JOIN f"
    f" WHERE x.{column} = f.name AND f.kind = '{kind}' AND (f.place = 1 OR f.ordering = 'any')"
    f" AND x.at <= :until AND x.day >= :from_on AND x.day < :to_on AND {where}"
    for kind, (table, column, where) in STEPS.items()
)
_NOTHING_ELSE = (
    f"NOT EXISTS (SELECT 1 FROM {table} AS x WHERE x.person = c.person AND x.{at} > c.before_at AND x.{at} < c.at)"
    for table, at in (("touches", "touched_at"), ("milestones", "at"))
)
"""No touch of attribution and no milestone of the person between the step and the one before."""
_COUNTS = (
    "c.at IS NOT NULL AND (c.ordering NOT IN ('strict_steps', 'strict') OR NOT EXISTS (SELECT 1 FROM f AS o WHERE o.funnel = c.funnel"
    f" AND o.is_optional = 0 AND o.nth NOT IN (c.nth - 1, c.nth) AND {_next('o', 'c.person', 'c.before_at + 1', 'c.at - 1')} IS NOT NULL))"
    f" AND (c.ordering <> 'strict' OR ({' AND '.join(_NOTHING_ELSE)}))"
)
"""Whether the step was taken at all, and nothing lies between it and the one before that must not. What is of the instant of either of
them does not lie between them."""
_CHAINS = (
    "SELECT funnel, ordering, within, person, day, at AS began_at, CAST(1 AS BIGINT) AS nth, at, at AS before_at"
    " FROM starts WHERE ordering <> 'any'"
    " UNION ALL SELECT c.funnel, c.ordering, c.within, c.person, c.day, c.began_at, f.nth,"
    f" {_next('f', 'c.person', 'c.at', 'c.began_at + c.within')} AS at, c.at AS before_at"
    f" FROM chains AS c JOIN f ON f.funnel = c.funnel AND f.nth = c.nth + 1 AND f.is_optional = 0 WHERE {_COUNTS}"
)
_SETS = (
    "SELECT funnel, within, person, day, began_at, CAST(ROW_NUMBER() OVER w AS BIGINT) AS nth, at,"
    " COALESCE(LAG(at) OVER w, at) AS before_at FROM (SELECT s.funnel, s.within, s.person, s.day, s.at AS began_at, f.nth AS place,"
    f" {_next('f', 's.person', 's.at', 's.at + s.within')} AS at FROM starts AS s JOIN f ON f.funnel = s.funnel"
    " WHERE s.ordering = 'any') AS found WHERE at IS NOT NULL"
    " WINDOW w AS (PARTITION BY funnel, person, began_at ORDER BY at, place)"
)
_TAKEN = (
    f"SELECT funnel, within, person, day, began_at, nth, at, before_at FROM chains AS c WHERE {_COUNTS}"
    f" UNION ALL SELECT funnel, within, person, day, began_at, nth, at, before_at FROM ({_SETS}) AS of_any"
)
# The longest chain counts, of equal ones the earliest.
_RANKED = (
    "SELECT t.*, FIRST_VALUE(began_at) OVER (PARTITION BY funnel, person ORDER BY nth DESC, began_at) AS counts_at,"
    " MAX(nth) OVER (PARTITION BY funnel, person) AS depth, LEAD(at) OVER (PARTITION BY funnel, person, began_at ORDER BY nth) AS next_at"
    " FROM taken AS t"
)
# A row for each step of the funnel, also for those that the person has not taken. An optional one has the place of that before it.
_REACHED = (
    "SELECT r.funnel, r.person, r.began_at AS at, r.day, r.within, f.step, f.nth, f.is_optional, r.depth,"
    " CASE WHEN f.is_optional = 1 OR f.nth > r.nth THEN r.at ELSE r.before_at END AS before_at,"
    " CASE WHEN f.nth > r.nth THEN NULL WHEN f.is_optional = 0 THEN r.at"
    f" ELSE {_next('f', 'r.person', 'r.at', 'r.began_at + r.within', f'COALESCE(r.next_at, {NEVER})')} END AS reached_at"
    " FROM ranked AS r JOIN f ON f.funnel = r.funnel AND (f.nth = r.nth OR (r.nth = r.depth AND f.nth > r.depth))"
    " WHERE r.began_at = r.counts_at"
)
_FUNNEL = (
    f"WITH RECURSIVE f AS ({_F}), won AS ({_WON}), starts AS ({_STARTS}), chains AS ({_CHAINS}), taken AS ({_TAKEN}),"
    f" ranked AS ({_RANKED}), reached AS ({_REACHED})"
    " SELECT funnel, step, person, at, day, before_at, COALESCE(reached_at, 0) AS reached_at,"
    " CASE WHEN reached_at IS NULL THEN 0 ELSE 1 END AS is_reached,"
    " CASE WHEN nth = 1 AND is_optional = 0 THEN 0 WHEN depth >= nth - 1 + is_optional THEN 1 ELSE 0 END AS is_next,"
    " is_optional, CASE WHEN at + within > :until THEN 1 ELSE 0 END AS is_open,"
    " COALESCE(reached_at - before_at, -1) AS took, COALESCE(reached_at - at, -1) AS took_in_all, 1 AS n FROM reached"
)
steps_taken = View(
    "funnels",
    _FUNNEL,
    unit=("funnel", "person"),
    tables=("milestones", "stages", "leads", "conversions", "deals"),
    beside=("touches",),
    options=(FUNNELS, FUNNEL_DAYS, WON),
    is_of_instants=True,
)

FUNNEL = Dimension("funnel", "v.funnel", says="funnel, as the definition names it")
STEP = Dimension("step", "v.step", says="step with its place; in whatever order, how many were taken", order=())
_BY = (
    FUNNEL,
    STEP,
    *came_by("v.person"),
    *(of_the_lead(name, says) for name, says in {"lead_source": "source", "team": "team"}.items()),
    *PROFILE,
    PERSON_STAGE,
)
_READS = (
    "lead_created.lead", "form_submitted.intent", "demo.status", "proposal_sent", "close.outcome", "signed_up", "trial_started",
    "order_placed.order",
)  # fmt: skip
"""What makes steps of the funnels that ship; others may be named."""
_IS_NEXT = "v.is_next = 1"


def _of_funnel(name: str, says: str, formula: str, unit: str, measure: Measure) -> Figure:
    return Figure(
        name=name, says=says, formula=formula, unit=unit, source="definition: funnels", of=steps_taken, by=_BY, measure=measure,
        reads=_READS, within_days=FUNNEL_DAYS[0],
    )  # fmt: skip


FUNNEL_FIGURES: Final = (
    _of_funnel(
        name="funnel_people",
        says="Distinct people who came to a step of a funnel, dated by its first step; of each the longest way counts, of equal ones the"
        " earliest. They do not add up over steps or funnels.",
        formula="distinct people who took the step, and those before it, in the order and the time that the funnel allows",
        unit="people",
        measure=distinct("person", "v.is_reached = 1"),
    ),
    _of_funnel(
        name="funnel_share",
        says="Of those who took the first step, the share who came to this one.",
        formula="people who took the step / people who took the first",
        unit="share",
        measure=ratio(distinct("person", "v.is_reached = 1"), distinct("person")),
    ),
    _of_funnel(
        name="funnel_step_share",
        says="Of those who took the step before, optional ones apart, the share who came to this one. The first step has none before it.",
        formula="people who took the step / people who took the one before",
        unit="share",
        measure=ratio(distinct("person", f"{_IS_NEXT} AND v.is_reached = 1"), distinct("person", _IS_NEXT)),
    ),
    _of_funnel(
        name="funnel_time",
        says="How long those who took a step had taken for it since the step before, optional ones apart. Looks short while slow ones are"
        " under way.",
        formula="median and 90 % quantile (type 7) of the step - the one before",
        unit="duration",
        measure=quantiles("took", "1/2", "9/10", where=f"{_IS_NEXT} AND v.is_reached = 1"),
    ),
    _of_funnel(
        name="funnel_time_in_all",
        says="How long those who took a step had taken for it since the first. Looks short while slow ones are under way.",
        formula="median and 90 % quantile (type 7) of the step - the first",
        unit="duration",
        measure=quantiles("took_in_all", "1/2", "9/10", where=f"{_IS_NEXT} AND v.is_reached = 1"),
    ),
    _of_funnel(
        name="funnel_lost",
        says="People who took the step before, and not this one in the time that there was for it. An optional step loses nobody.",
        formula="distinct people whose time is over",
        unit="people",
        measure=distinct("person", f"{_IS_NEXT} AND v.is_optional = 0 AND v.is_reached = 0 AND v.is_open = 0"),
    ),
    _of_funnel(
        name="funnel_under_way",
        says="People who took the step before and have time left for this one: while there are any, the shares may rise.",
        formula="distinct people whose time is not over",
        unit="people",
        measure=distinct("person", f"{_IS_NEXT} AND v.is_optional = 0 AND v.is_reached = 0 AND v.is_open = 1"),
    ),
)
