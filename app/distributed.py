"""The distributed engine: touchpoints in by Kafka, the record and both read models in PostgreSQL, and workers that do the placing."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from app.engine import MEETING_SECONDS, MEETINGS_MAX, Summary, batch_of, now, rebuilding
from app.wiring import Servers
from journey.definition import Definition
from journey.errors import Away, Refused
from journey.person import FOLD_VERSION
from projections.canonical import digest
from projections.marketing import marketing
from projections.postgres_store import PostgresReadStore
from projections.sales import sales
from schemas.definition_files import default_definition, dump_definition, parse_definition
from schemas.incoming import Incoming
from streams.kafka.log import KafkaLog
from streams.kafka.settings import KafkaSettings
from streams.kafka.topics import ensure_topics
from streams.ports import Generation
from streams.postgres.database import Database
from streams.postgres.desk import PostgresDesk
from streams.postgres.record import PostgresRecord
from streams.rebuilding import rebuilt

POLL_SECONDS = 0.05
RETRY_SECONDS = 0.5
QUIET_SECONDS_MAX = 60.0
"""How long an ingest waits while nothing at all is placed before it says that no worker seems to be at work."""


@dataclass(slots=True)
class Distributed:
    """What workers, ingests and questions share. See `opened`."""

    kafka: KafkaSettings
    postgres: str
    record: PostgresRecord
    desk: PostgresDesk
    marketing: PostgresReadStore
    sales: PostgresReadStore

    async def definition(self) -> Definition:
        """The definition in use: the last one that the control log holds."""
        used = await self.desk.decisions("definition")
        return parse_definition(used[-1].detail["yaml"], used[-1].detail["file"]) if used else default_definition()

    def alone(self, name: str) -> AbstractAsyncContextManager[None]:
        """For what only one worker may do at a time."""
        return self.record.alone(f"{self.kafka.prefix} {name}")

    async def digest(self) -> dict[str, int | str]:
        """The position that both read models reflect, and the digest of each."""
        for _ in range(MEETINGS_MAX):
            async with self.marketing.snapshot() as ask_marketing, self.sales.snapshot() as ask_sales:
                ((position,),) = await ask_marketing("SELECT position FROM reflects")
                ((other,),) = await ask_sales("SELECT position FROM reflects")
                if position == other:
                    return {
                        "position": position,
                        "marketing": await digest(marketing, ask_marketing),
                        "sales": await digest(sales, ask_sales),
                    }
            await asyncio.sleep(MEETING_SECONDS)
        raise Refused(f"the read models stand at different positions ({position} and {other}); are workers at work? try again")

    async def start(self, say: Callable[[str], None] = lambda text: None) -> None:
        """Bring the record up to date: a definition in the control log, and everything derived by it. One process does, the others wait."""
        async with self.alone("start"):
            if not await self.desk.decisions("definition"):
                await self.use(default_definition(), file="default", actor="journey", reason="first start")
            definition = await self.definition()
            wanted = Generation(definition.fingerprint, FOLD_VERSION)
            derived_by = await self.record.generation()
            if derived_by != wanted:
                if await self.record.position():
                    say("what was derived is of another definition or version: deriving it again")
                    await self.desk.decide(at=now(), **rebuilding(derived_by, wanted))
                async with self.record.turn():
                    await self.record.rebuild(rebuilt(definition, self.record), wanted, now())

    async def use(self, definition: Definition, *, file: str, actor: str, reason: str) -> None:
        """Record `definition` in the control log."""
        used = await self.desk.decisions("definition")
        before = {name: used[-1].detail[name] for name in ("file", "fingerprint")} if used else None
        after = {"file": file, "fingerprint": definition.fingerprint}
        detail = {**after, "yaml": dump_definition(definition), "before": before, "after": after}
        await self.desk.decide(at=now(), actor=actor, action="definition", reason=reason, detail=detail)

    async def ingest(
        self,
        incoming: Iterable[Incoming],
        progress: Callable[[int], None] = lambda read: None,
        say: Callable[[str], None] = lambda text: None,
    ) -> Summary:
        """Publish, and return when both read models have all of it. What else was placed meanwhile is in the numbers too."""
        summary = Summary()
        before = await self.record.counted()
        rest: Iterator[Incoming] = iter(incoming)
        async with KafkaLog(self.kafka) as log:
            while batch := batch_of(rest):
                await log.append(batch, now())
                summary.read += len(batch)
                progress(summary.read)
            await self._placed(log.reached, say)
        await self._followed(await self.record.position(), say)
        summary.count(before, await self.record.counted())
        return summary

    async def _placed(self, reached: dict[int, int], say: Callable[[str], None]) -> None:
        """Wait until workers have placed all offsets in `reached`."""
        moved_at, seen = time.monotonic(), -1
        while True:
            offsets = await self.record.offsets()
            if all(offsets.get(partition, -1) >= offset for partition, offset in reached.items()):
                return
            if (here := sum(offsets.values())) != seen:
                moved_at, seen = time.monotonic(), here
            elif time.monotonic() - moved_at > QUIET_SECONDS_MAX:
                say("published, and nothing is being placed: is a worker at work? `journey worker` starts one; waiting")
                moved_at = time.monotonic()
            await asyncio.sleep(POLL_SECONDS)

    async def _followed(self, position: int, say: Callable[[str], None]) -> None:
        """Wait until both read models reflect `position`."""
        started = time.monotonic()
        while min(await self.marketing.position(), await self.sales.position()) < position:
            if time.monotonic() - started > QUIET_SECONDS_MAX:
                say("placed, and the read models do not follow: are workers for both at work? waiting")
                started = time.monotonic()
            await asyncio.sleep(POLL_SECONDS)


@asynccontextmanager
async def opened(servers: Servers, say: Callable[[str], None]) -> AsyncIterator[Distributed]:
    """Topics, tables and connections, made where they are missing. Waits, and says for what, while a service is away."""
    kafka, settings = servers.kafka, servers.settings
    async with AsyncExitStack() as stack:
        topic = await until_there(partial(ensure_topics, kafka), say)
        record = await until_there(partial(PostgresRecord.open, servers.postgres, topic), say)
        stack.push_async_callback(record.close)
        stores = []
        for model, address in ((marketing, settings.marketing), (sales, settings.sales)):
            store = await until_there(partial(PostgresReadStore.open, model, Database(address or servers.postgres)), say)
            stack.push_async_callback(store.close)
            stores.append(store)
        engine = Distributed(kafka, servers.postgres, record, PostgresDesk(record.database), *stores)
        await until_there(partial(engine.start, say), say)
        yield engine


async def until_there(do: Callable[[], Any], say: Callable[[str], None]) -> Any:
    """What `do` returns, as soon as the service that it needs is there."""
    told = ""
    while True:
        try:
            return await do()
        except Away as away:
            if str(away) != told:
                told = str(away)
                say(f"waiting: {away}")
            await asyncio.sleep(RETRY_SECONDS)
