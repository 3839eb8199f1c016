"""What people see of an ingest and a timeline; or the same as JSON."""

import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.text import Text

from app.engine import Summary
from app.printing import as_json, counts, note, put, readable, table
from schemas.outside_names import Noticed
from streams.timeline import Entry, Timeline

FIELDS_SHOWN_MAX = 12
LEFT_OUT_SHOWN_MAX = 40
BECAUSE_SHOWN_MAX = 3

_STYLES = {"stage": "bold green", "lead": "bold cyan", "score": "yellow", "deal": "magenta", "due": "dim"}


def summary(done: Summary, noticed: Noticed | None = None, *, json: bool = False, short: bool = False) -> None:
    """What an ingest did, and what its reader noticed. `short` leaves out what the dead letters are."""
    noticed = noticed or Noticed()
    left_out = [(event, why, number) for (event, why), number in noticed.left_out.most_common()]
    dead = sum(done.dead_letters.values())
    if json:
        as_json({
            "read": done.read, "accepted": done.accepted, "duplicates": done.duplicates, "conflicts": done.conflicts,
            "dead_lettered": dead, "dead_letters": dict(sorted(done.dead_letters.items())),
            "unknown_fields": dict(sorted(done.unknown_fields.items())), "rounded": noticed.rounded,
            "left_out": [{"event": event, "why": why, "number": number} for event, why, number in left_out],
        })  # fmt: skip
        return
    rows = [("read", done.read), ("accepted", done.accepted), ("duplicates", done.duplicates), ("conflicts", done.conflicts),
            ("dead-lettered", dead)]  # fmt: skip
    if not short:
        rows += [(f"  {code}", number) for code, number in sorted(done.dead_letters.items())]
        if done.unknown_fields:
            rows.append(("fields kept that no type names", done.unknown_fields.total()))
            rows += [(f"  {name}", number) for name, number in done.unknown_fields.most_common(FIELDS_SHOWN_MAX)]
    if noticed.rounded:
        rows.append(("amounts rounded to their currency", noticed.rounded))
    counts(rows)
    if left_out:
        table("Left out", {
            "event": [event for event, _, _ in left_out[:LEFT_OUT_SHOWN_MAX]],
            ">number": [f"{number:,}" for _, _, number in left_out[:LEFT_OUT_SHOWN_MAX]],
            "why": [why for _, why, _ in left_out[:LEFT_OUT_SHOWN_MAX]],
        })  # fmt: skip
        more = f"; {len(left_out) - LEFT_OUT_SHOWN_MAX:,} more are in --json" if len(left_out) > LEFT_OUT_SHOWN_MAX else ""
        note(f"what is left out is kept in the event all the same, `custom` where it is no touchpoint{more}")
    if dead or done.conflicts:
        note("what is a dead letter or a conflict is kept; `journey dead-letters` lists it with the reasons")


def next_steps(remark: str, commands: Sequence[str]) -> None:
    """Commands to go on with, as they are to be typed here: the one in a virtual environment is called by its path."""
    name = "journey" if shutil.which("journey") or Path(sys.argv[0]).name != "journey" else sys.argv[0]
    put(remark, *(Text(f"  {name} {command}", style="bold") for command in commands))


def timeline(story: Timeline, *, simulated: bool) -> None:
    heading = Text.assemble((readable(story.subject), "bold"), (" (simulated)" if simulated else "", "bold yellow"))
    if story.stage:
        heading.append(f" · stage {story.stage} · score {story.score}")
    put(heading)
    if story.ids != (story.subject,):
        put(Text(readable("known as " + ", ".join(story.ids)), style="dim"))
    put(Text(f"as of {_second(story.until)} UTC · position {story.position} · definition {story.definition[:12]}", style="dim"), "")
    table("", {
        "time (UTC)": [_second(entry.at) for entry in story.entries],
        "what": [Text(entry.what, _STYLES.get(entry.what, "")) for entry in story.entries],
        "": [_told(entry) for entry in story.entries],
    }, last="")  # fmt: skip


def _second(at: str) -> str:
    return at[:19].replace("T", " ")


def _told(entry: Entry) -> Text:
    told = Text(readable(entry.says))
    if entry.rule and not entry.says.endswith(f" {entry.rule}"):
        told.append(f" · rule {entry.rule}", style="dim")
    if entry.because:
        ids = [id for _, id, _ in entry.because]
        more = f" and {len(ids) - BECAUSE_SHOWN_MAX} more" if len(ids) > BECAUSE_SHOWN_MAX else ""
        told.append(readable(f"\nbecause of {', '.join(ids[:BECAUSE_SHOWN_MAX])}{more}"), style="dim")
    return told
