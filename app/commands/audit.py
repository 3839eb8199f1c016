"""`journey audit`: who decided what, when and why."""

from collections.abc import Sequence
from typing import Annotated, Any

import typer
from rich.text import Text

from app.engine.access import read
from app.engine.ports import Engine
from app.text.arguments import Data, Json
from app.text.decisions import in_words
from app.text.printing import as_json, note, put, table
from journey.instants import iso
from journey.readable import readable
from streams.operators import Decision

app = typer.Typer(add_completion=False)


@app.command()
def audit(
    action: Annotated[
        str | None,
        typer.Option(
            help="Only decisions of this kind: definition, import, retract, rebuild, close-period, fix, requeue, dismiss, add-key …",
            show_default=False,
        ),
    ] = None,
    after: Annotated[int, typer.Option(min=0, max=2**53, help="Only those after this number.")] = 0,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many.")] = 100,
    data: Data = None,
    json: Json = False,
) -> None:
    """The control log: every decision with its time, actor and reason, and what was before and after. Oldest first."""

    async def run(engine: Engine) -> tuple[Sequence[Decision], set[str]]:
        found = await engine.desk.decisions(action, after=after, limit=limit + 1)
        return found, set() if found or action is None else {one.action for one in await engine.desk.decisions()}

    found, others = read(data, run)
    shown = found[:limit]
    if json:
        as_json({"decisions": [_decision(one) for one in shown], "more": len(found) > limit})
        return
    if not shown:
        there = "" if action in others or not others else f"; there are: {', '.join(sorted(others))}"
        put("nothing was decided" + (f" by action {action!r}" if action else "") + (f" after number {after}" if after else "") + there)
        return
    table("", {
        ">number": [str(one.number) for one in shown],
        "time (UTC)": [iso(one.at)[:19].replace("T", " ") for one in shown],
        "actor": [one.actor for one in shown],
        "action": [one.action for one in shown],
        "what, and why": [_told(one) for one in shown],
    }, last="what, and why")  # fmt: skip
    if len(found) > limit:
        note(f"--after {shown[-1].number} goes on from here")


def _decision(one: Decision) -> dict[str, Any]:
    return {**one._asdict(), "at": iso(one.at)}


def _told(one: Decision) -> Text:
    told = Text(readable(in_words(one)))
    if one.reason:
        told.append(f"\n{readable(one.reason)}", style="dim")
    return told
