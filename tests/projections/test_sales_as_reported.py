"""Sales' figures against sales' report: every number of it, over a simulated company, as of several days."""

import asyncio
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.simulation.world import simulate
from journey.definition import Definition
from journey.instants import DAY, start_of_day
from projections.figures.sections import SECTIONS
from schemas.definition_files import default_definition
from tests.projections.sales_as_reported import Figures, reported
from tests.streams.builders import Bench, at, deal_opened, quick_bench, sent
from tests.streams.deliveries import Delivery, delivered
from tests.streams.test_any_order import RESTLESS, SHARING, TIGHT, anything, deliveries

FIRST = date(2026, 1, 1)


def lead(step: str, person: str, when: int, **data: Any) -> bytes:
    return sent(f"lead_{step}", f"user:{person}", when, source="urn:hand", **{"lead": f"lead-of-{person}"} | data)


def close(deal: str, when: int, outcome: str, **data: Any) -> bytes:
    return sent("close", f"deal:{deal}", when, **{"outcome": outcome, "reason": None if outcome == "won" else "price"} | data)


def rare() -> list[bytes]:
    """What a simulated company does seldom or never."""
    return [
        # In time, qualified, and a lead again.
        lead("created", "swift", at(0, 9)), lead("assigned", "swift", at(0, 10)), lead("accepted", "swift", at(0, 11)),
        lead("qualified", "swift", at(3)), lead("recycled", "swift", at(9)), lead("created", "swift", at(20)),
        # Handed to a queue, where nobody owns it any more.
        lead("created", "queued", at(0, 9)), lead("assigned", "queued", at(0, 10), owner="ann"),
        lead("assigned", "queued", at(1, 10), owner=None, team="queue"),
        lead("created", "refused", at(1, 9)), lead("assigned", "refused", at(1, 10)), lead("rejected", "refused", at(1, 11)),
        # In a stage that nobody knows; known by an update alone; opened when it was lost already; in another currency; reopened.
        deal_opened("odd", at(1), pipeline="other", stage="odd", probability=None),
        sent("deal_updated", "deal:updated", at(2), amount=None, currency=None, pipeline=None, stage=None),
        close("late", at(3), "lost"), deal_opened("late", at(5)),
        deal_opened("dollars", at(1), currency="USD"), close("dollars", at(8), "won", currency="USD"),
        deal_opened("again", at(1)), close("again", at(8), "won"), sent("deal_reopened", "deal:again", at(30)),
    ]  # fmt: skip


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    bench = quick_bench(tmp_path_factory.mktemp("half a year"), default_definition())

    async def take() -> None:
        await bench.append([*simulate(customers=800, days=180, seed=13, start=FIRST), *rare()])
        while await bench.place():
            pass
        await bench.follow()

    asyncio.run(take())
    yield bench
    bench.close()


@pytest.mark.parametrize("day", [1, 59, 61, 62, 70, 90, 179, 400])
def test_every_number_of_the_report_is_a_figure(bench: Bench, day: int) -> None:
    async def compare() -> None:
        async with bench.stores[1].snapshot() as ask:
            await reported(ask, bench.definition, start_of_day(FIRST, "UTC") + day * DAY - 1)

    asyncio.run(compare())


@given(deliveries(anything), st.sampled_from([TIGHT, RESTLESS, SHARING]))
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_also_where_anything_is_sent(delivery: Delivery, by: Definition) -> None:
    async def compare() -> None:
        with TemporaryDirectory() as folder:
            bench = await delivered(Path(folder), by, delivery._replace(other_until=0))
            try:
                await bench.follow()
                async with bench.stores[1].snapshot() as ask:
                    for day in (1, 21, 46, 96, 201, 900):
                        await reported(ask, by, at(day))
            finally:
                bench.close()

    asyncio.run(compare())


def test_what_is_compared_is_there(bench: Bench) -> None:
    """Or all of it could be nothing on both sides. The report had nothing of how a pipeline moves."""

    async def found() -> dict[str, Any]:
        async with bench.stores[1].snapshot() as ask:
            figures = Figures(ask, start_of_day(FIRST, "UTC") + 90 * DAY - 1)
            sections = [one for one in SECTIONS if one.model == "sales" and one.name not in ("waterfall", "slippage", "targets")]
            names = [one.name for section in sections for one in section.figures]
            return {name: [cell.value for cell in await figures.cells(name)] for name in names}

    assert [name for name, values in asyncio.run(found()).items() if not any(values)] == []
