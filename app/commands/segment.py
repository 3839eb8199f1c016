"""`journey segment`: who is in a segment."""

from typing import Annotated

import typer

from app.engine.access import read
from app.engine.ports import Engine
from app.engine.segments import SegmentMembers, members_of, to_csv
from app.text import segment as show_segment
from app.text.arguments import Csv, Data, Json, KnownAt, Until, asked_until, check_one_form
from app.text.printing import as_csv, as_json

app = typer.Typer(add_completion=False)

PAGE = 100


@app.command()
def segment(
    name: Annotated[str, typer.Argument(metavar="NAME", help="As the definition names it.", show_default=False)],
    data: Data = None,
    until: Until = None,
    known_at: KnownAt = None,
    limit: Annotated[
        int | None, typer.Option(min=1, max=1_000_000, help="How many members. Default: 100; with --csv all.", show_default=False)
    ] = None,
    after: Annotated[
        str, typer.Option(help="Go on where the last list ended: the cursor that it printed.", metavar="CURSOR", show_default=False)
    ] = "",
    json: Json = False,
    csv: Csv = False,
) -> None:
    """Who is in a segment of the definition: each member by id, since when, and because of which touchpoints."""
    check_one_form(json=json, csv=csv)
    asked = asked_until(until)

    async def run(engine: Engine) -> SegmentMembers:
        return await members_of(engine, name, asked, known_at, limit=limit if csv else limit or PAGE, after=after)

    found = read(data, run)
    if csv:
        as_csv(to_csv(found))
    elif json:
        as_json(show_segment.plain(found))
    else:
        show_segment.members(found)
