"""The way from lead to win: which steps lead cycles reach, and what share goes on from one to a later one.

The steps are those of the Demand Waterfall: new lead, MQL, SAL, SQL, opportunity, win. A cycle may skip any of them.
"""

from itertools import combinations
from typing import Final

from journey.instants import DAY
from projections.figures.dimensions import (
    CAMPAIGN,
    CHANNEL,
    DAYS_MAX,
    EVER,
    FIRST_TOUCH_MONTH,
    LEAD_SOURCE,
    PERSON_STAGE,
    PROFILE,
    TEAM,
    WITHIN,
    Dimension,
)
from projections.figures.figure import Figure
from projections.figures.measures import count, quantiles_of_one, ratio_of_one
from projections.figures.reads import LEADS
from projections.figures.views import View, last_of

STEPS: Final = ("lead", "mql", "sal", "sql", "opportunity", "win")
"""In their order."""

_TIED = (
    "SELECT p.person, p.cycle, d.deal, d.outcome, d.opened_at, d.opened_on, d.closed_at, d.closed_on"
    f" FROM ({last_of('deal_people', 'person', 'deal').sql}) AS p JOIN ({last_of('deals', 'deal').sql}) AS d ON d.deal = p.deal"
    " WHERE p.cycle > 0"
)
"""The deals that lead cycles came to, as they stand."""


def _first_deal(dated: str, where: str) -> str:
    """Of each lead cycle the first deal of those for which `where` holds."""
    place = f"ROW_NUMBER() OVER (PARTITION BY person, cycle ORDER BY {dated}_at, deal) AS place"
    return (
        f"SELECT person, cycle, deal, {dated}_at AS at, {dated}_on AS day FROM (SELECT t.*, {place} FROM ({_TIED}) AS t WHERE {where}) AS r"
        " WHERE place = 1"
    )


_IS_WON = "outcome = 'won'"
_CYCLES = (
    "SELECT l.person, l.cycle, l.channel, l.campaign, l.lead_source, l.team, l.n,"
    " l.created_at AS lead_at, l.created_on AS lead_on, l.mql_at, l.mql_on,"
    " CASE WHEN l.answer = 'accepted' THEN l.answered_at ELSE 0 END AS sal_at, l.answered_on AS sal_on,"
    " CASE WHEN l.is_qualified = 1 THEN l.qualified_at ELSE 0 END AS sql_at, l.qualified_on AS sql_on,"
    " COALESCE(o.at, 0) AS opportunity_at, COALESCE(o.day, '') AS opportunity_on, COALESCE(o.deal, '') AS opportunity_deal,"
    " COALESCE(w.at, 0) AS win_at, COALESCE(w.day, '') AS win_on, COALESCE(w.deal, '') AS win_deal"
    f" FROM ({last_of('lead_states', 'person', 'cycle').sql}) AS l"
    f" LEFT JOIN ({_first_deal('opened', 'opened_at > 0')}) AS o ON o.person = l.person AND o.cycle = l.cycle"
    f" LEFT JOIN ({_first_deal('closed', _IS_WON)}) AS w ON w.person = l.person AND w.cycle = l.cycle"
)
"""The lead cycles as they stand, with when each step was reached: 0 where it was not."""
_KEPT = "c.person, c.cycle, c.channel, c.campaign, c.lead_source, c.team, c.n"
_TABLES = ("lead_states", "deal_people", "deals")


def _of(step: str, what: str) -> str:
    """A column of `_CYCLES` for the step that `step` is SQL of."""
    whens = " ".join(f"WHEN '{one}' THEN c.{one}_{what}" for one in STEPS)
    return f"CASE {step} {whens} END"


def _deal(step: str) -> str:
    return f"CASE {step} WHEN 'opportunity' THEN c.opportunity_deal WHEN 'win' THEN c.win_deal ELSE '' END"


_ONE_BY_ONE = ", ".join(f"('{step}')" for step in STEPS)
_IN_PAIRS = ", ".join(f"('{earlier}', '{later}', {nth})" for nth, (earlier, later) in enumerate(combinations(STEPS, 2)))
_PAIRS = f"(VALUES {_IN_PAIRS}) AS p"
# A number is told apart in half the time that a text takes.
_PAIR = "p.column1 AS from_step, p.column2 AS to_step, p.column3"
_WITHIN = f"SELECT column1 AS within, CAST(NULLIF(column1, '{EVER}') AS BIGINT) AS days FROM (VALUES :within) AS k"

reached = View(
    "steps reached",
    f"SELECT {_KEPT}, s.column1 AS step, {_of('s.column1', 'at')} AS at, {_of('s.column1', 'on')} AS day, {_deal('s.column1')} AS deal"
    f" FROM ({_CYCLES}) AS c CROSS JOIN (VALUES {_ONE_BY_ONE}) AS s"
    f" WHERE {_of('s.column1', 'at')} > 0",
    unit=("person", "cycle"),
    tables=_TABLES,
)
_GONE = (
    f"SELECT {_KEPT}, {_PAIR} AS pair, {_of('p.column1', 'at')} AS at, {_of('p.column1', 'on')} AS day,"
    f" {_of('p.column2', 'at')} AS later_at, {_deal('p.column2')} AS deal"
    f" FROM ({_CYCLES}) AS c CROSS JOIN {_PAIRS} WHERE {_of('p.column1', 'at')} > 0"
)
_IS_REACHED = f"g.later_at >= g.at AND (w.days IS NULL OR g.later_at - g.at <= w.days * {DAY})"
went_on = View(
    "from step to step",
    "SELECT g.person, g.cycle, g.channel, g.campaign, g.lead_source, g.team, g.n, g.from_step, g.to_step, w.within,"
    f" g.pair * {DAYS_MAX + 1} + COALESCE(w.days, 0) AS pair, g.at, g.day, g.deal,"
    f" CASE WHEN {_IS_REACHED} THEN 1 ELSE 0 END AS is_reached, CASE WHEN {_IS_REACHED} THEN g.later_at ELSE 0 END AS reached_at,"
    " g.later_at - g.at AS took"
    f" FROM ({_GONE}) AS g CROSS JOIN ({_WITHIN}) AS w",
    unit=("person", "cycle"),
    tables=_TABLES,
)


def _side(side: str) -> str:
    column = "p.column1" if side == "from" else "p.column2"
    return (
        f"SELECT {_KEPT}, {_PAIR} AS pair, '{side}' AS side, {_of(column, 'at')} AS at, {_of(column, 'on')} AS day, {_deal(column)} AS deal"
        f" FROM ({_CYCLES}) AS c CROSS JOIN {_PAIRS} WHERE {_of(column, 'at')} > 0"
    )


both_sides = View(
    "entries of both steps",
    f"{_side('from')} UNION ALL {_side('to')}",
    unit=("person", "cycle"),
    tables=_TABLES,
)

STEP = Dimension("step", "v.step", says="lead, mql, sal, sql, opportunity or win", order=STEPS)
FROM_STEP = Dimension("from_step", "v.from_step", says="the earlier step: lead, mql, sal, sql or opportunity", order=STEPS)
TO_STEP = Dimension("to_step", "v.to_step", says="the later step: mql, sal, sql, opportunity or win", order=STEPS)
_WHENCE = (CHANNEL, CAMPAIGN, LEAD_SOURCE, FIRST_TOUCH_MONTH, TEAM, *PROFILE, PERSON_STAGE)

_SOURCE = "SiriusDecisions' Demand Waterfall; definition: lead, handoff"

lead_steps = Figure(
    name="lead_steps",
    says="Lead cycles that reached a step of the way from lead to win in the period: new lead, MQL, SAL, SQL, opportunity, win."
    " An opportunity is the first deal opened of the lead, a win its first deal that stands as won. A step may be skipped.",
    formula="number of lead cycles, dated by when they reached the step",
    unit="leads",
    source=_SOURCE,
    of=reached,
    by=(STEP, *_WHENCE),
    measure=count(),
    reads=LEADS,
)
lead_conversion = Figure(
    name="lead_conversion",
    says="Of the lead cycles that reached the earlier step in the period, the share that reached the later one, ever or within so many"
    " days. Who skipped the earlier step is not among them; who was at the later one before has not gone on to it. Null over several pairs"
    " of steps: name one, or break down by them.",
    formula="of the cycles at the earlier step: reached the later one at its instant or up to `within` days after it / all",
    unit="share",
    source=_SOURCE,
    of=went_on,
    by=(FROM_STEP, TO_STEP, WITHIN, *_WHENCE),
    measure=ratio_of_one("pair", count("v.is_reached = 1"), count()),
    within_days=None,
    reads=LEADS,
)
lead_step_time = Figure(
    name="lead_step_time",
    says="How long it took lead cycles that reached the earlier step in the period to reach the later one, of those that have: looks short"
    " while slow ones are under way. Null over several pairs of steps.",
    formula="median and 90 % quantile (type 7) of later step - earlier step",
    unit="duration",
    source=_SOURCE,
    of=went_on,
    by=(FROM_STEP, TO_STEP, WITHIN, *_WHENCE),
    measure=quantiles_of_one("pair", "took", "1/2", "9/10", where="v.is_reached = 1"),
    within_days=None,
    reads=LEADS,
)
lead_period_ratio = Figure(
    name="lead_period_ratio",
    says="How many lead cycles reached the later step in the period for each that reached the earlier one in it. These are not the same"
    " leads, so it is no conversion and may be above 1: lead_conversion follows cohorts. Null over several pairs of steps.",
    formula="entries of the later step in the period / entries of the earlier step in the period",
    unit="ratio",
    source=_SOURCE,
    of=both_sides,
    by=(FROM_STEP, TO_STEP, *_WHENCE),
    measure=ratio_of_one("pair", count("v.side = 'to'"), count("v.side = 'from'")),
    reads=LEADS,
)

FIGURES = (lead_steps, lead_conversion, lead_step_time, lead_period_ratio)
