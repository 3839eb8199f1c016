"""`journey timeline`: one customer's whole story; or what it was told differently at two positions."""

from dataclasses import asdict
from typing import Annotated, Any

import typer

from app import demonstration, show
from app.arguments import Data, Json, KnownAt, Until, asked_until, in_zone
from app.doors import read
from app.engine import Engine
from app.knowing import known
from app.printing import as_json
from streams import timeline as telling


def timeline(
    id: Annotated[str, typer.Argument(metavar="ID", help="user:…, anon:…, deal:…, campaign:…, content:…, account:…", show_default=False)],
    data: Data = None,
    until: Until = None,
    known_at: KnownAt = None,
    json: Json = False,
) -> None:
    """One customer's whole story: touchpoints, and what they brought about by which rule."""
    asked = asked_until(until)

    async def run(engine: Engine) -> Any:
        definition, bodies = await known(engine, known_at)
        story = await telling.timeline(definition, bodies, id, in_zone(asked, definition.zone))
        return story, await demonstration.is_simulated(engine)

    story, simulated = read(data, run)
    if json:
        as_json({**asdict(story), "simulated": simulated})
    else:
        show.timeline(story, simulated=simulated)
