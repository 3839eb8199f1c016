"""`journey funnel`: how far people come along steps, and how soon."""

from typing import Annotated

import typer

from app.engine import asking
from app.engine.access import read
from app.engine.ports import Engine
from app.engine.question import Question
from app.text import reports as show_reports
from app.text.arguments import (
    By,
    Csv,
    Data,
    From,
    FunnelOrdering,
    FunnelWithin,
    Json,
    KnownAt,
    To,
    Until,
    Where,
    asked_until,
    check_one_form,
    day_of,
    filters,
    funnel_of,
    names_of,
    several,
)
from app.text.printing import as_csv, as_json, note
from journey.definition import Definition
from journey.errors import Refused
from projections.figures.reports import Report

app = typer.Typer(add_completion=False)

SECTION = "funnel"


@app.command()
def funnel(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="[NAME|STEP,STEP…]",
            help="A funnel of the definition, or steps: milestones, conversions, stages, steps of leads. A step that may be skipped is"
            " written demo:optional. Default: all funnels of the definition.",
            show_default=False,
        ),
    ] = None,
    within: FunnelWithin = None,
    order: FunnelOrdering = None,
    data: Data = None,
    from_: From = None,
    to: To = None,
    until: Until = None,
    known_at: KnownAt = None,
    by: By = None,
    where: Where = None,
    json: Json = False,
    csv: Csv = False,
) -> None:
    """How many people come to each step of a funnel, how soon, and where they are lost. --from and --to are about the first step."""
    check_one_form(json=json, csv=csv)
    question = Question(
        "marketing",
        [SECTION],
        by=list(dict.fromkeys(["funnel", "step", *names_of(by)])),
        where=filters(where),
        from_on=None if from_ is None else day_of("--from", from_),
        to_on=None if to is None else day_of("--to", to),
        until=None if until is None else asked_until(until),
        known_at=known_at,
        funnel=funnel_of(name, within, order),
    )

    async def run(engine: Engine) -> tuple[Report, Definition]:
        return await asking.report(engine, question), await engine.definition()

    with several(question.where):
        told, definition = read(data, run)
    if not definition.funnels and name is None:
        raise Refused("the definition names no funnels; write the steps of one, with commas in between: journey funnel lead,demo,won")
    if json:
        as_json(told.model_dump(mode="json"))
    elif csv:
        as_csv(told.to_csv())
        for text in show_reports.empty(told):
            note(text)
    else:
        show_reports.report(told, definition, sections=[SECTION], by=by is not None)
