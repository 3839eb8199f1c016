"""How fast the relay tells: units a second from a backlog, and milliseconds from a unit's commit until a consumer of `changes` has it.

    python -m benchmarks.telling --kafka 127.0.0.1:9092 --postgres postgresql://journey:journey@127.0.0.1:5432/journey

Consumers of all messages, and of those that are committed, which come some milliseconds later.
"""

import asyncio
import itertools
import time
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import Annotated, cast

import typer
import uvloop
from aiokafka import AIOKafkaConsumer

from app.engine.clock import now
from app.engine.ports import RecordKeeper
from app.engine.worker import POLL_SECONDS, keep_doing
from benchmarks.latency import Latency
from benchmarks.load import World, lines
from schemas.definition_files import default_definition
from schemas.incoming import Incoming
from streams.kafka.relay import telling
from streams.kafka.settings import KafkaSettings
from streams.kafka.topics import Topics, ensure_topics
from streams.placement import Placement
from streams.postgres.announcements import PostgresAnnouncements
from streams.postgres.record import PostgresRecord
from streams.units import Recorded
from tests.services.databases import fresh_database
from tests.services.kafka import fresh_topics

CUSTOMERS = 2_000
UNITS, UNIT, PAUSE_SECONDS = 300, 20, 0.05
SETTLING = 50
"""Units of the start, some of which are committed before the consumers are there."""
LEVELS = ("read_uncommitted", "read_committed")


class Alone:
    """As much of an engine as `keep_doing` needs."""

    def __init__(self, record: PostgresRecord) -> None:
        self.record = record

    def alone(self, name: str) -> AbstractAsyncContextManager[None]:
        return self.record.alone(name)


async def measure(settings: KafkaSettings, postgres: str) -> None:
    record = await PostgresRecord.open(postgres, await ensure_topics(settings))
    placement, rest, offset = Placement(default_definition(), record), lines(World(customers=CUSTOMERS).file()), -1

    async def place_a_unit() -> int:
        nonlocal offset
        some = [Incoming(line, "bench", "bench") for line in itertools.islice(rest, UNIT)]
        await placement.run([Recorded(0, offset + nth, now(), one) for nth, one in enumerate(some, start=1)], {0: offset})
        offset += len(some)
        return await record.position()

    for _ in range(UNITS):
        last = await place_a_unit()
    began = time.perf_counter()
    taking_over = partial(telling, settings, record, PostgresAnnouncements(record))
    relay = asyncio.create_task(keep_doing(cast(RecordKeeper, Alone(record)), "relay", taking_over, POLL_SECONDS, typer.echo))
    while await record.published() < last:
        await asyncio.sleep(POLL_SECONDS)
    typer.echo(f"a backlog of {UNITS} units of {UNIT}: {UNITS / (time.perf_counter() - began):.0f} units a second")
    committed_at: dict[int, float] = {}
    seen = {level: Latency() for level in LEVELS}
    watching = [asyncio.create_task(_watch(settings, level, committed_at, seen[level])) for level in LEVELS]
    while any(len(one.samples) < UNITS for one in seen.values()):
        if len(committed_at) < UNITS + SETTLING:
            committed_at[await place_a_unit()] = time.perf_counter()
        await asyncio.sleep(PAUSE_SECONDS)
    for level, latency in seen.items():
        typer.echo(f"{level}: " + " ".join(f"{name}={figure:.1f}" for name, figure in latency.told().items()))
    for task in (relay, *watching):
        task.cancel()
    await asyncio.wait([relay, *watching])
    await record.close()


async def _watch(settings: KafkaSettings, level: str, committed_at: dict[int, float], seen: Latency) -> None:
    consumer = AIOKafkaConsumer(Topics(settings).changes, bootstrap_servers=settings.bootstrap, isolation_level=level, fetch_max_wait_ms=10)
    await consumer.start()
    try:
        async for message in consumer:
            if (at := committed_at.get(int(message.key))) is not None and len(seen.samples) < UNITS:
                seen.samples.append(1000 * (time.perf_counter() - at))
    finally:
        await consumer.stop()


def main(kafka: Annotated[str, typer.Option()], postgres: Annotated[str, typer.Option()]) -> None:
    with fresh_topics(kafka) as prefix, fresh_database(postgres) as database:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(measure(KafkaSettings(kafka, prefix=prefix), database))


if __name__ == "__main__":
    typer.run(main)
