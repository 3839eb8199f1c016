"""Marketing's report, put together of figures: every number of it is a cell of one."""

from dataclasses import replace
from typing import Any

from journey.definition import Definition
from journey.instants import Instant
from projections.figures.answering import answer
from projections.figures.answers import Answer, Cell
from projections.figures.defined import options
from projections.figures.figure import Asked
from projections.figures.sections import FIGURES
from projections.read_model import Ask
from tests.projections.by_hand import Asked as AskedOfReport
from tests.projections.by_hand import StageRow, cut
from tests.projections.marketing_by_hand import Audience, ConversionRow, Credit, DayRow, LeftOutRow, MarketingReport

WHOLE = ("people", "touchpoints", "new_leads", "visit_to_lead", "customers", "spend")
AUDIENCE = ("touchpoints", "people", "new_leads")
CREDITED = ("conversions_first", "conversions_last")
CONVERTED = ("conversions", "converting_people", "conversion_value")


async def marketing_as_reported(ask: Ask, definition: Definition, until: Instant) -> MarketingReport:
    """What `marketing_by_hand.of` says, but for the examples of `left_out`, which are no numbers. Buyers are customers, each a person.

    The report is as of ends of days; figures whose rows have instants are as of any."""
    until = cut(until, definition.zone)

    async def asked(*names: str, by: tuple[str, ...] = ()) -> Answer:
        question = Asked(until, definition.zone, by=by, options={**options(definition), "customer": "person"})
        return await answer(ask, [FIGURES[name] for name in names], question)

    whole = await asked(*WHOLE)
    (share,) = whole.figure("visit_to_lead").cells
    days: dict[str, DayRow] = {}
    by_day = await asked(*AUDIENCE, by=("day",))
    for name in AUDIENCE:
        for cell in by_day.figure(name).cells:
            if cell.value:
                setattr(days.setdefault(cell.group["day"], DayRow(cell.group["day"])), name, cell.value)
    by_stage = await asked("stage_entries", "stage_people", by=("stage",))
    by_kind = await asked(*CONVERTED, by=("conversion",))
    without = await asked("left_out", by=("reason",))
    return MarketingReport(
        asked=AskedOfReport(whole.until, whole.zone, whole.position),
        people=number(whole, "people"),
        touchpoints=number(whole, "touchpoints"),
        new_leads=number(whole, "new_leads"),
        buyers=number(whole, "customers"),
        visit_to_lead=None if share.value is None else round(float(share.value), 4),  # type: ignore[arg-type]  # one number
        spend=money(whole.figure("spend").cells),
        stages=[
            StageRow(name, number(by_stage, "stage_entries", name), number(by_stage, "stage_people", name))
            for name in definition.stage_names
        ],
        channels=audiences(
            "channel", await asked(*AUDIENCE, "spend", by=("channel",)), await asked(*CREDITED, by=("channel", "conversion"))
        ),
        campaigns=audiences(
            "campaign", await asked(*AUDIENCE, "spend", by=("campaign",)), await asked(*CREDITED, by=("campaign", "conversion"))
        ),
        conversions=[
            ConversionRow(
                kind.name,
                number(by_kind, "conversions", kind.name),
                number(by_kind, "converting_people", kind.name),
                kind.customer,
                money(found(by_kind, "conversion_value", kind.name)),
            )
            for kind in definition.attribution.conversions
        ],
        days=[days[one] for one in sorted(days)],
        left_out=[LeftOutRow(cell.group["reason"], cell.value, "") for cell in without.figures[0].cells],  # type: ignore[arg-type]
    )


def without_examples(report: MarketingReport) -> MarketingReport:
    """`report` without what `left_out` shows one of."""
    return replace(report, left_out=[replace(row, of="") for row in report.left_out])


def audiences(dimension: str, counted: Answer, credited: Answer) -> list[Audience]:
    by_value: dict[str, Audience] = {}

    def of(cell: Cell) -> Audience:
        value = cell.group[dimension]
        return by_value.setdefault(value, Audience(counted.names.get(dimension, credited.names.get(dimension, {})).get(value, value)))

    for name in AUDIENCE:
        for cell in counted.figure(name).cells:
            setattr(of(cell), name, cell.value)
    for cell in counted.figure("spend").cells:
        # The report has no channel of costs that state none.
        if cell.group[dimension] or dimension == "campaign":
            of(cell).spend[str(cell.currency)] = cell.value  # type: ignore[assignment]
    for name, which in (("conversions_first", "first"), ("conversions_last", "last")):
        for cell in credited.figure(name).cells:
            credit: Credit = of(cell).credit
            getattr(credit, which)[cell.group["conversion"]] = cell.value
    return sorted(by_value.values(), key=lambda one: (-one.touchpoints, one.name))


def found(answered: Answer, name: str, value: str) -> list[Cell]:
    return [cell for cell in answered.figure(name).cells if value in cell.group.values()]


def number(answered: Answer, name: str, value: str = "") -> Any:
    (cell,) = (found(answered, name, value) if value else answered.figure(name).cells) or [None]
    return 0 if cell is None else cell.value


def money(cells: Any) -> dict[str, Any]:
    return {cell.currency: cell.value for cell in cells}
