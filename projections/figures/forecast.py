"""Pipeline and forecast: what moved in and out of what is expected to close in a period, what slipped, and how far targets are reached.

All of these are of the period that is asked for, up to its end or the instant asked until; where none is, of the quarter of that instant.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import NamedTuple

from journey.instants import DAY
from projections.figures.deals import COMPETITOR, OUTCOME, WHOSE, deals_at
from projections.figures.dimensions import OWNER, REASON, TEAM, Dimension
from projections.figures.figure import Figure
from projections.figures.measures import Aggregate, Measure, Outcome, count, quantiles, ratio, total
from projections.figures.periods import days_between
from projections.figures.views import LAST_DAY, View

_LAST = ", ".join(
    f"w.{column}"
    for column in (
        "deal", "pipeline", "stage", "owner", "team", "account", "deal_kind", "reason", "competitor", "outcome", "at", "nth", "day",
    )
)  # fmt: skip
"""What a deal is broken down by: all of its last state, so that what moves adds up in each group."""

# Every state of every deal up to the end of the period, beside the one before it and the deal's last.
_BY_TIME = "(PARTITION BY d.deal ORDER BY d.at, d.nth)"
_LATEST = "(PARTITION BY d.deal ORDER BY d.at DESC, d.nth DESC)"
_IS_IN = "CASE WHEN d.outcome = 'open' AND d.expected_close_on >= :period_from AND d.expected_close_on < :period_to THEN 1 ELSE 0 END"
_STATES = (
    f"SELECT d.deal, d.day, d.outcome, d.amount_minor, d.currency, d.expected_close_on, d.n, {_IS_IN} AS is_in,"
    f" COALESCE(LAG(d.outcome) OVER {_BY_TIME}, '') AS outcome_before, COALESCE(LAG({_IS_IN}) OVER {_BY_TIME}, 0) AS was_in,"
    f" COALESCE(LAG(d.amount_minor) OVER {_BY_TIME}, 0) AS amount_before, COALESCE(LAG(d.currency) OVER {_BY_TIME}, '') AS currency_before,"
    f" LEAD(d.day, 1, '{LAST_DAY}') OVER {_BY_TIME} AS next_day, FIRST_VALUE(d.at) OVER {_LATEST} AS last_at,"
    f" FIRST_VALUE(d.nth) OVER {_LATEST} AS last_nth"
    " FROM deals AS d WHERE d.at <= :until AND d.day < :period_to"
)
_WITH_LAST = f"({_STATES}) AS s JOIN deals AS w ON w.deal = s.deal AND w.at = s.last_at AND w.nth = s.last_nth"
_IS_OPENING = "s.is_in = 1 AND s.day < :period_from AND s.next_day >= :period_from"


class Movement(NamedTuple):
    """SQL over a state `s`: whether it is this movement, and what moves."""

    where: str
    amount: str = "s.amount_minor"
    currency: str = "s.currency"


# What leaves does so at its amount of then: what that differs by from the one before was raised or lowered first.
_COMES = "s.is_in = 1 AND s.day >= :period_from"
_STAYED = "s.was_in = 1 AND s.day >= :period_from"
_CHANGE = "(s.amount_minor - s.amount_before)"
_SAME = "s.currency = s.currency_before"
_MOVEMENTS = {
    "opening": Movement(_IS_OPENING),
    "created": Movement(f"{_COMES} AND s.outcome_before = ''"),
    "pulled_in": Movement(f"{_COMES} AND s.was_in = 0 AND s.outcome_before = 'open'"),
    "reopened": Movement(f"{_COMES} AND s.outcome_before NOT IN ('', 'open')"),
    "raised": Movement(
        f"{_STAYED} AND ({_CHANGE} > 0 AND {_SAME} OR NOT {_SAME} AND s.amount_minor <> 0)",
        f"CASE WHEN {_SAME} THEN {_CHANGE} ELSE s.amount_minor END",
    ),
    "lowered": Movement(
        f"{_STAYED} AND ({_CHANGE} < 0 AND {_SAME} OR NOT {_SAME} AND s.amount_before <> 0)",
        f"CASE WHEN {_SAME} THEN {_CHANGE} ELSE -s.amount_before END",
        "s.currency_before",
    ),
    "slipped": Movement(f"{_STAYED} AND s.outcome = 'open' AND s.is_in = 0", "-s.amount_minor"),
    "won": Movement(f"{_STAYED} AND s.outcome = 'won'", "-s.amount_minor"),
    "lost": Movement(f"{_STAYED} AND s.outcome IN ('lost', 'abandoned')", "-s.amount_minor"),
    "closing": Movement(f"s.is_in = 1 AND s.next_day = '{LAST_DAY}'"),
}


def _of_each(sql: Callable[[Movement], str]) -> str:
    """What `sql` says of the movement that a row is."""
    return "CASE k.column1 " + " ".join(f"WHEN '{name}' THEN {sql(one)}" for name, one in _MOVEMENTS.items()) + " END"


_NAMES = ", ".join(f"('{name}')" for name in _MOVEMENTS)
movements = View(
    "movements of what is expected to close in the period",
    f"SELECT {_LAST}, k.column1 AS movement, {_of_each(lambda one: one.amount)} AS amount_minor,"
    f" {_of_each(lambda one: one.currency)} AS currency, s.n"
    f" FROM {_WITH_LAST} JOIN (VALUES {_NAMES}) AS k ON {_of_each(lambda one: one.where)}",
    unit=("deal",),
    tables=("deals",),
)
# It slipped if it is open still, and not expected on a later day of the period.
expected = View(
    "deals that were expected, when the period began, to close in it",
    f"SELECT {_LAST}, s.amount_minor, s.currency, s.n,"
    " CASE WHEN w.outcome = 'open' AND NOT (w.expected_close_on > :until_on AND w.expected_close_on >= :period_from"
    " AND w.expected_close_on < :period_to) THEN 1 ELSE 0 END AS is_slipped,"
    " CASE WHEN w.expected_close_on = '' THEN 0 ELSE 1 END AS is_dated, CASE WHEN w.expected_close_on = '' THEN 0"
    f" ELSE {DAY} * {days_between('s.expected_close_on', 'w.expected_close_on')} END AS moved FROM {_WITH_LAST} WHERE {_IS_OPENING}",
    unit=("deal",),
    tables=("deals",),
)

MOVEMENT = Dimension(
    "movement",
    "v.movement",
    says="opening, then what came in (created, pulled in, reopened, raised) and went out (lowered, slipped, won, lost), and closing",
    order=tuple(_MOVEMENTS),
)

_OPENED = ("deal_opened.deal", "deal_opened.expected_close_on", "deal_updated.expected_close_on")
_PRICED = ("deal_opened.amount", "deal_opened.currency", "deal_updated.amount", "deal_updated.currency")
_SOURCE = "docs/deals.md"
_BY = (*WHOSE, REASON, COMPETITOR)


def _of_deals(name: str, says: str, formula: str, unit: str, measure: Measure, *, of: View = expected) -> Figure:
    is_money = unit == "money"
    return Figure(
        name=name, says=says, formula=formula, unit=unit, tells="deal_value" if is_money else "", source=_SOURCE, of=of, dated=None,
        by=_BY if of is expected else (MOVEMENT, OUTCOME, *_BY), measure=measure, reads=(*_OPENED, *_PRICED) if is_money else _OPENED,
    )  # fmt: skip


WATERFALL = (
    _of_deals(
        "waterfall_value",
        "Value expected to close in the period, movement by movement: opening and all that moved add up to closing. What leaves does so at"
        " its value of then; a deal that closes without having been expected in the period is in none.",
        "sum of values; what goes out is negative",
        "money",
        replace(total("amount_minor"), adds_up=False),
        of=movements,
    ),
    _of_deals(
        "waterfall_deals",
        "Deals expected to close in the period: those of its first day, each that came in or went out, and those that are left.",
        "number of movements; a deal may come in and go out several times",
        "deals",
        replace(count(), adds_up=False),
        of=movements,
    ),
)
_IS_SLIPPED = "v.is_slipped = 1"
SLIPPAGE = (
    _of_deals("expected_deals", "Deals that were expected, when the period began, to close in it.", "number of deals", "deals", count()),
    _of_deals(
        "slippage",
        "Of the deals that were expected, when the period began, to close in it, the share that slipped: open still, and expected after"
        " its end, on no day, or on one that is over.",
        "deals that slipped / deals expected",
        "share",
        ratio(count(_IS_SLIPPED), count()),
    ),
    _of_deals(
        "slipped_value",
        "Value, as of when the period began, of the deals expected to close in it that slipped.",
        "sum of their values",
        "money",
        total("amount_minor", _IS_SLIPPED),
    ),
    _of_deals(
        "slipped_by",
        "By how long the deals that slipped were moved: 0 where only time ran out. Deals without an expected close are left out.",
        "median and 90 % quantile (type 7) of expected close at the end - at the start",
        "duration",
        quantiles("moved", "1/2", "9/10", where=f"{_IS_SLIPPED} AND v.is_dated = 1"),
    ),
)

# --- targets

# Of the targets within the period of one owner, one team or the company, those that are part of no longer one: a quarter's, and not those
# of its months.
_ALIKE = " AND ".join(f"{{0}}.{column} = {{1}}.{column}" for column in ("metric", "owner", "team", "channel", "campaign"))
_WITHIN = "{0}.start_on >= :period_from AND {0}.end_on < :period_to"
_PART = (
    f"SELECT 1 FROM targets AS b WHERE {_ALIKE.format('b', 'a')} AND {_WITHIN.format('b')} AND b.start_on <= a.start_on"
    " AND b.end_on >= a.end_on AND (b.start_on < a.start_on OR b.end_on > a.end_on)"
)
_TARGETS = f"SELECT a.* FROM targets AS a WHERE a.metric = 'won_value' AND {_WITHIN.format('a')} AND {{whose}} AND NOT EXISTS ({_PART})"
_IN_PERIOD = (
    "(d.outcome = 'won' AND d.closed_on >= :period_from AND d.closed_on < :period_to"
    " OR d.outcome = 'open' AND d.expected_close_on >= :period_from AND d.expected_close_on < :period_to)"
)


def _against(whose: str, column: str) -> View:
    """Targets of the value won within the period, and beside them the deals won or expected in it: where they are of some `column`, of
    those that have a target."""
    targets = _TARGETS.format(whose=whose)
    of_some = f" AND d.{column} IN (SELECT a.{column} FROM ({targets}) AS a)" if column else ""
    shown = column or "''"
    return View(
        f"targets of each {column}, and deals" if column else "targets of the company, and deals",
        f"SELECT 'target' AS what, '' AS deal, {shown} AS whose, amount_minor, currency, n FROM ({targets}) AS t"
        f" UNION ALL SELECT d.outcome AS what, d.deal, {shown} AS whose, d.amount_minor, d.currency, d.n FROM ({deals_at.sql}) AS d"
        f" WHERE {_IN_PERIOD}{of_some}",
        unit=("what", "deal", "whose"),
        tables=("targets", "deals"),
    )


def _over_rest(part: Aggregate, whole: Aggregate, less: Aggregate) -> Aggregate:
    """`part` over what is left of `whole` after `less`; null where nothing is left."""
    every = (*part.parts, *whole.parts, *less.parts)

    def outcome(sums: Sequence[int]) -> Outcome:
        # Of a total the first of its parts is what it comes to.
        over, of, come_to = sums[0], sums[len(part.parts)], sums[len(part.parts) + len(whole.parts)]
        left = max(of - come_to, 0)
        return Outcome(Fraction(over, left) if left else None, left, over, left)

    return Aggregate(every, outcome)


def _of_targets(name: str, whose: str, where: str, column: str, by: tuple[Dimension, ...]) -> tuple[Figure, Figure]:
    of = _against(where, column)
    target, won, is_open = (total("amount_minor", f"v.what = '{what}'") for what in ("target", "won", "open"))
    reads = ("target_set.value", "target_set.currency", "target_set.period_start", "target_set.period_end", "target_set.metric")
    return (
        Figure(
            name=f"{name}attainment",
            says=f"Value of the deals won in the period, of the target of {whose} for it: of several targets those that no"
            " longer one holds.",
            formula="value won / target",
            unit="ratio",
            tells="deal_value",
            source=_SOURCE,
            of=of,
            dated=None,
            by=by,
            measure=ratio(won, target),
            reads=(*reads, "close.amount", "close.currency", "close.outcome"),
        ),
        Figure(
            name=f"{name}coverage",
            says=f"Value of the open deals expected to close in the period, over what of the target of {whose} for it is not won yet;"
            " nothing where all of it is.",
            formula="open value expected / (target - value won)",
            unit="ratio",
            tells="deal_value",
            source=_SOURCE,
            of=of,
            dated=None,
            by=by,
            measure=_over_rest(is_open, target, won),
            reads=(*reads, *_OPENED, *_PRICED),
        ),
    )


_NOBODYS = "owner = '' AND team = '' AND channel = '' AND campaign = ''"
TARGETS = (
    *_of_targets("", "the company", _NOBODYS, "", ()),
    *_of_targets("team_", "a team", "owner = '' AND team <> ''", "team", (replace(TEAM, column="v.whose"),)),
    *_of_targets("owner_", "an owner", "owner <> ''", "owner", (replace(OWNER, column="v.whose"),)),
)
