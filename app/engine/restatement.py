"""What changed in the figures between two positions, cell by cell, and by which cause: docs/decisions/0086-what-changed-between.md.

The read model as known at the earlier position takes the steps of `streams.record_steps`, cause by cause, and the figures are asked after each
cause: what differs is that cause's. Halves of its steps find the touchpoints. So the causes of a cell add up to all of its difference.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from itertools import groupby
from typing import NamedTuple

from app.engine.known_state import KnownState, definition_at, read_model
from app.engine.ports import Engine
from journey.definition import Definition
from journey.facts import Facts, to_row
from journey.instants import iso
from journey.wording import said
from projections.figures.answers import Exact, FigureAnswer, Value
from projections.figures.measures import Number
from projections.read_model import Ask, ReadModel, ReadStore
from streams.past import Past
from streams.ports import Change, Histories
from streams.record_steps import Step, SteppedRecord, steps

QUESTIONS_PER_CAUSE_MAX = 200
"""How often figures are asked to find the touchpoints of one cause; what is not found by then is told of several together."""

TOUCHPOINTS_NAMED_MAX = 20
"""So many of those that changed a cell together are named."""

DEFINITION = "definition"

Questions = Callable[[Ask, Definition, Collection[str] | None], Awaitable[Sequence[FigureAnswer]]]
"""The figures that are asked, as they are asked under a definition; or only those of these names."""


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
    """All cells at both positions; those that differ have causes."""

    earlier: int
    later: int
    cells: tuple[CellBetween, ...]

    @property
    def changed(self) -> tuple[CellBetween, ...]:
        return tuple(cell for cell in self.cells if cell.causes)


class Key(NamedTuple):
    """Which cell it is."""

    figure: str
    group: tuple[tuple[str, str], ...]
    currency: str | None


class Answered(NamedTuple):
    told: dict[Key, Told]
    figures: dict[str, FigureAnswer]
    decimals: dict[Key, int | None]


@dataclass(frozen=True, slots=True)
class Found:
    """What some steps of one cause changed."""

    cause: str
    steps: Sequence[Step]
    differences: Mapping[Key, Told]


async def restated(engine: Engine, model: ReadModel, questions: Questions, earlier: int, later: int) -> Restatement:
    """What `questions` come to at both positions, and what changed between them by which cause. Raises Refused beyond bounds."""
    by, by_later = await definition_at(engine, earlier), await definition_at(engine, later)
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(read_model(model, KnownState(by, Past(engine.record, earlier))))
        taken = await steps(engine.record, earlier, later)
        path = _Path(store, questions, by, SteppedRecord(engine.record, earlier, taken))
        first = await path.answered()
        last = first
        for cause, some in groupby(taken, key=lambda step: step.cause):
            last = await path.go(cause, list(some), last)
        found = path.found
        if by.fingerprint != by_later.fingerprint:
            after = await stack.enter_async_context(read_model(model, KnownState(by_later, Past(engine.record, later))))
            before, last = last, await answered(after, questions, by_later)
            found = [*found, Found(DEFINITION, (), differences(before.told, last.told))]
    shares: dict[Key, list[Share]] = {}
    for one in found:
        evidence = await (_definitions(engine, earlier, later) if one.cause == DEFINITION else _evidence(engine.record, one, earlier, later))
        for key, difference in one.differences.items():
            share = Share(cause=one.cause, difference=difference, of=max(len(one.steps), len(evidence)), touchpoints=evidence)
            shares.setdefault(key, []).append(share)
    nothing = Told()
    cells = []
    for key in sorted(first.told.keys() | last.told.keys(), key=lambda key: (_place(key.figure, first, last), key.group, key.currency or "")):
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
    return Restatement(earlier=earlier, later=later, cells=tuple(cells))


def _place(figure: str, *answers: Answered) -> int:
    return min(list(one.figures).index(figure) for one in answers if figure in one.figures)


# --- what cells say


async def answered(store: ReadStore, questions: Questions, by: Definition, only: Collection[str] | None = None) -> Answered:
    async with store.snapshot() as ask:
        figures = await questions(ask, by, only)
    found = Answered({}, {}, {})
    for figure in figures:
        found.figures.setdefault(figure.name, figure)
        for cell in figure.cells:
            key = Key(figure.name, tuple(cell.group.items()), cell.currency)
            found.told[key] = Told(value=cell.value, n=cell.n, part=cell.part, whole=cell.whole)
            found.decimals[key] = cell.decimals
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
    questions: Questions
    definition: Definition
    record: SteppedRecord
    found: list[Found] = field(default_factory=list)
    questions_left: int = 0

    async def answered(self, only: Collection[str] | None = None) -> Answered:
        return await answered(self.store, self.questions, self.definition, only)

    async def go(self, cause: str, some: Sequence[Step], before: Answered) -> Answered:
        """Take all steps of a cause. Returns what is told after them."""
        self.questions_left = QUESTIONS_PER_CAUSE_MAX
        facts = await self.record.effect(self.definition, some)
        if not any(facts.values()):
            return before
        await self._add(facts)
        after = await self.answered()
        if changed := differences(before.told, after.told):
            await self._go_back(some, facts)
            await self._open(cause, some, facts, before.told, after.told, changed)
        return after

    async def _open(
        self,
        cause: str,
        some: Sequence[Step],
        facts: Facts,
        before: Mapping[Key, Told],
        after: Mapping[Key, Told],
        changed: Mapping[Key, Told],
    ) -> None:
        """Take `some` steps, which bring the cells from `before` to `after`, and find which of them change what."""
        if len(some) == 1 or self.questions_left <= 0:
            self.found.append(Found(cause, some, changed))
            self.record.take(some)
            await self._add(facts)
            return
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
            self.questions_left -= 1
            await self._add(of_left)
            middle = (await self.answered(only)).told
        if by_left := differences(before, middle):
            await self._go_back(left, of_left)
            await self._open(cause, left, of_left, before, middle, by_left)
        if by_right := differences(middle, after):
            await self._open(cause, right, of_right, middle, after, by_right)
        else:
            self.record.take(right)
            await self._add(of_right)

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
    says = f"{touch.type} {touch.id}" + (f": {said(touch)}" if said(touch) else "")
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
    units = list(await record.units_of([step.touch.subject], earlier, later))
    low, high = 0, len(units) - 1
    while low < high:
        middle = (low + high) // 2
        if await _is_taken(record, step, units[middle]):
            high = middle
        else:
            low = middle + 1
    return units[low]


async def _is_taken(record: Histories, step: Step, position: int) -> bool:
    stored = (await record.bodies([step.touch.subject], position)).get(step.touch.subject, [])
    if row := step.adds or step.removes:
        return any((one.touch.order, one.body) == (row.touch.order, row.body) for one in stored) is (step.adds is not None)
    return any(one.voided for one in stored if one.touch.key == step.touch.key) is (step.voids is not None)


async def _definitions(engine: Engine, earlier: int, later: int) -> tuple[Evidence, ...]:
    """Which definitions came into use."""
    switches = await engine.record.definitions()
    return tuple(
        Evidence(position=position, says=f"{before[:12]} -> {by[:12]}")
        for (_, before), (position, by) in _pairs([(0, ""), *switches])
        if earlier < position <= later and by != before
    )


def _pairs(switches: Sequence[tuple[int, str]]) -> Iterable[tuple[tuple[int, str], tuple[int, str]]]:
    return zip(switches, switches[1:], strict=False)
