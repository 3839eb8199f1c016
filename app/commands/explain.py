"""`journey explain`: why a customer is in a stage, and what is missing for the others."""

from dataclasses import asdict
from typing import Annotated, Any

import typer

from app.engine.access import read
from app.engine.known_state import known
from app.engine.ports import Engine
from app.engine.simulation_mark import is_simulated
from app.text import explanation as show_explain
from app.text.arguments import Data, Json, KnownAt, Until, asked_until, in_zone
from app.text.printing import as_json
from streams.explaining import explained

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
    """Why a customer is at its stage, has its score, and is not elsewhere: each rule with its evidence, and what is missing."""
    asked = asked_until(until)

    async def run(engine: Engine) -> Any:
        definition, bodies = await known(engine, known_at)
        answer = await explained(definition, bodies, id, in_zone(asked, definition.zone), stage)
        return answer, await is_simulated(engine)

    answer, simulated = read(data, run)
    if json:
        plain = asdict(answer)
        reasons = plain.pop("reasons")
        as_json({**plain, **reasons, "simulated": simulated})
    else:
        show_explain.explanation(answer, simulated=simulated)
