"""`journey simulate`: a simulated company's touchpoints."""

import sys
from collections.abc import Iterable
from typing import Annotated

import typer

from app.simulation.demonstration import START
from app.simulation.spoiling import spoil
from app.simulation.world import simulate as simulated
from app.text.arguments import day_of, share_of
from app.text.printing import as_it_came, note
from journey.errors import Refused

app = typer.Typer(add_completion=False)


@app.command()
def simulate(
    customers: Annotated[int, typer.Option(min=1, help="How many people are simulated.")] = 2000,
    days: Annotated[int, typer.Option(min=1, help="How many days are simulated.")] = 180,
    seed: Annotated[int, typer.Option(help="Another seed gives another company.")] = 7,
    start: Annotated[str, typer.Option(help="First day, YYYY-MM-DD.")] = START.isoformat(),
    late: Annotated[str, typer.Option(help="Share that arrives late, such as 5%.")] = "0%",
    duplicates: Annotated[str, typer.Option(help="Share that is sent twice.")] = "0%",
    shuffled: Annotated[bool, typer.Option("--shuffled", help="Write them in random order.")] = False,
    broken: Annotated[str, typer.Option(help="Share of unreadable records among them.")] = "0%",
) -> None:
    """Write the touchpoints of a simulated company to standard output, one on each line. The same arguments give the same bytes."""
    shares = {"late": share_of("--late", late), "duplicates": share_of("--duplicates", duplicates), "broken": share_of("--broken", broken)}
    try:
        made: Iterable[bytes] = simulated(customers=customers, days=days, seed=seed, start=day_of("--start", start))
        if any(shares.values()) or shuffled:
            made = spoil(made, seed=seed, shuffled=shuffled, **shares)
    except ValueError as error:
        raise Refused(str(error)) from error
    if sys.stdout.isatty():
        note("These touchpoints are simulated. To keep them: journey simulate > touchpoints.jsonl")
    for line in made:
        as_it_came(line + b"\n")
