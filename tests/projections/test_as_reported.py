"""Figures say what marketing's report says: of a simulated world, and of anything at all, at several instants."""

import asyncio
from collections.abc import Callable
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.simulation.spoiling import spoil
from app.simulation.world import simulate
from journey.definition import Conversion, Definition, Match
from journey.instants import DAY, Instant, start_of_day
from schemas.definition_files import default_definition
from tests.projections import marketing_by_hand
from tests.projections.as_reported import marketing_as_reported, without_examples
from tests.projections.marketing_by_hand import MarketingReport
from tests.streams.builders import Bench, at, deal_opened, quick_bench, sent
from tests.streams.deliveries import Delivery, delivered
from tests.streams.test_any_order import RESTLESS, SHARING, TIGHT, anything, deliveries

FIRST = date(2025, 1, 1)
DAYS = (0, 45, 100, 179, 300, 700)
"""Asked until the end of these days of the world, and in the middle of the next."""

BESIDES = [
    # A deal that names nobody, one in another currency, an order twice and refunds: what the world has none of.
    deal_opened("nobody", at(-300), amount="70.00", currency="USD", stage=None),
    sent("close", "deal:nobody", at(-290), outcome="won", amount="80.00", currency="USD"),
    sent("ad_click", "user:x", at(-302), campaign="BRAND", click_id=None),
    *(sent("order_placed", "user:x", at(-300 + day), order="1", amount="10.00", currency="USD") for day in (0, 1)),
    sent("refund", "user:x", at(-250), order="1", amount="4.00", currency="USD", deal=None),
    sent("refund", "user:x", at(-249), order="2", amount="4.00", currency="USD", deal=None),
    sent("custom", "user:x", at(-240), name="purchase"),
]


def renamed(by: Definition) -> Definition:
    """Primary people's touches; won deals are of two kinds, neither of them called won; forms make customers; another zone."""
    kinds = (
        Conversion(name="deal", deal="won", customer=True),
        Conversion(name="closed", deal="won"),
        Conversion(name="lead", lead="created"),
        Conversion(name="mql", lead="mql"),
        Conversion(name="form", when=Match(types=("form_submitted",)), customer=True),
    )
    attribution = by.attribution.model_copy(update={"people": "primary", "conversions": kinds})
    return by.model_copy(update={"attribution": attribution, "zone": "America/New_York", "funnels": ()})


def without_deals(by: Definition) -> Definition:
    kinds = tuple(kind for kind in by.attribution.conversions if kind.deal is None)
    return by.model_copy(update={"attribution": by.attribution.model_copy(update={"conversions": kinds}), "funnels": ()})


DEFINITIONS: dict[str, Callable[[Definition], Definition]] = {"as it ships": lambda by: by, "renamed": renamed, "no deals": without_deals}


async def compared(bench: Bench, until: list[Instant]) -> MarketingReport:
    """The last of the reports; each is put together of figures as well."""
    await bench.follow()
    async with bench.stores[0].snapshot() as ask:
        for one in until:
            report = await marketing_by_hand.of(ask, bench.definition, one)
            assert await marketing_as_reported(ask, bench.definition, one) == without_examples(report)
    return report


@pytest.fixture(scope="module")
def lines() -> list[bytes]:
    return [*spoil(simulate(customers=400, days=180, seed=13, start=FIRST), seed=3, late=0.1, duplicates=0.05), *BESIDES]


@pytest.mark.parametrize("name", DEFINITIONS)
async def test_every_number_of_marketings_report_is_that_of_a_figure(name: str, tmp_path: Path, lines: list[bytes]) -> None:
    definition = DEFINITIONS[name](default_definition())
    bench = quick_bench(tmp_path, definition)
    await bench.append(lines)
    while (unit := await bench.place()) is not None:
        assert not unit.dead_letters
    ends = [start_of_day(FIRST, definition.zone) + (days + 1) * DAY - 1 for days in DAYS]
    report = await compared(bench, [until + after for until in ends for after in (0, DAY // 2)])
    bench.close()
    assert report.visit_to_lead
    assert report.buyers
    assert len(report.left_out) == 2
    assert len(report.spend) == 1
    assert [one.number > 0 for one in report.conversions] == [True] * len(report.conversions)
    assert report.stages[-1].people < report.stages[0].entered


@given(deliveries(anything), st.sampled_from([TIGHT, RESTLESS, SHARING, renamed(SHARING)]))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_also_where_anything_is_sent(delivery: Delivery, by: Definition) -> None:
    async def run() -> None:
        with TemporaryDirectory() as folder:
            bench = await delivered(Path(folder), by, delivery._replace(other_until=0))
            try:
                await compared(bench, [at(day) for day in (1, 21, 46, 96, 201, 900)])
            finally:
                bench.close()

    asyncio.run(run())
