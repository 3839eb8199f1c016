"""The laws of conservation: what must add up within each read model, and agree between the two. A law is a value: its name, and a check
that yields the rows that break it. A new one is a line in `LAWS`.
"""

from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from journey.definition import Definition
from journey.instants import Instant
from journey.leads import ANSWERS
from projections import marketing_report, sales_report
from projections.asking import Money, cut, stage_of_person
from projections.marketing import marketing
from projections.marketing_report import MarketingReport
from projections.read_model import Ask, ReadModel, Table
from projections.sales import sales
from projections.sales_report import SalesReport

MODELS: dict[str, ReadModel] = {model.name: model for model in (marketing, sales)}


class Broken(NamedTuple):
    """Where a law does not hold: what is there, and what would be if it did. `row` says which row, or which figure of a report."""

    model: str
    table: str
    row: dict[str, Any]
    expected: Any
    found: Any


@dataclass(frozen=True, slots=True)
class Both:
    """Both read models at one position. `reports` are theirs as of `until`; None where rows are so wrong that there are none."""

    asks: Mapping[str, Ask]
    definition: Definition
    until: Instant
    reports: tuple[MarketingReport, SalesReport] | None = None


@dataclass(frozen=True, slots=True)
class Law:
    name: str
    check: Callable[[Both], AsyncIterator[Broken]]


async def with_reports(asks: Mapping[str, Ask], definition: Definition, until: Instant) -> Both:
    """Both read models with their reports. Raises what a report raises of rows that it can make nothing of."""
    reports = (
        await marketing_report.of(asks["marketing"], definition, until),
        await sales_report.of(asks["sales"], definition, until),
    )
    return Both(asks, definition, cut(until, definition.zone), reports)


# --- how laws are written


def within(name: str, tables: Iterable[tuple[ReadModel, Table]], columns: tuple[str, ...], query: str, expected: Any) -> Law:
    """A law of single rows, or of groups of them: `query`, with {table}, finds the values of `columns` where it is broken, and then what
    was found."""

    async def check(both: Both) -> AsyncIterator[Broken]:
        for model, table in tables:
            for *row, found in await both.asks[model.name](query.format(table=table.name)):
                yield Broken(model.name, table.name, dict(zip(columns, row, strict=True)), expected, found)

    return Law(name, check)


def equal(name: str, table: str, columns: tuple[str, ...]) -> Law:
    """A law between the two: `table` holds as many facts of each `columns` in both."""
    query = f"SELECT {', '.join(columns)}, SUM(n) FROM {table} GROUP BY {', '.join(columns)}"

    async def check(both: Both) -> AsyncIterator[Broken]:
        ours, theirs = [{tuple(row): int(n) for *row, n in await both.asks[model](query)} for model in MODELS]
        for row in sorted(ours.keys() | theirs.keys(), key=repr):
            if ours.get(row, 0) != theirs.get(row, 0):
                yield Broken("sales", table, dict(zip(columns, row, strict=True)), ours.get(row, 0), theirs.get(row, 0))

    return Law(name, check)


Figures = Iterator[tuple[str, str, Any, Any]]
"""Of which read model, what it is, and the two figures."""


def figures(name: str, compare: Callable[[MarketingReport, SalesReport], Figures]) -> Law:
    """A law of reports: figures that have to be equal."""

    async def check(both: Both) -> AsyncIterator[Broken]:
        for model, what, expected, found in compare(*both.reports) if both.reports else ():
            if expected != found:
                yield Broken(model, "report", {"figure": what}, expected, found)

    return Law(name, check)


def _tables(name: str | None = None) -> list[tuple[ReadModel, Table]]:
    return [(model, table) for model in MODELS.values() for table in model.tables if name in (None, table.name)]


# --- laws of rows


async def _facts(both: Both) -> AsyncIterator[Broken]:
    for model, table in _tables():
        columns = tuple(column.name for column in table.key)
        for *row, n in await both.asks[model.name](f"SELECT {', '.join(columns)}, n FROM {table.name} WHERE n < 1"):
            yield Broken(model.name, table.name, dict(zip(columns, row, strict=True)), "1 or more", n)


OUTLOOKS = "SELECT person, SUM(n) FROM {table} GROUP BY person HAVING SUM(n) <> 1"
CREATED = (
    "SELECT person, cycle, SUM(CASE WHEN step = 'created' THEN n ELSE 0 END) FROM {table} GROUP BY person, cycle"
    " HAVING SUM(CASE WHEN step = 'created' THEN n ELSE 0 END) <> 1"
)
LEFT = (
    "SELECT person, stage, at, nth, left_stage, came_from FROM (SELECT person, stage, at, nth, left_stage,"
    " COALESCE(LAG(stage) OVER (PARTITION BY person ORDER BY at, nth), '') AS came_from FROM {table}) AS steps"
    " WHERE left_stage <> came_from"
)
ENTERED = "SELECT person, stage, at, nth, n FROM {table} WHERE n <> 1"
CLOSED = "SELECT deal, at, nth, outcome, closed_at FROM {table} WHERE (outcome = 'open') <> (closed_at = 0)"
STOOD = "SELECT deal, at, nth, SUM(n) FROM {table} GROUP BY deal, at, nth HAVING SUM(n) <> 1"
PLACED = "SELECT subject, order_id, SUM(n) FROM {table} GROUP BY subject, order_id HAVING SUM(n) <> 1"
TAKEN_BEFORE = "SELECT subject, order_id, order_at, at FROM {table} WHERE at < order_at"
RAISED = "SELECT subject, order_id, at, amount_minor FROM {table} WHERE amount_minor >= 0"
COUNTED = "SELECT person, rule, points, at, until_at FROM {table} WHERE until_at <= at"


# --- laws of reports


def _audiences(report: MarketingReport) -> Iterator[tuple[str, list[Any]]]:
    yield from (("channels", list(report.channels)), ("campaigns", list(report.campaigns)), ("days", list(report.days)))


def _touchpoints(report: MarketingReport, other: SalesReport) -> Figures:
    for name, parts in _audiences(report):
        yield "marketing", f"touchpoints by {name}", report.touchpoints, sum(one.touchpoints for one in parts)


def _people(report: MarketingReport, other: SalesReport) -> Figures:
    for name, parts in _audiences(report):
        people = [one.people for one in parts]
        yield "marketing", f"people are within the bounds of those by {name}", True, max(people, default=0) <= report.people <= sum(people)


def _new_leads(report: MarketingReport, other: SalesReport) -> Figures:
    for name, parts in _audiences(report):
        yield "marketing", f"new leads by {name}", report.new_leads, sum(one.new_leads for one in parts)
    yield "sales", "leads", report.new_leads, other.leads


def _credits(report: MarketingReport, other: SalesReport) -> Figures:
    conversions = {one.conversion: one.number for one in report.conversions if one.number}
    for name, parts in list(_audiences(report))[:2]:
        for which in ("first", "last"):
            credited: Counter[str] = Counter()
            for one in parts:
                credited.update(getattr(one.credit, which))
            yield "marketing", f"conversions credited to the {which} touch, by {name}", conversions, dict(credited)


def _spend(report: MarketingReport, other: SalesReport) -> Figures:
    spent: Counter[str] = Counter()
    for one in report.campaigns:
        spent.update(one.spend)
    yield "marketing", "spend by campaigns", dict(report.spend), dict(spent)


async def _left(both: Both) -> AsyncIterator[Broken]:
    """Added up here: a database's own sum is not exact at any size in SQLite."""
    columns = ("subject", "order_id", "at", "currency")
    ask = both.asks["marketing"]
    left: Counter[tuple[Any, ...]] = Counter()
    for *row, amount_minor in await ask(f"SELECT {', '.join(columns)}, amount_minor FROM orders"):
        left[tuple(row)] += int(amount_minor)
    lowered = await ask("SELECT subject, order_id, order_at, currency, amount_minor FROM lowered")
    for *row, amount_minor in lowered:
        left[tuple(row)] += int(amount_minor)
    for order in sorted({tuple(row) for *row, _ in lowered}):
        if left[order] < 0:
            yield Broken("marketing", "lowered", dict(zip(columns, order, strict=True)), "0 or more is left", left[order])


async def _wins(both: Both) -> AsyncIterator[Broken]:
    """A won conversion is the person's part in a win of its deal: at the date at which that was closed."""
    kinds = [one.name for one in both.definition.attribution.conversions if one.deal == "won"]
    rows = await both.asks["marketing"](
        "SELECT c.person, c.conversion, c.of_what, c.at FROM conversions AS c WHERE NOT EXISTS (SELECT 1 FROM deals AS d"
        " WHERE d.deal = 'deal:' || c.of_what AND d.at = c.at AND d.closed_at = c.at AND d.outcome = 'won')"
    )
    for person, conversion, of, at in rows:
        if conversion in kinds:
            row = {"person": person, "conversion": conversion, "of_what": of, "at": at}
            yield Broken("marketing", "conversions", row, "a win of the deal at that instant", "none")


async def _won(both: Both) -> AsyncIterator[Broken]:
    """Each conversion that the definition makes of won deals is what sales has won, whatever it is called; there may be none."""
    if both.reports is None:
        return
    ours, theirs = both.reports
    outcome = next(one for one in theirs.outcomes if one.outcome == "won")
    by_month: Counter[str] = Counter()
    for month in theirs.won_by_month.values():
        by_month.update(month.value)
    if outcome.value != Money(by_month):
        yield Broken("sales", "report", {"figure": "value of deals won, by months"}, outcome.value, Money(by_month))
    of_deals = {one.name for one in both.definition.attribution.conversions if one.deal == "won"}
    for won in ours.conversions:
        if won.conversion in of_deals and (won.number, won.value) != (outcome.number, outcome.value):
            figure = {"figure": f"number and value of deals won, which marketing calls {won.conversion}"}
            yield Broken("sales", "report", figure, (won.number, won.value), (outcome.number, outcome.value))


def _deals(report: MarketingReport, other: SalesReport) -> Figures:
    outcomes = sum(one.number for one in other.open_deals) + sum(one.number for one in other.outcomes)
    yield "sales", "deals open, won and lost", other.opened, outcomes


def _cycles(report: MarketingReport, other: SalesReport) -> Figures:
    answered = sum(number for answer, number in other.answers.items() if answer in ANSWERS)
    yield "sales", "leads not handed over, waiting, accepted, rejected, expired and withdrawn", other.leads, answered
    yield "sales", "states of accepted leads", other.answers["accepted"], sum(other.states.values())
    yield "sales", "breached and qualified leads are leads", True, max(other.breached, other.qualified) <= other.leads


def _funnels(report: MarketingReport, other: SalesReport) -> Figures:
    ours = {row.stage: (row.entered, row.people) for row in report.stages}
    theirs = {row.stage: (row.entered, row.people) for row in other.stages}
    for stage, numbers in ours.items():
        yield "sales", f"entered and in stage {stage}", numbers, theirs.get(stage)
        yield "marketing", f"people in stage {stage} are not below 0", True, numbers[1] >= 0


async def _in_stage(both: Both) -> AsyncIterator[Broken]:
    if both.reports is None:
        return
    ours, theirs = both.reports
    for (model, ask), stages in zip(both.asks.items(), (ours.stages, theirs.stages), strict=True):
        people = Counter((await stage_of_person(ask, both.until)).values())
        for row in stages:
            if people[row.stage] != row.people:
                yield Broken(model, "stages", {"figure": f"people in stage {row.stage}"}, people[row.stage], row.people)


LAWS: tuple[Law, ...] = (
    Law("a row holds one fact or more", _facts),
    within("a person has one outlook", _tables("outlook"), ("person",), OUTLOOKS, 1),
    within("a transition is there once", _tables("stages"), ("person", "stage", "at", "nth"), ENTERED, 1),
    within(
        "who leaves a stage was in it",
        _tables("stages"),
        ("person", "stage", "at", "nth", "left_stage"),
        LEFT,
        "the stage before it",
    ),
    within("a lead cycle is created once", _tables("leads"), ("person", "cycle"), CREATED, 1),
    within("a deal stands in one way at a time", _tables("deals"), ("deal", "at", "nth"), STOOD, 1),
    within("a deal is closed when it has an outcome", _tables("deals"), ("deal", "at", "nth", "outcome"), CLOSED, "0 while open"),
    within("an order is there once", _tables("orders"), ("subject", "order_id"), PLACED, 1),
    Law("refunds take no more of an order than there is", _left),
    within(
        "refunds take of an order from its date on",
        _tables("lowered"),
        ("subject", "order_id", "order_at"),
        TAKEN_BEFORE,
        "its date or later",
    ),
    within("what a refund takes is below 0", _tables("lowered"), ("subject", "order_id", "at"), RAISED, "below 0"),
    Law("a won conversion is of a win of its deal", _wins),
    within("points end after they begin", _tables("scores"), ("person", "rule", "points", "at"), COUNTED, "after at"),
    equal("both hold the same transitions", "stages", ("person", "stage", "at", "nth", "left_stage", "rule", "ahead")),
    equal("both hold the same outlooks", "outlook", ("person", "seen_at")),
    equal("both hold the same steps of leads", "leads", ("person", "cycle", "at", "nth", "step", "channel", "lead_source", "ahead")),
    equal("both hold the same deals", "deals", ("deal", "at", "nth", "outcome", "amount_minor", "currency", "closed_at")),
    Law("entered less left is in stage", _in_stage),
    figures("both place everybody alike", _funnels),
    figures("touchpoints add up", _touchpoints),
    figures("people are neither lost nor made", _people),
    figures("new leads add up, and are the leads of sales", _new_leads),
    figures("credits add up to conversions", _credits),
    figures("spend adds up", _spend),
    Law("what was won is won in both, and adds up", _won),
    figures("every deal is open, won or lost", _deals),
    figures("every lead cycle has one answer", _cycles),
)
