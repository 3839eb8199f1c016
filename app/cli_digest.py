"""`journey digest`: one hash for all that a read model says."""

import typer

from app.arguments import Data, Json
from app.doors import read
from app.printing import as_json, pairs

app = typer.Typer(add_completion=False)


@app.command()
def digest(data: Data = None, json: Json = False) -> None:
    """Hashes over the whole content of both read models: equal histories give equal digests."""
    answer = read(data, lambda engine: engine.digest())
    if json:
        as_json(answer)
    else:
        pairs(answer)
