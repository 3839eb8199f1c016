"""`journey imports`: what came in with which `ingest`, and what became of it."""

from pathlib import Path
from typing import Annotated

import typer

from app.engine.access import read
from app.engine.imports import Import, listed
from app.text.arguments import Data, Json
from app.text.printing import as_json, at_terminal, note, put, table
from journey.instants import iso
from journey.readable import readable

app = typer.Typer(add_completion=False)

DROPPED = ((">conflicts", ">duplicates"), (">dead letters",), (">read",), ("actor",), (">accepted",))
"""What a narrow terminal does without first: which file it was, and read as what, tells one import from another."""


@app.command()
def imports(
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="List this many of the latest.")] = 100,
    data: Data = None,
    json: Json = False,
) -> None:
    """List every import (each run of `ingest`): when, by whom, which files, its counts. Oldest first; `journey retract` takes one back.

    An `interrupted` import was cut off, or is still running.
    """
    found: list[Import] = read(data, listed)
    shown = found[-limit:]
    if json:
        as_json({"imports": [_as_json(one) for one in shown], "more": len(found) > limit})
        return
    if not shown:
        put("nothing was imported; what came by a stream, or before imports were recorded, belongs to none")
        return
    table("", {
        ">number": [str(one.number) for one in shown],
        "time (UTC)": [iso(one.at)[:19].replace("T", " ") for one in shown],
        "state": [one.state for one in shown],
        "actor": [readable(one.actor) for one in shown],
        ">read": [f"{one.counts.read:,}" for one in shown],
        ">accepted": [f"{one.counts.accepted:,}" for one in shown],
        ">duplicates": [f"{one.counts.duplicates:,}" for one in shown],
        ">conflicts": [f"{one.counts.conflicts:,}" for one in shown],
        ">dead letters": [f"{one.counts.dead_letters:,}" for one in shown],
        "read as, and files": [readable(f"{one.read_as} · {', '.join(map(_name, one.files))}") for one in shown],
    }, drop=DROPPED, last="read as, and files")  # fmt: skip
    if len(found) > limit:
        note(f"{len(found) - limit:,} older ones: --limit {len(found)} lists them too")


def _name(file: str) -> str:
    """Without its folder, where a line has to fit; a pipe gets all of it."""
    return Path(file).name if at_terminal() else file


def _as_json(one: Import) -> dict[str, object]:
    counts = one.counts
    return {
        "number": one.number, "id": str(one.id), "at": iso(one.at), "actor": one.actor, "state": one.state, "files": one.files,
        "read_as": one.read_as,
        "read": counts.read, "accepted": counts.accepted, "duplicates": counts.duplicates, "conflicts": counts.conflicts,
        "dead_letters": counts.dead_letters, "left_out": counts.left_out,
    }  # fmt: skip
