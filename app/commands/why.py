"""`journey why`: the touchpoints behind a figure."""

from typing import Annotated, Any

import typer

from app.engine.access import read
from app.engine.evidence import UNITS_MAX, figure_evidence, figure_named
from app.engine.known_state import known
from app.engine.ports import Engine
from app.engine.simulation_mark import is_simulated
from app.text import evidence as show_evidence
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
    in_zone,
    names_of,
)
from app.text.printing import as_json
from projections.figures import figure as figures
from projections.figures.defined import asked_by
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
    json: Json = False,
) -> None:
    """The touchpoints behind a figure: which deals, people or leads are counted, and why."""
    wanted, as_of = figure_named(figure), asked_until(until)
    question: dict[str, Any] = {
        "from_on": "" if from_ is None else day_of("--from", from_).isoformat(),
        "to_on": "" if to is None else day_of("--to", to).isoformat(),
        "by": names_of(by),
        "where": tuple(figures.Where(name, values) for name, values in filters(where).items()),
        "currency": currency_of(currency),
        "known_at": known_at or "",
    }

    async def run(engine: Engine) -> Any:
        definition = (await known(engine, known_at)).definition
        asked = asked_by(definition, in_zone(as_of, definition.zone), **question)
        found = await figure_evidence(engine, wanted, asked, known_at=known_at, limit=limit, after=after)
        return found, await is_simulated(engine)

    found, simulated = read(data, run)
    if json:
        as_json({**show_evidence.plain(found), "simulated": simulated})
    else:
        show_evidence.evidence(found, simulated=simulated)
