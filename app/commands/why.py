"""`journey why`: the touchpoints behind a figure."""

from typing import Annotated

import typer

from app.engine.access import read
from app.engine.evidence import UNITS_MAX, FigureEvidence, figure_named, model_of
from app.engine.evidence import why as behind
from app.engine.ports import Engine
from app.engine.question import Question
from app.text import evidence as show_evidence
from app.text.arguments import (
    By,
    Data,
    From,
    FunnelOrdering,
    FunnelWithin,
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
    funnel_of,
    names_of,
)
from app.text.printing import as_json
from projections.figures.sections import FIGURES

app = typer.Typer(add_completion=False)


def _figures(incomplete: str) -> list[str]:
    return [name for name in FIGURES if name.startswith(incomplete)]


@app.command()
def why(
    figure: Annotated[str, typer.Argument(help="Its name, such as win_rate.", autocompletion=_figures, show_default=False)],
    data: Data = None,
    from_: From = None,
    to: To = None,
    until: Until = None,
    known_at: KnownAt = None,
    by: By = None,
    where: Where = None,
    currency: Into = None,
    limit: Annotated[int, typer.Option(min=1, max=UNITS_MAX, help="How many deals, people or leads are listed.")] = 20,
    after: Annotated[
        str, typer.Option(help="Go on where the last list ended: the cursor that it printed.", metavar="CURSOR", show_default=False)
    ] = "",
    funnel: Annotated[
        str | None,
        typer.Option(
            help="Which funnel figures of funnels are of, as `journey funnel` has it.", metavar="NAME|STEP,STEP…", show_default=False
        ),
    ] = None,
    within: FunnelWithin = None,
    order: FunnelOrdering = None,
    json: Json = False,
) -> None:
    """The touchpoints behind a figure: which deals, people or leads are counted, and why."""
    wanted = figure_named(figure)
    question = Question(
        model_of(wanted),
        by=names_of(by),
        where=filters(where),
        from_on=None if from_ is None else day_of("--from", from_),
        to_on=None if to is None else day_of("--to", to),
        until=asked_until(until),
        known_at=known_at,
        currency=currency_of(currency),
        funnel=funnel_of(funnel, within, order),
    )

    async def run(engine: Engine) -> FigureEvidence:
        return await behind(engine, wanted, question, limit=limit, after=after)

    found = read(data, run)
    if json:
        as_json(found.model_dump(mode="json"))
    else:
        show_evidence.evidence(found)
