"""Asks an engine for figures: what `journey report` prints, as typed values. docs/asking.md has an example."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace

from app.engine.known_state import known, read_model
from app.engine.ports import Engine
from app.engine.question import Question
from app.engine.simulation_mark import is_simulated
from journey.definition import Definition
from projections.figures.answering import answer
from projections.figures.figure import Figure, Model
from projections.figures.reports import GoesOn, OneFigure, Report, values_asked
from projections.figures.reports import report as reported
from projections.marketing import marketing
from projections.read_model import Ask
from projections.sales import sales

MODELS = {"marketing": marketing, "sales": sales}


async def report(engine: Engine, question: Question, goes_on: GoesOn = lambda: True) -> Report:
    """The sections that are asked for, as long as it `goes_on`. Raises Refused where they cannot be asked so."""
    async with whom_to_ask(engine, question.model, question.known_at) as (ask, definition):
        by = None if question.by is None else tuple(question.by)
        simulated = await is_simulated(engine)
        return await reported(ask, question.model, question.sections, question.asked(definition), by, simulated=simulated, goes_on=goes_on)


async def figure(engine: Engine, wanted: Figure, question: Question) -> OneFigure:
    """What one figure of the question's model comes to. Raises Refused where it cannot be asked so."""
    async with whom_to_ask(engine, question.model, question.known_at) as (ask, definition):
        asked = question.asked(definition)
        if not wanted.lacks(asked):
            asked = replace(asked, where=await values_asked(ask, [wanted], asked))
        told = await answer(ask, [wanted], asked)
        return OneFigure(**dict(told), model=question.model, simulated=await is_simulated(engine))


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
