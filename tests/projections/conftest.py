"""Tiny handmade histories, and the two reports on them."""

from collections.abc import Callable, Coroutine, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from journey.instants import DAY, Instant
from schemas.definition_files import default_definition
from tests.projections import marketing_by_hand
from tests.projections.as_reported import marketing_as_reported, without_examples
from tests.projections.marketing_by_hand import MarketingReport
from tests.projections.sales_as_reported import reported
from tests.projections.sales_by_hand import SalesReport
from tests.streams.builders import START, Bench, quick_bench

AskMarketing = Callable[..., Coroutine[Any, Any, MarketingReport]]
AskSales = Callable[..., Coroutine[Any, Any, SalesReport]]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = quick_bench(tmp_path, default_definition())
    yield bench
    bench.close()


def end_of(day: int) -> Instant:
    """The last microsecond of the day that is so many after START, in UTC."""
    return START + (day + 1) * DAY - 1


AT_LAST = end_of(500)


async def taken(bench: Bench, lines: Sequence[bytes]) -> None:
    if lines:
        unit = await bench.take(*lines)
        assert not unit.dead_letters, unit.dead_letters
    await bench.follow()


@pytest.fixture
def marketing(bench: Bench) -> AskMarketing:
    """Marketing's report on what was taken, as of the end of a day; figures say the same."""

    async def ask(*lines: bytes, until: Instant = AT_LAST) -> MarketingReport:
        await taken(bench, lines)
        async with bench.stores[0].snapshot() as one:
            report = await marketing_by_hand.of(one, bench.definition, until)
            assert await marketing_as_reported(one, bench.definition, until) == without_examples(report)
        return report

    return ask


@pytest.fixture
def sales(bench: Bench) -> AskSales:
    """Sales' report on what was taken, as of the end of a day; figures say the same."""

    async def ask(*lines: bytes, until: Instant = AT_LAST) -> SalesReport:
        await taken(bench, lines)
        async with bench.stores[1].snapshot() as one:
            return await reported(one, bench.definition, until)

    return ask
