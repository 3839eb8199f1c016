"""`journey report`: figures of a read model, section by section."""

from datetime import date
from enum import StrEnum
from typing import Annotated, Any

import typer

from app.engine import asking
from app.engine.access import read
from app.engine.clock import now
from app.engine.closed_periods import Compared, compared
from app.engine.ports import Engine
from app.engine.question import Question
from app.engine.simulation_mark import is_simulated
from app.text import reports as show_reports
from app.text import restatement as show_restatement
from app.text.arguments import (
    By,
    Data,
    From,
    Into,
    Json,
    KnownAt,
    To,
    Until,
    Where,
    asked_until,
    currency_of,
    day_of,
    filters,
    names_of,
    several,
)
from app.text.definition import cure, lacks_for
from app.text.printing import as_csv, as_json, note
from journey.errors import Refused
from journey.instants import day
from projections.figures.reports import Report
from projections.figures.sections import SECTIONS

app = typer.Typer(add_completion=False)


class Model(StrEnum):
    marketing = "marketing"
    sales = "sales"


def _sections(context: typer.Context, incomplete: str) -> list[str]:
    model = context.params.get("model")
    return [section.name for section in SECTIONS if section.model == model and section.name.startswith(incomplete)]


@app.command()
def report(
    model: Model,
    sections: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[SECTION]...", help="Only these sections; `journey figures` lists them.", autocompletion=_sections, show_default=False
        ),
    ] = None,
    data: Data = None,
    from_: From = None,
    to: To = None,
    until: Until = None,
    known_at: KnownAt = None,
    by: By = None,
    where: Where = None,
    currency: Into = None,
    top: Annotated[
        int | None,
        typer.Option(
            "--top",
            help="Show at most this many, the highest. Default: 20 people in a terminal, all in JSON and CSV.",
            min=1,
            show_default=False,
        ),
    ] = None,
    between: Annotated[
        tuple[str, str] | None,
        typer.Option(
            help="Show only what changed between two positions (or times of recording), and why.", metavar="K1 K2", show_default=False
        ),
    ] = None,
    closed: Annotated[
        str | None,
        typer.Option(
            "--period",
            help="Instead of --from and --to: 2026-03, 2026-Q1, a week by its Monday. If it was closed: as told then, beside as known now.",
            metavar="PERIOD",
            show_default=False,
        ),
    ] = None,
    json: Json = False,
    csv: Annotated[bool, typer.Option("--csv", help="Print CSV: a row for each value.")] = False,
) -> None:
    """Figures of marketing or sales, as of an instant: all sections, or those named."""
    if json and csv:
        raise Refused("--json and --csv are two ways to print it; give one of them")
    asked = None if until is None else asked_until(until)
    period = {"from_on": None if from_ is None else day_of("--from", from_), "to_on": None if to is None else day_of("--to", to)}
    grouping = None if by is None else names_of(by)
    asked_for = filters(where)
    converted = currency_of(currency)

    asks = Compared(between, closed, known_at, is_until_given=until is not None)
    asks.check(from_ or to)
    # What changed is told in the currencies that it was stated in, unless one is named: a late rate would change everything else.
    days = (str(from_ or ""), str(to or ""))
    question = Question(model.value, sections or (), grouping or (), asked_for, *days, asked or now(), converted or "")

    async def run(engine: Engine) -> Any:
        if (comparison := await compared(engine, asks, question)) is not None:
            if top is not None:
                raise Refused("--top is of one report, and not of what changed between two")
            return comparison, await is_simulated(engine)
        if closed is not None:
            period.update({"from_on": date.fromisoformat(question.from_on), "to_on": date.fromisoformat(question.to_on)})
        told = await asking.report(
            engine, model.value, sections or (), **period, by=grouping, where=asked_for, until=asked, known_at=known_at, currency=converted,
            top=0 if top is None and (json or csv) else top,
        )  # fmt: skip
        return told, await engine.definition()

    with several(asked_for):
        told, definition = read(data, run)
    if not isinstance(told, Report):
        show_restatement.compared(told, simulated=definition, json=json, csv=csv)
        return
    empty = [figure.name for section in told.sections if section.name in (sections or ()) for figure in section.empty]
    if lacking := lacks_for(empty, definition):
        note(cure(lacking))
    if json:
        as_json(told.model_dump(mode="json"))
        return
    if csv:
        as_csv(told.to_csv())
        return
    show_reports.report(told, definition, sections=sections or (), by=grouping is not None)
    today = day(now(), definition.zone)
    by_day = [section.name for section in told.sections if section.is_by_day]
    if until is None and by_day and (period["to_on"] is None or period["to_on"].isoformat() > today):
        note(f"today is not over, so it is not in {', '.join(by_day)}; --until {today} has what is known of it")
