"""A full disk is one clear refusal; nothing that was acknowledged is lost, and with room again it goes on."""

import asyncio
import sqlite3
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from app.engine.embedded import Embedded, opened
from app.simulation.world import simulate
from journey.errors import Refused
from schemas.incoming import Incoming
from tests.faults.command import digest

FILES: dict[str, Callable[[Embedded], sqlite3.Connection]] = {
    "journey.db": lambda engine: engine.record.db,
    "marketing.db": lambda engine: engine.marketing.db,
    "sales.db": lambda engine: engine.sales.db,
}


@pytest.fixture(scope="module")
def halves() -> tuple[list[Incoming], list[Incoming]]:
    lines = list(simulate(customers=60, days=60, seed=5, start=date(2025, 1, 1)))
    made = [Incoming(line, "test", f"test:{number}") for number, line in enumerate(lines)]
    return made[: len(made) // 2], made[len(made) // 2 :]


def ingest(data: Path, *batches: list[Incoming], full: str = "", pages: int = 0) -> None:
    """All of `batches`; with the file `full` unable to grow by more than so many pages."""

    async def all_of_it(engine: Embedded) -> None:
        await engine.start()
        if full:
            db = FILES[full](engine)
            (now,) = db.execute("PRAGMA page_count").fetchone()
            db.execute(f"PRAGMA max_page_count = {now + pages}")
        for batch in batches:
            await engine.ingest(batch)

    with opened(data) as engine:
        asyncio.run(all_of_it(engine))


def logged(data: Path) -> int:
    with opened(data) as engine:
        return len(asyncio.run(engine.record.read(0, after=-1, limit=1_000_000)))


@pytest.mark.parametrize(
    ("file", "pages"), [("journey.db", 0), ("journey.db", 9), ("journey.db", 60), ("marketing.db", 1), ("sales.db", 1)]
)
def test_a_full_disk_is_refused_and_with_room_again_nothing_is_lost(
    file: str, pages: int, halves: tuple[list[Incoming], list[Incoming]], tmp_path: Path
) -> None:
    data, other = tmp_path / "data", tmp_path / "other"
    first, second = halves
    ingest(data, first)
    with pytest.raises(Refused, match="full") as refused:
        ingest(data, second, full=file, pages=pages)
    assert str(data) in str(refused.value)
    assert "\n" not in str(refused.value)
    assert logged(data) in (len(first), len(first + second))
    ingest(data, second)
    ingest(other, first, second)
    assert digest(data) == digest(other)


def test_there_is_no_room_even_to_begin(tmp_path: Path, halves: tuple[list[Incoming], list[Incoming]]) -> None:
    with pytest.raises(Refused, match="full"):
        ingest(tmp_path, halves[0], full="journey.db", pages=0)
    assert logged(tmp_path) == 0
    ingest(tmp_path, halves[0])
    assert logged(tmp_path) == len(halves[0])
