"""`journey digest`: one hash for all that a read model says, and one for all that was accepted."""

import typer

from app.engine.access import read
from app.text.arguments import Data, Json
from app.text.printing import as_json, pairs

app = typer.Typer(add_completion=False)


@app.command()
def digest(data: Data = None, json: Json = False) -> None:
    """Hashes over the whole content of both read models, and over everything accepted (`record`): equal histories give equal digests.

    `record` covers every type, also those of which the read models show nothing yet, conflicting bodies and what was retracted.
    """
    answer = read(data, lambda engine: engine.digest())
    if json:
        as_json(answer)
    else:
        pairs(answer)
