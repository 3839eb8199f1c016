"""Closed periods: somebody decided that what was told of a month is what was told. A closing names a position; see
docs/decisions/0086-what-changed-between.md."""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any, NamedTuple

import orjson

from app.engine.known_state import position_known
from app.engine.ports import Engine
from app.engine.question import Question
from app.engine.restatement import restated
from app.engine.shared_position import at_one_position
from journey.definition import Definition
from journey.errors import Refused
from journey.instants import Instant, iso, start_of_day
from projections.figures import periods
from projections.figures.answers import Answer
from projections.figures.figure import Model
from projections.figures.restatements import Restatement
from projections.read_model import Ask
from streams.operators import By, Decision

CLOSE = "close-period"
"""The action, as the control log has it."""

MODELS: tuple[Model, ...] = ("marketing", "sales")


class Days(NamedTuple):
    """A period by its name: half-open, in days of the reporting zone; and the last instant of it."""

    name: str
    grain: str
    from_on: str
    to_on: str
    ends: Instant


class Closing(NamedTuple):
    """A period as it was closed. `told` has for each model, by section, which figures were told and the digest of what they said."""

    number: int
    at: Instant
    actor: str
    reason: str
    period: str
    grain: str
    from_on: str
    to_on: str
    zone: str
    until: Instant
    position: int
    restates: int | None
    """The number of the closing that it takes the place of."""
    told: dict[str, dict[str, dict[str, Any]]]

    @property
    def plain(self) -> dict[str, Any]:
        """For JSON."""
        return {**self._asdict(), "at": iso(self.at), "until": iso(self.until)}


def days_of(name: str, by: Definition) -> Days:
    """The period of that name. Raises Refused where there is none."""
    try:
        grain, first, after = periods.days_named(name, by.fiscal_year_starts - 1)
    except ValueError as error:
        raise Refused(str(error)) from None
    if not date(1970, 1, 1) <= first < after < date(9999, 1, 1):
        raise Refused(f"{name} is not between 1970 and 9998")
    return Days(name, grain, first.isoformat(), after.isoformat(), start_of_day(after, by.zone) - 1)


async def close(engine: Engine, name: str, by: By) -> tuple[Closing, bool]:
    """Close a period: as it is told now, at one position of both read models. Returns the closing, and whether it is a new one.

    Raises Refused while it is not over. Closed again, it is restated.
    """
    definition = await engine.definition()
    days = days_of(name, definition)
    if by.at <= days.ends:
        last = date.fromisoformat(days.to_on) - timedelta(days=1)
        raise Refused(f"{name} is not over: its last day is {last} ({definition.zone})")
    before = await closing_of(engine, days.from_on, days.to_on)
    async with at_one_position(engine) as (position, asks):
        told = {model: await _digests(asks[model], _question(model, days), definition) for model in MODELS}
    if before is not None and before.position == position:
        return before, False
    detail = {
        "period": name,
        "grain": days.grain,
        "from_on": days.from_on,
        "to_on": days.to_on,
        "zone": definition.zone,
        "until": days.ends,
        "position": position,
        "restates": None if before is None else before.number,
        "told": told,
    }
    number = await engine.desk.decide(at=by.at, actor=by.actor, action=CLOSE, reason=by.reason, detail=detail)
    return _closing(Decision(number, by.at, by.actor, CLOSE, by.reason, detail)), True


async def closings(engine: Engine) -> list[Closing]:
    """All of them, oldest first."""
    return [_closing(one) for one in await engine.desk.decisions(CLOSE)]


def listed(every: Sequence[Closing]) -> list[dict[str, Any]]:
    """For JSON: each with the closing that took its place."""
    return [{**one.plain, "restated_by": restated_by(one, every)} for one in every]


def restated_by(one: Closing, every: Sequence[Closing]) -> int | None:
    return next((other.number for other in every if other.restates == one.number), None)


async def closing_of(engine: Engine, from_on: str, to_on: str) -> Closing | None:
    """The last closing of just these days, under whatever name."""
    found = [one for one in await closings(engine) if (one.from_on, one.to_on) == (from_on, to_on)]
    return found[-1] if found else None


class AsTold(NamedTuple):
    """What was told of a closed period, beside what is known now."""

    closing: Closing
    restatement: Restatement
    computed_differently: list[str]
    """The sections of which what was told is not what this version of the program says as known then."""


async def as_told(engine: Engine, closed: Closing, question: Question) -> AsTold:
    """`question` about a closed period, as known at its closing and as known now. Raises Refused beyond bounds."""
    computed_differently: list[str] = []

    async def check(ask: Ask, by: Definition) -> None:
        computed_differently.extend(await sections_computed_differently(closed, question.model, ask, by))

    restatement = await restated(engine, question, closed.position, await engine.record.position(), check)
    return AsTold(closed, restatement, computed_differently)


class Compared(NamedTuple):
    """What a report is asked to compare: two positions, or a period as told with what is known now."""

    between: tuple[str, str] | None
    period: str | None
    known_at: str | None
    is_until_given: bool

    def check(self, days: object) -> None:
        """Raises Refused where its parts, and `days` given besides, do not go together."""
        if self.between is not None and self.known_at is not None:
            raise Refused("--between names two positions, so --known-at has no place beside it")
        if self.period is not None and days:
            raise Refused("--period says from when and up to when, so --from and --to have no place beside it")


async def compared(engine: Engine, asks: Compared, question: Question) -> Restatement | AsTold | None:
    """What is compared, of `question`, whose days become those of the period; None where nothing is. Raises Refused."""
    if asks.period is not None:
        days = days_of(asks.period, await engine.definition())
        question.from_on, question.to_on = days.from_on, days.to_on
    if asks.between is not None:
        earlier, later = [await position_known(engine, known_at) for known_at in asks.between]
        told = await restated(engine, question, earlier, later)
        return told.model_copy(update={"cells": told.changed})
    closed = await closing_of(engine, question.from_on, question.to_on) if question.from_on and question.to_on else None
    if closed is None or asks.known_at is not None:
        return None
    if not asks.is_until_given:
        question.until = closed.until
    return await as_told(engine, closed, question)


async def sections_computed_differently(closed: Closing, model: Model, ask: Ask, by: Definition) -> list[str]:
    """The sections of which `ask`, which answers as known at the closing, does not say what was told then: another version of this program
    works out a figure differently."""
    sections = closed.told[model]
    question = Question(
        model, tuple(sections), from_on=closed.from_on, to_on=closed.to_on, until=closed.until,
        figures={name for one in sections.values() for name in one["figures"]},
    )  # fmt: skip
    return [name for name, told in (await _digests(ask, question, by)).items() if told != sections[name]]


def _question(model: Model, days: Days) -> Question:
    return Question(model, from_on=days.from_on, to_on=days.to_on, until=days.ends)


async def _digests(ask: Ask, question: Question, by: Definition) -> dict[str, dict[str, Any]]:
    answers: Mapping[str, Answer] = await question.answers(ask, by)
    return {name: {"figures": [one.name for one in told.figures], "sha256": _digest(told)} for name, told in answers.items()}


def _digest(told: Answer) -> str:
    """Of what its cells say: neither of the words for it, nor of where it was read."""
    cells = [[one.name, [cell.model_dump(mode="json") for cell in one.cells]] for one in told.figures]
    return hashlib.sha256(orjson.dumps([told.until, cells], option=orjson.OPT_SORT_KEYS)).hexdigest()


def _closing(one: Decision) -> Closing:
    return Closing(one.number, one.at, one.actor, one.reason, **one.detail)
