"""The record and the read models in PostgreSQL give what the embedded ones give, byte for byte, however many write them."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import date
from random import Random

import pytest

from app.simulation.world import simulate
from journey.facts import FOLD_VERSION
from projections.canonical import digest
from projections.marketing import marketing
from projections.sales import sales
from projections.stores.postgres import PostgresReadStore
from schemas.definition_files import default_definition
from streams.placement import Placement
from streams.ports import Raced
from streams.postgres.database import Database
from streams.postgres.record import PostgresRecord
from streams.rebuilding import rebuilt
from streams.units import Generation, Recorded, Unit
from tests.projections import marketing_by_hand, sales_by_hand
from tests.streams.builders import LATER, Bench, at, incoming, large_amounts, link, sent

pytestmark = pytest.mark.postgres

DEFINITION = default_definition()
BY = Generation(DEFINITION.fingerprint, FOLD_VERSION)
LINES = list(simulate(customers=150, days=150, seed=3, start=date(2026, 1, 1)))
TOPIC = "the id of a topic"


@pytest.fixture
async def stores(database: str) -> AsyncIterator[list[PostgresReadStore]]:
    stores = [await PostgresReadStore.open(model, Database(database)) for model in (marketing, sales)]
    yield stores
    for store in stores:
        await store.close()


async def digests(record: PostgresRecord, stores: list[PostgresReadStore]) -> list[str]:
    found = []
    for store in stores:
        await store.apply(record.changes(await store.position()))
        async with store.snapshot() as ask:
            found.append(await digest(store.model, ask))
    return found


async def place(record: PostgresRecord, partition: int, lines: Sequence[bytes], at_once: int) -> list[Unit]:
    """Place `lines` as the records of a partition, by a worker of their own."""
    placement = Placement(DEFINITION, record)
    units = []
    for start in range(0, len(lines), at_once):
        some = lines[start : start + at_once]
        batch = [Recorded(partition, start + nth, LATER, incoming(line)) for nth, line in enumerate(some)]
        unit, _ = await placement.run(batch, {partition: start - 1})
        units.append(unit)
        await asyncio.sleep(0)
    return units


async def test_the_digests_and_reports_are_those_of_the_embedded_runtime(
    bench: Bench, database: str, stores: list[PostgresReadStore]
) -> None:
    assert len(LINES) > 2500
    lines = [*LINES, *LINES[100:200], b"{broken"]
    Random(1).shuffle(lines)
    await bench.append(LINES)
    while await bench.place():
        pass
    wanted = await bench.digests()
    record = await PostgresRecord.open(database, TOPIC)
    try:
        units = await place(record, 0, lines, 400)
        assert sum(unit.duplicates for unit in units) == 100
        assert await digests(record, stores) == wanted
        assert await record.digest(await record.position()) == await bench.record.digest(await bench.record.position())
        assert await record.digest(1) != await record.digest(2), "as of a position"
        for report, theirs, ours in zip((marketing_by_hand.report, sales_by_hand.report), bench.stores, stores, strict=True):
            said = await report(ours, DEFINITION, at(100))
            told = await report(theirs, DEFINITION, at(100))
            assert replace(said, asked=told.asked) == told
    finally:
        await record.close()


async def test_amounts_of_any_sum_are_the_same_in_both(bench: Bench, database: str, stores: list[PostgresReadStore]) -> None:
    lines = large_amounts()
    await bench.append(lines)
    while await bench.place():
        pass
    wanted = await bench.digests()
    Random(4).shuffle(lines)
    record = await PostgresRecord.open(database, TOPIC)
    try:
        await place(record, 0, lines, 400)
        assert await digests(record, stores) == wanted
        async with stores[0].snapshot() as ask:
            assert await ask("SELECT amount_minor, n FROM spend") == [(30 * 999_999_999_999_999_997, 30)]
        for report, theirs, ours in zip((marketing_by_hand.report, sales_by_hand.report), bench.stores, stores, strict=True):
            said, told = await report(ours, DEFINITION, at(9)), await report(theirs, DEFINITION, at(9))
            assert replace(said, asked=told.asked) == told
        await record.rebuild(rebuilt(DEFINITION, record), BY, LATER)
        assert await digests(record, stores) == wanted
    finally:
        await record.close()


async def test_a_rebuild_gives_the_live_digests(database: str, stores: list[PostgresReadStore]) -> None:
    record = await PostgresRecord.open(database, TOPIC)
    try:
        await place(record, 0, LINES[:1500], 300)
        live = await digests(record, stores)
        await record.rebuild(rebuilt(DEFINITION, record), BY, LATER)
        assert await digests(record, stores) == live
    finally:
        await record.close()


async def test_workers_that_race_for_the_same_people_end_where_one_alone_does(
    bench: Bench, database: str, stores: list[PostgresReadStore]
) -> None:
    """Each partition has some of everybody's touchpoints, in no order."""
    lines = LINES[:1200]
    await bench.append(lines)
    while await bench.place():
        pass
    wanted = await bench.digests()
    Random(2).shuffle(lines)
    records = [await PostgresRecord.open(database, TOPIC) for _ in range(3)]
    try:
        raced = count_races(records)
        await asyncio.gather(*(place(record, number, lines[number::3], 40) for number, record in enumerate(records)))
        assert await digests(records[0], stores) == wanted
        assert sum(raced) > 0, "nobody raced: this shows nothing"
    finally:
        for record in records:
            await record.close()


def count_races(records: list[PostgresRecord]) -> list[int]:
    raced = [0] * len(records)
    for number, record in enumerate(records):
        commit = record.commit

        async def counting(unit: Unit, number: int = number, commit: Callable[[Unit], Awaitable[int]] = commit) -> int:
            try:
                return await commit(unit)
            except Raced:
                raced[number] += 1
                raise

        record.commit = counting
    return raced


@pytest.mark.parametrize("seed", range(8))
async def test_a_link_raced_by_touchpoints_of_both_persons_and_their_deal_ends_in_one_digest(
    bench: Bench, database: str, stores: list[PostgresReadStore], seed: int
) -> None:
    lines = [
        *(
            sent("page_view", id, at(number), utm_source="google", utm_medium="cpc")
            for number, id in enumerate(["anon:a", "user:1", "user:2"])
        ),
        *(sent("demo", id, at(3, number)) for number, id in enumerate(["anon:a", "user:1", "user:2"])),
        sent("deal_opened", "deal:1", at(4), people=[{"person": "user:2", "primary": True}]),
        sent("deal_updated", "deal:1", at(5), people=[{"person": "anon:a", "primary": True}], stage="proposal"),
        sent("call", "user:1", at(6), deal="1"),
        link("anon:a", "user:1", at(7)),
        sent("close", "deal:1", at(8), outcome="won"),
        sent("form_submitted", "anon:a", at(2), intent="demo"),
    ]
    await bench.append(lines)
    await bench.place()
    wanted = await bench.digests()
    Random(seed).shuffle(lines)
    records = [await PostgresRecord.open(database, TOPIC) for _ in range(2)]
    try:
        await asyncio.gather(*(place(record, number, lines[number::2], 1) for number, record in enumerate(records)))
        assert await digests(records[0], stores) == wanted
    finally:
        for record in records:
            await record.close()
