"""Asks an engine for figures: what `journey report` prints, as typed values. docs/asking.md has an example."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import date, datetime

from app.engine.clock import now
from app.engine.known_state import known, read_model
from app.engine.ports import Engine
from app.engine.simulation_mark import is_simulated
from app.text.arguments import in_zone
from journey.definition import Definition
from journey.instants import Instant, instant
from projections.figures.answering import answer
from projections.figures.answers import Answer
from projections.figures.defined import asked_by
from projections.figures.figure import Asked, Figure, Model, Where
from projections.figures.reports import Report, values_asked
from projections.figures.reports import report as reported
from projections.marketing import marketing
from projections.read_model import Ask
from projections.sales import sales

MODELS = {"marketing": marketing, "sales": sales}


async def report(
    engine: Engine,
    model: Model,
    sections: Sequence[str] = (),
    *,
    by: Sequence[str] | None = None,
    where: Mapping[str, Sequence[str]] | None = None,
    from_on: date | None = None,
    to_on: date | None = None,
    until: Instant | date | datetime | None = None,
    known_at: str | None = None,
    currency: str | None = None,
    top: int | None = 0,
) -> Report:
    """The sections of a report; all where none is named. Raises Refused where it cannot be asked so.

    `by` names dimensions and at most one period; None is what each section is shown by. `where` keeps rows that have one of these values.
    The period is half-open: `to_on` is no longer in it. `until` is an instant, or the end of a day of the reporting zone; None is now.
    `known_at` is a position, or a time of recording; None is now. `currency` converts money at stated rates; None is the company's own
    where rates to it are stated, "" is each by itself.
    `top` is how many of the highest a list has at most: 0 is all, None as many as a terminal shows of people.
    """
    async with whom_to_ask(engine, model, known_at) as (ask, definition):
        asked = question(
            definition, where=where, from_on=from_on, to_on=to_on, until=until, known_at=known_at, currency=currency, top=top
        )  # fmt: skip
        return await reported(ask, model, sections, asked, None if by is None else tuple(by), simulated=await is_simulated(engine))


async def figure(
    engine: Engine,
    model: Model,
    wanted: Figure,
    *,
    by: Sequence[str] = (),
    where: Mapping[str, Sequence[str]] | None = None,
    from_on: date | None = None,
    to_on: date | None = None,
    until: Instant | date | datetime | None = None,
    known_at: str | None = None,
    currency: str | None = None,
    top: int | None = 0,
) -> Answer:
    """What one figure of `model` comes to: asked as a report is. Raises Refused where it cannot be asked so."""
    async with whom_to_ask(engine, model, known_at) as (ask, definition):
        asked = question(
            definition, by=by, where=where, from_on=from_on, to_on=to_on, until=until, known_at=known_at, currency=currency, top=top
        )  # fmt: skip
        if not wanted.lacks(asked):
            asked = replace(asked, where=await values_asked(ask, [wanted], asked))
        return await answer(ask, [wanted], asked)


@asynccontextmanager
async def whom_to_ask(engine: Engine, model: Model, known_at: str | None) -> AsyncIterator[tuple[Ask, Definition]]:
    """One state of `model`, as known at a position or now, and the definition in use then. Raises Refused."""
    was = await known(engine, known_at)
    async with AsyncExitStack() as stack:
        if known_at is None:
            store = engine.marketing if model == "marketing" else engine.sales
        else:
            store = await stack.enter_async_context(read_model(MODELS[model], was))
        yield await stack.enter_async_context(store.snapshot()), was.definition


def question(
    definition: Definition,
    *,
    by: Sequence[str] = (),
    where: Mapping[str, Sequence[str]] | None,
    from_on: date | None,
    to_on: date | None,
    until: Instant | date | datetime | None,
    known_at: str | None,
    currency: str | None,
    top: int | None,
) -> Asked:
    """What is asked of figures under `definition`."""
    return asked_by(
        definition,
        until_of(until, definition),
        from_on="" if from_on is None else from_on.isoformat(),
        to_on="" if to_on is None else to_on.isoformat(),
        by=tuple(by),
        where=tuple(Where(name, tuple(values)) for name, values in (where or {}).items()),
        currency=currency,
        known_at=known_at or "",
        top=top,
    )


def until_of(until: Instant | date | datetime | None, definition: Definition) -> Instant:
    """The instant that is meant: of a day its end."""
    if isinstance(until, datetime):
        return instant(until)
    return now() if until is None else in_zone(until, definition.zone)
