"""Duplicates, conflicts, corrections, links and wrong clocks, by two workers that race: as if only what counts had ever been sent."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from random import Random

import pytest

from journey.instants import DAY, iso
from projections.marketing import marketing
from projections.sales import sales
from projections.stores.postgres import PostgresReadStore
from streams.identities import all_held_back, identity
from streams.postgres.database import Database
from streams.postgres.desk import PostgresDesk
from streams.postgres.record import PostgresRecord
from tests.streams.builders import at, deal_opened, definition, link, retraction, sent, unlink
from tests.streams.test_corrections import STATED
from tests.streams.test_deadlines import BACK, FORWARD
from tests.streams.test_duplicates import BODIES, TRIES, VIEW, again, alone, winner
from tests.streams.test_same_on_postgres import TOPIC, digests, place

pytestmark = pytest.mark.postgres

ORDER = sent("order_placed", "user:7", at(3), id="o")
VOID = retraction(ORDER, at(4))
TIED, UNTIED = link("anon:a", "user:7", at(20)), unlink("user:7", "anon:a", at(21))
LINKED = link("anon:b", "user:8", at(1))
DEAL = deal_opened("1", at(9), "user:8")
SILENCE = [sent("page_view", "anon:b", at(1), id="q"), sent("page_view", "user:8", at(91) + 1, id="r")]
ANSWERS = [
    line
    for asked, limit in (FORWARD, BACK)
    for line in (
        sent("form_submitted", "user:9", asked, id=f"f{asked}", intent="demo"),
        sent("lead_accepted", "user:9", limit + 1, id=f"yes{limit}"),
    )
]

SENT = [VIEW, *BODIES, ORDER, VOID, retraction(VOID, at(5)), *STATED, TIED, UNTIED, LINKED, DEAL, *SILENCE, *ANSWERS]
TRIED = [again(line, id="t") for line in TRIES]
"""A form of a sender whose clock is a day slow, three times."""
COUNTS = [VIEW, winner(BODIES), STATED[-1], LINKED, DEAL, *SILENCE, *ANSWERS, again(TRIED[0], time=iso(at(3)), sentat="", receivedat="")]


@pytest.fixture
async def stores(database: str) -> AsyncIterator[list[PostgresReadStore]]:
    stores = [await PostgresReadStore.open(model, Database(database)) for model in (marketing, sales)]
    yield stores
    for store in stores:
        await store.close()


@pytest.mark.parametrize("seed", range(4))
async def test_two_workers_come_to_what_alone_counts(database: str, stores: list[PostgresReadStore], tmp_path: Path, seed: int) -> None:
    wanted = await alone(tmp_path / "counts", *COUNTS)
    assert await alone(tmp_path / "sent", *SENT, *TRIED) == wanted
    later = [again(line, sentat=iso(at(700)), time=iso(at(300) + 400 * DAY)) for line in (VIEW, ORDER, DEAL)]
    lines = [*SENT, *TRIED, *later, *SENT]
    Random(seed).shuffle(lines)
    records = [await PostgresRecord.open(database, TOPIC) for _ in range(2)]
    try:
        await asyncio.gather(*(place(record, number, lines[number::2], 3) for number, record in enumerate(records)))
        assert await digests(records[0], stores) == wanted
        desk = PostgresDesk(records[0].database)
        assert await desk.kept(after=0, limit=1) == []
        assert [one.target[2] for one in await desk.idle_retractions()] == ["no-o"]
        assert [one.name[2] for one in await desk.conflicts()] == ["f"]
        trail = await identity(definition(), records[0], "anon:a")
        assert (trail.ids, [(one.says, one.holds) for one in trail.links]) == (
            ("anon:a",),
            [("identified", False), ("unlinked", True)],
        )
        assert await all_held_back(definition(), records[0]) == []
    finally:
        for record in records:
            await record.close()
