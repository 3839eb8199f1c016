"""A process of its own that looks at both read stores, again and again, while another writes them."""

import asyncio
import json
import sys
from pathlib import Path

from projections.canonical import digest
from projections.marketing import marketing
from projections.read_model import ReadStore
from projections.sales import sales
from projections.stores.sqlite import SqliteReadStore

LOOKS_MAX = 100_000


async def look(store: ReadStore) -> dict[str, object]:
    """One state: where it stands, what it holds, and what may never be otherwise."""
    async with store.snapshot() as ask:
        ((position,),) = await ask("SELECT position FROM reflects")
        ((people, first_entries),) = await ask(
            "SELECT COUNT(DISTINCT person), COALESCE(SUM(CASE WHEN left_stage = '' THEN n ELSE 0 END), 0) FROM stages"
        )
        ((outlooks, people_with_one),) = await ask("SELECT COALESCE(SUM(n), 0), COUNT(DISTINCT person) FROM outlook")
        return {
            "model": store.model.name,
            "position": position,
            "digest": await digest(store.model, ask),
            "people": people,
            "first_entries": first_entries,
            "outlooks": outlooks,
            "people_with_outlook": people_with_one,
        }


async def watch(folder: Path, last: int) -> None:
    """Print each state that differs from the one before, until both stores stand at `last`."""
    stores = [SqliteReadStore(model, folder / f"{model.name}.db", read_only=True) for model in (marketing, sales)]
    seen: dict[str, object] = {}
    for _ in range(LOOKS_MAX):
        for store in stores:
            state = await look(store)
            if seen.get(store.model.name) != state:
                seen[store.model.name] = state
                sys.stdout.write(json.dumps(state) + "\n")
                sys.stdout.flush()
        if all(isinstance(state, dict) and state["position"] >= last for state in seen.values()):
            return
    raise AssertionError(f"position {last} was never reached")


if __name__ == "__main__":
    asyncio.run(watch(Path(sys.argv[1]), int(sys.argv[2])))
