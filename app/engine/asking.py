"""Asks an engine for figures: what `journey report` prints, as typed values. docs/figures.md has an example."""

from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from datetime import date, datetime

from app.engine.clock import now
from app.engine.known_state import known, read_model
from app.engine.ports import Engine
from app.engine.simulation_mark import is_simulated
from app.text.arguments import in_zone
from journey.definition import Definition
from journey.instants import Instant, instant
from projections.figures.defined import asked_by
from projections.figures.figure import Model, Where
from projections.figures.reports import Report
from projections.figures.reports import report as reported
from projections.marketing import marketing
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
    was = await known(engine, known_at)
    asked = asked_by(
        was.definition,
        until_of(until, was.definition),
        from_on="" if from_on is None else from_on.isoformat(),
        to_on="" if to_on is None else to_on.isoformat(),
        where=tuple(Where(name, tuple(values)) for name, values in (where or {}).items()),
        currency=currency,
        known_at=known_at or "",
        top=top,
    )
    async with AsyncExitStack() as stack:
        if known_at is None:
            store = engine.marketing if model == "marketing" else engine.sales
        else:
            store = await stack.enter_async_context(read_model(MODELS[model], was))
        ask = await stack.enter_async_context(store.snapshot())
        return await reported(ask, model, sections, asked, None if by is None else tuple(by), simulated=await is_simulated(engine))


def until_of(until: Instant | date | datetime | None, definition: Definition) -> Instant:
    """The instant that is meant: of a day its end."""
    if isinstance(until, datetime):
        return instant(until)
    return now() if until is None else in_zone(until, definition.zone)
