"""The evidence of a figure: the touchpoints behind its cells.

Asks the figure for the units that count, folds their whole histories again so that every row knows the touchpoints that it is because of,
and asks the same figure of these rows: it has to give the same numbers.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict, replace
from operator import add
from typing import Any, NamedTuple

from app.engine.asking import MODELS
from app.engine.cursors import cursor_of, is_like, values_of
from app.engine.known_state import KnownState, known, read_model
from app.engine.ports import Engine
from app.engine.question import Question
from app.engine.simulation_mark import is_simulated
from journey.errors import NotThere, Refused
from journey.explain import evidence
from journey.facts import NEVER
from journey.histories import is_subject
from journey.instants import Instant
from journey.problems import meant
from journey.provenance import ExplainedFact
from journey.touchpoints import Key, Touchpoint
from projections.figures import sections
from projections.figures.answering import answer, settled
from projections.figures.answers import Answer, Cell, Exact, FigureAnswer
from projections.figures.answers import Value as Result
from projections.figures.compiling import marked
from projections.figures.credit import NO_MILESTONE
from projections.figures.figure import Asked, Figure, Model
from projections.figures.measures import Aggregate, Credited, Outcome
from projections.figures.reports import values_asked
from projections.figures.sections import FIGURES
from projections.figures.units import ByUnit, FigureUnit, UnitPage, among, credited_touches, each, only, rows_by_unit, units
from projections.read_model import Ask, Delta, ReadModel, Table, Value
from projections.stores.sqlite_memory import InMemory
from streams.tracing import Traced, named, taking_part, traced

UNITS_MAX = 500
"""How many units are told of at once at most."""

_CHOSEN = "chosen_units"
_SPENDERS = ("campaign", "company")
"""The kinds of subjects that cost something: what they cost names none of them."""
_WHOSE = ("person", "deal", "subject")
"""Columns that name the subject of a fact."""
_WHICH = frozenset((*_WHOSE, "cycle", "at", "nth", "day", "conversion", "of_what", "place", "order_id"))
"""Columns that tell the rows of a table apart, whatever else they say."""
_TO_COME = frozenset({"to_at", "until_at", "due_at"})
"""Columns of instants at which nothing has happened yet."""


class EvidenceTouchpoint(Result):
    """A touchpoint behind a unit, in words. `ties` are the links, or the deal, by which it is part of the history: source, id, subject.
    `by_time`: what counts, or some of it, is that a deadline struck which runs from this."""

    at: str
    type: str
    says: str
    source: str
    id: str
    subject: str
    ties: tuple[tuple[str, str, str], ...]
    by_time: bool


class UnitEvidence(Result):
    """A unit that counts, a deal, a person or a lead, in the group where it does: what the figure comes to for it alone, as
    `projections.figures.measures.Outcome` has it, and the touchpoints behind that, in order."""

    unit: dict[str, int | str]
    group: dict[str, str]
    value: Exact | tuple[Exact, ...] | None
    n: Exact
    part: Exact | None = None
    whole: Exact | None = None
    touchpoints: tuple[EvidenceTouchpoint, ...]


class FigureEvidence(Result):
    """`answer` is the whole of what was asked, and `units` some of the `units_count` behind it; `beyond` come after them, from the cursor
    `after` on. `comes_to` is what the figure says of these units, worked out again from their histories; `agrees`: the read model says
    the same of them. `there_are`, where nothing counts: the values that the dimensions of the filters have without them. `simulated`: some
    of the data is simulated."""

    answer: Answer
    units: tuple[UnitEvidence, ...]
    units_count: int
    beyond: int
    after: str
    comes_to: tuple[Cell, ...]
    agrees: bool
    there_are: dict[str, tuple[str, ...]]
    simulated: bool


def figure_named(name: str) -> Figure:
    """Raises NotThere where there is none."""
    if name not in FIGURES:
        raise NotThere(f"there is no figure {name!r}{meant(name, FIGURES)}")
    return FIGURES[name]


def model_of(figure: Figure) -> Model:
    """The read model that answers it; of two the first."""
    return next(section.model for section in sections.SECTIONS if figure in section.figures)


async def why(engine: Engine, figure: Figure, question: Question, *, limit: int, after: str = "") -> FigureEvidence:
    """Up to `limit` units in the cells of `figure`, from the cursor `after` on. Raises Refused where it cannot be asked so."""
    known_at = question.known_at
    asked = replace(question.asked((await known(engine, known_at)).definition), top=0)
    if not 1 <= limit <= UNITS_MAX:
        raise Refused(f"--limit {limit} is not between 1 and {UNITS_MAX}")
    model = MODELS[question.model]
    async with AsyncExitStack() as stack:
        if known_at is None:
            store = engine.marketing if question.model == "marketing" else engine.sales
        else:
            store = await stack.enter_async_context(read_model(model, await known(engine, known_at)))
        ask = await stack.enter_async_context(store.snapshot())
        # Histories go on while we ask: they are looked at as of the position that the read model is at.
        ((position,),) = await ask("SELECT position FROM reflects")
        if not figure.lacks(asked):
            # Campaigns may be asked for by their names. What is not there counts nowhere, and the answer says what there is.
            asked = replace(asked, where=await values_asked(ask, [figure], asked, refusing=False))
        was, simulated = await known(engine, str(position)), await is_simulated(engine)
        return await evidence_in(ask, model, was, figure, asked, limit=limit, after=after, simulated=simulated)


async def evidence_in(
    ask: Ask, model: ReadModel, was: KnownState, figure: Figure, asked: Asked, *, limit: int, after: str = "", simulated: bool = False
) -> FigureEvidence:
    """The same of a read model that is asked by `ask`, and of the histories that it reflects."""
    whole = await answer(ask, [figure], asked)
    asked, _ = await settled(ask, [figure], asked)
    page = await units(ask, figure, asked, after=_position(after, model, figure, asked), limit=limit)
    with await _rows(ask, was, model, figure, asked, page.units) as rows:
        again = among(figure, _CHOSEN)
        comes_to = (await answer(rows.memory.ask, [again], asked)).figures[0]
        if len(page.units) == page.number:
            expected = whole.figures[0]
        else:
            alone, values = only(figure, page.units)
            expected = (await answer(ask, [alone], replace(asked, options={**asked.options, **values}))).figures[0]
        return FigureEvidence(
            answer=whole,
            units=tuple(await _counted(rows, again, asked, page.units)),
            units_count=page.number,
            beyond=page.beyond,
            after=_cursor(page),
            comes_to=comes_to.cells,
            agrees=_not_empty(comes_to) == _not_empty(expected),
            there_are={} if page.number else {one.dimension: await _values(ask, figure, asked, one.dimension) for one in asked.where},
            simulated=simulated,
        )


async def _values(ask: Ask, figure: Figure, asked: Asked, dimension: str) -> tuple[str, ...]:
    (found,) = (await answer(ask, [figure], replace(asked, by=(dimension,), where=()))).figures
    return tuple(sorted({cell.group[dimension] for cell in found.cells if cell.n}))


def _not_empty(of: FigureAnswer) -> list[Cell]:
    return [cell for cell in of.cells if cell.n]


# --- where the next ones begin


def _cursor(page: UnitPage) -> str:
    if not page.beyond:
        return ""
    last = page.units[-1]
    return cursor_of([*last.key, *last.group])


def _position(cursor: str, model: ReadModel, figure: Figure, asked: Asked) -> list[Value]:
    if not cursor:
        return []
    found = values_of(cursor)
    whole = {column.name for table in model.tables for column in table.key if table.name in figure.of.tables and column.type == "INTEGER"}
    width = rows_by_unit(figure, asked)[0].width
    likes = ["INTEGER" if name in whole else "TEXT" for name in figure.of.unit] + ["TEXT"] * (width - len(figure.of.unit))
    if not is_like(found, likes):
        raise Refused(f"--after {cursor!r} is no cursor of this question; it stands below the units that came before")
    return list(found)


# --- rows that know their touchpoints


class _Rows:
    """The rows of some units, and the touchpoints that each is because of."""

    def __init__(self, memory: InMemory, model: ReadModel, traced: Traced) -> None:
        self.memory, self.model, self.traced = memory, model, traced
        self.because: dict[str, dict[tuple[Value, ...], list[ExplainedFact]]] = {table.name: defaultdict(list) for table in model.tables}
        self._by_columns: dict[tuple[str, tuple[str, ...]], dict[tuple[Any, ...], list[_TableRow]]] = {}
        self._own: dict[tuple[Instant, str], list[Touchpoint]] = defaultdict(list)
        for touch in traced.touches.values():
            self._own[touch.occurred_at, touch.type].append(touch)

    def __enter__(self) -> "_Rows":
        return self

    def __exit__(self, *error: object) -> None:
        self.memory.close()

    def put(self, tables: Collection[str]) -> None:
        """The rows of these tables, of all that was traced."""
        totals: dict[str, dict[tuple[Value, ...], tuple[int, ...]]] = defaultdict(dict)
        for brought in (one for facts in self.traced.facts.values() for one in facts):
            for name, key, sums in self.model.rows(brought.fact, ahead=int(brought.is_ahead)):
                if name in tables:
                    self.because[name][key].append(brought)
                    before = totals[name].get(key)
                    totals[name][key] = (1, *sums) if before is None else tuple(map(add, before, (1, *sums)))
        for name, of_table in totals.items():
            self.memory.add(name, (Delta(key, adds) for key, adds in sorted(of_table.items())))

    def like(self, table: Table, columns: tuple[str, ...], values: Mapping[str, Any]) -> "list[_TableRow]":
        """The rows of `table` with these values in `columns`."""
        index = self._by_columns.get((table.name, columns))
        if index is None:
            index = self._by_columns[table.name, columns] = defaultdict(list)
            names = [column.name for column in table.key]
            for key, brought in self.because[table.name].items():
                row = _TableRow(dict(zip(names, key, strict=True)), brought)
                index[tuple(row.values[column] for column in columns)].append(row)
        return index.get(tuple(values[column] for column in columns), [])

    def touches_of(self, row: "_TableRow") -> Iterator[Key]:
        """The touchpoints that a touch of a path is."""
        ids = self.traced.ids.get(str(row.values["person"]), ())
        for touch in self._own.get((row.values["touched_at"], row.values["type"]), ()):
            if touch.subject in ids:
                yield touch.key


class _TableRow(NamedTuple):
    values: dict[str, Any]
    because: list[ExplainedFact]


async def _rows(ask: Ask, was: KnownState, model: ReadModel, figure: Figure, asked: Asked, chosen: Sequence[FigureUnit]) -> _Rows:
    """The rows of the whole units, and those of others that they are joined with."""
    asks_of = figure.tables((*asked.by, *(one.dimension for one in asked.where)))
    used = {table.name: table for table in model.tables if table.name in asks_of}
    subjects = await _subjects(ask, was, used, figure, chosen)
    rows = _Rows(InMemory(model, await was.bodies.position()), model, await traced(was.definition, was.bodies, subjects))
    rows.memory.choose(_CHOSEN, [unit.key for unit in chosen], len(figure.of.unit))
    common = {name for name, table in used.items() if _owner(table) is None and name not in figure.of.tables}
    rows.put(used.keys() - common)
    for name in common:
        rows.memory.put(name, await ask(f"SELECT {', '.join(used[name].columns)} FROM {name}"))
    if "described" in used:
        # What people say of themselves came with their histories; what they refer to may have said something as well.
        columns = ", ".join(used["described"].columns)
        rows.memory.put("described", await ask(f"SELECT {columns} FROM described WHERE SUBSTR(subject, 1, 5) NOT IN ('user:', 'anon:')"))
    return rows


def _owner(table: Table) -> str | None:
    """The column that names whose its rows are."""
    names = {column.name for column in table.key}
    return next((name for name in _WHOSE if name in names), None)


async def _subjects(ask: Ask, was: KnownState, used: Mapping[str, Table], figure: Figure, chosen: Sequence[FigureUnit]) -> set[str]:
    """All whose histories the whole units are made of, and those of others that their dimensions are of: of a deal its people."""
    owners = {_owner(table) for name, table in used.items() if name in figure.of.tables}
    is_of_people = "deal" in owners and "person" in {_owner(table) for table in used.values()}
    found = set(await named(was.bodies, _SPENDERS)) if None in owners else set()
    for unit in chosen:
        found.update(_named_by(unit, figure))
    accounts = {subject.removeprefix("account:") for subject in found if subject.startswith("account:")}
    if accounts and "deal" in owners:
        rows = await ask("SELECT DISTINCT account, deal FROM deals WHERE account <> ''")
        found |= {deal for account, deal in rows if account in accounts}
        found |= await taking_part(was.definition, was.bodies, found)
    others = await taking_part(was.definition, was.bodies, found) if is_of_people or accounts else set()
    return found | others


# --- what counts, and because of what


async def _counted(rows: _Rows, figure: Figure, asked: Asked, chosen: Sequence[FigureUnit]) -> list[UnitEvidence]:
    # Which touches are credited, filters of touches have decided then; a milestone that is lacked is of none of them.
    of_touch = figure.measure.touch if isinstance(figure.measure, Credited) else ()
    by, query = rows_by_unit(figure, replace(asked, where=tuple(one for one in asked.where if one.dimension not in of_touch)))
    come_to = await each(rows.memory.ask, figure, asked)
    credited = await credited_touches(rows.memory.ask, figure, asked) if isinstance(figure.measure, Credited) else None
    nothing = Outcome(0 if isinstance(figure.measure, Aggregate) and figure.measure.is_running else None, 0)
    wanted = set(chosen)
    behind: defaultdict[FigureUnit, dict[Key, bool]] = defaultdict(dict)
    for row in rows.memory.named(*marked(query)):
        unit = by.unit([row[f"g{place}"] for place in range(by.width)])
        if credited is None or (unit, (row["person"], row["place"])) in credited:
            for key, by_time in _because(rows, figure, unit, row, asked.until):
                behind[unit][key] = behind[unit].get(key, False) or by_time
        # What a milestone would have earned that the conversion lacks is because of the conversion alone.
        if credited is not None and (lacks := _without_milestone(by, figure, unit)) in wanted:
            for key, by_time in _because(rows, figure, unit, row, asked.until, with_touches=False):
                behind[lacks][key] = behind[lacks].get(key, False) or by_time
    touches = rows.traced.touches
    return [
        UnitEvidence(
            unit=dict(zip(figure.of.unit, unit.key, strict=True)),
            group=dict(zip(by.names, unit.group, strict=True)),
            # Who was counted at the end of a period, and has left since, comes to nothing.
            **come_to.get(unit, nothing)._asdict(),
            touchpoints=tuple(
                EvidenceTouchpoint(**asdict(evidence(touches[key])), by_time=behind[unit][key])
                for key in sorted(behind[unit], key=lambda key: touches[key].order)
            ),
        )
        for unit in chosen
    ]


def _without_milestone(by: ByUnit, figure: Figure, unit: FigureUnit) -> FigureUnit:
    """The unit in the group of the milestones that it lacks."""
    of_touch = figure.measure.touch if isinstance(figure.measure, Credited) else ()
    return unit._replace(group=tuple(NO_MILESTONE if name in of_touch else value for name, value in zip(by.names, unit.group, strict=True)))


def _because(
    rows: _Rows, figure: Figure, unit: FigureUnit, row: Mapping[str, Any], until: Instant, *, with_touches: bool = True
) -> Iterator[tuple[Key, bool]]:
    """The touchpoints that a row of the view is because of: of each of its tables those rows that it is made of."""
    for table in rows.model.tables:
        if table.name in figure.of.tables:
            for one in _made_of(rows, table, figure, unit, row, until):
                if one.values.get("at", 0) > until:
                    # A row of the view may be several of the table: those that have happened by then.
                    continue
                for brought in one.because:
                    yield from ((key, brought.by_time) for key in brought.because)
                if table.each == "path" and with_touches:
                    yield from ((key, False) for key in rows.touches_of(one))


def _made_of(rows: _Rows, table: Table, figure: Figure, unit: FigureUnit, row: Mapping[str, Any], until: Instant) -> "list[_TableRow]":
    """The rows of `table` that a row of the view is made of: with all that it says, or with what tells rows apart. Of what it says how
    something stands, also those of the instants since when it does."""
    names = [column.name for column in table.key]
    shared = tuple(name for name in names if name in row and name != "ahead")
    which = tuple(name for name in shared if name in _WHICH)
    owner = _owner(table)
    since = {value for name, value in row.items() if (name == "at" or name.endswith("_at")) and name not in _TO_COME and value}
    if owner is None or owner in shared:
        # What is nobody's is told apart by all that it says: another cost of that day is another one.
        found = rows.like(table, shared, row) or (rows.like(table, which, row) if owner is not None else [])
        if owner is not None and "at" in names:
            whole = (owner, *(name for name in figure.of.unit if name in names and name not in (owner, "at")))
            found = found + [one for one in rows.like(table, whole, row) if one.values["at"] in since - {row.get("at")}]
        if not found and owner is not None and table.name != figure.of.tables[0] and not figure.of.is_of_instants:
            # What a row is joined with says something of whoever it is about: what holds of it at the instant asked until.
            found = [one for one in rows.like(table, (owner,), row) if _holds(one.values, until)]
        if found or owner is None or row[owner]:
            return found
    if "of_what" in which and (found := rows.like(table, which, row)):
        return found
    its_own = [one for subject in _named_by(unit, figure) for one in rows.like(table, (owner,), {owner: subject})]
    dated = [one for one in its_own if one.values.get("at") in since]
    return dated or [one for one in its_own if any(one.values[name] in since for name in names if name.endswith("_at"))]


def _holds(values: Mapping[str, Any], until: Instant) -> bool:
    return bool(values.get("at", 0) <= until < values.get("until_at", NEVER))


def _named_by(unit: FigureUnit, figure: Figure) -> list[str]:
    """The subjects that a unit names."""
    values = dict(zip(figure.of.unit, unit.key, strict=True))
    found = [value for value in unit.key if isinstance(value, str) and is_subject(value)]
    return [*found, f"deal:{values['of_what']}"] if "of_what" in values and not values.get("whose") else found
