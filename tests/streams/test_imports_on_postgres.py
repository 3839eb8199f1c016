"""A retracted import might as well never have been, in PostgreSQL too: see `test_imports`."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from journey.definition import Definition
from journey.instants import Instant
from projections.marketing import marketing
from projections.sales import sales
from projections.stores.postgres import PostgresReadStore
from schemas.incoming import Incoming
from streams.placement import Placement
from streams.postgres.database import Database
from streams.postgres.desk import PostgresDesk
from streams.postgres.record import PostgresRecord
from streams.units import Recorded
from tests.services.databases import at, make, take_away
from tests.services.service import Service
from tests.streams.builders import Bench
from tests.streams.deliveries import Delivery, within
from tests.streams.test_any_order import TIGHT, anything, what_deals_say, who_is_who
from tests.streams.test_imports import Step, histories, meanwhile, nears, run, units
from tests.streams.test_same_on_postgres import TOPIC

pytestmark = pytest.mark.postgres

EXAMPLES = max(20, settings().max_examples // 10)


class WithLog(PostgresRecord):
    """The record, and a log of one partition in memory."""

    def __init__(self, database: Database, topic: str) -> None:
        super().__init__(database, topic)
        self.log: list[Recorded] = []

    async def append(self, batch: Sequence[Incoming], recorded_at: Instant) -> int:
        self.log += [Recorded(0, len(self.log) + nth, recorded_at, one) for nth, one in enumerate(batch)]
        return len(self.log) - 1

    async def read(self, partition: int, *, after: int, limit: int) -> Sequence[Recorded]:
        return self.log[after + 1 : after + 1 + limit]


class PostgresBench(Bench):
    def __init__(self, record: WithLog, stores: list[PostgresReadStore], by: Definition) -> None:
        self.definition, self.record, self.stores = by, record, stores  # type: ignore[assignment]
        self.desk = PostgresDesk(record.database)  # type: ignore[assignment]
        self.placement = Placement(by, record)

    def forget_journeys(self) -> None:
        self.restart()


@asynccontextmanager
async def opened(database: str, by: Definition) -> AsyncIterator[PostgresBench]:
    record = await WithLog.open(database, TOPIC)
    stores = [await PostgresReadStore.open(model, Database(database)) for model in (marketing, sales)]
    try:
        assert isinstance(record, WithLog)
        yield PostgresBench(record, stores, by)
    finally:
        for one in (*stores, record):
            await one.close()


NOT_SHRUNK = (Phase.explicit, Phase.reuse, Phase.generate)
"""What fails here and not embedded, is one statement of SQL, and takes minutes to shrink."""


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), phases=NOT_SHRUNK)
@given(steps=st.one_of(*map(histories, (anything, what_deals_say, who_is_who))), sizes=units, between=meanwhile, near=nears)
def test_what_is_left_is_a_record_into_which_it_never_came(
    postgres: Service, steps: list[Step], sizes: list[int], between: list[str], near: tuple[int, int]
) -> None:
    async def whole() -> None:
        name = f"t{id(steps):x}"
        await make(postgres.address, name)
        try:
            async with opened(at(postgres.address, name), TIGHT) as bench:
                await run(bench, steps, sizes, between)
        finally:
            await take_away(postgres.address, name)

    with within(Delivery([], near=near)):
        asyncio.run(whole())
