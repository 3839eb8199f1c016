"""What people see of a dry run; or the same as JSON."""

from rich.text import Text

from app.printing import as_json, note, put, table
from schemas.csv_dry_run import DryRun


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
