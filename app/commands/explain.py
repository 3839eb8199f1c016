"""`journey explain`: why a customer is in a stage and in segments, and what is missing for the others."""

from typing import Annotated, Any

import typer

from app.engine.access import read
from app.engine.ports import Engine
from app.engine.simulation_mark import is_simulated
from app.engine.stories import explained
from app.text import explanation as show_explain
from app.text.arguments import Data, Json, KnownAt, Until, asked_until
from app.text.printing import as_json

app = typer.Typer(add_completion=False)


@app.command()
def explain(
    id: Annotated[str, typer.Argument(metavar="ID", help="user:… or anon:…", show_default=False)],
    stage: Annotated[str, typer.Option(help="Only this stage; mql or sql: only the lead.", show_default=False)] = "",
    data: Data = None,
    until: Until = None,
    known_at: KnownAt = None,
    json: Json = False,
) -> None:
    """Why a customer is at its stage, in its segments, has its score, and is not elsewhere: with the evidence, and what is missing."""
    asked = asked_until(until)

    async def run(engine: Engine) -> Any:
        return await explained(engine, id, asked, known_at, stage), await is_simulated(engine)

    answer, simulated = read(data, run)
    if json:
        as_json({**show_explain.plain(answer), "simulated": simulated})
    else:
        show_explain.explanation(answer, simulated=simulated)
