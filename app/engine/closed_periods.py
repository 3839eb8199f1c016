"""Closed periods: somebody decided that what was told of a month is what was told. A closing names a position; see
docs/decisions/0086-what-changed-between.md."""

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta
from typing import Annotated, NamedTuple

import orjson
from pydantic import BeforeValidator, PlainSerializer

from app.engine.known_state import position_known
from app.engine.ports import Engine
from app.engine.question import Question
from app.engine.restatement import restated
from app.engine.shared_position import at_one_position
from journey.definition import Definition
from journey.errors import Refused
from journey.instants import Instant, instant, iso, rfc3339, start_of_day
from projections.figures import periods
from projections.figures.answers import Answer, Value
from projections.figures.figure import Model
from projections.figures.restatements import Restatement
from projections.read_model import Ask
from streams.operators import By, Decision

CLOSE = "close-period"
"""The action, as the control log has it."""

MODELS: tuple[Model, ...] = ("marketing", "sales")


Moment = Annotated[
    Instant,
    BeforeValidator(lambda at: instant(rfc3339(at)) if isinstance(at, str) else at),
    PlainSerializer(iso, return_type=str, when_used="json"),
]


class Days(NamedTuple):
    """A period by its name: half-open, in days of the reporting zone; and the last instant of it."""

    name: str
    grain: str
    from_on: date
    to_on: date
    ends: Instant


class ClosedSection(Value):
    """What was told of a section: which figures, and the digest of what they said."""

    figures: tuple[str, ...]
    sha256: str


class Closing(Value):
    """A period as it was closed. `told` says of each model what was told, by section. `restates` is the number of the closing that it takes
    the place of, `restated_by` of the one that took its place."""

    number: int
    at: Moment
    actor: str
    reason: str
    period: str
    grain: str
    from_on: str
    to_on: str
    zone: str
    until: Moment
    position: int
    restates: int | None
    told: dict[Model, dict[str, ClosedSection]]
    restated_by: int | None = None


class Closings(Value):
    closings: tuple[Closing, ...]


class ClosingAnswer(Closing):
    """`computed_differently` are the sections of which what was told is not what this version of the program says as known then."""

    computed_differently: tuple[str, ...]


class AsTold(Restatement):
    """What was told of a closed period, beside what is known now."""

    closed: ClosingAnswer


def days_of(name: str, by: Definition) -> Days:
    """The period of that name. Raises Refused where there is none."""
    try:
        grain, first, after = periods.days_named(name, by.fiscal_year_starts - 1)
    except ValueError as error:
        raise Refused(str(error)) from None
    if not date(1970, 1, 1) <= first < after < date(9999, 1, 1):
        raise Refused(f"{name} is not between 1970 and 9998")
    return Days(name, grain, first, after, start_of_day(after, by.zone) - 1)


async def close(engine: Engine, name: str, by: By) -> tuple[Closing, bool]:
    """Close a period: as it is told now, at one position of both read models. Returns the closing, and whether it is a new one.

    Raises Refused while it is not over. Closed again, it is restated.
    """
    definition = await engine.definition()
    days = days_of(name, definition)
    if by.at <= days.ends:
        raise Refused(f"{name} is not over: its last day is {days.to_on - timedelta(days=1)} ({definition.zone})")
    from_on, to_on = days.from_on.isoformat(), days.to_on.isoformat()
    before = await closing_of(engine, from_on, to_on)
    async with at_one_position(engine) as (position, asks):
        told = {
            model: await _digests(
                asks[model], Question(model, from_on=days.from_on, to_on=days.to_on, until=days.ends, currency=""), definition
            )
            for model in MODELS
        }
    if before is not None and before.position == position:
        return before, False
    detail = {
        "period": name,
        "grain": days.grain,
        "from_on": from_on,
        "to_on": to_on,
        "zone": definition.zone,
        "until": days.ends,
        "position": position,
        "restates": None if before is None else before.number,
        "told": {model: {name: one.model_dump() for name, one in sections.items()} for model, sections in told.items()},
    }
    number = await engine.desk.decide(at=by.at, actor=by.actor, action=CLOSE, reason=by.reason, detail=detail)
    return _closing(Decision(number, by.at, by.actor, CLOSE, by.reason, detail)), True


async def closings(engine: Engine) -> list[Closing]:
    """All of them, oldest first."""
    every = [_closing(one) for one in await engine.desk.decisions(CLOSE)]
    restated_by = {one.restates: one.number for one in every}
    return [one.model_copy(update={"restated_by": restated_by.get(one.number)}) for one in every]


async def counting(engine: Engine) -> list[Closing]:
    """The closing that counts of each period, the latest period first."""
    last = {(one.from_on, one.to_on): one for one in await closings(engine)}
    return [last[days] for days in sorted(last, reverse=True)]


async def closing_of(engine: Engine, from_on: str, to_on: str) -> Closing | None:
    """The last closing of just these days, under whatever name."""
    found = [one for one in await closings(engine) if (one.from_on, one.to_on) == (from_on, to_on)]
    return found[-1] if found else None


async def as_told(engine: Engine, closed: Closing, question: Question) -> AsTold:
    """`question` about a closed period, as known at its closing and as known now. Raises Refused beyond bounds."""
    computed_differently: list[str] = []

    async def check(ask: Ask, by: Definition) -> None:
        computed_differently.extend(await sections_computed_differently(closed, question.model, ask, by))

    told = await restated(engine, question, closed.position, await engine.record.position(), check)
    return AsTold(**dict(told), closed=ClosingAnswer(**dict(closed), computed_differently=tuple(computed_differently)))


async def in_period(engine: Engine, question: Question, name: str) -> Question:
    """`question` of the period of that name. Raises Refused where there is none, or where other days are asked for."""
    if question.from_on or question.to_on:
        raise Refused("--period says from when and up to when, so --from and --to have no place beside it")
    days = days_of(name, await engine.definition())
    return replace(question, from_on=days.from_on, to_on=days.to_on)


async def changed_between(engine: Engine, question: Question, positions: tuple[str, str]) -> Restatement:
    """What differs at two positions, or days or times of recording. Raises Refused."""
    if question.known_at is not None:
        raise Refused("--between names two positions, so --known-at has no place beside it")
    earlier, later = [await position_known(engine, known_at) for known_at in positions]
    told = await restated(engine, question, earlier, later)
    return told.model_copy(update={"cells": told.changed})


async def told_if_closed(engine: Engine, question: Question) -> AsTold | None:
    """What was told of the question's days, as of the end of them unless it says until when; None where they are not closed as a period, or
    where they are asked for as known earlier. Raises Refused."""
    if question.from_on is None or question.to_on is None or question.known_at is not None:
        return None
    closed = await closing_of(engine, question.from_on.isoformat(), question.to_on.isoformat())
    if closed is None:
        return None
    return await as_told(engine, closed, replace(question, until=closed.until if question.until is None else question.until))


async def sections_computed_differently(closed: Closing, model: Model, ask: Ask, by: Definition) -> list[str]:
    """The sections of which `ask`, which answers as known at the closing, does not say what was told then: another version of this program
    works out a figure differently."""
    sections = closed.told[model]
    question = Question(
        model, tuple(sections), from_on=date.fromisoformat(closed.from_on), to_on=date.fromisoformat(closed.to_on), until=closed.until,
        currency="", figures={name for one in sections.values() for name in one.figures},
    )  # fmt: skip
    return [name for name, told in (await _digests(ask, question, by)).items() if told != sections[name]]


async def _digests(ask: Ask, question: Question, by: Definition) -> dict[str, ClosedSection]:
    answers: Mapping[str, Answer] = await question.answers(ask, by)
    return {name: ClosedSection(figures=[one.name for one in told.figures], sha256=_digest(told)) for name, told in answers.items()}


def _digest(told: Answer) -> str:
    """Of what its cells say: neither of the words for it, nor of where it was read."""
    cells = [[one.name, [cell.model_dump(mode="json") for cell in one.cells]] for one in told.figures]
    return hashlib.sha256(orjson.dumps([told.until, cells], option=orjson.OPT_SORT_KEYS)).hexdigest()


def _closing(one: Decision) -> Closing:
    return Closing(number=one.number, at=one.at, actor=one.actor, reason=one.reason, **one.detail)
