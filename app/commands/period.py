"""`journey period`: months and other periods that are closed, and what was told of them then."""

from typing import Annotated

import typer

from app.engine.access import read, start, user, write
from app.engine.clock import now
from app.engine.closed_periods import Closing, Closings, close, closings
from app.engine.ports import Engine
from app.text.arguments import Actor, Data, Json, Why, why
from app.text.printing import Cell, as_json, fits, note, put, stacked, table
from journey.instants import iso
from streams.operators import By

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="Closed periods: what was reported of a period when it was closed stays on record."
)


@app.command("close")
def period_close(
    period: Annotated[
        str,
        typer.Argument(
            metavar="PERIOD", help="2026-03, 2026-Q1, 2026, a week by its Monday (2026-03-02); FY2027 and FY2027-Q1.", show_default=False
        ),
    ],
    reason: Why = "",
    actor: Actor = None,
    data: Data = None,
    json: Json = False,
) -> None:
    """Close a period that is over: what both read models say of it now is recorded as reported, in the control log.

    Reports of just that period then show what was reported beside what is known now, and what changed it. Close it again to restate it.
    """
    by = By(now(), actor or user(), why(reason))

    async def run(engine: Engine) -> tuple[Closing, bool]:
        await start(engine)
        return await close(engine, period, by)

    closed, is_new = write(data, run)
    if json:
        as_json({**closed.model_dump(mode="json"), "changed": is_new})
        return
    if not is_new:
        note(f"{period} was closed at position {closed.position} already, by {closed.actor} at {iso(closed.at)}; nothing was changed")
        return
    restated = "" if closed.restates is None else f", which restates closing {closed.restates}"
    put(f"{period} is closed at position {closed.position:,}: {closed.from_on} up to {closed.to_on}, which is not in it{restated}")
    note(f"`journey report sales --period {period}` shows what was told beside what is known")


@app.command("list")
def period_list(data: Data = None, json: Json = False) -> None:
    """All closings, oldest first. The last closing of a period counts; it restates those before it."""

    async def run(engine: Engine) -> list[Closing]:
        return await closings(engine)

    found = read(data, run)
    if json:
        as_json(Closings(closings=tuple(found)).model_dump(mode="json"))
        return
    if not found:
        put("no period is closed")
        return
    columns: dict[str, list[Cell]] = {
        ">number": [str(one.number) for one in found],
        "period": [one.period for one in found],
        "from": [one.from_on for one in found],
        "up to": [one.to_on for one in found],
        ">position": [f"{one.position:,}" for one in found],
        "closed at (UTC)": [iso(one.at)[:19].replace("T", " ") for one in found],
        "actor": [one.actor for one in found],
        "": [_state(one) for one in found],
        "reason": [one.reason for one in found],
    }
    if fits(columns):
        table("", columns)
        return
    columns["closed at (UTC)"] = [str(at)[:16] for at in columns["closed at (UTC)"]]
    groups = ((">number",), ("period", "from", "up to"), (">position",), ("closed at (UTC)", "actor"), ("", "reason"))
    table("", stacked(columns, *groups), last="reason", wrap=True)


def _state(one: Closing) -> str:
    parts = [f"restates {one.restates}"] if one.restates is not None else []
    parts += [f"restated by {one.restated_by}"] if one.restated_by is not None else []
    return ", ".join(parts)
