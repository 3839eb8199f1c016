"""The server in front of PostgreSQL hears where the read models are, and asks for it only where it hears nothing."""

import asyncio
import math
from collections.abc import AsyncIterator
from contextlib import suppress

import asyncpg
import pytest

from app.engine.distributed import Distributed
from app.server import served
from app.server.served import ServedServers
from app.settings import Servers, Settings
from projections.marketing import marketing
from projections.sales import sales
from projections.stores.postgres import PostgresReadStore
from streams.kafka.log import KafkaLog
from streams.kafka.settings import KafkaSettings
from streams.postgres.database import Database
from streams.postgres.desk import PostgresDesk
from streams.postgres.record import PostgresRecord
from streams.remarks import nobody
from streams.units import Change

pytestmark = pytest.mark.postgres

WAIT_SECONDS_MAX = 60.0


@pytest.fixture
async def servers(database: str) -> AsyncIterator[ServedServers]:
    """Nothing of it asks Kafka."""
    kafka = KafkaSettings("127.0.0.1:1")
    record = await PostgresRecord.open(database, "touchpoints")
    stores = [await PostgresReadStore.open(model, Database(database)) for model in (marketing, sales)]
    engine = Distributed(kafka, database, record, PostgresDesk(record.database), *stores, nobody)
    yield ServedServers(Servers(Settings(), kafka, database), engine, KafkaLog(kafka))
    for one in (record, *stores):
        await one.close()


async def applied(servers: ServedServers, position: int) -> None:
    """Both read models go on to `position`, as workers have them do."""
    for store in (servers.engine.marketing, servers.engine.sales):
        await store.apply(changes(position))


async def changes(position: int) -> AsyncIterator[Change]:
    yield Change(position, [])


async def listening(database: str) -> list[int]:
    """The sessions that listen, once there is one of each read model."""
    db = await asyncpg.connect(database)
    try:
        async with asyncio.timeout(WAIT_SECONDS_MAX):
            while True:
                rows = await db.fetch("SELECT pid FROM pg_stat_activity WHERE query LIKE 'LISTEN%' AND state = 'idle'")
                if len(rows) == 2:
                    return [pid for (pid,) in rows]
    finally:
        await db.close()


async def test_who_waits_for_a_position_is_woken_by_it(servers: ServedServers, database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(served, "LEVEL_SECONDS", math.inf)
    following = asyncio.create_task(servers.follow())
    await listening(database)
    for position in range(1, 10):
        waiting = asyncio.create_task(servers.positions.wait(position, WAIT_SECONDS_MAX))
        await applied(servers, position)
        assert await waiting
    following.cancel()
    with suppress(asyncio.CancelledError):
        await following


async def test_where_nobody_tells_it_the_server_looks(servers: ServedServers, database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(served, "LEVEL_SECONDS", math.inf)
    monkeypatch.setattr(served, "LISTEN_AGAIN_SECONDS", math.inf)
    following = asyncio.create_task(servers.follow())
    sessions = await listening(database)
    db = await asyncpg.connect(database)
    await db.execute("SELECT pg_terminate_backend(pid) FROM unnest($1::INTEGER[]) AS pid", sessions)
    await db.close()
    await applied(servers, 1)
    assert await servers.positions.wait(1, WAIT_SECONDS_MAX)
    following.cancel()
    with suppress(asyncio.CancelledError):
        await following
