"""What people see of a dry run; or the same as JSON."""

from rich.text import Text

from app.printing import as_json, note, put, table
from schemas.csv_cell import quoted
from schemas.csv_dry_run import DryRun

UNKNOWN_SHOWN_MAX = 12
"""So many texts of a field that a map does not know are shown; --json has more."""


def dry_run(run: DryRun, *, json: bool) -> None:
    if json:
        as_json({"counts": dict(run.counts), "dead_letters": run.dead, "unfilled": run.unfilled, "unnamed": run.unnamed,
                 "warnings": run.warnings, "unknown": run.unknown})  # fmt: skip
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
    for unknown in run.unknown:
        texts = [f"{quoted(text)} ({number:,})" for text, number in unknown.texts.items()]
        more = f" and {len(texts) - UNKNOWN_SHOWN_MAX:,} more" if len(texts) > UNKNOWN_SHOWN_MAX else ""
        put(Text(f"{unknown.field}: no {unknown.known} entry for {', '.join(texts[:UNKNOWN_SHOWN_MAX])}{more}"))
    for warning in run.warnings:
        put(Text(warning))
    if run.unfilled:
        put(Text("filled by no row: " + ", ".join(run.unfilled)))
    for name, meant in run.unnamed.items():
        put(Text(f"{name} is in no type: kept, and used by no figure" + (f"; did you mean {meant!r}?" if meant else "")))
    note("nothing was taken in; leave --dry-run out to do it")
