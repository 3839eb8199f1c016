"""No reader ever sees a state that the histories did not have."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from app.simulation.spoiling import spoil
from app.simulation.world import simulate
from projections.canonical import digest
from projections.marketing import marketing
from projections.read_model import ReadModel
from projections.sales import sales
from projections.stores.sqlite import SqliteReadStore
from streams.units import Change
from tests.streams.builders import Bench

ROOT = Path(__file__).parents[2]
UNITS, MEETINGS = 60, 6
SECONDS_MAX = 60


@pytest.fixture(scope="module")
def lines() -> list[bytes]:
    made = simulate(customers=150, days=60, seed=3, start=date(2025, 1, 1))
    return list(spoil(made, seed=3, late=0.1, duplicates=0.05))


async def test_while_units_are_applied_readers_see_whole_ones_only(bench: Bench, tmp_path: Path, lines: list[bytes]) -> None:
    await bench.append(lines)
    size = -(-len(lines) // UNITS)
    command = (sys.executable, "-m", "tests.projections.watching", str(tmp_path), str(UNITS))
    watching = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE, cwd=ROOT)
    assert watching.stdout is not None
    seen: list[dict[str, Any]] = []

    async def until_seen(position: int) -> None:
        while not seen or seen[-1]["position"] < position:
            assert watching.stdout is not None
            seen.append(json.loads(await asyncio.wait_for(watching.stdout.readline(), SECONDS_MAX)))

    await until_seen(0)
    for number in range(1, UNITS + 1):
        assert await bench.place(limit=size) is not None
        await bench.follow()
        if number % (UNITS // MEETINGS) == 0:
            await until_seen(number)
    seen += map(json.loads, (await asyncio.wait_for(watching.stdout.read(), SECONDS_MAX)).splitlines())
    assert await watching.wait() == 0

    digests = {model.name: await digests_by_position(bench, model, tmp_path) for model in (marketing, sales)}
    for state in seen:
        assert state["digest"] == digests[state["model"]][state["position"]], state
        assert state["people"] == state["first_entries"], state
        assert state["outlooks"] == state["people_with_outlook"], state
    assert len({state["position"] for state in seen}) > MEETINGS


async def digests_by_position(bench: Bench, model: ReadModel, folder: Path) -> list[str]:
    """What a store that is new and applies one unit at a time holds at each position."""
    store = SqliteReadStore(model, folder / f"{model.name}-again.db")
    store.db.execute("PRAGMA synchronous = OFF")
    digests = []

    async def one(change: Change) -> AsyncIterator[Change]:
        yield change

    changes = [change async for change in bench.record.changes(0)]
    for change in [None, *changes]:
        if change is not None:
            await store.apply(one(change))
        async with store.snapshot() as ask:
            digests.append(await digest(model, ask))
    store.close()
    return digests
