"""`journey timeline`: one customer's whole story; or what changed in it between two positions."""

from datetime import date
from pathlib import Path
from typing import Annotated, Any

import typer

from app.engine import stories
from app.engine.access import read
from app.engine.ports import Engine
from app.engine.simulation_mark import is_simulated
from app.text import timeline as show_timeline
from app.text.arguments import Data, Json, KnownAt, Until, asked_until
from app.text.printing import as_json
from journey.errors import Refused
from journey.instants import Instant

app = typer.Typer(add_completion=False)


@app.command()
def timeline(
    id: Annotated[str, typer.Argument(metavar="ID", help="user:…, anon:…, deal:…, campaign:…, content:…, account:…", show_default=False)],
    data: Data = None,
    until: Until = None,
    known_at: KnownAt = None,
    between: Annotated[
        tuple[str, str] | None,
        typer.Option(
            help="Only what differs between two positions (or days, or times, of recording), and why.", metavar="K1 K2", show_default=False
        ),
    ] = None,
    json: Json = False,
) -> None:
    """One customer's whole story: touchpoints, and what followed from them by which rule."""
    asked = asked_until(until)
    if between is not None:
        if known_at is not None:
            raise Refused("--between names two positions, so --known-at has no place beside it")
        _between(id, data, asked, between, json=json)
        return

    async def run(engine: Engine) -> Any:
        return await stories.timeline(engine, id, asked, known_at), await is_simulated(engine)

    story, simulated = read(data, run)
    if json:
        as_json({**show_timeline.plain(story), "simulated": simulated})
    else:
        show_timeline.timeline(story, simulated=simulated)


def _between(id: str, data: Path | None, asked: Instant | date, positions: tuple[str, str], *, json: bool) -> None:
    async def run(engine: Engine) -> Any:
        return await stories.timeline_between(engine, id, asked, positions), await is_simulated(engine)

    answer, simulated = read(data, run)
    if json:
        as_json({**show_timeline.plain_differences(answer), "simulated": simulated})
    else:
        show_timeline.differences(answer, simulated=simulated)
