"""`journey timeline`: one customer's whole story; or what changed in it between two positions."""

from datetime import date
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from app.engine.access import read
from app.engine.known_state import definition_at, known, position_known
from app.engine.ports import Engine
from app.engine.simulation_mark import is_simulated
from app.text import timeline as show_timeline
from app.text.arguments import Data, Json, KnownAt, Until, asked_until, in_zone
from app.text.printing import as_json
from journey.errors import Refused
from journey.instants import Instant
from streams import timeline as telling
from streams.story_differences import between as tell_between

app = typer.Typer(add_completion=False)


@app.command()
def timeline(
    id: Annotated[str, typer.Argument(metavar="ID", help="user:…, anon:…, deal:…, campaign:…, content:…, account:…", show_default=False)],
    data: Data = None,
    until: Until = None,
    known_at: KnownAt = None,
    between: Annotated[
        tuple[str, str] | None,
        typer.Option(help="Only what differs between two positions (or times of recording), and why.", metavar="K1 K2", show_default=False),
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
        definition, bodies = await known(engine, known_at)
        story = await telling.timeline(definition, bodies, id, in_zone(asked, definition.zone))
        return story, await is_simulated(engine)

    story, simulated = read(data, run)
    if json:
        as_json({**show_timeline.plain(story), "simulated": simulated})
    else:
        show_timeline.timeline(story, simulated=simulated)


def _between(id: str, data: Path | None, asked: Instant | date, positions: tuple[str, str], *, json: bool) -> None:
    async def run(engine: Engine) -> Any:
        earlier, later = [await position_known(engine, known_at) for known_at in positions]
        if earlier > later:
            raise Refused(f"position {earlier} is after {later}; name the earlier one first")
        at = in_zone(asked, (await definition_at(engine, later)).zone)
        answer = await tell_between(partial(definition_at, engine), engine.record, id, at, earlier, later)
        return answer, await is_simulated(engine)

    answer, simulated = read(data, run)
    if json:
        as_json({**show_timeline.plain_between(answer), "simulated": simulated})
    else:
        show_timeline.between(answer, simulated=simulated)
