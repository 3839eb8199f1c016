"""`journey reconcile`: whether every number is what the histories derive to, and whether the numbers agree with each other."""

import sys
from typing import Any

import typer

from app.engine.access import read
from app.engine.ports import Engine
from app.engine.reconciliation import Reconciled, as_answer
from app.engine.reconciliation import reconcile as reconciled
from app.text.arguments import Data, Json, Until, asked_until, in_zone
from app.text.printing import as_json, note, progress
from journey.readable import readable
from projections.laws import Broken

app = typer.Typer(add_completion=False)

SHOWN_MAX = 20


@app.command()
def reconcile(data: Data = None, until: Until = None, json: Json = False) -> None:
    """Check both read models, at one position: do the laws of conservation hold, and is every row what the histories derive to?

    Names each row that is wrong, and then exits with 1. Changes nothing: `journey rebuild` repairs rows.
    """
    asked = asked_until(until)

    async def run(engine: Engine) -> Reconciled:
        with progress(await engine.record.subjects_count(), "deriving everything anew") as tell:
            return await reconciled(engine, lambda definition: in_zone(asked, definition.zone), tell)

    found = read(data, run)
    if json:
        as_json(as_answer(found))
    else:
        _show(found)
    if found.broken:
        raise typer.Exit(1)


def _show(found: Reconciled) -> None:
    for name, broken in found.laws.items():
        if not broken:
            continue
        sys.stdout.write(f"{name}: broken by {len(broken):,}\n")
        for one in broken[:SHOWN_MAX]:
            sys.stdout.write(f"  {_told(one)}\n")
        if len(broken) > SHOWN_MAX:
            sys.stdout.write(f"  and {len(broken) - SHOWN_MAX:,} more: --json has all\n")
    held = sum(not broken for broken in found.laws.values())
    sys.stdout.write(f"position {found.position}: {held} of {len(found.laws)} laws hold\n")
    if found.broken:
        note("`journey rebuild all` derives everything anew and puts it right")


def _told(one: Broken) -> str:
    row = " ".join(f"{name}={_value(value)}" for name, value in one.row.items())
    return readable(f"{one.model}.{one.table} {row}: expected {_value(one.expected)}, found {_value(one.found)}")


def _value(value: Any) -> str:
    if value is None:
        return "no row"
    if isinstance(value, dict):
        return " ".join(f"{name}={_value(part)}" for name, part in value.items()) or "nothing"
    return repr(value) if value == "" else str(value)
