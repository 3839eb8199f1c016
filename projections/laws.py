"""The laws of conservation: what must add up within each read model, and agree between the two. A law is a value: its name, and a check
that yields the rows that break it. A new one is a line in `LAWS`.
"""

from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from journey.definition import Definition
from journey.instants import Instant
from journey.leads import ANSWERS, STATES
from projections.figures import sections
from projections.figures.answering import answer
from projections.figures.compiling import Query, marked
from projections.figures.defined import asked_by
from projections.figures.figure import Asked
from projections.figures.laws import broken
from projections.figures.sections import FIGURES
from projections.figures.views import last_of
from projections.marketing import marketing
from projections.read_model import Ask, ReadModel, Table
from projections.sales import sales

MODELS: dict[str, ReadModel] = {model.name: model for model in (marketing, sales)}


class Broken(NamedTuple):
    """Where a law does not hold: what is there, and what would be if it did. `row` says which row, or which figure."""

    model: str
    table: str
    row: dict[str, Any]
    expected: Any
    found: Any


@dataclass(frozen=True, slots=True)
class ReadModelPair:
    """Both read models at one position, asked as of `until`."""

    asks: Mapping[str, Ask]
    definition: Definition
    until: Instant


@dataclass(frozen=True, slots=True)
class Law:
    name: str
    check: Callable[[ReadModelPair], AsyncIterator[Broken]]


# --- how laws are written


def within(name: str, tables: Iterable[tuple[ReadModel, Table]], columns: tuple[str, ...], query: str, expected: Any) -> Law:
    """A law of single rows, or of groups of them: `query`, with {table}, finds the values of `columns` where it is broken, and then what
    was found."""

    async def check(both: ReadModelPair) -> AsyncIterator[Broken]:
        for model, table in tables:
            for *row, found in await both.asks[model.name](query.format(table=table.name)):
                yield Broken(model.name, table.name, dict(zip(columns, row, strict=True)), expected, found)

    return Law(name, check)


def equal(name: str, table: str, columns: tuple[str, ...]) -> Law:
    """A law between the two: `table` holds as many facts of each `columns` in both."""
    query = f"SELECT {', '.join(columns)}, SUM(n) FROM {table} GROUP BY {', '.join(columns)}"

    async def check(both: ReadModelPair) -> AsyncIterator[Broken]:
        ours, theirs = [{tuple(row): int(n) for *row, n in await both.asks[model](query)} for model in MODELS]
        for row in sorted(ours.keys() | theirs.keys(), key=repr):
            if ours.get(row, 0) != theirs.get(row, 0):
                yield Broken("sales", table, dict(zip(columns, row, strict=True)), ours.get(row, 0), theirs.get(row, 0))

    return Law(name, check)


def _tables(name: str | None = None) -> list[tuple[ReadModel, Table]]:
    return [(model, table) for model in MODELS.values() for table in model.tables if name in (None, table.name)]


# --- laws of rows


async def _facts(both: ReadModelPair) -> AsyncIterator[Broken]:
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
OUTCOMES = "SELECT deal, at, nth, outcome FROM {table} WHERE outcome NOT IN ('open', 'won', 'lost', 'abandoned')"
LEAD_STOOD = "SELECT person, cycle, at, nth, SUM(n) FROM {table} GROUP BY person, cycle, at, nth HAVING SUM(n) <> 1"
ANSWERED = (
    f"SELECT person, cycle, at, nth, answer FROM {{table}} WHERE answer NOT IN {ANSWERS} OR (answer = 'accepted') <> (state IN {STATES})"
)
PLACED = "SELECT subject, order_id, SUM(n) FROM {table} GROUP BY subject, order_id HAVING SUM(n) <> 1"
TAKEN_BEFORE = "SELECT subject, order_id, order_at, at FROM {table} WHERE at < order_at"
RAISED = "SELECT subject, order_id, at, amount_minor FROM {table} WHERE amount_minor >= 0"
COUNTED = "SELECT person, rule, points, at, until_at FROM {table} WHERE until_at <= at"


async def _left(both: ReadModelPair) -> AsyncIterator[Broken]:
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


async def _wins(both: ReadModelPair) -> AsyncIterator[Broken]:
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


# --- laws of figures


async def _figures(both: ReadModelPair) -> AsyncIterator[Broken]:
    """Counts and totals of every figure add up over each of its dimensions, and a share lies in 0..1 or is null."""
    asked = _asked(both)
    for section in sections.SECTIONS:
        for figure, told in await broken(both.asks[section.model], section.figures, asked):
            yield Broken(section.model, "figures", {"figure": figure.name}, "parts that add up, and shares within 0..1", told)


async def _alike(both: ReadModelPair) -> AsyncIterator[Broken]:
    """What both read models are asked, they answer alike: figures that are in sections of both, and those that mean the same."""
    asked = _asked(both)
    of = {model: {one.name: one for section in sections.SECTIONS if section.model == model for one in section.figures} for model in MODELS}
    pairs = {(name, name) for name in of["marketing"].keys() & of["sales"].keys()} | set(SAME)
    for ours, theirs in sorted(pairs):
        one, other = of["marketing"][ours], of["sales"][theirs]
        for by in ((), *((name,) for name in one.breakdowns if name in other.breakdowns)):
            found = [
                {tuple(cell.group.values()): cell.value for cell in (await answer(ask, [figure], replace(asked, by=by))).figures[0].cells}
                for ask, figure in ((both.asks["marketing"], one), (both.asks["sales"], other))
            ]
            for group in sorted(found[0].keys() | found[1].keys()):
                expected, told = found[0].get(group), found[1].get(group)
                if expected != told:
                    yield Broken("sales", "figures", {"figure": theirs, "group": "/".join(group)}, expected, told)


SAME = (("new_leads", "leads"),)
"""Figures of marketing, and those of sales that count the same."""


async def _in_stage(both: ReadModelPair) -> AsyncIterator[Broken]:
    """Entries less exits of each stage are those whose last entry it was."""
    asked = replace(_asked(both), by=("stage",))
    for model, ask in both.asks.items():
        (people,) = (await answer(ask, [FIGURES["stage_people"]], asked)).figures
        found = {cell.group["stage"]: cell.value for cell in people.cells if cell.value}
        last = f"SELECT stage, COUNT(*) FROM ({last_of('stages', 'person').sql}) AS s GROUP BY stage"
        sql, values = marked(Query(last, {"until": both.until}))
        stand = {stage: int(number) for stage, number in await ask(sql, *values)}
        for stage in sorted(stand.keys() | found.keys()):
            if stand.get(stage, 0) != found.get(stage, 0):
                yield Broken(model, "stages", {"figure": f"people in stage {stage}"}, stand.get(stage, 0), found.get(stage, 0))


async def _won(both: ReadModelPair) -> AsyncIterator[Broken]:
    """Each conversion that the definition makes of won deals is what sales has won, whatever it is called; there may be none."""
    asked = replace(_asked(both), by=("conversion",))
    of_deals = [one.name for one in both.definition.attribution.conversions if one.deal == "won"]
    numbers, values = (await answer(both.asks["marketing"], [FIGURES["conversions"], FIGURES["conversion_value"]], asked)).figures
    won, value = (await answer(both.asks["sales"], [FIGURES["deals_won"], FIGURES["won_value"]], _asked(both))).figures
    for name in of_deals:
        ours = [cell.value for cell in numbers.cells if cell.group["conversion"] == name] or [0]
        theirs = [cell.value for cell in won.cells] or [0]
        if ours != theirs:
            yield Broken("sales", "figures", {"figure": f"deals won, which marketing calls {name}"}, ours, theirs)
        money, earned = (
            {cell.currency: cell.value for cell in cells if cell.value}
            for cells in ([cell for cell in values.cells if cell.group["conversion"] == name], value.cells)
        )
        if money != earned:
            yield Broken("sales", "figures", {"figure": f"value of deals won, which marketing calls {name}"}, money, earned)


def _asked(both: ReadModelPair) -> Asked:
    return asked_by(both.definition, both.until)


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
    within("a deal is open, won, lost or abandoned", _tables("deals"), ("deal", "at", "nth"), OUTCOMES, "one of these"),
    within("a lead cycle stands in one way at a time", _tables("lead_states"), ("person", "cycle", "at", "nth"), LEAD_STOOD, 1),
    within(
        "a lead cycle has one answer, and a state where it was accepted",
        _tables("lead_states"),
        ("person", "cycle", "at", "nth"),
        ANSWERED,
        "an answer, with a state where that is accepted",
    ),
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
    Law("figures add up over each dimension", _figures),
    Law("both answer alike what both are asked", _alike),
    Law("what was won is won in both", _won),
)
