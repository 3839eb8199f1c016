"""The distributed engine: touchpoints in by Kafka, the record and both read models in PostgreSQL, and workers that do the placing."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

from app.engine.clock import now
from app.engine.embedded import batch_of
from app.engine.generations import bring_up_to_date, derive, in_use, withdraw
from app.engine.observer import Observer
from app.engine.ports import Progress, no_progress
from app.engine.shared_position import digests
from app.engine.summary import Summary
from app.settings import Servers
from journey.definition import Definition
from journey.errors import Away
from projections.marketing import marketing
from projections.sales import sales
from projections.stores.postgres import PostgresReadStore
from schemas.incoming import Incoming
from streams.kafka.log import KafkaLog, held
from streams.kafka.settings import KafkaSettings
from streams.kafka.topics import ensure_topics
from streams.kafka.workers import AtWork, at_work
from streams.operators import Decided
from streams.postgres.announcements import PostgresAnnouncements
from streams.postgres.database import Database
from streams.postgres.desk import PostgresDesk
from streams.postgres.keys import PostgresKeys
from streams.postgres.record import PostgresRecord
from streams.remarks import Outage, Say, nobody

T = TypeVar("T")

POLL_SECONDS = 0.05
RETRY_SECONDS = 0.5
ACKNOWLEDGED_SECONDS_MAX = 5.0
"""How long an ingest waits for Kafka to acknowledge a batch before it says so: its client tries again and again, and says nothing."""

QUIET_SECONDS_MAX = 15.0
"""How long an ingest waits while nothing at all is placed before it says that no worker seems to be at work: twice a large unit's."""

FOLLOWED_SECONDS_MAX = 60.0
"""How long it waits for both read models before it says that they do not follow: one that is built anew stands still until it is whole."""


@dataclass(slots=True)
class Distributed:
    """What workers, ingests and questions share. See `opened`."""

    kafka: KafkaSettings
    postgres: str = field(repr=False)
    record: PostgresRecord
    desk: PostgresDesk
    marketing: PostgresReadStore
    sales: PostgresReadStore
    say: Say
    """Is told what is waited for."""
    observer: Observer = field(default_factory=Observer)

    @property
    def keys(self) -> PostgresKeys:
        return PostgresKeys(self.record.database)

    async def definition(self) -> Definition:
        """The definition in use."""
        return await in_use(self)

    def alone(self, name: str) -> AbstractAsyncContextManager[None]:
        """For what only one worker may do at a time."""
        return self.record.alone(f"{self.kafka.prefix} {name}")

    def log(self) -> KafkaLog:
        """What touchpoints come in by."""
        return KafkaLog(self.kafka)

    async def waiting(self) -> dict[int, int]:
        """How many records of the log are not placed yet, by partition. Raises Away."""
        placed, there = await self.record.offsets(), await held(self.kafka)
        return {one: max(0, last - placed.get(one, there.first[one] - 1)) for one, last in there.last.items()}

    async def at_work(self) -> AtWork:
        """The workers that place, and the partitions that none of them has. Raises Away, Refused."""
        return await at_work(self.kafka)

    async def waits_since(self) -> None:
        """It would have to be read from Kafka."""

    def announced(self) -> PostgresAnnouncements:
        """The deadlines that struck: workers announce them."""
        return PostgresAnnouncements(self.record)

    async def digest(self) -> dict[str, int | str]:
        """The position that both read models reflect, the digest of each, and that of all that was accepted."""
        return await digests(self, self.record)

    def mend(self, say: Say) -> None:
        """A server sees to its own files."""

    async def start(self, say: Say = nobody, progress: Progress = no_progress) -> None:
        """Bring the record up to date: a definition in the control log, and everything derived by it. One process does, the others wait."""
        await bring_up_to_date(self, now(), say, progress)

    async def derive(self, definition: Definition, decisions: list[Decided], progress: Progress) -> int:
        """Derive everything anew by `definition`, and switch to it. Returns when both read models have; the position of the switch."""
        position = await derive(self, definition, decisions, now(), progress)
        await self._followed(position)
        await self.tell_small_count(definition)
        return position

    async def tell_small_count(self, definition: Definition) -> None:
        """Have the views for SQL show sums over as many deals as `definition` says."""
        await self.marketing.use_small_count(definition.small_count)

    async def withdraw(self, import_id: int, decisions: list[Decided], progress: Progress) -> int:
        """Withdraw what only an import brought. Returns when both read models are without it; the position of the switch."""
        position = await withdraw(self, await self.definition(), import_id, decisions, now(), progress)
        await self._followed(position)
        return position

    async def ingest(
        self,
        incoming: Iterable[Incoming],
        progress: Progress = no_progress,
    ) -> Summary:
        """Publish, and return when both read models have all of it. What else was placed meanwhile is in the numbers too.

        Waits while a service is away. What may have been published before it went is published again, which changes nothing.
        """
        summary = Summary()
        before = await self._there(self.record.counted)
        rest: Iterator[Incoming] = iter(incoming)
        async with AsyncExitStack() as stack:
            log = await self._there(lambda: stack.enter_async_context(KafkaLog(self.kafka)))
            while batch := batch_of(rest):
                await self._there(partial(self._acknowledged, log, batch))
                summary.read += len(batch)
                progress(summary.read)
            await self._placed(log.reached)
        await self._followed(await self._there(self.record.position))
        summary.count(before, await self._there(self.record.counted))
        return summary

    async def _acknowledged(self, log: KafkaLog, batch: list[Incoming]) -> None:
        """Publish `batch`. Says so where that takes long."""
        publishing = asyncio.ensure_future(log.append(batch, now()))
        try:
            while not (await asyncio.wait([publishing], timeout=ACKNOWLEDGED_SECONDS_MAX))[0]:
                self.say(f"waiting: Kafka at {self.kafka.bootstrap} does not acknowledge what is published")
        finally:
            publishing.cancel()
        await publishing

    async def _there(self, do: Callable[[], Awaitable[T]]) -> T:
        return await until_there(do, self.say)

    async def _placed(self, reached: dict[int, int]) -> None:
        """Wait until workers have placed all offsets in `reached`."""
        moved_at, seen = time.monotonic(), -1
        while True:
            offsets = await self._there(self.record.offsets)
            if all(offsets.get(partition, -1) >= offset for partition, offset in reached.items()):
                return
            if (here := sum(offsets.values())) != seen:
                moved_at, seen = time.monotonic(), here
            elif time.monotonic() - moved_at > QUIET_SECONDS_MAX:
                self.say("published, and nothing is being placed: is a worker at work? `journey worker` starts one; waiting")
                moved_at = time.monotonic()
            await asyncio.sleep(POLL_SECONDS)

    async def _followed(self, position: int) -> None:
        """Wait until both read models reflect `position`."""
        started = time.monotonic()
        while min(await self._there(self.marketing.position), await self._there(self.sales.position)) < position:
            if time.monotonic() - started > FOLLOWED_SECONDS_MAX:
                self.say("placed, and the read models do not follow: are workers for both at work? waiting")
                started = time.monotonic()
            await asyncio.sleep(POLL_SECONDS)


@asynccontextmanager
async def opened(servers: Servers, say: Say, *, prepared: bool = True) -> AsyncIterator[Distributed]:
    """Topics, tables and connections, made where they are missing. Waits, and says for what, while a service is away.

    Not for the read models' servers where they need not be `prepared`: who follows the record prepares them.
    """
    kafka, settings = servers.kafka, servers.settings
    async with AsyncExitStack() as stack:
        topic = await until_there(partial(ensure_topics, kafka), say)
        record = await until_there(partial(PostgresRecord.open, servers.postgres, topic), say)
        stack.push_async_callback(record.close)
        record.say = say
        demand = PostgresReadStore(marketing, _database(settings.marketing, "JOURNEY_MARKETING", servers))
        deals = PostgresReadStore(sales, _database(settings.sales, "JOURNEY_SALES", servers))
        for store in (demand, deals):
            stack.push_async_callback(store.close)
            if prepared:
                await until_there(store.prepare, say)
        engine = Distributed(kafka, servers.postgres, record, PostgresDesk(record.database), demand, deals, say)
        await until_there(partial(engine.start, say), say)
        if prepared:
            await until_there(partial(_told_small_count, engine), say)
        yield engine


async def _told_small_count(engine: Distributed) -> None:
    await engine.tell_small_count(await engine.definition())


def _database(address: str | None, variable: str, servers: Servers) -> Database:
    """The one at `address`, which `variable` says; else the record's."""
    return Database(servers.postgres) if address is None else Database(address, variable)


async def until_there(do: Callable[[], Awaitable[T]], say: Say) -> T:
    """What `do` returns, as soon as the service that it needs is there."""
    outage = Outage(say)
    while True:
        try:
            done = await do()
            outage.is_over()
            return done
        except Away as away:
            outage.goes_on(away)
            await asyncio.sleep(RETRY_SECONDS)
