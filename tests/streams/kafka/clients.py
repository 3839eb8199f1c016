"""What any client of Kafka does with our topics, and a worker's heart: a source and a pump, without a process around them."""

import asyncio
import gzip
import logging
import struct
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import orjson
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.record.util import calc_crc32c

from journey.definition import Definition
from schemas.definition_files import default_definition
from streams.kafka.settings import KafkaSettings
from streams.kafka.source import Source
from streams.kafka.topics import Topics
from streams.placement import Placement
from streams.postgres.record import PostgresRecord
from streams.pump import Pump
from streams.remarks import Say

SECONDS_MAX = 30.0
LENGTH, LENGTH_AT = struct.Struct(">i"), 8
CRC, CRC_AT = struct.Struct(">I"), 17
CODEC_AT, RECORDS_AT, GZIP = 22, 61, 1
"""Of a batch of records, in Kafka's format 2; its length and its CRC are of all that comes after them."""

Headers = Sequence[tuple[str, Any]]


class Sent(NamedTuple):
    value: bytes | None
    headers: Headers = ()
    key: bytes | None = None
    partition: int = 0


@asynccontextmanager
async def admin(settings: KafkaSettings) -> AsyncIterator[AIOKafkaAdminClient]:
    client = AIOKafkaAdminClient(**settings.connection())
    await client.start()
    try:
        yield client
    finally:
        await client.close()


@asynccontextmanager
async def sending(settings: KafkaSettings, **more: Any) -> AsyncIterator[AIOKafkaProducer]:
    producer = AIOKafkaProducer(**settings.connection(), acks="all", max_request_size=30_000_000, **more)
    await producer.start()
    try:
        yield producer
    finally:
        await producer.stop()


async def publish(settings: KafkaSettings, *sent: Sent | bytes, **more: Any) -> None:
    """As any client may: `more` is the client's own settings, such as its compression."""
    async with sending(settings, **more) as producer:
        for one in sent:
            value, headers, key, partition = one if isinstance(one, Sent) else Sent(one)
            await producer.send_and_wait(Topics(settings).touchpoints, value, key, partition=partition, headers=list(headers))


async def publish_raw(settings: KafkaSettings, *sent: Sent, name: bytes, instead_of: str, gzipped: bool) -> None:
    """In one batch, and with a header name that no client in Python lets one send, but others do; both have the same length."""
    async with sending(settings) as producer:
        batch = producer.create_batch()
        for value, headers, key, _ in sent:
            batch.append(timestamp=None, key=key, value=value, headers=list(headers))
        raw = bytearray(batch._build().replace(instead_of.encode(), name))
        if gzipped:
            raw[RECORDS_AT:] = gzip.compress(raw[RECORDS_AT:])
            raw[CODEC_AT] |= GZIP
            LENGTH.pack_into(raw, LENGTH_AT, len(raw) - LENGTH_AT - LENGTH.size)
        CRC.pack_into(raw, CRC_AT, calc_crc32c(raw[CRC_AT + CRC.size :]))
        batch._buffer = bytes(raw)
        await (await producer.send_batch(batch, Topics(settings).touchpoints, partition=0))


async def publish_batch(settings: KafkaSettings, raw: bytes, count: int) -> None:
    """A batch of `count` records as another client made it."""
    async with sending(settings) as producer:
        batch = producer.create_batch()
        for _ in range(count):
            batch.append(timestamp=None, key=None, value=b"", headers=[])
        batch._build()
        batch._buffer = raw
        await (await producer.send_batch(batch, Topics(settings).touchpoints, partition=0))


async def read(settings: KafkaSettings, topic: str, *, committed: bool = False) -> list[ConsumerRecord]:
    """All that is in a topic, partition by partition; or what is `committed` of it."""
    level = "read_committed" if committed else "read_uncommitted"
    consumer = AIOKafkaConsumer(**settings.connection(), auto_offset_reset="earliest", isolation_level=level)
    await consumer.start()
    try:
        await consumer._client.force_metadata_update()
        places = [TopicPartition(topic, one) for one in sorted(consumer.partitions_for_topic(topic) or await _partitions(settings, topic))]
        consumer.assign(places)
        ends = await consumer.end_offsets(places)
        found: list[ConsumerRecord] = []
        while True:
            if all([await consumer.position(place) >= ends[place] for place in places]):
                return sorted(found, key=lambda one: (one.partition, one.offset))
            for records in (await consumer.getmany(*places, timeout_ms=200)).values():
                found += records
    finally:
        await consumer.stop()


async def _partitions(settings: KafkaSettings, topic: str) -> list[int]:
    async with admin(settings) as client:
        (found,) = await client.describe_topics([topic])
    return [one["partition"] for one in found["partitions"]]


def told(records: Sequence[ConsumerRecord]) -> list[Any]:
    return [None if one.value is None else orjson.loads(one.value) for one in records]


async def until(condition: Callable[[], Awaitable[bool]], what: str, seconds: float = SECONDS_MAX) -> None:
    """Return once `condition` holds; fail where it does not within `seconds`."""
    deadline = time.monotonic() + seconds
    while not await condition():
        assert time.monotonic() < deadline, f"waited {seconds:.0f} s for {what}"
        await asyncio.sleep(0.02)


@dataclass
class Heart:
    """A worker's source and pump at work. What its tasks raise, `failed` holds."""

    source: Source
    pump: Pump
    record: PostgresRecord
    said: list[str] = field(default_factory=list)
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    async def reached(self, **offsets: int) -> None:
        """Wait until the record stands at `p0=OFFSET`, and so on; what a task raised is raised."""
        wanted = {int(name.removeprefix("p")): offset for name, offset in offsets.items()}

        async def there() -> bool:
            for task in self.tasks:
                if task.done():
                    task.result()
            stands = await self.record.offsets()
            return all(stands.get(partition, -1) >= offset for partition, offset in wanted.items())

        await until(there, f"the record to stand at {wanted}")


@asynccontextmanager
async def beating(settings: KafkaSettings, record: PostgresRecord, instance: str = "one") -> AsyncIterator[Heart]:
    said: list[str] = []
    source = Source(settings, instance, record.topic, record.offsets)

    async def definition() -> Definition:
        return default_definition()

    def say_as(part: str) -> Say:
        return lambda text, level=logging.INFO: said.append(f"{part}: {text}")

    heart = Heart(source, Pump(source, Placement(default_definition(), record), definition, say_as), record, said)
    await source.start()
    try:
        heart.tasks += [asyncio.create_task(heart.pump.fetch()), asyncio.create_task(heart.pump.place())]
        yield heart
    finally:
        for task in heart.tasks:
            task.cancel()
        for task in heart.tasks:
            with suppress(asyncio.CancelledError, Exception):
                await task
        await source.stop()
