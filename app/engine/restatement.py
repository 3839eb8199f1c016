"""What changed in the figures between two positions, cell by cell, and by which cause: docs/decisions/0086-what-changed-between.md.

The read model as known at the earlier position takes the steps of `streams.record_steps`, cause by cause, and the figures are asked
after each cause: what differs is that cause's. Halves of its steps find the touchpoints. So the causes of a cell add up to its difference.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from itertools import groupby, pairwise
from typing import NamedTuple

from app.engine.asking import MODELS
from app.engine.known_state import KnownState, definition_at, read_model
from app.engine.ports import Engine
from app.engine.question import Question
from app.engine.simulation_mark import is_simulated
from journey.definition import Definition
from journey.errors import Refused
from journey.facts import Facts, to_row
from journey.histories import Stored
from journey.instants import iso
from journey.touchpoints import Identified, Unlinked
from journey.wording import said
from projections.figures.answers import FigureAnswer
from projections.figures.restatements import CauseShare, CellBetween, CellValue, ChangedTouchpoint, Restatement, is_something, minus
from projections.read_model import Ask, ReadStore
from streams.past import Past
from streams.ports import Histories
from streams.record_steps import RecordStep, SteppedRecord, steps
from streams.units import Change

QUESTIONS_PER_CAUSE_MAX = 200
"""How often figures are asked to find the touchpoints of one cause; what is not found by then is told of several together."""

TOUCHPOINTS_NAMED_MAX = 20
"""So many of those that changed a cell together are named."""

DEFINITION = "definition"


class CellKey(NamedTuple):
    """Which cell it is."""

    figure: str
    group: tuple[tuple[str, str], ...]
    currency: str | None


class Answered(NamedTuple):
    told: dict[CellKey, CellValue]
    figures: dict[str, FigureAnswer]
    decimals: dict[CellKey, int | None]
    names: dict[str, dict[str, str]]


@dataclass(frozen=True, slots=True)
class FoundCause:
    """What some steps of one cause changed."""

    cause: str
    steps: Sequence[RecordStep]
    differences: Mapping[CellKey, CellValue]


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
    question = question.at_several()
    by, by_later = await definition_at(engine, earlier), await definition_at(engine, later)
    model = MODELS[question.model]
    async with AsyncExitStack() as stack:
        taken = await steps(engine.record, earlier, later)
        store = await stack.enter_async_context(read_model(model, KnownState(by, Past(engine.record, earlier))))
        if question.where:
            live = engine.marketing if question.model == "marketing" else engine.sales
            async with live.snapshot() as now_known, store.snapshot() as then_known:
                question = await question.named_as_known([now_known, then_known], by)
        if check is not None:
            async with store.snapshot() as ask:
                await check(ask, by)
        path = _Path(store, question, by, SteppedRecord(engine.record, earlier, taken, by))
        first = await path.answered()
        last = first
        for cause, some in groupby(taken, key=lambda step: step.cause):
            last = await path.go(cause, list(some), last)
        found = path.found
        if by.fingerprint != by_later.fingerprint:
            after = await stack.enter_async_context(read_model(model, KnownState(by_later, Past(engine.record, later))))
            before, last = last, await answered(after, question, by_later)
            found = [*found, FoundCause(DEFINITION, (), differences(before.told, last.told))]
    shares: dict[CellKey, list[CauseShare]] = {}
    for one in found:
        evidence = await (
            _definitions(engine, earlier, later) if one.cause == DEFINITION else _evidence(engine.record, one, earlier, later)
        )
        for key, difference in one.differences.items():
            share = CauseShare(cause=one.cause, difference=difference, of=max(len(one.steps), len(evidence)), touchpoints=evidence)
            shares.setdefault(key, []).append(share)
    nothing = CellValue()
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
        simulated=await is_simulated(engine),
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
            key = CellKey(figure.name, tuple(cell.group.items()), cell.currency)
            found.told[key] = CellValue(value=cell.value, n=cell.n, part=cell.part, whole=cell.whole)
            found.decimals[key] = cell.decimals
    for one in answers.values():
        for name, called in one.names.items():
            found.names.setdefault(name, {}).update(called)
    return found


def differences(before: Mapping[CellKey, CellValue], after: Mapping[CellKey, CellValue]) -> dict[CellKey, CellValue]:
    """By cell that differs, after less before."""
    nothing = CellValue()
    both = ((key, after.get(key, nothing), before.get(key, nothing)) for key in before.keys() | after.keys())
    return {key: difference for key, now, was in both if is_something(difference := minus(now, was))}


# --- from the earlier position to the later one


@dataclass(slots=True)
class _Path:
    """A read model on its way, and what was found that changed it."""

    store: ReadStore
    question: Question
    definition: Definition
    record: SteppedRecord
    found: list[FoundCause] = field(default_factory=list)

    async def answered(self, only: Collection[str] | None = None) -> Answered:
        await asyncio.sleep(0)  # Whoever waits for it may have gone.
        return await answered(self.store, self.question, self.definition, only)

    async def go(self, cause: str, some: Sequence[RecordStep], before: Answered) -> Answered:
        """Take all steps of a cause. Returns what is told after them."""
        facts = await self.record.effect(some)
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
        some: Sequence[RecordStep],
        facts: Facts,
        before: Mapping[CellKey, CellValue],
        after: Mapping[CellKey, CellValue],
        changed: Mapping[CellKey, CellValue],
        questions: int,
    ) -> int:
        """Take `some` steps, which bring the cells from `before` to `after`, and find which of them change what, by so many questions at
        most. Returns how many of these are left."""
        if len(some) == 1 or questions <= 0:
            self.found.append(FoundCause(cause, some, changed))
            self.record.add(some)
            await self._add(facts)
            return questions
        half = len(some) // 2
        left, right = some[:half], some[half:]
        of_left = await self.record.effect(left)
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
        self.record.add(right)
        await self._add(of_right)
        return questions

    async def _add(self, facts: Facts) -> None:
        rows = [to_row(fact, count) for fact, count in facts.items() if count]

        async def change() -> AsyncIterator[Change]:
            yield Change(await self.store.position() + 1, rows)

        if rows:
            await self.store.apply(change())

    async def _go_back(self, some: Sequence[RecordStep], facts: Facts) -> None:
        self.record.take_back(some)
        await self._add(Facts({fact: -count for fact, count in facts.items()}))


# --- evidence


async def _evidence(record: Histories, found: FoundCause, earlier: int, later: int) -> tuple[ChangedTouchpoint, ...]:
    in_order = sorted(found.steps, key=lambda step: step.touch.order)[:TOUCHPOINTS_NAMED_MAX]
    return tuple([_told(step, await _position(record, step, earlier, later)) for step in in_order])


def _told(step: RecordStep, position: int) -> ChangedTouchpoint:
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
    return ChangedTouchpoint(
        position=position,
        says=says,
        source=touch.source,
        id=touch.id,
        subject=touch.subject,
        type=touch.type,
        occurred_at=iso(touch.occurred_at),
    )


async def _position(record: Histories, step: RecordStep, earlier: int, later: int) -> int:
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


def _is_taken(step: RecordStep, stored: Sequence[Stored]) -> bool:
    if row := step.adds or step.removes:
        return any((one.touch.order, one.body) == (row.touch.order, row.body) for one in stored) is (step.adds is not None)
    return any(one.voided for one in stored if one.touch.key == step.touch.key) is (step.voids is not None)


async def _definitions(engine: Engine, earlier: int, later: int) -> tuple[ChangedTouchpoint, ...]:
    """Which definitions came into use."""
    switches = await engine.record.definitions()
    return tuple(
        ChangedTouchpoint(position=position, says=f"{before[:12]} -> {by[:12]}")
        for (_, before), (position, by) in pairwise([(0, ""), *switches])
        if earlier < position <= later and by != before
    )
