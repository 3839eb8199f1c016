"""Sales' report beside figures: every number of it is a cell of one."""

from fractions import Fraction
from typing import Any

from journey.definition import Definition
from journey.instants import DAY, Instant
from projections.figures.answering import answer
from projections.figures.answers import Cell
from projections.figures.figure import Asked, Where
from projections.figures.scores import LISTED
from projections.figures.sections import FIGURES
from projections.read_model import Ask
from tests.projections import sales_by_hand
from tests.projections.by_hand import cut
from tests.projections.sales_by_hand import LEADS_SHOWN_MAX, Outcome, SalesReport


async def reported(ask: Ask, definition: Definition, until: Instant) -> SalesReport:
    """Sales' report, of which figures say the same."""
    report = await sales_by_hand.of(ask, definition, until)
    figures = Figures(ask, cut(until, definition.zone), definition.zone)
    assert (report.asked.position, report.asked.until) == await asked(figures)
    await compare_leads(report, figures)
    await compare_deals(report, figures, definition)
    return report


class Figures:
    """What figures come to as of an instant."""

    def __init__(self, ask: Ask, until: Instant, zone: str = "UTC") -> None:
        self.ask, self.until, self.zone = ask, until, zone

    async def cells(self, name: str, *by: str, **more: Any) -> list[Cell]:
        found = await answer(self.ask, [FIGURES[name]], Asked(self.until, zone=self.zone, by=by, **more))
        return list(found.figures[0].cells)

    async def by(self, name: str, *by: str, **more: Any) -> dict[Any, Any]:
        """Those that are not 0, by the values of the groups; by the value itself where there is one."""
        found = {tuple(cell.group.values()): cell.value for cell in await self.cells(name, *by, **more) if cell.value}
        return {key[0] if len(key) == 1 else key: value for key, value in found.items()}

    async def value(self, name: str) -> Any:
        (cell,) = await self.cells(name)
        return cell.value


async def asked(figures: Figures) -> tuple[int, str]:
    found = await answer(figures.ask, [FIGURES["leads"]], Asked(figures.until, figures.zone))
    return found.position, found.until


def present(numbers: dict[str, int]) -> dict[str, int]:
    return {name: number for name, number in numbers.items() if number}


def rounded(value: Fraction | int | None, places: int) -> float | None:
    return None if value is None else round(float(value), places)


async def compare_leads(report: SalesReport, figures: Figures) -> None:
    numbers = {"leads": report.leads, "mqls": report.mql, "sqls": report.qualified}
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


async def compare_deals(report: SalesReport, figures: Figures, definition: Definition) -> None:
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
    shown = [(pipeline.name, stage.name) for pipeline in definition.pipelines for stage in pipeline.stages if stage.outcome == "open"]
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
