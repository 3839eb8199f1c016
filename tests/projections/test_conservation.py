"""What may never be lost or made between two ways of counting the same: within a report, and between the two read models."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pytest

from app.simulation import simulate
from journey.instants import DAY, start_of_day
from projections import marketing_report, sales_report
from projections.asking import Money
from projections.marketing_report import MarketingReport
from projections.sales_report import SalesReport
from schemas.definition_files import default_definition
from tests.streams.builders import Bench, quick_bench

FIRST = date(2025, 1, 1)


@dataclass(frozen=True)
class Both:
    marketing: MarketingReport
    sales: SalesReport


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """Half a year of a simulated company."""
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


@pytest.fixture(scope="module", params=[1, 20, 59, 60, 121, 179, 400])
def both(bench: Bench, request: pytest.FixtureRequest) -> Both:
    """The two reports as of the end of a day, at one position."""
    until = start_of_day(FIRST, "UTC") + request.param * DAY - 1

    async def ask() -> Both:
        marketing, sales = bench.stores
        return Both(
            await marketing_report.report(marketing, bench.definition, until), await sales_report.report(sales, bench.definition, until)
        )

    found = asyncio.run(ask())
    assert found.marketing.asked == found.sales.asked
    return found


def test_touchpoints_add_up_over_channels_campaigns_and_days(both: Both) -> None:
    report = both.marketing
    for parts in (report.channels, report.campaigns, report.days):
        assert sum(one.touchpoints for one in parts) == report.touchpoints


def test_people_are_never_more_than_the_sum_of_the_parts_nor_fewer_than_the_largest(both: Both) -> None:
    report = both.marketing
    for parts in (report.channels, report.campaigns, report.days):
        people = [one.people for one in parts]
        assert max(people, default=0) <= report.people <= sum(people)


def test_new_leads_add_up_and_are_the_leads_of_sales(both: Both) -> None:
    report = both.marketing
    for parts in (report.channels, report.campaigns, report.days):
        assert sum(one.new_leads for one in parts) == report.new_leads
    assert report.new_leads == both.sales.leads


def test_credits_add_up_to_conversions(both: Both) -> None:
    report = both.marketing
    expected = Counter({one.conversion: one.number for one in report.conversions if one.number})
    for parts in (report.channels, report.campaigns):
        for which in ("first", "last"):
            credited: Counter[str] = Counter()
            for one in parts:
                credited.update(getattr(one.credit, which))
            assert credited == expected


def test_spend_adds_up_over_campaigns(both: Both) -> None:
    total: Counter[str] = Counter()
    for one in both.marketing.campaigns:
        total.update(one.spend)
    assert total == Counter(both.marketing.spend)


def test_both_place_everybody_in_the_same_stage(both: Both) -> None:
    assert both.marketing.stages == both.sales.stages
    assert all(one.people >= 0 for one in both.sales.stages)


def test_both_have_won_the_same_deals_for_the_same_money(both: Both) -> None:
    (won,) = [one for one in both.marketing.conversions if one.conversion == "won"]
    (outcome,) = [one for one in both.sales.outcomes if one.outcome == "won"]
    assert (won.number, won.value) == (outcome.number, outcome.value)


def test_every_deal_is_open_or_has_one_outcome(both: Both) -> None:
    report = both.sales
    assert sum(one.number for one in report.open_deals) + sum(one.number for one in report.outcomes) == report.opened


def test_months_add_up_to_what_was_won(both: Both) -> None:
    value: Counter[str] = Counter()
    for month in both.sales.won_by_month.values():
        value.update(month.value)
    assert Money(value) == both.sales.outcomes[0].value


def test_every_lead_cycle_has_one_answer_and_every_accepted_one_a_state(both: Both) -> None:
    report = both.sales
    assert sum(report.answers.values()) == report.leads
    assert sum(report.states.values()) == report.answers["accepted"]
    assert report.breached <= report.leads
    assert report.qualified <= report.leads
