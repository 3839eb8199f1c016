"""What changed in the figures between two positions, cell by cell, and by which cause: docs/decisions/0086-what-changed-between.md.

The read model as known at the earlier position takes the steps of `streams.record_steps`, cause by cause, and the figures are asked
after each cause: what differs is that cause's. Halves of its steps find the touchpoints. So the causes of a cell add up to its difference.
"""

import csv
import io
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from datetime import date
from itertools import groupby, pairwise
from typing import NamedTuple

from app.engine.asking import MODELS
from app.engine.embedded import now
from app.engine.known_state import KnownState, definition_at, read_model
from app.engine.ports import Engine
from app.text.arguments import in_zone
from journey.definition import Definition
from journey.errors import Refused
from journey.facts import Facts, to_row
from journey.histories import Stored
from journey.instants import Instant, iso, last_end_of_day
from journey.touchpoints import Identified, Unlinked
from journey.wording import said
from projections.figures.answering import answer
from projections.figures.answers import Answer, Exact, FigureAnswer, Value, plain
from projections.figures.figure import Asked, Model, Where
from projections.figures.measures import Number
from projections.figures.reports import check_dimensions, sections_of, values_asked
from projections.read_model import Ask, ReadStore
from streams.past import Past
from streams.ports import Change, Histories
from streams.record_steps import Step, SteppedRecord, steps

QUESTIONS_PER_CAUSE_MAX = 200
"""How often figures are asked to find the touchpoints of one cause; what is not found by then is told of several together."""

TOUCHPOINTS_NAMED_MAX = 20
"""So many of those that changed a cell together are named."""

DEFINITION = "definition"


@dataclass(slots=True)
class Question:
    """The sections of a model that are asked for at both positions: see `app.engine.asking.report`. `until` is one instant or day for both.
    `figures` are those that are asked where not all of the sections are."""

    model: Model
    sections: Sequence[str] = ()
    by: tuple[str, ...] = ()
    where: Mapping[str, Sequence[str]] = field(default_factory=dict)
    from_on: str = ""
    to_on: str = ""
    until: Instant | date = field(default_factory=now)
    currency: str = ""
    figures: Collection[str] | None = None

    def asked(self, by: Definition) -> Asked:
        """What is asked where the definition is `by`, which says when days begin."""
        return Asked(
            until=in_zone(self.until, by.zone),
            zone=by.zone,
            from_on=self.from_on,
            to_on=self.to_on,
            by=self.by,
            where=tuple(Where(name, tuple(values)) for name, values in self.where.items()),
            currency=self.currency,
            fiscal_year_starts=by.fiscal_year_starts,
            options={"people": by.attribution.people},
        )

    async def named_as_known(self, asks: Sequence[Ask], by: Definition) -> None:
        """Ask for values by what they are called at one of several positions at least. Raises Refused where one is at none."""
        figures = [figure for section in sections_of(self.model, self.sections) for figure in section.figures]
        refused = None
        for ask in asks:
            try:
                self.where = dict(await values_asked(ask, figures, self.asked(by)))
                return
            except Refused as error:
                refused = refused or error
        raise refused or Refused("nobody to ask")

    async def answers(self, ask: Ask, by: Definition, only: Collection[str] | None = None) -> dict[str, Answer]:
        """By section; only figures of these names."""
        asked = self.asked(by)
        check_dimensions(self.model, self.sections, asked)
        found = {}
        for section in sections_of(self.model, self.sections):
            figures = [one for one in section.figures if not one.lacks(asked) and (self.figures is None or one.name in self.figures)]
            wanted = [figure for figure in figures if only is None or figure.name in only]
            if wanted:
                # Figures of a section share what they are asked until, and whether money is converted: some are asked as all are.
                until = last_end_of_day(asked.until, asked.zone) if any(one.of.grain == "day" for one in figures) else asked.until
                found[section.name] = await answer(ask, figures if self.currency else wanted, replace(asked, until=until))
        return found


class Told(Value):
    """What a cell says: as `projections.figures.answers.Cell` does. Of a difference, what is nothing counts as 0."""

    value: Exact | tuple[Exact, ...] | None = None
    n: Exact = 0
    part: Exact | None = None
    whole: Exact | None = None


class Evidence(Value):
    """A touchpoint that changed something, and with which position it came, or was taken back."""

    position: int
    says: str
    source: str = ""
    id: str = ""
    subject: str = ""
    type: str = ""
    occurred_at: str = ""


class Share(Value):
    """What a cause has in a difference. `of` says how many touchpoints have it together; some of them are named."""

    cause: str
    difference: Told
    of: int
    touchpoints: tuple[Evidence, ...]


class CellBetween(Value):
    """A cell at both positions. The shares add up to the difference."""

    figure: str
    unit: str
    group: dict[str, str]
    currency: str | None
    decimals: int | None
    quantiles: tuple[str, ...]
    before: Told
    after: Told
    difference: Told
    causes: tuple[Share, ...]


class Restatement(Value):
    """All cells at both positions; those that differ have causes. `until` is what was asked for at the later one."""

    model: Model
    earlier: int
    later: int
    until: str
    zone: str
    from_on: str
    to_on: str
    where: dict[str, tuple[str, ...]]
    currency: str
    definition: tuple[str, str]
    """That at the earlier position, and that at the later."""
    cells: tuple[CellBetween, ...]
    names: dict[str, dict[str, str]]
    """By dimension what its values are called, where that is otherwise."""

    @property
    def changed(self) -> tuple[CellBetween, ...]:
        return tuple(cell for cell in self.cells if is_something(cell.difference) or cell.causes)

    def to_csv(self) -> str:
        """A row for each cause of each value that differs, and one for each value that does not."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        dimensions = tuple(dict.fromkeys(name for cell in self.cells for name in cell.group if name != "currency"))
        writer.writerow([*_FIRST, *dimensions, *_VALUES, "earlier", "later", "until", "zone", "from", "to"])
        asked = (self.earlier, self.later, self.until, self.zone, self.from_on, self.to_on)
        for cell in self.cells:
            groups = [cell.group.get(name, "") for name in dimensions]
            for nth, quantile in enumerate(cell.quantiles or ("",)):
                values = [plain(value_of(told, nth)) for told in (cell.before, cell.after, cell.difference)]
                money = (cell.currency or "", "" if cell.decimals is None else cell.decimals)
                for share in cell.causes or (None,):
                    cause = ("", "", "", "") if share is None else _cause_of(share, nth)
                    writer.writerow([cell.figure, cell.unit, quantile, *groups, *values, *money, *cause, *asked])
        return text.getvalue()


_FIRST = ("figure", "unit", "quantile")
_VALUES = ("before", "after", "difference", "currency", "decimals", "cause", "by_cause", "touchpoints", "named")


def value_of(told: Told, quantile: int) -> Number | None:
    """Its value, or that of one of its quantiles."""
    return told.value[quantile] if isinstance(told.value, tuple) else told.value


def _cause_of(share: Share, quantile: int) -> tuple[str | int, ...]:
    named = "; ".join(f"{one.source} {one.id} {one.subject} at {one.position}".strip() for one in share.touchpoints)
    return share.cause, plain(value_of(share.difference, quantile)), share.of, named


class Key(NamedTuple):
    """Which cell it is."""

    figure: str
    group: tuple[tuple[str, str], ...]
    currency: str | None


class Answered(NamedTuple):
    told: dict[Key, Told]
    figures: dict[str, FigureAnswer]
    decimals: dict[Key, int | None]
    names: dict[str, dict[str, str]]


@dataclass(frozen=True, slots=True)
class Found:
    """What some steps of one cause changed."""

    cause: str
    steps: Sequence[Step]
    differences: Mapping[Key, Told]


async def restated(
    engine: Engine,
    question: Question,
    earlier: int,
    later: int,
    check: Callable[[Ask, Definition], Awaitable[None]] | None = None,
) -> Restatement:
    """What `question` comes to at both positions, and what changed between them by which cause. Raises Refused beyond bounds.

    `check` is called with whom to ask as known at the earlier one.
    """
    if earlier > later:
        raise Refused(f"position {earlier} is after {later}; name the earlier one first")
    by, by_later = await definition_at(engine, earlier), await definition_at(engine, later)
    model = MODELS[question.model]
    async with AsyncExitStack() as stack:
        taken = await steps(engine.record, earlier, later)
        store = await stack.enter_async_context(read_model(model, KnownState(by, Past(engine.record, earlier))))
        if question.where:
            live = engine.marketing if question.model == "marketing" else engine.sales
            async with live.snapshot() as now_known, store.snapshot() as then_known:
                await question.named_as_known([now_known, then_known], by)
        if check is not None:
            async with store.snapshot() as ask:
                await check(ask, by)
        path = _Path(store, question, by, SteppedRecord(engine.record, earlier, taken))
        first = await path.answered()
        last = first
        for cause, some in groupby(taken, key=lambda step: step.cause):
            last = await path.go(cause, list(some), last)
        found = path.found
        if by.fingerprint != by_later.fingerprint:
            after = await stack.enter_async_context(read_model(model, KnownState(by_later, Past(engine.record, later))))
            before, last = last, await answered(after, question, by_later)
            found = [*found, Found(DEFINITION, (), differences(before.told, last.told))]
    shares: dict[Key, list[Share]] = {}
    for one in found:
        evidence = await (
            _definitions(engine, earlier, later) if one.cause == DEFINITION else _evidence(engine.record, one, earlier, later)
        )
        for key, difference in one.differences.items():
            share = Share(cause=one.cause, difference=difference, of=max(len(one.steps), len(evidence)), touchpoints=evidence)
            shares.setdefault(key, []).append(share)
    nothing = Told()
    cells = []
    for key in sorted(
        first.told.keys() | last.told.keys(), key=lambda key: (_place(key.figure, first, last), key.group, key.currency or "")
    ):
        before_it, after_it = first.told.get(key, nothing), last.told.get(key, nothing)
        figure = last.figures.get(key.figure) or first.figures[key.figure]
        cells.append(
            CellBetween(
                figure=key.figure,
                unit=figure.unit,
                group=dict(key.group),
                currency=key.currency,
                decimals=last.decimals.get(key, first.decimals.get(key)),
                quantiles=figure.quantiles,
                before=before_it,
                after=after_it,
                difference=minus(after_it, before_it),
                causes=tuple(shares.get(key, ())),
            )
        )
    asked = question.asked(by_later)
    return Restatement(
        model=question.model,
        earlier=earlier,
        later=later,
        until=iso(asked.until),
        zone=asked.zone,
        from_on=asked.from_on,
        to_on=asked.to_on,
        where={one.dimension: one.values for one in asked.where},
        currency=asked.currency,
        definition=(by.fingerprint, by_later.fingerprint),
        cells=tuple(cells),
        names={name: first.names.get(name, {}) | last.names.get(name, {}) for name in first.names.keys() | last.names.keys()},
    )


def _place(figure: str, *answers: Answered) -> int:
    return min(list(one.figures).index(figure) for one in answers if figure in one.figures)


# --- what cells say


async def answered(store: ReadStore, question: Question, by: Definition, only: Collection[str] | None = None) -> Answered:
    async with store.snapshot() as ask:
        answers = await question.answers(ask, by, only)
    found = Answered({}, {}, {}, {})
    for figure in (figure for one in answers.values() for figure in one.figures if only is None or figure.name in only):
        found.figures.setdefault(figure.name, figure)
        for cell in figure.cells:
            key = Key(figure.name, tuple(cell.group.items()), cell.currency)
            found.told[key] = Told(value=cell.value, n=cell.n, part=cell.part, whole=cell.whole)
            found.decimals[key] = cell.decimals
    for one in answers.values():
        for name, called in one.names.items():
            found.names.setdefault(name, {}).update(called)
    return found


def differences(before: Mapping[Key, Told], after: Mapping[Key, Told]) -> dict[Key, Told]:
    """By cell that differs, after less before."""
    nothing = Told()
    both = ((key, after.get(key, nothing), before.get(key, nothing)) for key in before.keys() | after.keys())
    return {key: difference for key, now, was in both if is_something(difference := minus(now, was))}


def minus(after: Told, before: Told) -> Told:
    return Told(
        value=_less(after.value, before.value),
        n=after.n - before.n,
        part=None if after.part is None is before.part else (after.part or 0) - (before.part or 0),
        whole=None if after.whole is None is before.whole else (after.whole or 0) - (before.whole or 0),
    )


def _less(after: Number | tuple[Number, ...] | None, before: Number | tuple[Number, ...] | None) -> Number | tuple[Number, ...]:
    if isinstance(after, tuple) or isinstance(before, tuple):
        size = max(len(one) for one in (after, before) if isinstance(one, tuple))
        now, was = (one if isinstance(one, tuple) else (0,) * size for one in (after, before))
        return tuple(one - other for one, other in zip(now, was, strict=True))
    return (after or 0) - (before or 0)


def is_something(difference: Told) -> bool:
    values = difference.value if isinstance(difference.value, tuple) else (difference.value,)
    return any((*values, difference.n, difference.part, difference.whole))


# --- from the earlier position to the later one


@dataclass(slots=True)
class _Path:
    """A read model on its way, and what was found that changed it."""

    store: ReadStore
    question: Question
    definition: Definition
    record: SteppedRecord
    found: list[Found] = field(default_factory=list)

    async def answered(self, only: Collection[str] | None = None) -> Answered:
        return await answered(self.store, self.question, self.definition, only)

    async def go(self, cause: str, some: Sequence[Step], before: Answered) -> Answered:
        """Take all steps of a cause. Returns what is told after them."""
        facts = await self.record.effect(self.definition, some)
        if not any(facts.values()):
            return before
        await self._add(facts)
        after = await self.answered()
        if changed := differences(before.told, after.told):
            await self._go_back(some, facts)
            await self._open(cause, some, facts, before.told, after.told, changed, QUESTIONS_PER_CAUSE_MAX)
        return after

    async def _open(
        self,
        cause: str,
        some: Sequence[Step],
        facts: Facts,
        before: Mapping[Key, Told],
        after: Mapping[Key, Told],
        changed: Mapping[Key, Told],
        questions: int,
    ) -> int:
        """Take `some` steps, which bring the cells from `before` to `after`, and find which of them change what, by so many questions at
        most. Returns how many of these are left."""
        if len(some) == 1 or questions <= 0:
            self.found.append(Found(cause, some, changed))
            self.record.take(some)
            await self._add(facts)
            return questions
        half = len(some) // 2
        left, right = some[:half], some[half:]
        of_left = await self.record.effect(self.definition, left)
        of_right = Facts(facts)
        of_right.subtract(of_left)
        only = {key.figure for key in changed}
        before, after = ({key: told for key, told in all_told.items() if key.figure in only} for all_told in (before, after))
        if not any(of_left.values()):
            middle = before
        elif not any(of_right.values()):
            middle = after
            await self._add(of_left)
        else:
            questions -= 1
            await self._add(of_left)
            middle = (await self.answered(only)).told
        by_left, by_right = differences(before, middle), differences(middle, after)
        if by_left:
            await self._go_back(left, of_left)
            # Each half has its part of them, and the right one what the left one leaves.
            for_right = questions // 2 if by_right else 0
            questions = for_right + await self._open(cause, left, of_left, before, middle, by_left, questions - for_right)
        if by_right:
            return await self._open(cause, right, of_right, middle, after, by_right, questions)
        self.record.take(right)
        await self._add(of_right)
        return questions

    async def _add(self, facts: Facts) -> None:
        rows = [to_row(fact, count) for fact, count in facts.items() if count]

        async def change() -> AsyncIterator[Change]:
            yield Change(await self.store.position() + 1, rows)

        if rows:
            await self.store.apply(change())

    async def _go_back(self, some: Sequence[Step], facts: Facts) -> None:
        self.record.take_back(some)
        await self._add(Facts({fact: -count for fact, count in facts.items()}))


# --- evidence


async def _evidence(record: Histories, found: Found, earlier: int, later: int) -> tuple[Evidence, ...]:
    in_order = sorted(found.steps, key=lambda step: step.touch.order)[:TOUCHPOINTS_NAMED_MAX]
    return tuple([_told(step, await _position(record, step, earlier, later)) for step in in_order])


def _told(step: Step, position: int) -> Evidence:
    touch = step.touch
    data = touch.data
    about = f"{touch.subject} and {data.other}" if isinstance(data, Identified | Unlinked) else said(touch)
    says = f"{touch.type} {touch.id}" + (f": {about}" if about else "")
    if step.voids:
        says += ", was taken back"
    elif step.removes:
        says += ", was withdrawn with its import"
    elif step.lifts:
        says += ", counts again: its retraction was withdrawn with an import"
    return Evidence(
        position=position,
        says=says,
        source=touch.source,
        id=touch.id,
        subject=touch.subject,
        type=touch.type,
        occurred_at=iso(touch.occurred_at),
    )


async def _position(record: Histories, step: Step, earlier: int, later: int) -> int:
    """With which unit the step came about."""
    row = step.adds or step.removes
    # Under some keys it may have been there before.
    key = row.keys[0] if row else step.touch.subject
    units = await record.units_of([key], earlier, later)
    low, high = 0, len(units) - 1
    while low < high:
        middle = (low + high) // 2
        if _is_taken(step, (await record.bodies([key], units[middle])).get(key, [])):
            high = middle
        else:
            low = middle + 1
    return units[low]


def _is_taken(step: Step, stored: Sequence[Stored]) -> bool:
    if row := step.adds or step.removes:
        return any((one.touch.order, one.body) == (row.touch.order, row.body) for one in stored) is (step.adds is not None)
    return any(one.voided for one in stored if one.touch.key == step.touch.key) is (step.voids is not None)


async def _definitions(engine: Engine, earlier: int, later: int) -> tuple[Evidence, ...]:
    """Which definitions came into use."""
    switches = await engine.record.definitions()
    return tuple(
        Evidence(position=position, says=f"{before[:12]} -> {by[:12]}")
        for (_, before), (position, by) in pairwise([(0, ""), *switches])
        if earlier < position <= later and by != before
    )
