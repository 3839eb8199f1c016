"""`journey retract`: a bad import, taken back."""

from typing import Annotated, Any

import typer

from app.engine.access import start, user, write
from app.engine.clock import now
from app.engine.derived_anew import show_rebuilt
from app.engine.imports import retract as taken_back
from app.engine.ports import Engine
from app.text.arguments import Actor, Data, Json, Reason, why
from app.text.printing import as_json, counts, note
from journey.errors import Refused
from streams.operators import By

app = typer.Typer(add_completion=False)


@app.command()
def retract(
    number: Annotated[
        int | None,
        typer.Option("--import", min=1, max=2**53, metavar="N", help="The number that `journey imports` lists.", show_default=False),
    ] = None,
    id: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=2**62,
            metavar="ID",
            show_default=False,
            help="Instead: the id that `journey imports --json` listed for another record, before this one is filled from Kafka.",
        ),
    ] = None,
    reason: Reason = "",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be withdrawn and what would stay, and change nothing.")
    ] = False,
    actor: Actor = None,
    data: Data = None,
    json: Json = False,
) -> None:
    """Take back an import: touchpoints that came in with it alone are withdrawn, and both read models are as if it had never been taken in.

    What another import or a stream brought too stays; the same ids in a later import count. As known at an earlier position, it is there as
    it was. Recorded in the control log. Everything is derived again. If it is killed on the way, nothing has changed: run it again.
    """
    if (number is None) == (id is None):
        raise Refused("say which import: --import N, as `journey imports` lists it")
    by = By(now(), actor or user(), reason if dry_run else why(reason))

    async def run(engine: Engine) -> dict[str, Any]:
        await start(engine)
        return await taken_back(engine, number, id, by, dry_run=dry_run)

    # By its id it may be told to a record that is still empty.
    answer = write(data, run, begins=id is not None)
    if json:
        as_json(answer)
        return
    if "retracted" in answer:
        before = answer["retracted"]
        note(f"import {number or id} was retracted already, by {before['actor']} at {before['at']}; nothing was changed")
        return
    counts([
        ("touchpoints that only it brought: they go", answer["touchpoints"]),
        ("touchpoints that others brought too: they stay", answer["others_too"]),
        ("people reached", answer["people"]),
        ("deals reached", answer["deals"]),
        ("dead letters that only it brought: dismissed", answer["dead_letters"]),
        ("dead letters that only it had brought in: open or fixed again", answer["open_again"]),
    ])  # fmt: skip
    if dry_run:
        note("nothing was changed; without --dry-run, and with --reason, it is")
        return
    show_rebuilt({name: value for name, value in answer.items() if name == "position" or isinstance(value, dict)})
