"""`journey audit`: who decided what, when and why."""

from collections.abc import Sequence
from typing import Annotated, Any

import typer
from rich.text import Text

from app.engine.access import read
from app.engine.ports import Engine
from app.text.arguments import Data, Json
from app.text.printing import as_json, note, put, table
from journey.instants import iso
from journey.readable import readable
from streams.operators import Decision

app = typer.Typer(add_completion=False)

HASH_SHOWN = 12


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
    told = Text(readable(_words(one)))
    if one.reason:
        told.append(f"\n{readable(one.reason)}", style="dim")
    return told


def _words(one: Decision) -> str:
    """What was before and after, in words."""
    detail = one.detail
    of = [f"dead letter {detail['letter']}"] if "letter" in detail else []
    if letters := detail.get("letters"):
        of.append(("dead letter " if len(letters) == 1 else "dead letters ") + ", ".join(map(str, letters)))
    if conflicts := detail.get("conflicts"):
        of.append(("conflict " if len(conflicts) == 1 else "conflicts ") + ", ".join(f"c{number}" for number in conflicts))
    if "key" in detail:
        of.append(f"key {detail['key']}")
    if "offset" in detail:
        of.append(f"{detail['place']}, offset {detail['offset']} of partition {detail['partition']}, sha256 {_value(detail['sha256'])}")
    if "import" in detail:
        which = f"import {detail['import']} of {', '.join(detail['of'])}" if detail["import"] else f"import {detail['import_id']}"
        of.append(f"{which}: {_counted(detail['withdrawn'])}")
    if "files" in detail:
        files = [f"{_value(file['name'])}{_bytes(file)}" for file in detail["files"]]
        of.append(f"{', '.join(files)}, read as {detail.get('map') or detail['format']}")
    if "period" in detail:
        restated = "" if detail["restates"] is None else f", which restates closing {detail['restates']}"
        of.append(f"{detail['period']} at position {detail['position']}: {detail['from_on']} up to {detail['to_on']}{restated}")
    what = " and ".join(of)
    if "after" not in detail:
        # As decided by an older version.
        return what or ", ".join(f"{name} {_value(detail[name])}" for name in ("file", "fingerprint") if name in detail)
    before = detail.get("before")
    if of and isinstance(before, dict) and "key" not in detail and "state" not in before:
        before = ", ".join(dict.fromkeys(before.values()))
    change = f"{_value(before)} -> {_value(detail['after'])}"
    return f"{what}: {change}" if what else change


def _counted(only: dict[str, int]) -> str:
    return (
        f"{only['touchpoints']:,} touchpoints of {only['people']:,} people and {only['deals']:,} deals withdrawn,"
        f" {only['others_too']:,} stay that others brought too, {only['dead_letters']:,} dead letters dismissed"
        + (f", {again:,} open again" if (again := only.get("open_again")) else "")
    )


def _bytes(file: dict[str, Any]) -> str:
    return f" ({file['bytes']:,} bytes, sha256 {_value(file['sha256'])})" if "sha256" in file else ""


def _value(value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, dict):
        return ", ".join(_value(part) if name == "state" else f"{name} {_value(part)}" for name, part in value.items() if name != "reason")
    if isinstance(value, list):
        return ", ".join(map(_value, value))
    text = str(value)
    return text[:HASH_SHOWN] if len(text) == 64 and set(text) <= set("0123456789abcdef") else text
