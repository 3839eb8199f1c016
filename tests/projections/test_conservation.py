"""The laws of `journey reconcile`, held against half a year of a simulated company as of many days."""

import asyncio
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from app.simulation.world import simulate
from journey.instants import DAY, start_of_day
from projections.laws import LAWS, Broken, ReadModelPair
from schemas.definition_files import default_definition
from tests.streams.builders import Bench, quick_bench

FIRST = date(2025, 1, 1)


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    folder: Path = tmp_path_factory.mktemp("half a year")
    bench = quick_bench(folder, default_definition())

    async def take() -> None:
        await bench.append(simulate(customers=400, days=180, seed=13, start=FIRST))
        while await bench.place():
            pass
        await bench.follow()

    asyncio.run(take())
    yield bench
    bench.close()


@pytest.mark.parametrize("day", [1, 20, 59, 60, 121, 179, 400])
def test_every_law_holds_as_of_the_end_of_a_day(bench: Bench, day: int) -> None:
    until = start_of_day(FIRST, "UTC") + day * DAY - 1

    async def check() -> dict[str, list[Broken]]:
        marketing, sales = bench.stores
        async with marketing.snapshot() as one, sales.snapshot() as other:
            both = ReadModelPair({"marketing": one, "sales": other}, bench.definition, until)
            return {law.name: [broken async for broken in law.check(both)] for law in LAWS}

    assert asyncio.run(check()) == {law.name: [] for law in LAWS}
