"""Where the implementations of a port keep what they are given, and the one way in which the contract tests get at them.

A new implementation is a function here and its name in the list of its port: every promise is then held against it too.
"""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar

import asyncpg

from projections.marketing import marketing
from projections.read_model import ReadStore
from projections.stores.postgres import PostgresReadStore
from projections.stores.sqlite import SqliteReadStore
from streams.kafka.log import KafkaLog
from streams.kafka.settings import KafkaSettings
from streams.kafka.topics import ensure_topics
from streams.keys import Keys
from streams.operators import ControlLog, DeadLetters
from streams.ports import Histories, Log
from streams.postgres.database import Database
from streams.postgres.desk import PostgresDesk
from streams.postgres.keys import PostgresKeys
from streams.postgres.record import PostgresRecord
from streams.sqlite.desk import SqliteDesk
from streams.sqlite.keys import SqliteKeys
from streams.sqlite.record import SqliteRecord
from tests.services import databases

ROOT = Path(__file__).parents[2]
SECONDS_MAX = 60
READY = b"ready to be killed\n"
POSTGRES, KAFKA, PREFIX = "JOURNEY_CONTRACTS_POSTGRES", "JOURNEY_CONTRACTS_KAFKA", "JOURNEY_CONTRACTS_PREFIX"
"""Of the tests' own processes: the addresses of the servers, and what the names of this test's databases or topics begin with."""

T = TypeVar("T")


class Record(NamedTuple):
    """The ports that one record implements."""

    histories: Histories
    control: ControlLog
    dead_letters: DeadLetters
    keys: Keys


Opener = Callable[[Path], AbstractAsyncContextManager[T]]
"""Opens what is kept at a folder, made if need be; what needs a server finds its address in the environment, and names its own
tables and topics by the folder."""


@asynccontextmanager
async def sqlite_log(folder: Path) -> AsyncIterator[Log]:
    record = SqliteRecord(folder / "journey.db")
    try:
        yield record
    finally:
        record.close()


@asynccontextmanager
async def kafka_log(folder: Path) -> AsyncIterator[Log]:
    settings = KafkaSettings(os.environ[KAFKA], prefix=os.environ[PREFIX] + digest_of(folder), partitions=1)
    await ensure_topics(settings)
    async with KafkaLog(settings) as log:
        yield log


@asynccontextmanager
async def sqlite_record(folder: Path) -> AsyncIterator[Record]:
    record = SqliteRecord(folder / "journey.db")
    desk = SqliteDesk(record.db)
    try:
        yield Record(record, desk, desk, SqliteKeys(record.db))
    finally:
        record.close()


@asynccontextmanager
async def sqlite_store(folder: Path) -> AsyncIterator[ReadStore]:
    store = SqliteReadStore(marketing, folder / "marketing.db")
    try:
        yield store
    finally:
        store.close()


@asynccontextmanager
async def sqlite_reader(folder: Path) -> AsyncIterator[ReadStore]:
    store = SqliteReadStore(marketing, folder / "marketing.db", read_only=True)
    try:
        yield store
    finally:
        store.close()


@asynccontextmanager
async def postgres_record(folder: Path) -> AsyncIterator[Record]:
    record = await PostgresRecord.open(await postgres_database(folder), "a topic")
    desk = PostgresDesk(record.database)
    try:
        yield Record(record, desk, desk, PostgresKeys(record.database))
    finally:
        await record.close()


@asynccontextmanager
async def postgres_store(folder: Path) -> AsyncIterator[ReadStore]:
    store = await PostgresReadStore.open(marketing, Database(await postgres_database(folder)))
    try:
        yield store
    finally:
        await store.close()


@asynccontextmanager
async def postgres_reader(folder: Path) -> AsyncIterator[ReadStore]:
    store = await PostgresReadStore.open(marketing, Database(await postgres_database(folder)), read_only=True)
    try:
        yield store
    finally:
        await store.close()


async def postgres_database(folder: Path) -> str:
    """The address of the folder's own database, made if need be."""
    server = os.environ[POSTGRES]
    name = os.environ[PREFIX] + digest_of(folder)
    with suppress(asyncpg.DuplicateDatabaseError):
        await databases.make(server, name)
    return databases.at(server, name)


def digest_of(folder: Path) -> str:
    return blake2b(str(folder).encode(), digest_size=6).hexdigest()


LOGS: dict[str, Opener[Log]] = {"sqlite": sqlite_log, "kafka": kafka_log}
RECORDS: dict[str, Opener[Record]] = {"sqlite": sqlite_record, "postgres": postgres_record}
STORES: dict[str, Opener[ReadStore]] = {"sqlite": sqlite_store, "postgres": postgres_store}
READERS: dict[str, Opener[ReadStore]] = {"sqlite": sqlite_reader, "postgres": postgres_reader}
"""Another process's view of a store: it only asks."""


@dataclass(frozen=True)
class Place(Generic[T]):
    """One implementation's own place in a test. Opened as often as the test likes, at once or after each other."""

    name: str
    folder: Path
    opener: Opener[T]

    def open(self) -> AbstractAsyncContextManager[T]:
        return self.opener(self.folder)

    async def killed_in(self, deed: Callable[[str, Path], Coroutine[Any, Any, None]]) -> None:
        """Another process runs `deed(name, folder)`, a function of a test module, and is killed where that waits `until_killed`."""
        script = f"import asyncio, pathlib; from {deed.__module__} import {deed.__name__} as deed"
        script += f"; asyncio.run(deed({self.name!r}, pathlib.Path({str(self.folder)!r})))"
        child = await asyncio.create_subprocess_exec(sys.executable, "-c", script, stdout=asyncio.subprocess.PIPE, cwd=ROOT)
        assert child.stdout is not None
        said = await asyncio.wait_for(child.stdout.read(len(READY)), SECONDS_MAX)
        assert said == READY, "it never came to where it was to be killed; its own process says why"
        child.kill()
        await child.wait()


async def until_killed() -> None:
    """Say that this is the place, and stay there."""
    sys.stdout.buffer.write(READY)
    sys.stdout.flush()
    await asyncio.sleep(SECONDS_MAX)
    raise AssertionError("nobody killed it")
