"""Sales' figures against sales' report: every number of it, over a simulated company, as of several days."""

import asyncio
from collections.abc import Iterator
from datetime import date
from fractions import Fraction
from typing import Any

import pytest

from app.simulation.world import simulate
from journey.instants import DAY, start_of_day
from projections import sales_report
from projections.figures.answering import answer
from projections.figures.answers import Cell
from projections.figures.figure import Asked, Where
from projections.figures.sections import FIGURES, SECTIONS
from projections.read_model import Ask
from projections.sales_report import LEADS_SHOWN_MAX, Outcome, SalesReport
from schemas.definition_files import default_definition
from tests.streams.builders import Bench, at, deal_opened, quick_bench, sent

FIRST = date(2026, 1, 1)
LISTED = ("person", "cycle", "stage", "answer", "owner", "since", "channel")


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


class Figures:
    """What figures come to as of an instant."""

    def __init__(self, ask: Ask, until: int) -> None:
        self.ask, self.until = ask, until

    async def cells(self, name: str, *by: str, **more: Any) -> list[Cell]:
        found = await answer(self.ask, [FIGURES[name]], Asked(self.until, zone="UTC", by=by, **more))
        return list(found.figures[0].cells)

    async def by(self, name: str, *by: str, **more: Any) -> dict[Any, Any]:
        """Those that are not 0, by the values of the groups; by the value itself where there is one."""
        found = {tuple(cell.group.values()): cell.value for cell in await self.cells(name, *by, **more) if cell.value}
        return {key[0] if len(key) == 1 else key: value for key, value in found.items()}

    async def value(self, name: str) -> Any:
        (cell,) = await self.cells(name)
        return cell.value


@pytest.mark.parametrize("day", [1, 59, 61, 62, 70, 90, 179, 400])
def test_every_number_of_the_report_is_a_figure(bench: Bench, day: int) -> None:
    until = start_of_day(FIRST, "UTC") + day * DAY - 1

    async def compare() -> None:
        async with bench.stores[1].snapshot() as ask:
            report = await sales_report.of(ask, bench.definition, until)
            figures = Figures(ask, until)
            assert (report.asked.position, report.asked.until) == await asked(figures)
            await compare_leads(report, figures)
            await compare_deals(report, figures, bench)

    asyncio.run(compare())


async def asked(figures: Figures) -> tuple[int, str]:
    found = await answer(figures.ask, [FIGURES["leads"]], Asked(figures.until))
    return found.position, found.until


def present(numbers: dict[str, int]) -> dict[str, int]:
    return {name: number for name, number in numbers.items() if number}


def rounded(value: Fraction | int | None, places: int) -> float | None:
    return None if value is None else round(float(value), places)


async def compare_leads(report: SalesReport, figures: Figures) -> None:
    numbers = {"leads": report.leads, "leads_marketing_qualified": report.mql, "leads_sales_qualified": report.qualified}
    assert {name: await figures.value(name) for name in numbers} == numbers
    assert await figures.value("leads_breached") == report.breached
    assert await figures.by("leads", "answer") == present(report.answers)
    assert await figures.by("leads", "state", where=(Where("answer", ("accepted",)),)) == present(report.states)
    assert rounded(await figures.value("mql_to_sal"), 4) == report.mql_accepted
    assert rounded(await figures.value("mql_to_sql"), 4) == report.mql_to_sql
    assert await figures.by("stage_entries", "stage") == present({row.stage: row.entered for row in report.stages})
    assert await figures.by("stage_people", "stage") == present({row.stage: row.people for row in report.stages})
    assert [(*cell.group.values(), cell.value) for cell in await figures.cells("lead_score", *LISTED, top=LEADS_SHOWN_MAX)] == [
        (one.person, str(one.cycle), one.stage, one.answer, one.owner, one.created_on, one.channel, one.score) for one in report.top_leads
    ]


async def compare_deals(report: SalesReport, figures: Figures, bench: Bench) -> None:
    assert await figures.value("deals") == report.opened
    open_deals = {(row.pipeline, row.stage): row for row in report.open_deals if row.number}
    place = ("pipeline", "stage")
    assert await figures.by("open_deals", *place) == {stage: row.number for stage, row in open_deals.items()}
    assert await figures.by("unweighted_deals", *place) == {stage: row.unweighted for stage, row in open_deals.items() if row.unweighted}
    known = {(*stage, "yes" if row.known else "no"): row.number for stage, row in open_deals.items()}
    assert await figures.by("open_deals", *place, "known_stage") == known
    for name, money in (("open_value", "value"), ("weighted_value", "weighted")):
        values = {
            (*stage, currency): minor for stage, row in open_deals.items() for currency, minor in getattr(row, money).items() if minor
        }
        assert await figures.by(name, *place) == values
    # The order in which a terminal shows them, also where there are none: the definition's.
    shown = [(pipeline.name, stage.name) for pipeline in bench.definition.pipelines for stage in pipeline.stages if stage.outcome == "open"]
    assert [(row.pipeline, row.stage) for row in report.open_deals][: len(shown)] == shown

    assert await figures.by("deals_closed", "outcome") == present({one.outcome: one.number for one in report.outcomes})
    assert await figures.by("closed_value", "outcome") == by_currency({one.outcome: one for one in report.outcomes})
    reasons = {(one.outcome, reason): number for one in report.outcomes for reason, number in one.reasons.items()}
    assert {key: number for key, number in (await figures.by("deals_closed", "outcome", "reason")).items() if key[1]} == reasons
    assert await figures.by("deals_won", "month") == {month: one.number for month, one in report.won_by_month.items()}
    assert await figures.by("won_value", "month") == by_currency(report.won_by_month)
    assert rounded(await figures.value("win_rate"), 4) == report.win_rate
    median, high = await figures.value("cycle_time") or (None, None)
    assert [rounded(one and Fraction(one) / DAY, 1) for one in (median, high)] == [report.cycle_days_median, report.cycle_days_p90]


def by_currency(outcomes: dict[str, Outcome]) -> dict[tuple[str, str], int]:
    return {(name, currency): minor for name, one in outcomes.items() for currency, minor in one.value.items() if minor}


def test_what_is_compared_is_there(bench: Bench) -> None:
    """Or all of it could be nothing on both sides."""

    async def found() -> dict[str, Any]:
        async with bench.stores[1].snapshot() as ask:
            figures = Figures(ask, start_of_day(FIRST, "UTC") + 90 * DAY - 1)
            names = [one.name for section in SECTIONS if section.model == "sales" for one in section.figures]
            return {name: [cell.value for cell in await figures.cells(name)] for name in names}

    assert [name for name, values in asyncio.run(found()).items() if not any(values)] == []
