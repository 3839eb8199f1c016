"""What using a definition and `journey rebuild` share: deriving everything anew, with progress, and printing what changed."""

import sys
from typing import Any

from app.engine.generations import DEFINITION, REBUILD, using
from app.engine.ports import Engine
from app.text.printing import pairs, progress
from journey.definition import Definition
from projections.read_model import Switched
from streams.operators import By, Decided

HASH_SHOWN = 12


async def use(engine: Engine, definition: Definition, file: str, by: By) -> dict[str, Any]:
    """Use `definition`, which came in a file of that name, from now on; nothing changes where it is in use. Returns what that changed."""
    async with engine.alone(REBUILD):
        decisions = await engine.desk.decisions(DEFINITION)
        before = decisions[-1].detail["fingerprint"]
        answer = {"before": before, "definition": definition.fingerprint}
        if before == definition.fingerprint:
            return {**answer, "position": await engine.record.position()}
        return {**answer, **await derived(engine, definition, using(definition, file, decisions[-1], by))}


async def derived(engine: Engine, definition: Definition, decided: Decided) -> dict[str, Any]:
    """Derive everything anew, and print what changed. `decided` is recorded with it."""
    with progress(await engine.record.subjects_count(), "deriving everything anew") as tell:
        position = await engine.derive(definition, [decided], tell)
    return await told(engine, position)


async def told(engine: Engine, position: int) -> dict[str, Any]:
    """What differs by the switch at `position`."""
    answer: dict[str, Any] = {"position": position}
    for store in (engine.marketing, engine.sales):
        switched = await store.switched(position)
        assert switched is not None, f"{store.model.name} reflects {position} and was not switched"
        answer[store.model.name] = as_answer(switched)
    return answer


def as_answer(switched: Switched) -> dict[str, Any]:
    tables = {name: differs._asdict() for name, differs in switched.tables.items()}
    return {"position": switched.position, "before": switched.before, "after": switched.after, "tables": tables}


def show_rebuilt(answer: dict[str, Any]) -> None:
    """Print what was before and is after, and what differs by table."""
    pairs({name: value for name, value in answer.items() if not isinstance(value, dict)})
    for name, of_model in answer.items():
        if not isinstance(of_model, dict):
            continue
        before, after = of_model["before"][:HASH_SHOWN], of_model["after"][:HASH_SHOWN]
        same = before == after
        sys.stdout.write(f"{name}: digest {after}, as it was before\n" if same else f"{name}: digest {before} -> {after}\n")
        for table, differs in of_model["tables"].items():
            told = ", ".join(f"{number:,} {how}" for how, number in differs.items() if number)
            sys.stdout.write(f"  {table:<12} rows: {told}\n")
