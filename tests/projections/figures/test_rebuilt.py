"""Every figure, after any correction, is what the same question of a fresh rebuild is."""

import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import HealthCheck, given, settings

from journey.definition import Definition
from projections.figures.answering import answer
from projections.figures.defined import options
from projections.figures.figure import Asked
from projections.figures.sections import SECTIONS
from tests.streams.builders import Bench, at
from tests.streams.deliveries import Delivery, delivered
from tests.streams.test_any_order import SHARING, anything, deliveries


async def told(bench: Bench, by: Definition) -> dict[str, Any]:
    """Every section, in all and by month, in the midst and at the end."""
    found = {}
    stores = {store.model.name: store for store in bench.stores}
    for section in SECTIONS:
        async with stores[section.model].snapshot() as ask:
            for until in (at(46), at(900)):
                for grouping in ((), ("month",)):
                    figures = [one for one in section.figures if set(grouping) <= set(one.breakdowns)]
                    answered = await answer(ask, figures, Asked(until, by.zone, by=grouping, options=options(by)))
                    found[f"{section.name} {until} {grouping}"] = answered.figures
    return found


@given(deliveries(anything))
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_figure_after_any_correction_is_that_of_a_fresh_rebuild(delivery: Delivery) -> None:
    async def run() -> None:
        with TemporaryDirectory() as folder:
            bench = await delivered(Path(folder), SHARING, delivery._replace(other_until=0))
            try:
                await bench.follow()
                live = await told(bench, SHARING)
                await bench.rebuild(SHARING)
                await bench.follow()
                assert await told(bench, SHARING) == live
            finally:
                bench.close()

    asyncio.run(run())
