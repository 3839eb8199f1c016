"""What touchpoints behind a figure come to is the figure: every figure that there is, on any history, by anything, in both databases."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import date
from functools import cache
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.engine.evidence import evidence_in, model_of
from app.engine.known_state import KnownState
from app.simulation.world import simulate
from projections.figures.answering import answer
from projections.figures.figure import Asked, Figure, Where
from projections.figures.sections import FIGURES
from projections.read_model import ReadStore
from projections.stores.postgres import PostgresReadStore
from projections.stores.sqlite import SqliteReadStore
from schemas.definition_files import default_definition
from streams.postgres.database import Database
from tests.streams.builders import Bench, at, quick_bench
from tests.streams.test_any_order import anything, what_deals_say, who_joined

ALL = 10**6
FIGURES_AT_ONCE = 8
"""So many, drawn anew, are asked of one history."""
DEFAULT = default_definition()


@asynccontextmanager
async def taken(*units: list[bytes]) -> AsyncIterator[Bench]:
    """A bench that has taken `units`, one after the other."""
    with TemporaryDirectory() as folder:
        bench = quick_bench(Path(folder), DEFAULT)
        try:
            for lines in units:
                await bench.take(*lines)
            await bench.follow()
            yield bench
        finally:
            bench.close()


async def disagreement(store: ReadStore, bench: Bench, figure: Figure, asked: Asked, limit: int = ALL) -> str:
    """What the read model says and its touchpoints do not, in words; "" where they agree."""
    async with store.snapshot() as ask:
        found = await evidence_in(ask, store.model, KnownState(bench.definition, bench.record), figure, asked, limit=limit)
    if not found.agrees:
        return f"{figure.name} {asked.by}: {found.answer.figures[0].cells} is not {found.comes_to.cells}"
    without = [one.unit for one in found.units if not one.touchpoints]
    return f"{figure.name} {asked.by}: nothing behind {without}" if without else ""


def store_of(figure: Figure, bench: Bench) -> SqliteReadStore:
    return next(store for store in bench.stores if store.model.name == model_of(figure))


async def some_question(figure: Figure, bench: Bench, random: Random) -> Asked:
    """By some of its dimensions and a period, of a period, and of what some of its dimensions have."""
    some, periods = list(figure.dimensions), [name for name in figure.breakdowns if name not in figure.dimensions]
    by = random.sample(some, random.randint(0, min(2, len(some)))) + random.sample(periods, random.randint(0, min(1, len(periods))))
    period: dict[str, str] = random.choice([{}, {"from_on": "2026-03-03", "to_on": "2026-05-01"}])
    asked = Asked(random.choice([at(1, 10), at(50), at(500)]), zone=DEFAULT.zone, by=tuple(by), **period)
    where = []
    async with store_of(figure, bench).snapshot() as ask:
        for name in random.sample(some, random.randint(0, min(2, len(some)))):
            if not figure.dimensions[name].many:
                (found,) = (await answer(ask, [figure], replace(asked, by=(name,)))).figures
                values = sorted({cell.group[name] for cell in found.cells})
                where += [Where(name, tuple(random.sample(values, random.randint(1, min(2, len(values))))))] if values else []
    return replace(asked, where=tuple(where))


@given(
    st.lists(st.lists(st.one_of(anything, what_deals_say, who_joined), min_size=1, max_size=15), min_size=1, max_size=3),
    st.randoms(use_true_random=False),
)
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
async def test_on_any_history_a_figure_is_what_its_touchpoints_come_to(events: list[list[dict[str, Any]]], random: Random) -> None:
    async with taken(*([orjson.dumps(one) for one in unit] for unit in events)) as bench:
        for figure in random.sample(list(FIGURES.values()), FIGURES_AT_ONCE):
            asked = await some_question(figure, bench, random)
            assert await disagreement(store_of(figure, bench), bench, figure, asked) == ""
            assert await disagreement(store_of(figure, bench), bench, figure, asked, limit=1) == ""


@cache
def company() -> list[bytes]:
    return list(simulate(customers=80, days=150, seed=2, start=date(2025, 1, 1)))


def by_something(figure: Figure, random: Random) -> Asked:
    return Asked(at(0), by=random.choice([(), *((name,) for name in figure.breakdowns)]))


async def test_of_a_company_every_figure_is_what_its_touchpoints_come_to() -> None:
    random = Random(2)
    async with taken(company()) as bench:
        for figure in FIGURES.values():
            for limit in (ALL, 2):
                assert await disagreement(store_of(figure, bench), bench, figure, by_something(figure, random), limit) == ""


@pytest.mark.postgres
async def test_in_postgresql_it_is_too(database: str) -> None:
    random = Random(1)
    async with taken(company()) as bench:
        stores = [await PostgresReadStore.open(one.model, Database(database)) for one in bench.stores]
        try:
            for store in stores:
                await store.apply(bench.record.changes(0))
            for figure in FIGURES.values():
                store = next(one for one in stores if one.model.name == model_of(figure))
                for limit in (ALL, 2):
                    assert await disagreement(store, bench, figure, by_something(figure, random), limit) == ""
        finally:
            for store in stores:
                await store.close()


async def test_units_are_told_of_page_by_page_each_once() -> None:
    async with taken(company()) as bench:
        figure, asked = FIGURES["stage_entries"], Asked(at(0), by=("stage",), where=(Where("stage", ("awareness", "consideration")),))
        store = store_of(figure, bench)
        async with store.snapshot() as ask:
            was = KnownState(bench.definition, bench.record)
            whole = await evidence_in(ask, store.model, was, figure, asked, limit=ALL)
            found, after = [], ""
            while after or not found:
                page = await evidence_in(ask, store.model, was, figure, asked, limit=30, after=after)
                found += [(one.unit, one.group, one.touchpoints) for one in page.units]
                after = page.after
    assert found == [(one.unit, one.group, one.touchpoints) for one in whole.units]
    assert len(found) == whole.units_count > 60
