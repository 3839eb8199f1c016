"""Two workers commit a link, and touchpoints of every id of both persons and of a deal between them, in every interleaving: one digest.

A worker reads all that a unit rests on, then commits it: two steps. Each order of the steps of both workers is played on a real
PostgreSQL. What is raced is read and tried again within its step, as in production.
"""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import combinations
from pathlib import Path

import pytest

from projections.canonical import digest
from streams.placement import Placement
from streams.ports import Raced
from streams.postgres.record import PostgresRecord
from streams.units import Recorded, Unit
from tests.streams.builders import LATER, Bench, at, deal_opened, definition, incoming, link, noticing, quick_bench, sent

pytestmark = pytest.mark.postgres

DEFINITION = noticing(definition(account_people_max=2))
TURN_SECONDS_MAX = 30.0
KEPT = {"migrations", "last", "outbox"}
"""The tables that are not emptied between two orders."""

VIEWS = [
    sent("page_view", id, at(number), utm_source="google", utm_medium="cpc") for number, id in enumerate(["anon:a", "user:1", "user:2"])
]
DEMOS = [sent("demo", id, at(3, number)) for number, id in enumerate(["anon:a", "user:1", "user:2"])]
OPENED = deal_opened("1", at(4), "user:2")
UPDATED = sent("deal_updated", "deal:1", at(5), people=[{"person": "anon:a", "primary": True}], stage="proposal")
CALL = sent("call", "user:1", at(6), deal="1")
LINK = link("anon:a", "user:1", at(7))
CLOSED = sent("close", "deal:1", at(8), outcome="won")
JOINED = [sent("account_joined", id, at(number), account="acme") for number, id in enumerate(["user:1", "user:2", "anon:a"])]
SAID = [sent("account_updated", "account:acme", at(1, number), tier="a") for number in range(2)]
LATE = sent("form_submitted", "anon:a", at(2), intent="demo")

Units = list[list[bytes]]
"""What one worker places, unit by unit."""

DEALT: dict[str, tuple[Units, Units]] = {
    "the link against all others": ([[LINK], [LATE, CLOSED]], [[*VIEWS, *DEMOS, OPENED], [UPDATED, CALL]]),
    "the link late, beside the deal": ([[*VIEWS, OPENED], [LINK, CALL]], [[*DEMOS, UPDATED], [LATE, CLOSED]]),
    "who takes part, beside the close": (
        [[VIEWS[0], DEMOS[1], UPDATED], [CLOSED, VIEWS[2]]],
        [[OPENED, LINK, VIEWS[1]], [DEMOS[0], DEMOS[2], CALL, LATE]],
    ),
}
ACCOUNT: tuple[Units, Units] = ([[JOINED[0], SAID[0]], [JOINED[2], LINK]], [[JOINED[1], VIEWS[0]], [SAID[1], DEMOS[1]]])
"""Two members, and one too many."""
ALL = [*VIEWS, *DEMOS, OPENED, UPDATED, CALL, LINK, CLOSED, LATE]


def orders() -> Iterator[str]:
    """Every order of four steps of `a` and four of `b`."""
    for taken in combinations(range(8), 4):
        yield "".join("a" if place in taken else "b" for place in range(8))


class Turns:
    """Lets one step run at a time, in a given order."""

    def __init__(self, order: str) -> None:
        self._order = order
        self._done = 0
        self._moved = asyncio.Condition()

    async def begin(self, worker: str) -> None:
        async with self._moved:
            await asyncio.wait_for(self._moved.wait_for(lambda: self._order[self._done] == worker), TURN_SECONDS_MAX)

    async def end(self) -> None:
        async with self._moved:
            self._done = min(self._done + 1, len(self._order) - 1)
            self._moved.notify_all()


class Stepped(PostgresRecord):
    """A record whose units wait for the turn of their worker between what was read and the first try to commit it."""

    worker = ""
    turns: Turns
    tries = 0
    raced = 0

    async def commit(self, unit: Unit) -> int:
        self.tries += 1
        if self.tries == 1:
            await self.turns.end()
            await self.turns.begin(self.worker)
        try:
            return await super().commit(unit)
        except Raced:
            self.raced += 1
            raise


async def work(record: Stepped, worker: str, turns: Turns, partition: int, units: Units) -> int:
    """Place `units` as the records of a partition. Returns how often they were raced."""
    record.worker, record.turns, record.raced = worker, turns, 0
    placement, after = Placement(DEFINITION, record), -1
    for lines in units:
        await turns.begin(worker)
        record.tries = 0
        batch = [Recorded(partition, after + nth, LATER, incoming(line)) for nth, line in enumerate(lines, start=1)]
        await placement.run(batch, {partition: after})
        after += len(lines)
        await turns.end()
    return record.raced


async def emptied(record: PostgresRecord) -> None:
    async with record.database.connection() as db:
        tables = [row[0] for row in await db.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'journey'") if row[0] not in KEPT]
        await db.execute("; ".join(f"DELETE FROM journey.{table}" for table in tables))
        await db.execute("UPDATE journey.last SET position = 0; UPDATE journey.outbox SET published = 0, pruned = 0")


@contextmanager
def bench_in(folder: Path) -> Iterator[Bench]:
    folder.mkdir()
    bench = quick_bench(folder, DEFINITION)
    try:
        yield bench
    finally:
        bench.close()


async def read_models(folder: Path, record: PostgresRecord) -> Sequence[str]:
    """The digests of both read models, fed from `record`."""
    with bench_in(folder) as bench:
        found = []
        for store in bench.stores:
            await store.apply(record.changes(0))
            async with store.snapshot() as ask:
                found.append(await digest(store.model, ask))
        return found


@pytest.mark.parametrize("dealt", DEALT.values(), ids=DEALT)
async def test_every_interleaving_of_two_workers_ends_in_one_digest(database: str, tmp_path: Path, dealt: tuple[Units, Units]) -> None:
    assert sorted(line for units in dealt for lines in units for line in lines) == sorted(ALL)
    await every_interleaving_ends_in_one_digest(database, tmp_path, dealt)


async def test_so_does_every_one_of_who_joined_an_account_and_what_it_says_of_itself(database: str, tmp_path: Path) -> None:
    await every_interleaving_ends_in_one_digest(database, tmp_path, ACCOUNT)


async def every_interleaving_ends_in_one_digest(database: str, tmp_path: Path, dealt: tuple[Units, Units]) -> None:
    with bench_in(tmp_path / "alone") as bench:
        await bench.take(*(line for units in dealt for lines in units for line in lines))
        wanted = await bench.digests()
    one, other = await Stepped.open(database, "a topic"), await Stepped.open(database, "a topic")
    assert isinstance(one, Stepped)
    assert isinstance(other, Stepped)
    raced, played = 0, 0
    try:
        for order in orders():
            await emptied(one)
            turns = Turns(order)
            raced += sum(await asyncio.gather(work(one, "a", turns, 0, dealt[0]), work(other, "b", turns, 1, dealt[1])))
            assert await read_models(tmp_path / order, one) == wanted, order
            played += 1
    finally:
        for record in (one, other):
            await record.close()
    assert played == 70
    assert raced > 100, f"{raced} races: this shows little"
