"""`journey demo`: a simulated company, from its touchpoints to both read models."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from app.engine.access import write
from app.settings import data_folder
from app.simulation import demonstration
from app.text import ingest as show
from app.text import reports as show_reports

app = typer.Typer(add_completion=False)


@app.command()
def demo(
    data: Annotated[
        Path, typer.Option("--data", metavar="DIR", help="Folder of the demo's data; the demo's own is replaced.", readable=False)
    ] = Path(".demo-data"),
    customers: Annotated[int, typer.Option(min=1, help="How many people are simulated.")] = demonstration.CUSTOMERS,
) -> None:
    """A simulated company, from its touchpoints to both read models."""
    folder = data_folder(data)
    demonstration.cleared(folder)
    played = write(folder, lambda engine: demonstration.play(engine, customers), begins=True)
    show.summary(played.summary, short=True)
    sys.stdout.write("\n")
    for report in (played.marketing, played.sales):
        show_reports.report(report, played.definition)
    show.next_steps(
        f"All of this is simulated, {demonstration.START} to {demonstration.ENDS}. Look around:",
        [
            f"timeline {played.somebody} --until {demonstration.ENDS} --data {folder}",
            f"report marketing --until {demonstration.HALF} --data {folder}",
            f"report sales decided --by owner,quarter --until {demonstration.ENDS} --data {folder}",
            f"dead-letters --data {folder}",
            f"digest --data {folder}",
            "--help",
            f"serve --data {folder}",
        ],
    )
