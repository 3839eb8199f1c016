"""What people see of an ingest, a timeline, dead letters and dry runs; or the same as JSON."""

import base64
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson
from rich.text import Text

from app.engine import Summary
from app.printing import as_json, counts, note, pairs, put, readable, table
from journey.instants import iso
from schemas.csv_dry_run import DryRun
from streams.ports import Conflict, IdleRetraction, Kept
from streams.timeline import Entry, Timeline

FIELDS_SHOWN_MAX = 12
BECAUSE_SHOWN_MAX = 3
RAW_SHOWN_MAX = 2_000

_STYLES = {"stage": "bold green", "lead": "bold cyan", "score": "yellow", "deal": "magenta", "due": "dim"}


def summary(done: Summary, *, json: bool = False, short: bool = False) -> None:
    """What an ingest did. `short` leaves out what the dead letters are."""
    dead = sum(done.dead_letters.values())
    if json:
        as_json({
            "read": done.read, "accepted": done.accepted, "duplicates": done.duplicates, "conflicts": done.conflicts,
            "dead_lettered": dead, "dead_letters": dict(sorted(done.dead_letters.items())),
            "unknown_fields": dict(sorted(done.unknown_fields.items())),
        })  # fmt: skip
        return
    rows = [("read", done.read), ("accepted", done.accepted), ("duplicates", done.duplicates), ("conflicts", done.conflicts),
            ("dead-lettered", dead)]  # fmt: skip
    if not short:
        rows += [(f"  {code}", number) for code, number in sorted(done.dead_letters.items())]
        if done.unknown_fields:
            rows.append(("fields kept that no type names", done.unknown_fields.total()))
            rows += [(f"  {name}", number) for name, number in done.unknown_fields.most_common(FIELDS_SHOWN_MAX)]
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


# --- dead letters


def dead_letters(
    codes: Mapping[str, tuple[int, int]],
    kept: Sequence[Kept],
    conflicts: Sequence[Conflict],
    idle: Sequence[IdleRetraction],
    *,
    json: bool,
) -> None:
    if json:
        as_json({
            "codes": {code: {"letters": letters, "seen": seen} for code, (letters, seen) in codes.items()},
            "dead_letters": [_listed(one) for one in kept],
            "conflicts": [_conflict(one) for one in conflicts],
            "idle_retractions": [
                {"subject": one.target[0], "of_source": one.target[1], "of_id": one.target[2], "why": _idle(one)} for one in idle
            ],
        })  # fmt: skip
        return
    if not codes and not conflicts and not idle:
        put("no dead letters")
        return
    if codes:
        table("Dead letters", {
            "reason": list(codes),
            ">letters": [f"{letters:,}" for letters, _ in codes.values()],
            ">seen": [f"{seen:,}" for _, seen in codes.values()],
        })  # fmt: skip
    if kept:
        table("", {
            ">number": [str(one.number) for one in kept],
            ">seen": [f"{one.seen:,}" for one in kept],
            "where first": [one.place for one in kept],
            "why": [one.reason for one in kept],
        }, last="why")  # fmt: skip
        left = sum(letters for letters, _ in codes.values()) - len(kept)
        note("`journey dead-letters show N` has the bytes of one" + (f"; --after {kept[-1].number} goes on from here" if left else ""))
    if conflicts:
        table("Conflicts: one id came with several bodies; which one counts is decided by their content", {
            "subject": [one.name[0] for one in conflicts],
            "source": [one.name[1] for one in conflicts],
            "id": [one.name[2] for one in conflicts],
            ">others": [f"{len(one.others):,}" for one in conflicts],
            "what counts": [one.counts.body.decode() for one in conflicts],
        }, last="what counts")  # fmt: skip
    if idle:
        table("Retractions that take nothing back", {
            "subject": [one.target[0] for one in idle],
            "of source": [one.target[1] for one in idle],
            "of id": [one.target[2] for one in idle],
            "why": [_idle(one) for one in idle],
        }, last="why")  # fmt: skip


def _idle(one: IdleRetraction) -> str:
    if one.is_retraction:
        return "what it names is a retraction, which can't be retracted"
    return "nothing of that source and id is published under that subject, so far"


def dead_letter(one: Kept, *, json: bool) -> None:
    if json:
        as_json({**_listed(one), "raw": _text(one.raw), "raw_base64": base64.b64encode(one.raw).decode()})
        return
    pairs(_listed(one))
    put("", Text(_text(one.raw[:RAW_SHOWN_MAX])))
    if len(one.raw) > RAW_SHOWN_MAX:
        note(f"… and {len(one.raw) - RAW_SHOWN_MAX:,} bytes more; --raw writes all of them as they came")


def _listed(one: Kept) -> dict[str, Any]:
    return {
        "number": one.number, "code": one.code, "reason": one.reason, "source": one.source, "place": one.place, "seen": one.seen,
        "first_at": iso(one.first_at), "last_at": iso(one.last_at), "bytes": len(one.raw),
    }  # fmt: skip


def _conflict(one: Conflict) -> dict[str, Any]:
    subject, source, id = one.name
    bodies = [orjson.loads(other.body) for other in one.others]
    return {"subject": subject, "source": source, "id": id, "counts": orjson.loads(one.counts.body), "others": bodies}


def _text(raw: bytes) -> str:
    """Bytes as text: what is not UTF-8 is spelled out."""
    return readable(raw.decode(errors="backslashreplace"))


# --- dry runs


def dry_run(run: DryRun, *, json: bool) -> None:
    if json:
        as_json({"counts": dict(run.counts), "dead_letters": run.dead, "unfilled": run.unfilled, "unnamed": run.unnamed})
        return
    table("Touchpoints that would come of it", {
        "type": list(run.counts),
        ">number": [f"{number:,}" for number in run.counts.values()],
    })  # fmt: skip
    if run.dead:
        table("Dead letters to be", {
            ">number": [f"{letters.count:,}" for letters in run.dead.values()],
            "first": [letters.first for letters in run.dead.values()],
            "why": list(run.dead),
        }, last="why")  # fmt: skip
    if run.unfilled:
        put(Text("filled by no row: " + ", ".join(run.unfilled)))
    for name, meant in run.unnamed.items():
        put(Text(f"{name} is in no type: kept, and used by no figure" + (f"; did you mean {meant!r}?" if meant else "")))
    note("nothing was taken in; leave --dry-run out to do it")
