"""`journey restore`: a backup made a data folder again."""

from pathlib import Path
from typing import Annotated

import typer

from app.engine import backups
from app.settings import data_folder
from app.text.arguments import Data, Json
from app.text.printing import as_json, pairs

app = typer.Typer(add_completion=False)


@app.command()
def restore(
    backup: Annotated[Path, typer.Argument(metavar="FROM", show_default=False, help="A folder that `journey backup` has made.")],
    data: Data = None,
    json: Json = False,
) -> None:
    """Make of a backup a data folder again, where there is no data yet. Each file is checked against its hash first.

    Prints the position and the digests of what is there now. The backup stays as it is.
    """
    found = backups.restore(backup, data_folder(data))
    answer = {**found.digests, "made_at": found.made_at}
    if json:
        as_json(answer)
    else:
        pairs(answer)
