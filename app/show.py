"""What people see of an ingest and a timeline; or the same as JSON."""

import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.text import Text

from app.engine import Summary
from app.printing import as_json, counts, note, put, readable, table
from streams.timeline import Entry, Timeline

FIELDS_SHOWN_MAX = 12
BECAUSE_SHOWN_MAX = 3

_STYLES = {"stage": "bold green", "lead": "bold cyan", "score": "yellow", "deal": "magenta", "order": "magenta", "due": "dim"}


def summary(done: Summary, *, json: bool = False, short: bool = False) -> None:
    """What an ingest did. `short` leaves out what the dead letters are."""
    dead = sum(done.dead_letters.values())
    if json:
        as_json({
            "read": done.read, "accepted": done.accepted, "duplicates": done.duplicates, "conflicts": done.conflicts,
            "dead_lettered": dead, "dead_letters": dict(sorted(done.dead_letters.items())),
            "unknown_fields": dict(sorted(done.unknown_fields.items())),
            "unknown_stages": dict(sorted(done.unknown_stages.items())),
        })  # fmt: skip
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
    counts(rows)
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
