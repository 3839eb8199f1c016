"""`journey figures`: what can be asked for."""

from typing import Annotated

import typer

from app.commands.report import ReportModel
from app.text import figures as show_figures
from app.text.arguments import Json
from app.text.printing import as_json
from journey.errors import Refused
from journey.problems import meant
from projections.figures.catalogue import entries

app = typer.Typer(add_completion=False)


@app.command()
def figures(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="Only this figure, or section, in full.", show_default=False)] = None,
    model: Annotated[ReportModel | None, typer.Option("--model", help="Only those of one read model.", show_default=False)] = None,
    json: Json = False,
) -> None:
    """All figures of both reports: what each says, its formula, unit, source, dimensions and the touchpoint fields that it reads."""
    listed = [entry for entry in entries() if model is None or entry.model == model.value]
    found = [entry for entry in listed if name in (None, entry.name, entry.section)]
    if name is not None and not found:
        there = dict.fromkeys([*(entry.name for entry in listed), *(entry.section for entry in listed)])
        raise Refused(f"there is no figure {name!r}{meant(name, there) or '; `journey figures` lists them'}")
    if json:
        as_json({"figures": [entry.model_dump(mode="json") for entry in found]})
    elif name is not None:
        show_figures.in_full(found)
    else:
        show_figures.listed(found)
