"""`journey report`: figures of a read model, section by section."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated

import typer

from app.engine import asking
from app.engine.access import read
from app.engine.clock import now
from app.engine.closed_periods import changed_between, in_period, told_if_closed
from app.engine.ports import Engine
from app.engine.question import Question
from app.text import reports as show_reports
from app.text import restatement as show_restatement
from app.text.arguments import (
    By,
    Csv,
    Data,
    From,
    Into,
    Json,
    KnownAt,
    To,
    Until,
    Where,
    asked_until,
    check_one_form,
    currency_of,
    day_of,
    filters,
    names_of,
    several,
)
from app.text.definition import cure, lacks_for
from app.text.printing import as_csv, as_json, note
from journey.definition import Definition
from journey.errors import Refused
from journey.instants import day
from projections.figures import sections as registered
from projections.figures.figure import Model
from projections.figures.reports import Report
from projections.figures.restatements import Restatement

app = typer.Typer(add_completion=False)


_GROUPS_OF_MARKETING = ", ".join(group.name for group, _ in registered.grouped("marketing"))


class ReportModel(StrEnum):
    marketing = "marketing"
    sales = "sales"


def _sections(context: typer.Context, incomplete: str) -> list[str]:
    model = context.params.get("model")
    groups = registered.grouped(ReportModel(model).value) if model else []
    named = [group.name for group, _ in groups] * (len(groups) > 1) + [section.name for _, members in groups for section in members]
    return [name for name in named if name.startswith(incomplete)]


def _of_groups(model: Model, names: Sequence[str]) -> tuple[str, ...]:
    """The sections of these names, and those of the groups of these names."""
    members = {group.name: [section.name for section in some] for group, some in registered.grouped(model)}
    return tuple(section for name in names for section in members.get(name, [name]))


@app.command()
def report(
    model: ReportModel,
    sections: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[SECTION]...",
            help=f"Only these sections, which `journey figures` lists, or groups of them. Groups of marketing: {_GROUPS_OF_MARKETING}.",
            autocompletion=_sections,
            show_default=False,
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
            help="Show only what changed between two positions (or days, or times, of recording), and why.",
            metavar="K1 K2",
            show_default=False,
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
    csv: Csv = False,
) -> None:
    """Figures of marketing or sales, as of an instant: sections or groups that are named, or all.

    A terminal shows the first section of each group where none is named and nothing is asked by; JSON and CSV have all.
    """
    check_one_form(json=json, csv=csv)
    asked = Question(
        model.value,
        _of_groups(model.value, sections or ()),
        by=None if by is None else names_of(by),
        where=filters(where),
        from_on=None if from_ is None else day_of("--from", from_),
        to_on=None if to is None else day_of("--to", to),
        until=None if until is None else asked_until(until),
        known_at=known_at,
        currency=currency_of(currency),
        top=0 if top is None and (json or csv) else top,
    )

    async def run(engine: Engine) -> tuple[Report | Restatement, Question, Definition]:
        question = asked if closed is None else await in_period(engine, asked, closed)
        told: Report | Restatement | None
        told = await told_if_closed(engine, question) if between is None else await changed_between(engine, question, between)
        if told is not None and top is not None:
            raise Refused("--top is of one report, and not of what changed between two")
        return told or await asking.report(engine, question), question, await engine.definition()

    with several(asked.where):
        told, question, definition = read(data, run)
    if isinstance(told, Restatement):
        show_restatement.compared(told, json=json, csv=csv)
        return
    empty = [figure.name for section in told.sections if section.name in (sections or ()) for figure in section.empty]
    if lacking := lacks_for(empty, definition):
        note(cure(lacking))
    if json:
        as_json(told.model_dump(mode="json"))
        return
    if csv:
        as_csv(told.to_csv())
        # A table of values has no place for what has none.
        for text in show_reports.empty(told):
            note(text)
        return
    is_short = not sections and by is None and top is None
    show_reports.report(told, definition, sections=sections or (), by=by is not None, is_short=is_short)
    today = day(now(), definition.zone)
    of_days = [section for section in told.sections if section.is_by_day]
    # Who sent something today looks for it among what marketing counts; sales has only costs by day, where there are any.
    by_day = [section.name for section in of_days if not section.is_empty] or [
        one.name for one in of_days if model is ReportModel.marketing
    ]
    if until is None and by_day and (question.to_on is None or question.to_on.isoformat() > today):
        note(f"today is not over, so it is not in {', '.join(by_day)}; --until {today} has what is known of it")
