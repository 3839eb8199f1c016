"""`journey backup`: embedded data copied while others write to it."""

from pathlib import Path
from typing import Annotated

import typer

from app.engine.backups import back_up
from app.settings import data_folder
from app.text.arguments import Data, Json
from app.text.printing import as_json, note, pairs

app = typer.Typer(add_completion=False)


@app.command()
def backup(
    to: Annotated[Path, typer.Argument(metavar="TO", show_default=False, help="The folder to make; it must not be there yet.")],
    data: Data = None,
    json: Json = False,
) -> None:
    """Copy embedded data to a new folder, also while `journey serve` or an ingest writes to it.

    Prints the position and the digests of what it holds: those that `journey digest` prints once it is restored.

    Distributed data is backed up by PostgreSQL's own tools: see docs/operating.md.
    """
    made = back_up(data_folder(data), to, note)
    answer = {**made.digests, "made_at": made.made_at}
    if json:
        as_json(answer)
    else:
        pairs(answer)
