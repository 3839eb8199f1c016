"""Prints what `journey ingest` did, as text or JSON."""

import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.text import Text

from app.engine.summary import Summary
from app.text.printing import as_json, counts, note, put, table
from journey.readable import readable
from schemas.noticed import Noticed

FIELDS_SHOWN_MAX = 12
LEFT_OUT_SHOWN_MAX = 40


def summary(done: Summary, noticed: Noticed | None = None, *, json: bool = False, short: bool = False) -> None:
    """What an ingest did, and what its reader noticed. `short` leaves out what the dead letters are."""
    noticed = noticed or Noticed()
    dead = sum(done.dead_letters.values())
    if json:
        as_json(told(done, noticed))
        return
    rows = [("read", done.read), ("accepted", done.accepted), ("duplicates", done.duplicates), ("conflicts", done.conflicts),
            ("dead-lettered", dead)]  # fmt: skip
    if not short:
        rows += [(f"  {code}", number) for code, number in sorted(done.dead_letters.items())]
        if done.unknown_fields:
            rows.append(("fields kept that no type names", done.unknown_fields.total()))
            rows += [(f"  {name}", number) for name, number in done.unknown_fields.most_common(FIELDS_SHOWN_MAX)]
        if done.unknown_stages:
            rows.append(("pipelines and stages that the definition does not know", done.unknown_stages.total()))
            rows += [(f"  {readable(name)}", number) for name, number in done.unknown_stages.most_common(FIELDS_SHOWN_MAX)]
    rows += noticed_rows(noticed)
    if done.held > 0:
        rows.append(("ids kept apart from now on", done.held))
    counts(rows)
    if done.number is not None:
        note(f"import {done.number}: `journey retract --import {done.number} --reason WHY` takes it back")
    if done.held > 0:
        note("links join them with others, and the definition's bounds keep them apart; `journey identity held` lists them")
    for warning in noticed.warnings():
        note(warning)
    left_out(noticed)
    if dead or done.conflicts:
        note("what is a dead letter or a conflict is kept; `journey dead-letters` lists it with the reasons")


def told(done: Summary, noticed: Noticed) -> dict[str, Any]:
    """The same as data."""
    return {
        "import": done.number, "read": done.read, "accepted": done.accepted, "duplicates": done.duplicates, "conflicts": done.conflicts,
        "dead_lettered": sum(done.dead_letters.values()), "dead_letters": dict(sorted(done.dead_letters.items())),
        "unknown_fields": dict(sorted(done.unknown_fields.items())),
        "unknown_stages": dict(sorted(done.unknown_stages.items())), "rounded": noticed.rounded,
        "no_ids": dict(sorted(noticed.no_ids.items())),
        "held": done.held, "warnings": noticed.warnings(), "left_out": left_out_of(noticed),
    }  # fmt: skip


def noticed_rows(noticed: Noticed) -> list[tuple[str, int]]:
    """What a reader did with values that it could not take as they are."""
    rows = []
    if noticed.rounded:
        rows.append(("amounts rounded to their currency", noticed.rounded))
    if noticed.no_ids:
        rows.append(("ids that are none, taken as not given", noticed.no_ids.total()))
        rows += [(f"  {name}", number) for name, number in sorted(noticed.no_ids.items())]
    return rows


def left_out_of(noticed: Noticed) -> list[dict[str, str | int]]:
    return [{"event": event, "why": why, "number": number} for (event, why), number in noticed.left_out.most_common()]


def left_out(noticed: Noticed) -> None:
    """What of outside events is in no touchpoint, the most frequent first."""
    found = noticed.left_out.most_common()
    if not found:
        return
    shown = found[:LEFT_OUT_SHOWN_MAX]
    table("Left out", {
        "event": [event for (event, _), _ in shown],
        ">number": [f"{number:,}" for _, number in shown],
        "why": [why for (_, why), _ in shown],
    }, last="why", wrap=True)  # fmt: skip
    more = f"; {len(found) - len(shown):,} more are in --json" if len(found) > len(shown) else ""
    note(f"what is left out is kept in the event all the same, `custom` where it is no touchpoint{more}")


def next_steps(remark: str, commands: Sequence[str]) -> None:
    """Commands to go on with, as they are to be typed here: the one in a virtual environment is called by its path."""
    name = "journey" if shutil.which("journey") or Path(sys.argv[0]).name != "journey" else sys.argv[0]
    put(remark, *(Text(f"  {name} {command}", style="bold") for command in commands))
